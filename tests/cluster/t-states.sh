#!/bin/bash
# Large states, or (as it runs in check-cluster) the same with small ones.
#
# Redis and PostgreSQL are drained while a client writes all the time: every
# acknowledged write is there afterwards, and the pause that the client saw is
# printed beside the floor, which is the same server stopped and started by
# hand.  Then a state goes over a link that breaks three times: it is resumed,
# and no process of skep grows; and it goes back with one hundredth changed, of
# which little more than that travels.
BUDGET=240
[ -n "${LONG_BUDGET:-}" ] && BUDGET=$LONG_BUDGET
POLICY="allow_root = yes
allowed_users = nobody"
. "$(dirname "$0")/lib.sh"
REDIS_MB=${REDIS_MB:-8}       # in its memory
POSTGRES_MB=${POSTGRES_MB:-16} # in its table
BLOB_MB=${BLOB_MB:-200}       # a multiple of 100
RATE=${RATE:-400mbit}         # of the link that breaks
GROWTH_MB=${GROWTH_MB:-48}    # what a process may grow by
PATIENCE=${PATIENCE:-60}      # seconds for one move
HOSTS3="alpha beta gamma"
command -v redis-server >/dev/null || skip "redis-server is not installed"
command -v python3 >/dev/null || skip "python3 is not installed"
cluster_begin $HOSTS3
for h in $HOSTS3; do
	for d in "" redis postgresql blob; do
		mkdir -p "$T/$h/lib/$d"
		chown nobody "$T/$h/lib/$d"
	done
done
host_start $HOSTS3
for h in $HOSTS3; do
	wait_for 30 "$h sees three alive" alive_count_is $h 3
done
# The third only looks on.
check "cordon gamma" ctl gamma node cordon gamma

in_host() {
	echo "exec nsenter --net=/run/netns/$NS-$1"
}
patiently() {
	local h=$1
	shift
	timeout "$PATIENCE" "$SKEPCTL" -s "$T/$h/run/skepd.sock" "$@"
}
node_of() {
	field gamma "$1" node
}
is_ready() {
	[ "$(field gamma "$1" state)" = ready ]
}
is_on() {
	[ "$(node_of "$1")" = "$2" ] && is_ready "$1"
}
recipe() {
	sed -e "s,/var/lib,$T/%H/lib,; s,user: .*,user: nobody," \
		-e 's/_timeout: [0-9a-z]*/_timeout: 10m/; s/ timeout: 2m/ timeout: 10m/' \
		"$SKEP_SOURCE/etc/examples/$1.yaml" >"$T/$1.yaml"
}

# write_begin NAME TEMPLATE COMMAND...: the client, in the background.
write_begin() {
	rm -f "$T/enough" "$T/$1.log"
	: >"$T/$1.log"
	python3 "$SKEP_SOURCE/tests/cluster/writer.py" "$T/$1.log" \
		"$T/enough" "${@:2}" >"$T/$1.pause" &
	WRITER=$!
}
writes_more() {
	[ "$(wc -l <"$T/$1.log")" -gt "$2" ]
}
# write_end NAME: PAUSE and WRITES say what it saw.
write_end() {
	touch "$T/enough"
	wait $WRITER
	read -r PAUSE WRITES <"$T/$1.pause"
}

# drain_while_writing NAME TEMPLATE LIMIT: COMMANDS are the client's.
drain_while_writing() {
	local from to
	write_begin "$1" "$2" "${COMMANDS[@]}"
	wait_for 20 "the client writes" writes_more "$1" 50
	from=$(node_of "$1")
	check "drain $from" patiently gamma node drain "$from" -y
	to=$(node_of "$1")
	check "it is elsewhere, on $to" test "$to" != "$from"
	wait_for "$3" "the client writes there" writes_more "$1" \
		$(($(wc -l <"$T/$1.log") + 50))
	write_end "$1"
	check "undrain $from" ctl gamma node undrain "$from"
}

