#!/bin/bash
# Programs that know nothing of skep move with their data: Redis by its
# state_path with a client that writes all the time, SQLite by its file and by
# commands, PostgreSQL and nginx by their directories; services written for
# systemd say when they work.  An old state is never used; a planted one gives nothing away.
BUDGET=200
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
command -v redis-server >/dev/null && command -v sqlite3 >/dev/null ||
	skip "needs redis-server and sqlite3"
HOSTS3="alpha beta gamma"
cluster_begin $HOSTS3
for h in $HOSTS3; do
	for d in "" redis notes postgresql nginx; do
		mkdir -p "$T/$h/lib/$d"
		chown nobody "$T/$h/lib/$d"
	done
done
host_start $HOSTS3
for h in $HOSTS3; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done

# The recipes as they are shipped; only user and place are others here.
recipe() {
	sed -e "s,/var/lib,$T/%H/lib,; s,user: .*,user: nobody," \
		"$SKEP_SOURCE/etc/examples/$1.yaml" >"$T/$1.yaml"
}
is_on() {
	[ "$(field "${3:-alpha}" "$1" node)" = "$2" ] &&
		[ "$(field "${3:-alpha}" "$1" state)" = ready ]
}
is_ready_somewhere() {
	[ "$(field alpha "$1" state)" = ready ]
}
# tells_of HOST TEXT NAME: prints the line of its history.
tells_of() {
	ctl "$1" history "$3" | grep -- "$2" | tail -n 1
}
node_of() {
	field "${2:-alpha}" "$1" node
}
has_stale() {
	ls "$T/$1/lib/$2".skep-stale-* >/dev/null 2>&1
}
tells() {
	ctl "$1" history "$2" | grep -q -- "$3"
}

step "Redis: a client counts while its host is drained, twice"
recipe redis-kept
check "apply" ctl alpha apply -f "$T/redis-kept.yaml"
wait_for 30 "it runs" ready_count_is alpha 1
redis() {
	nsenter --net="/run/netns/$NS-$1" timeout 5 redis-cli -p 6381 "${@:2}"
}
check "it gets 20,000 keys" redis "$(node_of redis-kept)" eval \
	'for i = 1, 20000 do redis.call("set", "key" .. i, i) end' 0
count_all_the_time() {
	local n where
	while [ ! -e "$T/enough" ] && kill -0 $$ 2>/dev/null; do
		where=$(node_of redis-kept gamma 2>/dev/null)
		while n=$(redis "$where" incr counter 2>/dev/null) &&
			[ "$n" -gt 0 ] 2>/dev/null && [ ! -e "$T/enough" ]; do
			echo "$n $where"
		done
	done
}
count_all_the_time >"$T/counted" &
counter=$!
counted_more() {
	[ "$(wc -l <"$T/counted")" -gt "$1" ]
}
wait_for 10 "the client counts" counted_more 20
for round in 1 2; do
	from=$(node_of redis-kept)
	before=$(wc -l <"$T/counted")
	check "drain $from" ctl gamma node drain "$from" -y
	to=$(node_of redis-kept gamma)
	check "it is elsewhere, on $to" test "$to" != "$from"
	wait_for 20 "the client counts there" counted_more $((before + 50))
	check "all keys came" test "$(redis "$to" dbsize)" -ge 20000
	wait_for 10 "what $from has left is called old" has_stale "$from" \
		redis/dump.rdb
	check "nothing stands at its place there" test ! -e \
		"$T/$from/lib/redis/dump.rdb"
	check "undrain $from" ctl gamma node undrain "$from"
done
touch "$T/enough"
wait $counter
every_write_is_there() {
	local last
	last=$(tail -n 1 "$T/counted" | awk '{ print $1 }')
	[ "$(redis "$(node_of redis-kept)" get counter)" -ge "$last" ] &&
		awk '$1 <= last { print "twice: " $0; exit 1 } { last = $1 }' \
			"$T/counted"
}
check "no acknowledged write is lost, none was taken back" every_write_is_there
say "    $(wc -l <"$T/counted") numbers on $(
	awk '{ print $2 }' "$T/counted" | sort -u | tr '\n' ' ')"

step "Redis: killed in the midst, it goes on with what it had saved"
host=$(node_of redis-kept)
check "set" redis "$host" set saved yes
check "save" redis "$host" save
epoch=$(field alpha redis-kept epoch)
kill -9 "$(processes redis-server | awk '{ print $2 }')"
is_again() {
	[ "$(field alpha redis-kept epoch)" -gt "$epoch" ] &&
		is_on redis-kept "$host"
}
wait_for 20 "it runs again on $host" is_again
check "what it had saved is there" test "$(redis "$host" get saved)" = yes

