# Prints "FILE:LINE:CODE" of C files without comments and what is in quotes.
FNR == 1 { is_comment = 0 }
{
	code = ""
	line = $0
	while (line != "") {
		if (is_comment) {
			end = index(line, "*/")
			if (end == 0)
				break
			line = substr(line, end + 2)
			is_comment = 0
		} else if (match(line, /\/\*|\/\/|"(\\.|[^"\\])*"|'(\\.|[^'\\])*'/)) {
			code = code substr(line, 1, RSTART - 1)
			found = substr(line, RSTART, RLENGTH)
			line = substr(line, RSTART + RLENGTH)
			if (found == "/*")
				is_comment = 1
			else if (found == "//")
				line = ""
			else
				code = code substr(found, 1, 1) substr(found, 1, 1)
		} else {
			code = code line
			line = ""
		}
	}
	print FILENAME ":" FNR ":" code
}