# by_hand NAME TEMPLATE SIGNAL COMMAND...: the pause of the same server when it
# is stopped and started by hand, where it is.
by_hand() {
	local name=$1 template=$2 signal=$3 pid
	shift 3
	begin_by_hand() {
		(
			cd "$PLACE" || exit
			mkdir -p "$CG/$WHERE/by-hand"
			echo 0 >"$CG/$WHERE/by-hand/cgroup.procs"
			exec nsenter --net="/run/netns/$NS-$WHERE" setpriv \
				--reuid nobody --clear-groups "$@"
		) >>"$T/$name.by-hand" 2>&1 &
		pid=$!
	}
	begin_by_hand "$@"
	write_begin "$name" "$template" "${COMMANDS[@]}"
	wait_for "$PATIENCE" "the client writes" writes_more "$name" 50
	kill -s "$signal" "$pid"
	wait "$pid"
	begin_by_hand "$@"
	wait_for "$PATIENCE" "the client writes on" writes_more "$name" \
		$(($(wc -l <"$T/$name.log") + 50))
	write_end "$name"
	kill -s "$signal" "$pid"
	wait "$pid"
}

# every_write FILE NAME: what was acknowledged is in FILE, in order.  One that
# was written and not acknowledged may be there, and again.
every_write() {
	awk 'NR == FNR { has[$1] = 1; next }
		!($1 in has) { print "lost: " $1; exit 1 }' "$1" "$T/$2.log" &&
		awk '$1 < last { print "order: " $1; exit 1 } { last = $1 }' "$1"
}

part_redis() {
	step "Redis with $REDIS_MB MB"
	recipe redis-kept
	check "apply" ctl alpha apply -f "$T/redis-kept.yaml"
	wait_for 30 "it runs" is_ready redis-kept
	redis() {
		nsenter --net="/run/netns/$NS-$(node_of redis-kept)" \
			timeout 60 redis-cli -p 6381 "$@"
	}
	fill_redis() {
		for i in $(seq "$REDIS_MB"); do
			head -c 1M /dev/urandom | redis -x set "fill$i" || return 1
		done
		redis debug digest >"$T/digest"
	}
	check "it is filled" fill_redis
	COMMANDS=("$(in_host alpha) redis-cli -p 6381" "$(in_host beta) redis-cli -p 6381")
	drain_while_writing redis-kept 'RPUSH written %d' 30
	say "    dump: $(stat -c %s "$T/$(node_of redis-kept)/lib/redis/dump.rdb") bytes"
	redis lrange written 0 -1 >"$T/written"
	check "every acknowledged write is there" every_write "$T/written" redis-kept
	redis del written >/dev/null
	check "and all that was before" test "$(redis debug digest)" = "$(cat "$T/digest")"
	moved=$PAUSE
	say "    $WRITES writes"
	WHERE=$(node_of redis-kept) PLACE=$T/$WHERE/lib/redis
	check "delete" ctl gamma delete redis-kept
	wait_for "$PATIENCE" "it has ended" process_count_is '[r]edis-server' 0
	COMMANDS=("$(in_host "$WHERE") redis-cli -p 6381")
	by_hand redis-kept 'RPUSH written %d' TERM redis-server --bind 127.0.0.1 \
		--port 6381 --save 3600 1 --appendonly no --dir "$PLACE" \
		--dbfilename dump.rdb
	say "    Redis, $REDIS_MB MB: a pause of $moved ms; by hand $PAUSE ms"
	rm -rf "$T"/*/lib/redis
}

part_postgresql() {
	PG=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
	[ -x "${PG:-/none}/postgres" ] || return 0
	step "PostgreSQL with $POSTGRES_MB MB"
	recipe postgresql
	sed -i "s,/usr/lib/postgresql/15/bin,$PG,g" "$T/postgresql.yaml"
	check "apply" ctl alpha apply -f "$T/postgresql.yaml"
	wait_for 60 "it is ready" is_ready postgresql
	sql() {
		nsenter --net="/run/netns/$NS-$(node_of postgresql)" \
			timeout "$PATIENCE" "$PG/psql" -h 127.0.0.1 -p 5433 \
			-U nobody -qAt -d postgres -c "$1"
	}
	check "a table of $POSTGRES_MB MB" sql "CREATE TABLE fill AS
		SELECT n, repeat(md5(n::text), 30) AS x
		FROM generate_series(1, $POSTGRES_MB * 1000) n"
	check "one for the client" sql \
		"CREATE TABLE written (n bigint, at timestamptz DEFAULT now())"
	sum=$(sql 'SELECT count(*), sum(hashtext(x)) FROM fill')
	client="$PG/psql -h 127.0.0.1 -p 5433 -U nobody -qAt -d postgres"
	COMMANDS=("$(in_host alpha) $client" "$(in_host beta) $client")
	insert='INSERT INTO written VALUES (%d) RETURNING n;'
	drain_while_writing postgresql "$insert" 60
	sql 'SELECT n FROM written ORDER BY at, n' >"$T/written"
	check "every acknowledged write is there" \
		every_write "$T/written" postgresql
	check "and all that was before" test "$sum" = \
		"$(sql 'SELECT count(*), sum(hashtext(x)) FROM fill')"
	moved=$PAUSE
	WHERE=$(node_of postgresql) PLACE=$T/$WHERE/lib/postgresql
	say "    $WRITES writes, directory: $(du -sm "$PLACE/main" |
		awk '{ print $1 }') MB"
	check "no recovery was needed" bash -c \
		"! grep -q 'not properly shut down' '$T/$WHERE/log/postgresql.log'"
	check "delete" patiently gamma delete postgresql
	wait_for "$PATIENCE" "it has ended" process_count_is '[p]ostgres' 0
	COMMANDS=("$(in_host "$WHERE") $client")
	by_hand postgresql "$insert" INT "$PG/postgres" -D main \
		-c listen_addresses=127.0.0.1 -c port=5433 \
		-c unix_socket_directories="$PLACE"
	say "    PostgreSQL, $POSTGRES_MB MB: a pause of $moved ms;" \
		"by hand $PAUSE ms"
	rm -rf "$T"/*/lib/postgresql
}

