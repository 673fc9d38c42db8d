# Stages of work, each with a log of its own and a line that says how long it
# took.  Sourced by contrib/check and contrib/quickstart with $LOGS set to an
# existing folder.

# seconds_since NANOSECONDS: "12.3"
seconds_since() {
	local ms=$((($(date +%s%N) - $1) / 1000000))
	printf '%d.%d' $((ms / 1000)) $((ms % 1000 / 100))
}

# stage NAME LIMIT COMMAND...: runs the command, at most LIMIT seconds, with
# its output in $LOGS/NAME.log; returns what it returned.
stage() {
	local name=$1 limit=$2 began rc=0
	shift 2
	began=$(date +%s%N)
	timeout -k 10 "$limit" "$@" >"$LOGS/$name.log" 2>&1 </dev/null || rc=$?
	case $rc in
	0) stage_line "$name" "$began" done ;;
	77) stage_line "$name" "$began" \
		"skipped: $(tail -n 1 "$LOGS/$name.log")" ;;
	124 | 137) stage_line "$name" "$began" "FAILED: not within $limit s" ;;
	*) stage_line "$name" "$began" "FAILED ($rc)" ;;
	esac
	return $rc
}

stage_line() {
	printf '%-14s %8s s   %s\n' "$1" "$(seconds_since "$2")" "$3"
}

# What a log says about a failure: the tests that failed, the errors of the
# compiler, the end.
show_failure() {
	local log=$LOGS/$1.log
	echo "--- from $log:"
	grep -E '^(FAIL|ERROR|XPASS)[: ]|: error:|^configure: error' "$log" |
		head -n 40
	echo "--- its end:"
	tail -n 40 "$log"
}