step "Redis: after the loss of its host it has nothing; its old dump is not used"
stale_on() {
	ls "$T/$1/lib/redis/" | grep -c 'dump.rdb.skep-stale-'
}
runs_elsewhere() {
	[ "$(json "$1" ".instances[] | select(.name == \"redis-kept\") |
		select(.state == \"ready\" and .node != \"$host\") | .name" \
		status)" = redis-kept ]
}
check "its dump is there" test -e "$T/$host/lib/redis/dump.rdb"
before=$(stale_on "$host")
witness=$(for h in $HOSTS3; do [ $h != "$host" ] && echo $h; done | head -n 1)
power_off "$host"
wait_for 30 "it runs on another host" runs_elsewhere "$witness"
next=$(node_of redis-kept "$witness")
check "it has nothing" test "$(redis "$next" dbsize)" = 0
host_start "$host"
for h in $HOSTS3; do
	wait_for 60 "$h sees three alive" alive_count_is $h 3
done
third=$(for h in $HOSTS3; do
	[ $h != "$host" ] && [ $h != "$next" ] && echo $h
done)
check "cordon $third" ctl "$third" node cordon "$third"
power_off "$next"
wait_for 30 "it runs on $host again" is_on redis-kept "$host" "$third"
check "it has nothing there either" test "$(redis "$host" dbsize)" = 0
check "the old dump has another name" test "$(stale_on "$host")" -gt "$before"
check "history tells it" tells "$host" redis-kept \
	'set_aside.*an older state stood'
check "delete" ctl "$third" delete redis-kept
check "uncordon $third" ctl "$third" node uncordon "$third"
host_start "$next"
for h in $HOSTS3; do
	wait_for 60 "$h sees three alive" alive_count_is $h 3
done

step "SQLite: by its file, and by commands"
recipe sqlite
check "apply" ctl alpha apply -f "$T/sqlite.yaml"
wait_for 30 "both run" ready_count_is alpha 2
# ask NAME FILE SQL: where it runs.
ask() {
	sqlite3 -cmd '.timeout 5000' \
		"file:$T/$(node_of "$1")/lib/notes/$2?mode=ro" "$3"
}
# rows NAME FILE: how many lines it has.
rows() {
	ask "$1" "$2" 'SELECT count(*) FROM notes' 2>/dev/null || echo 0
}
has_rows() {
	[ "$(rows "$1" "$2")" -ge "$3" ]
}
for pair in notes:notes.db notes-by-command:copied.db; do
	name=${pair%:*} file=${pair#*:}
	wait_for 20 "$name has written 10 lines" has_rows $name $file 10
	from=$(node_of $name)
	before=$(rows $name $file)
	to=$(for h in $HOSTS3; do [ $h != "$from" ] && echo $h; done | tail -n 1)
	check "move $name to $to" ctl alpha move $name "$to"
	wait_for 30 "it runs on $to" is_on $name "$to"
	check "its $before lines came" has_rows $name $file "$before"
	wait_for 20 "it writes on" has_rows $name $file $((before + 10))
	check "they are of both hosts" test "$(ask $name $file \
		'SELECT count(DISTINCT at) FROM notes')" = 2
done
check "no line of it is missing" test "$(ask notes notes.db \
	'SELECT max(n) - count(*) FROM notes')" = 0

step "PostgreSQL: its directory"
PG=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
if [ -x "${PG:-/none}/postgres" ]; then
	recipe postgresql
	sed -i "s,/usr/lib/postgresql/15/bin,$PG,g" "$T/postgresql.yaml"
	check "apply" ctl alpha apply -f "$T/postgresql.yaml"
	wait_for 60 "it is ready" is_ready_somewhere postgresql
	sql() {
		nsenter --net="/run/netns/$NS-$1" timeout 10 "$PG/psql" \
			-h 127.0.0.1 -p 5433 -U nobody -qAt -d postgres -c "$2"
	}
	from=$(node_of postgresql)
	check "a table of 50,000 rows" sql "$from" "CREATE TABLE t AS
		SELECT n, md5(n::text) AS x FROM generate_series(1, 50000) n"
	sum=$(sql "$from" 'SELECT md5(string_agg(x, $$,$$ ORDER BY n)) FROM t')
	check "drain $from" ctl gamma node drain "$from" -y
	to=$(node_of postgresql gamma)
	check "it is elsewhere, on $to" test "$to" != "$from"
	check "the rows are the same" test "$sum" = "$(sql "$to" \
		'SELECT md5(string_agg(x, $$,$$ ORDER BY n)) FROM t')"
	check "no recovery was needed" bash -c \
		"! grep -q 'not properly shut down' '$T/$to/log/postgresql.log'"
	tells_of "$from" 'moved:' postgresql
	check "undrain" ctl gamma node undrain "$from"
	check "delete" ctl gamma delete postgresql
fi

step "nginx: its cache"
if [ -x /usr/sbin/nginx ]; then
	recipe nginx
	sed -n 's/^#     //p' "$SKEP_SOURCE/etc/examples/nginx.yaml" \
		>"$T/cache.conf"
	sed -i "s,/etc/nginx/cache.conf,$T/cache.conf," "$T/nginx.yaml"
	check "apply" ctl alpha apply -f "$T/nginx.yaml"
	wait_for 30 "it is ready" is_ready_somewhere nginx
	web() {
		nsenter --net="/run/netns/$NS-$1" timeout 5 \
			curl -s -D - http://127.0.0.1:8088/page
	}
	from=$(node_of nginx)
	# What it stands before, on that host only.
	mkdir "$T/web"
	echo "the page" >"$T/web/page"
	nsenter --net="/run/netns/$NS-$from" python3 -m http.server \
		--directory "$T/web" --bind 127.0.0.1 8089 >/dev/null 2>&1 &
	behind=$!
	gives() {
		web "$1" | grep -q "$2" && web "$1" | grep -q 'the page'
	}
	wait_for 20 "it has the page from its cache" gives "$from" 'X-Cache: HIT'
	kill $behind
	to=$(for h in $HOSTS3; do [ $h != "$from" ] && echo $h; done | tail -n 1)
	check "move it to $to" ctl alpha move nginx "$to"
	wait_for 30 "it runs on $to" is_on nginx "$to"
	check "its cache came along" gives "$to" 'X-Cache: HIT'
	check "delete" ctl gamma delete nginx
fi

step "systemd-style: what says READY=1 by itself"
recipe tally
sed -i "s,/usr/local/bin/tally,$SKEP_BUILD/examples/tally,
	s,/var/tmp/%n.numbers,$T/tally.numbers,
	/tally.numbers/s,\$,\n    user: nobody," "$T/tally.yaml"
touch "$T/tally.numbers"
chmod 666 "$T/tally.numbers"
check "apply" ctl alpha apply -f "$T/tally.yaml"
wait_for 30 "tally is ready" is_ready_somewhere tally
wait_for 30 "redis-notify is ready" is_ready_somewhere redis-notify
notifying() {
	nsenter --net="/run/netns/$NS-$(node_of redis-notify)" timeout 5 \
		redis-cli -p 6382 "$@"
}
tally_has() {
	[ "$(wc -l <"$T/tally.numbers")" -gt "$1" ]
}
check "a key for Redis" notifying set kept yes
wait_for 20 "the tally counts" tally_has 100
wait_for 20 "it says how far it is" tells "$(node_of tally)" tally \
	'at [0-9]*00*'
for name in tally redis-notify; do
	from=$(node_of $name)
	to=$(for h in $HOSTS3; do [ $h != "$from" ] && echo $h; done | tail -n 1)
	check "move $name to $to" ctl alpha move $name "$to"
	wait_for 30 "it is ready on $to" is_on $name "$to"
done
check "Redis has its key" test "$(notifying get kept)" = yes
wait_for 20 "the tally counts on" tally_has \
	$(($(wc -l <"$T/tally.numbers") + 100))
check "no number is missing, none is there twice" awk \
	'$1 != NR { print "line " NR " is " $0; exit 1 }' "$T/tally.numbers"
counted_on() {
	awk '{ print $2 }' "$T/tally.numbers" | sort -u | wc -l
}
check "it counted on two hosts" test "$(counted_on)" = 2

step "systemd-style: one that hangs is found by its watchdog"
epoch=$(field alpha tally epoch)
kill -STOP "$(processes examples/tally | awk '{ print $2 }')"
is_started_anew() {
	[ "$(field alpha tally epoch)" -gt "$epoch" ] &&
		[ "$(field alpha tally state)" = ready ]
}
wait_for 30 "it is started anew" is_started_anew
check "history tells why" tells "$(node_of tally)" tally watchdog
check "delete" ctl alpha delete tally redis-notify

step "a link in place of the state gives nothing away; it stays where it is"
cat >"$T/thief.yaml" <<END
services:
  thief:
    command: [/bin/sh, -c, "ln -sf /etc/shadow state; exec sleep 500003"]
    user: nobody
    working_dir: $T/%H/lib
    handoff: {state_path: state}
    placement: {pin: alpha}
END
check "apply" ctl alpha apply -f "$T/thief.yaml"
wait_for 20 "it runs on alpha" is_on thief alpha
check "apply, pinned to beta" ctl alpha apply -f - <<END
$(sed 's/pin: alpha/pin: beta/' "$T/thief.yaml")
END
wait_for 30 "the move is called off" tells alpha thief 'called off'
ctl alpha history thief | grep 'called off' | tail -n 1
check "no sealed state holds a password" bash -c \
	"! grep -rqs 'root:' '$T'/*/state/dumps '$T'/*/state/work '$T'/*/lib"
finish