# What the rest needs: a file that a service finds at its place.
size=$((BLOB_MB * 1048576))
blob() {
	echo "$T/$1/lib/blob/data"
}
tx_bytes() {
	nsenter --net="/run/netns/$NS-$1" awk '$1 == "eth0:" { print $10 }' \
		/proc/self/net/dev
}
has_sent() {
	[ $(($(tx_bytes "$1") - sent_before)) -ge "$2" ]
}
retries() {
	grep -c 'again soon' "$T/$1/skepd.log"
}
has_retried() {
	[ "$(retries "$1")" -gt "$2" ]
}
# The connections between two hosts end, and no new one is let in.
reset_links() {
	nsenter --net="/run/netns/$NS-$1" nft -f - <<-END
		add table inet skepreset
		add chain inet skepreset in { type filter hook input priority 0; }
		add rule inet skepreset in tcp flags & rst == rst accept
		add rule inet skepreset in ip saddr $(address_of "$2") meta l4proto tcp reject with tcp reset
	END
}
mend_links() {
	nsenter --net="/run/netns/$NS-$1" nft delete table inet skepreset
}
# The most that any process of skep took, in kB: "KB NAME" each.
peaks() {
	local h pid
	for h in $HOSTS3; do
		find "$CG/$h" -name cgroup.procs -exec cat {} + 2>/dev/null |
			while read -r pid; do
				awk '/^Name:/ { name = $2 }
					/^VmHWM:/ && name ~ /^skep/ {
						print $2, name }' \
					"/proc/$pid/status" 2>/dev/null
			done
	done
	true
}
# Movers are gone soon, so they are looked at all the time.
watch_peaks() {
	while [ ! -e "$T/looked" ] && kill -0 $$ 2>/dev/null; do
		peaks
		sleep 0.2
	done | awk '$1 > most[$2] { most[$2] = $1 }
		END { for (n in most) print most[n], n }' >"$T/peaks"
}
peak_of() {
	awk -v name="$2" '$2 == name && $1 > most { most = $1 }
		END { print most + 0 }' "$1"
}

