#!/bin/bash
# The accountant's judge over logs that were made up: it lets the good ones
# pass, and finds what is wrong in each of the others.
srcdir=${srcdir:-.}
status=0
log=$(mktemp) || exit 1
trap 'rm -f "$log" "$log.out"' EXIT

# What every story begins with: one copy on alpha gives 1 and 2 (seconds).
begin='start s@1 1 alpha 1 0 1
got s@1 1 1 1 alpha 2 2
got s@1 1 2 1 alpha 3 3'
# It moves to beta with its state, and gives there to the end.
moved='start s@1 2 beta 1 2 10
got s@1 1 3 2 beta 11 11
event 90 end
got s@1 1 4 2 beta 91 91'
# It begins anew on beta.
anew='start s@1 2 beta 2 0 10
got s@1 2 1 2 beta 11 11
event 90 end
got s@1 2 2 2 beta 91 91'

# story WANTED TEXT LINES: WANTED is "good", or what the judge must say.  The
# times of the lines become microseconds.
story() {
	echo "$3" | awk '
		$1 == "got" { $7 *= 1e6; $8 *= 1e6 }
		$1 == "unanswered" { $4 *= 1e6; $5 *= 1e6 }
		$1 == "start" || $1 == "kept" { $7 *= 1e6 }
		$1 == "announced" { $3 *= 1e6 }
		$1 == "event" { $2 *= 1e6 }
		{ print }' >"$log"
	if python3 "$srcdir/tests/cluster/judge.py" "$log" >"$log.out" 2>&1; then
		[ "$1" = good ] && return
	else
		local count
		count=$(grep -c "^$1: " "$log.out")
		[ "$count" -gt 0 ] &&
			grep -qx "$count violations" "$log.out" && return
	fi
	echo "FAIL: $2: wanted '$1', the judge said:"
	cat "$log.out"
	status=1
}

story good "a move" "$begin
$moved"
story good "one host died" "$begin
event 5 died alpha s@1 s@2
$anew"
story good "its program was killed" "$begin
event 5 killed alpha s@1
$anew"
story good "the answer got lost on its way" "$begin
unanswered s@1 alpha 4 5
start s@1 2 beta 1 3 10
event 90 end
got s@1 1 4 2 beta 91 91"
story good "two copies in a declared partition" "$begin
event 5 parted alpha
$anew
got s@1 1 3 1 alpha 12 12
event 13 joined alpha"
story good "a host that died went back to an older state" "$begin
event 5 died alpha s@1
start s@1 2 alpha 1 1 10
got s@1 1 2 2 alpha 11 11
event 90 end
got s@1 1 3 2 alpha 91 91"

story good "a host that lives was taken for dead" "$begin
event 9 down alpha beta
$anew
event 15 up alpha beta
got s@1 1 3 1 alpha 12 12"

story good "as much was lost as was announced" "$begin
kept s@1 1 alpha 1 1 2.5
announced s@1 4 1000
event 5 died alpha s@1
start s@1 2 beta 1 1 10
got s@1 1 2 2 beta 11 11
event 90 end
got s@1 1 3 2 beta 91 91"

story 'lost more than announced' "a checkpoint that counted is gone" "$begin
kept s@1 1 alpha 1 1 2.5
announced s@1 4 1000
event 5 died alpha s@1
$anew"
story good "its holder lived and was taken for dead, after a partition" \
	"event -40 parted gamma
event -15 joined gamma
$begin
kept s@1 1 alpha 1 1 2.5
announced s@1 4 1000
event 5 died alpha s@1
event 9 down gamma beta
$anew
event 15 up gamma beta"
story 'lost more than announced' "an older one was taken" "$begin
kept s@1 1 alpha 1 1 2.5
got s@1 1 3 1 alpha 3.5 3.5
kept s@1 1 alpha 1 3 3.6
announced s@1 4 100
event 5 died alpha s@1
start s@1 2 beta 1 1 10
got s@1 1 2 2 beta 11 11
event 90 end
got s@1 1 3 2 beta 91 91"

story good "two copies at the ends of a cut link" "$begin
event 5 cut alpha beta
$anew
got s@1 1 3 1 alpha 12 12
event 13 healed beta alpha"
story 'two copies' "a cut link elsewhere" "$begin
event 5 cut alpha gamma
event 6 died alpha s@1
$anew
got s@1 1 3 1 alpha 12 12
event 13 healed gamma alpha"

story lost "a state was left behind" "$begin
$anew"
story lost "its host was dead, and was back" "event 0 died alpha s@1
event 0.2 down alpha beta
event 0.5 powered alpha
$begin
$anew"
story lost "another was taken for dead" "$begin
event 9 down gamma beta
$anew"
story lost "another host died" "$begin
event 5 died gamma s@2
$anew"
story lost "it died before that copy began" "event 0 died alpha s@1
$begin
$anew"
story lost "a partition that it was not in" "$begin
event 5 parted gamma
event 6 joined gamma
$anew"
story lost "long after a partition" "$begin
event 4 parted alpha
event 5 joined alpha
start s@1 2 beta 2 0 88
event 90 end
got s@1 2 1 2 beta 91 91"
story 'given twice' "a number given twice by one copy" "$begin
got s@1 1 2 1 alpha 4 4
$moved"
story 'given twice' "two copies with one state" "$begin
$moved
got s@1 1 3 2 beta 12 12"
story 'two copies' "the old one goes on" "$begin
$moved
unanswered s@1 beta 11 12
got s@1 1 5 1 alpha 12 12"
story 'two hosts of one epoch' "an epoch used twice" "$begin
start s@1 1 beta 1 2 10
got s@1 1 3 1 beta 11 11
event 90 end
got s@1 1 4 1 beta 91 91"
story skipped "a number that nobody asked for" "$begin
start s@1 2 beta 1 3 10
got s@1 1 4 2 beta 11 11
event 90 end
got s@1 1 5 2 beta 91 91"
story skipped "one asked for in vain, two skipped" "$begin
unanswered s@1 alpha 4 5
start s@1 2 beta 1 4 10
event 90 end
got s@1 1 5 2 beta 91 91"
story 'silent in the end' "it gives nothing in the end" "$begin
$moved
event 92 end"
story 'no end' "nothing was written down" "event 1 drain alpha"
exit $status
