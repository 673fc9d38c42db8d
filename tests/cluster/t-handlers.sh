#!/bin/bash
# The programs of skep-handlers(7), taken from the page as they stand there,
# and the one with skep.h among the examples: each is drained to and fro while
# it counts, and no number is missing or there twice.  Then the other two
# answers, given through skep.h.
BUDGET=120
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
PAGE=$SKEP_SOURCE/etc/man/skep-handlers.7
INCLUDE=$SKEP_SOURCE/supervisord/client/include
ROUNDS="alpha beta alpha"
cluster_begin alpha beta
mkdir -m 777 "$T/out" "$T/bin"

# block SECTION: the first listing of it, as a reader sees it.
block() {
	awk -v section=".Sh $1" '
		/^\.Sh / { is_here = $0 == section }
		is_here && /^\.Ed/ { exit }
		is_on { print }
		is_here && /^\.Bd/ { is_on = 1 }' "$PAGE" |
		sed 's/\\e/\\/g'
}

# build NAME: C on standard input; pedantic, as a reader's project may be.
build() {
	${CC:-cc} -x c -std=c11 -pedantic -Wall -Wextra -Werror -O2 \
		-I "$INCLUDE" -o "$T/bin/$1" -
}

# add NAME SECTION INTERPRETER [LINE]: a service from the page; LINE stands in
# place of the handoff line of its spec.
add() {
	local name=$1 section=$2 needed=$3 line=${4:-}
	command -v "$needed" >/dev/null || {
		say "    $name: skipped, $needed is not installed"
		return
	}
	if [ "$section" = C ]; then
		block C | build "$name" || fail "$name: does not compile"
	else
		block "$section" >"$T/bin/$name"
	fi
	[ -s "$T/bin/$name" ] || fail "$name: not on the page"
	chmod 755 "$T/bin/$name"
	block "A SPEC FOR ALL OF THEM" | sed -e '/^services:/d' \
		-e "s,^  handler:,  $name:," \
		-e "s,/usr/local/bin/handler,$T/bin/$name," \
		-e "s,/var/tmp/handler.numbers,$T/out/$name," \
		-e "s,^    command,    user: nobody\n    command," \
		-e "${line:+s/^    handoff:.*/$line/}" >>"$T/handlers.yaml"
	NAMES="${NAMES:-} $name"
}

step "what stands on the page"
echo "services:" >"$T/handlers.yaml"
add by-shell SHELL sh
add by-python PYTHON python3
add by-c C "${CC:-cc}"
node_line=$(awk '/opens to whoever/ { on = 1 } on && /handoff:/' "$PAGE")
[ -n "$node_line" ] || fail "the page has no line for Node"
add by-node NODE.JS node "$node_line"
# The example, as it is shipped.
TALLY=$SKEP_BUILD/examples/tally
[ -x "$TALLY" ] || fail "the tally example is not built"
cp "$TALLY" "$T/bin/tally"
awk '/^services:/ { next } /redis-notify|Redis, which/ { exit } { print }' \
	"$SKEP_SOURCE/etc/examples/tally.yaml" | grep -v '^#' |
	sed -e "s,/usr/local/bin,$T/bin,; s,/var/tmp/%n.numbers,$T/out/tally," \
	-e "s,^    command,    user: nobody\n    command," >>"$T/handlers.yaml"
NAMES="$NAMES tally"
count=$(echo $NAMES | wc -w)

step "they run"
host_start alpha beta
for h in alpha beta; do
	wait_for 30 "$h sees two alive" alive_count_is $h 2
done
check "apply" ctl alpha apply -f "$T/handlers.yaml"
wait_for 30 "$count are ready" ready_count_is alpha "$count"
check "what it says of itself is told" bash -c "
	for i in \$(seq 100); do
		'$SKEPCTL' -s '$T/alpha/run/skepd.sock' history tally |
			grep -q 'at [0-9]' && exit; sleep 0.1; done; exit 1"

# lines_of NAME
lines_of() {
	wc -l <"$T/out/$1"
}
has_more() {
	[ "$(lines_of "$1")" -gt "$2" ]
}
no_number_lost() {
	local name
	for name in $NAMES; do
		awk -v f="$name" '$1 != NR {
			print f ": line " NR " is " $1; exit 1 }' \
			"$T/out/$name" || return 1
	done
}
count_on() {
	json "$1" "[.instances[] | select(.node == \"$2\")] | length" status
}

for from in $ROUNDS; do
	step "drain $from"
	other=alpha
	[ $from = alpha ] && other=beta
	for name in $NAMES; do
		wait_for 20 "$name has counted" has_more "$name" 20
	done
	say "    on $from: $(count_on $other $from)"
	check "drain" ctl $other node drain $from -y
	check "nothing of them runs there" test "$(count_on $other $from)" = 0
	check "all are ready" ready_count_is $other "$count"
	for name in $NAMES; do
		wait_for 20 "$name counts on" has_more "$name" \
			$(($(lines_of "$name") + 10))
	done
	check "no number is missing, none is there twice" no_number_lost
	check "undrain" ctl $other node undrain $from
done
for name in $NAMES; do
	say "    $name: $(lines_of "$name") numbers, epoch $(
		field alpha "$name" epoch)"
done
check "delete" ctl alpha delete $NAMES

step "the other answers, by skep.h"
build answerer <<'END' || fail "it does not compile"
#include <skep/skep.h>

/* answerer restart | ignore: has work to do, and no state. */
int
main(int argc, char **argv)
{
	int came;
	if (argc != 2 || skep_catch(SIGUSR1) || skep_catch(SIGTERM))
		return 1;
	skep_ready();
	while ((came = skep_wait(skep_watchdog_ms())) != SIGTERM) {
		skep_watchdog();
		if (came == SIGUSR1 && strcmp(argv[1], "restart") == 0)
			skep_answer_restart();
		else if (came == SIGUSR1)
			skep_answer_ignore();
	}
	return 0;
}
END
cat >"$T/answers.yaml" <<END
services:
  answerer:
    command: ["$T/bin/answerer", "%i"]
    instances: [restart, ignore]
    user: nobody
    readiness: {notify: systemd}
    watchdog: 2s
    handoff: {timeout: 10s}
    placement: {pin: alpha}
END
are_on() {
	[ "$(field beta answerer@restart node)" = "$1" ] &&
		[ "$(field beta answerer@ignore node)" = "$2" ] &&
		ready_count_is beta 2
}
check "apply" ctl alpha apply -f "$T/answers.yaml"
wait_for 20 "both are ready on alpha" are_on alpha alpha
pid=$(field alpha answerer@ignore pid)
sed -i 's/pin: alpha/pin: beta/' "$T/answers.yaml"
check "apply, pinned to beta" ctl alpha apply -f "$T/answers.yaml"
wait_for 20 "one moves, one stays" are_on beta alpha
stays() {
	ctl alpha history answerer@ignore | grep -q 'asked to stay'
}
wait_for 20 "history says why" stays
check "the same process runs on" test "$pid" = \
	"$(field alpha answerer@ignore pid)"
finish