part_link() {
	step "$BLOB_MB MB over a link of $RATE that breaks three times"
	cat >"$T/blob.yaml" <<END
services:
  blob:
    command: [/bin/sleep, "500004"]
    user: nobody
    working_dir: $T/%H/lib/blob
    start_timeout: 30m
    handoff: {state_path: data, required: true, max_size: 64GiB}
    placement: {pin: alpha}
END
	openssl enc -aes-128-ctr -pass pass:blob -nosalt -pbkdf2 </dev/zero \
		2>/dev/null | head -c "$size" >"$(blob alpha)"
	chown nobody "$(blob alpha)"
	check "apply" ctl alpha apply -f "$T/blob.yaml"
	wait_for 30 "it runs on alpha" is_on blob alpha
	sum=$(sha256sum <"$(blob alpha)")
	ip netns exec "$NS-alpha" tc qdisc add dev eth0 root tbf rate "$RATE" \
		burst 256kb latency 50ms || skip "tc cannot limit a link here"
	peaks >"$T/before"
	watch_peaks &
	watcher=$!
	sent_before=$(tx_bytes alpha)
	began=$(date +%s%N)
	sed -i 's/pin: alpha/pin: beta/' "$T/blob.yaml"
	check "apply, pinned to beta" ctl gamma apply -f "$T/blob.yaml"
	for percent in 20 45 70; do
		wait_for "$PATIENCE" "$percent % are sent" has_sent alpha \
			$((size / 100 * percent))
		before=$(retries beta)
		reset_links alpha beta
		reset_links beta alpha
		wait_for 20 "the link breaks" has_retried beta "$before"
		mend_links alpha
		mend_links beta
	done
	wait_for "$PATIENCE" "it runs on beta" is_on blob beta
	took=$((($(date +%s%N) - began) / 1000000))
	sent=$(($(tx_bytes alpha) - sent_before))
	check "it is the same" test "$sum" = "$(sha256sum <"$(blob beta)")"
	check "it was resumed: less than 115 % were sent" test \
		"$sent" -lt $((size / 100 * 115))
	say "    $((sent / 1048576)) MB sent for $BLOB_MB, in $took ms"
}

part_back() {
	step "back, with one hundredth changed"
	for i in $(seq $((BLOB_MB / 100))); do
		head -c 1M /dev/urandom | dd of="$(blob beta)" bs=1M \
			seek=$(((i * 97 + 5) % BLOB_MB)) conv=notrunc 2>/dev/null
	done
	sum=$(sha256sum <"$(blob beta)")
	sent_before=$(tx_bytes beta)
	began=$(date +%s%N)
	sed -i 's/pin: beta/pin: alpha/' "$T/blob.yaml"
	check "apply, pinned to alpha" ctl gamma apply -f "$T/blob.yaml"
	wait_for "$PATIENCE" "it runs on alpha" is_on blob alpha
	took=$((($(date +%s%N) - began) / 1000000))
	sent=$(($(tx_bytes beta) - sent_before))
	check "it is the same" test "$sum" = "$(sha256sum <"$(blob alpha)")"
	say "    $((sent / 1024)) kB sent for $BLOB_MB MB, in $took ms"
	if [ "$(df --output=pcent "$T" | tr -cd 0-9)" -ge 88 ]; then
		say "    almost no room in $T: no old copy was kept"
	else
		check "less than 2 % were sent" test "$sent" -lt \
			$((size / 100 * 2))
	fi
}

part_memory() {
	step "memory"
	touch "$T/looked"
	wait $watcher
	for name in skepd skep-node skep-logger skep-mover; do
		was=$(peak_of "$T/before" $name) is=$(peak_of "$T/peaks" $name)
		say "    $name: $((was / 1024)) MB before, at most $((is / 1024)) MB"
		check "it did not grow by $GROWTH_MB MB" test \
			$((is - was)) -lt $((GROWTH_MB * 1024))
	done
}

for part in ${PARTS:-redis postgresql link back memory}; do
	part_$part
done
finish
