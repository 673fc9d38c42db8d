# Lines of 80 columns (tabs of 8), files of 800 lines, functions of 70.  A
# function begins with "{" in the first column and ends with "}" there.
FNR == 1 { begin = 0; was_told = 0 }
FNR == 801 { print FILENAME ":801: the file has more than 800 lines" }
{
	width = 0
	n = split($0, part, "\t")
	for (i = 1; i <= n; i++) {
		width += length(part[i])
		if (i < n)
			width += 8 - width % 8
	}
	if (width > 80)
		print FILENAME ":" FNR ": " width " columns"
}
/^\{/ { begin = FNR }
/^\}/ {
	if (begin && FNR - begin - 1 > 70)
		print FILENAME ":" begin ": a function of " FNR - begin - 1 \
			" lines"
	begin = 0
}
