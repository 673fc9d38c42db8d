#!/bin/sh
# skepctl against fixed answers: exit codes, output, requests, and that every
# command and option stands in the man page.
srcdir=${srcdir:-.}
dir=$(mktemp -d "${TMPDIR:-/tmp}/skep-ctl-XXXXXX") || exit 99
server=
mailbox=
failed=0
unset SKEP_SOCKET SKEP_CONF SKEP_MAILBOX
trap 'test -z "$server" || kill "$server"
test -z "$mailbox" || kill "$mailbox"; rm -rf "$dir"' EXIT

# serve: starts the server with the answers on standard input.
serve() {
	if test -n "$server"; then
		kill "$server"
		wait "$server" 2>/dev/null
	fi
	rm -f "$dir/sock"
	cat >"$dir/answers"
	tests/unit/ctl_server "$dir/sock" "$dir/answers" "$dir/log" &
	server=$!
	tries=0
	while ! test -S "$dir/sock"; do
		tries=$((tries + 1))
		test $tries -lt 500 || { echo "no server"; exit 99; }
		sleep 0.02
	done
}

# expect CODE ARG...: runs skepctl; output and errors are kept in files.
expect() {
	code=$1
	shift
	SKEP_SOCKET="$dir/sock" ./skepctl "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null
	got=$?
	test $got -eq "$code" && return
	echo "FAIL: skepctl $*: exit $got, not $code"
	cat "$dir/out" "$dir/err"
	failed=1
}

# has FILE TEXT: the text stands in what was printed.
has() {
	grep -qF -e "$2" "$dir/$1" && return
	echo "FAIL: $1 lacks: $2"
	cat "$dir/$1"
	failed=1
}

# looks FILE EXPRESSION: the same for a line as an expression has it.
looks() {
	grep -q -e "$2" "$dir/$1" && return
	echo "FAIL: $1 has no line like: $2"
	cat "$dir/$1"
	failed=1
}

lacks() {
	grep -qF -e "$2" "$dir/$1" || return
	echo "FAIL: $1 has: $2"
	failed=1
}

printf 'services:\n  web:\n    command: /bin/true\n' >"$dir/good.yaml"
printf 'services:\n  web:\n    comand: /bin/true\n' >"$dir/bad.yaml"
printf 'services: {db: {command: /bin/true, replicas: 2, handoff: {%s}}}\n' \
	'state_path: /srv/db' >"$dir/doubtful.yaml"

cluster='"cluster":{"name":"prod","node":"alpha","members":2,"alive":2,"services":2,"instances":3,"ready":2,"hold":"lonely","hold_text":"lost beta","hold_left_ms":7000}'
web1='{"name":"web@1","service":"web","desired":"running","state":"ready","node":"alpha","duty":"alpha","epoch":3,"pid":77,"restarts":2,"since_ms":1700000000123,"run_digest":"1","wanted_digest":"1","why":"","last_exit":""}'
web2='{"name":"web@2","service":"web","desired":"running","state":"ready","node":"beta","epoch":3,"pid":78,"restarts":0,"since_ms":1700000000123,"run_digest":"1","wanted_digest":"1","why":"","last_exit":""}'
db='{"name":"db","service":"db","desired":"running","state":"backoff","node":"alpha","epoch":9,"pid":0,"restarts":5,"since_ms":1700000000123,"run_digest":"1","wanted_digest":"1","why":"starts again in 4s","last_exit":"exited 1"}'
kept='{"name":"kept","service":"kept","desired":"running","state":"ready","node":"beta","epoch":3,"pid":79,"restarts":0,"since_ms":1700000000123,"run_digest":"1","wanted_digest":"1","why":"","last_exit":"","checkpoint":{"acked":{"epoch":3,"number":7},"age_ms":61000,"every_ms":10000,"have":1,"late":true,"loss_ms":51000,"named":2,"newest":{"epoch":3,"number":9},"next":{"epoch":3,"number":8,"node":"alpha"},"waits":false,"wanted":2}}'
new='{"name":"new","service":"new","desired":"running","state":"ready","node":"beta","epoch":3,"pid":80,"restarts":0,"since_ms":1700000000123,"run_digest":"1","wanted_digest":"1","why":"","last_exit":"","checkpoint":{"acked":null,"age_ms":null,"every_ms":10000,"have":0,"late":false,"loss_ms":null,"named":1,"newest":null,"next":null,"waits":false,"wanted":2}}'
away='{"name":"away","service":"away","desired":"running","state":"ready","node":"beta","epoch":3,"pid":81,"restarts":0,"since_ms":1700000000123,"run_digest":"1","wanted_digest":"1","why":"","last_exit":"","checkpoint":{"acked":{"epoch":3,"number":7},"age_ms":3000,"every_ms":10000,"have":0,"late":false,"loss_ms":null,"named":2,"newest":{"epoch":3,"number":7},"next":null,"waits":true,"wanted":2}}'

# --- usage ---
expect 0 --help
has out 'usage: skepctl COMMAND'
expect 0 --version
has out 'skepctl '
expect 0 drain --help
has out '--deadline DURATION'
expect 2
has err 'a command is missing'
expect 2 bogus
has err "there is no command 'bogus'"
expect 2 stauts
has err "did you mean 'status'?"
expect 2 node bogus
has err "there is no command 'node bogus'"
has err 'node confirm-down NODE'
expect 2 node lst
has err "did you mean 'node list'?"
for group in node kv group cluster debug; do
	expect 2 $group
	has err "$group: its command is missing"
	expect 0 $group --help
	has out "usage: skepctl $group COMMAND"
	looks out "^  $group "
done
expect 0 help
has out 'usage: skepctl COMMAND'
expect 0 help node drain
has out '--max-parallel'
expect 0 help kv
has out 'kv delete KEY...'
expect 2 help drian
has err "did you mean 'drain'?"
expect 2 help drain x
expect 2 shutdown --force -y
has err 'are for --drain'
expect 2 shutdown --deadline 3s -y
expect 2 where
has err 'usage: skepctl where NAME'
expect 2 where a b
expect 2 status --nope
has err 'there is no option --nope here'
expect 2 status -f x
expect 2 status -o yaml
has err "is not one of table, wide, json, name"
expect 2 status --timeout soon
has err "is not a duration"
expect 2 status --timeout
has err 'needs a value'
expect 2 logs -n many web
expect 2 apply
has err '-f FILE is missing'
expect 2 drain alpha --self
expect 2 wait quorum
expect 2 wait node alpha purple
has err 'draining, drained, undrainable'
expect 2 register x
has err '--pid, or a command behind --, is missing'
expect 2 register x --pid -1
expect 2 register x --pid 1 --meta '[]'
has err 'is not a JSON object'
expect 2 register -f lines x
expect 2 register -f lines --meta '{}'
has err 'usage: skepctl register NAME [OPTION...] --pid PID | -- COMMAND...'
lacks err 'COMMAND... [OPTION...]'
for option in --find '--user u'; do
	expect 2 register x --pid 1 $option
	has err '--find and --user are about a service'
	expect 2 register -f lines $option
done
expect 2 unregister
expect 2 list --meta room
has err 'KEY=VALUE'
for command in doctor \
	'debug bundle' 'debug partition'; do
	expect 2 $command x
	has err 'not supported yet'
done

# --- replay needs no skepd ---
RECORD=$dir tests/sim/sim -s 3 -n 3 -t 5 >"$dir/out" || failed=1
recording=$dir/3-gamma-1.skeptrc
head -c 3000 "$recording" >"$dir/cut"
expect 0 replay "$recording" --until 20
has out '20 steps, each with the recorded effects'
has out '-> node_up'
expect 0 replay -v "$recording" --until 1s
has out 'effect  store'
expect 0 replay --check "$recording"
lacks out '->'
expect 2 replay "$recording" --until soon
has err 'neither a step like 812 nor a time like 90s'
expect 1 replay "$dir/cut"
has err 'it breaks off'
expect 1 replay "$dir/good.yaml"
has err "no recording of 'skepctl debug record'"
expect 1 replay "$dir/none"
has err 'No such file'

# --- unreachable, no HTTP, not permitted ---
expect 7 status
has err 'cannot reach skepd'
expect 7 -s "$dir/other" where web
expect 0 version
has out 'does not answer'
expect 255 plan -f "$dir/good.yaml"
serve <<'ANSWERS'
GET /v1/status 403 {"error":{"code":"forbidden","message":"ask for api.read_group"}}
ANSWERS
expect 4 status
has err 'api.read_group'

# --- names of processes ---
serve <<ANSWERS
-POST /v1/names 200 {"name":"x","result":"ok","message":"registered"}
POST /v1/names 409 {"name":"x","error":{"code":"already_registered","message":"it is registered on beta, process 7","node":"beta","pid":7}}
DELETE /v1/names/x 200 {"name":"x","result":"ok","message":"unregistered"}
GET /v1/names?match=%2A&meta.room=b%201 200 {"names":[{"name":"x","kind":"process","node":"beta","pid":7,"state":"ready","meta":{"room":"b 1"}}]}
GET /v1/names/x?authoritative=1 200 {"instances":[{"name":"x","node":"beta","state":"ready"}]}
ANSWERS
expect 0 register x --pid 7 --meta '{"room": "b 1"}' --timeout 2s
has out 'x  registered'
has log 'POST /v1/names {"name":"x","pid":7,"timeout":"2000ms","meta":{"room":"b 1"}}'
expect 1 register x --pid 8
has err 'it is registered on beta, process 7'
expect 0 unregister x
has out 'x  unregistered'
expect 0 list --meta 'room=b 1'
looks out 'x *beta *ready *process'
expect 0 where --authoritative x
looks out 'x *beta *ready'

# --- names of processes, a line each ---
printf '%s\n' '{"name":"a","pid":7}' '' '{"nam":"b"}' '{"name":"c","pid":7}' \
	>"$dir/lines"
tab=$(printf '\t')
answer="{\"name\":\"a\",\"result\":\"ok\"}$tab"
answer="$answer{\"name\":\"\",\"error\":{\"code\":\"invalid\",\"message\":\"unknown key 'nam'\"}}$tab"
serve <<ANSWERS
-POST /v1/names 200 $answer
-POST /v1/names 200 $answer{"name":"c","error":{"code":"invalid","message":"no"}}$tab
-POST /v1/names 200 $answer{"name":"c","result":"ok"}
POST /v1/names 503 {"error":{"code":"busy","message":"try again"}}
ANSWERS
expect 1 register -f "$dir/lines"
has err "$dir/lines:3: unknown key 'nam'"
has err "$dir/lines:4: this line was not answered"
has err 'fewer lines than it was sent'
has out '1 done, 1 refused'
expect 1 register -f "$dir/lines"
has err "$dir/lines:4: c: no"
has out '1 done, 2 refused'
expect 1 register -f "$dir/lines" -q # half an answer is none
has err "$dir/lines:4: this line was not answered"
expect 1 register -f "$dir/lines"
has err "$dir/lines:1: this line was not answered"
has err 'try again'
expect 1 register -f "$dir"
has err 'Is a directory'
head -c 4194305 /dev/zero | tr '\0' ' ' >"$dir/long"
expect 1 register -f "$dir/long"
has err 'a line is too long'

# --- looking ---
serve <<ANSWERS
GET /v1/status 200 {$cluster,"nodes":[],"files":[{"text":"a.yaml:1:2: bad"}],"quarantined":[],"weaker":"","instances":[$db,$web1,$web2]}
GET /v1/services 200 {"services":[{"name":"web","ready":2,"instances":2,"enabled":true,"source":{"file":"a.yaml","node":"beta"}}]}
GET /v1/names/web 200 {"instances":[$web1,$web2]}
GET /v1/names/db 200 {"instances":[$db]}
GET /v1/why/web 200 {"names":[{"name":"web@1","why":"rank 1."}]}
GET /v1/nodes 200 {"nodes":[{"name":"alpha","self":true,"state":"alive","intent":"active","version":"9.9","heard_ms":null}]}
GET /v1/nodes/alpha 200 {"name":"alpha","state":"alive","intent":"active","progress":"","self":true}
GET /v1/cluster 200 {$cluster,"settings":{"expect":"3"}}
GET /v1/events 200 {"events":[{"id":1,"time":"2026-01-31T10:00:00.123Z","kind":"ready","name":"web@1","text":"up","actor":{"uid":7,"pid":8}}]}
GET /v1/history/web 200 {"events":[]}
GET /v1/logs/web@1?n=3 200 one
GET /v1/logs/web@2 409 {"error":{"code":"on_other_node","message":"runs on beta"}}
GET /v1/debug/dump 200 cluster prod
ANSWERS
expect 0 status
has out 'alpha holds: lonely: lost beta (7s left)'
has out 'not in force: a.yaml:1:2: bad'
has out '2 of 2 nodes alive'
has out 'NAME   DESIRED  STATE    NODE   RESTARTS  SINCE'
has out 'starts again in 4s'
lacks out "$(printf '\033')"
expect 0 status web
lacks out 'backoff'
expect 3 status db
expect 3 status web nothing
has err "nothing is named 'nothing'"
expect 0 status -o name web
has out 'web@2'
lacks out NAME
expect 0 status -o wide
has out 'PID'
expect 0 status -o json web@1
has out '"restarts": 2'
expect 0 list
has out 'beta:a.yaml'
expect 0 where web
has out 'web@2  beta'
expect 0 where web -o name
expect 3 where db
expect 3 where nothing
expect 0 why web
has out 'web@1: rank 1.'
expect 1 why nothing
expect 0 version
has out '9.9'
expect 0 node list
has out 'alpha *'
expect 0 node show
has out 'alive'
expect 1 node show nothing
expect 0 cluster show
has out 'expect'
expect 0 events
has out '2026-01-31 10:00:00.123'
has out '(uid 7, pid 8)'
expect 0 history web
expect 0 logs -n3 web@1
has out one
expect 1 logs web@2
has err 'runs on beta'
expect 0 debug dump
has out 'cluster prod'
expect 0 wait ready web
expect 5 wait ready db --timeout 200ms
has err 'timeout'
expect 0 wait node alpha alive
expect 5 wait node nothing alive --timeout 100ms

# --- checkpoints ---
serve <<ANSWERS
GET /v1/status 200 {$cluster,"nodes":[],"files":[],"quarantined":[],"weaker":"","instances":[$web1,$kept,$new,$away]}
GET /v1/services 200 {"services":[{"name":"kept","ready":1,"instances":1,"enabled":true,"source":{},"checkpoints":{"age_ms":61000,"late":1}},{"name":"new","ready":1,"instances":1,"enabled":true,"source":{},"checkpoints":null}]}
ANSWERS
expect 0 status
has out 'its last checkpoint is too old'
lacks out 'checkpoint of'
expect 0 status kept new away web@1
has out 'checkpoint of kept: 1m 1s old, too long ago; the newest is on 1 of 2 hosts; if beta died now, the last 51s would be lost'
has out 'checkpoint of new: none counts yet, only 1 may keep it; if beta died now, it would begin without one'
has out 'checkpoint of away: 3s old; the newest is on 0 of 2 hosts; if beta died now, it would wait for one that counts'
lacks out 'checkpoint of web'
expect 0 status -q kept
lacks out 'checkpoint of'
expect 0 status -o wide
has out '1m 1s 1/2'
has out '- 0/2'
expect 0 list -o wide
has out '1m 1s, 1 late'

# --- a mailbox whose skep-node is away ---
expect 7 recv
has err 'there is no mailbox here'
began=$(date +%s)
export SKEP_MAILBOX="$dir/nobody"
expect 7 recv --timeout 2s
unset SKEP_MAILBOX
test $(($(date +%s) - began)) -ge 1 || {
	echo "FAIL: recv did not wait for skep-node"
	failed=1
}
has err 'nobody: No such file or directory'
lacks err 'waits on'
export SKEP_MAILBOX="$dir/nobody"
expect 7 recv --timeout 6s
unset SKEP_MAILBOX
has err 'nobody: No such file or directory: no skep-node there for 5 s; waits on'
test "$(grep -c 'waits on' "$dir/err")" = 1 || { echo "FAIL: twice"; failed=1; }

# --- the desired state ---
expect 0 validate "$dir/good.yaml"
has out '1 services, 1 instances'
lacks err warning
expect 0 validate "$dir/doubtful.yaml"
has out '1 services, 2 instances'
has err 'doubtful.yaml: db: handoff.state_path: two instances on one host would have the same file'
expect 1 validate "$dir/bad.yaml"
has err 'bad.yaml:3:'
has err 'command'
expect 1 validate "$dir/missing.yaml"
expect 1 apply -f "$dir/bad.yaml"
expect 255 plan -f "$dir/bad.yaml"
serve <<ANSWERS
POST /v1/plan 200 {"services":[{"name":"web","action":"create"}],"items":[{"service":"web","instance":"web","action":"start","node":"beta","why":"rank 1"}],"changes":1,"index":"00ab"}
POST /v1/plan?prune=1 200 {"services":[],"items":[],"changes":0,"index":"00ab"}
POST /v1/services 200 {"services":[{"name":"web","result":"ok","message":""}]}
POST /v1/services?prune=1&check_index=00ab 409 {"error":{"code":"conflict","message":"plan again"}}
-GET /v1/names/web 200 {"instances":[$db]}
GET /v1/names/web 200 {"instances":[$web1]}
DELETE /v1/services/web 200 {"result":"ok","message":""}
ANSWERS
expect 1 plan -f "$dir/good.yaml"
has out 'apply --check-index 00ab'
has out 'rank 1'
expect 0 plan -f "$dir/good.yaml" --prune
expect 0 apply -f "$dir/good.yaml" --wait
has out 'web  applied'
has out 'web  ready'
expect 1 apply -f "$dir/good.yaml" --prune --check-index 00ab
has err 'plan again'
expect 0 delete web
has log 'DELETE /v1/services/web'

# --- verbs ---
ok='200 {"result":"ok","message":""}'
serve <<ANSWERS
POST /v1/names/web/start $ok
POST /v1/names/web/stop $ok
POST /v1/names/web/signal $ok
POST /v1/names/web/move $ok
POST /v1/names/web/restart $ok
-GET /v1/names/web 200 {"instances":[{"name":"web","epoch":1,"state":"ready"}]}
-GET /v1/names/web 200 {"instances":[{"name":"web","epoch":1,"state":"ready"}]}
GET /v1/names/web 200 {"instances":[{"name":"web","epoch":2,"state":"ready","node":"beta","desired":"running"}]}
POST /v1/nodes/beta/cordon $ok
POST /v1/nodes/beta/undrain $ok
POST /v1/nodes/beta/forget $ok
POST /v1/nodes $ok
PUT /v1/cluster/expect $ok
POST /v1/names 200 {"result":"registered","name":"a/b","node":"beta","pid":7,"state":"ready"}
DELETE /v1/names/a%2Fb $ok
PUT /v1/kv/a%2Fb 200 {"result":"ok","key":"a/b","version":"018bcfe5687b0000","consistency":"last-writer-wins"}
PUT /v1/kv/a?if=0 501 {"error":{"code":"not_supported","message":"the mesh has no host that decides for all"}}
GET /v1/kv/a%2Fb 200 {"key":"a/b","value":"v","version":"018bcfe5687b0000"}
GET /v1/kv?match=a%2A 200 {"keys":[{"key":"a/b","value":"v\u001b\nw","version":"018bcfe5687b0000","writer":"beta"}]}
DELETE /v1/kv/a%2Fb 200 {"result":"ok","key":"a/b","consistency":"last-writer-wins"}
PUT /v1/cluster/fail_timeout 400 {"error":{"code":"invalid","message":"fail_timeout is not a cluster setting"}}
POST /v1/groups/g/multicall?ack=0 200 {"result":"ok","answers":[{"name":"web@2","code":"ok","answer":"hello"}]}
PUT /v1/cluster/bogus 400 {"error":{"code":"invalid","message":"unknown key"}}
ANSWERS
expect 0 restart web --wait
expect 0 start web
has out 'web  start'
expect 0 -q stop web
lacks out web
expect 0 signal HUP web
has log 'POST /v1/names/web/signal {"signal":"HUP"}'
expect 0 move web beta --wait
has log '{"node":"beta"}'
expect 5 move web alpha --wait --timeout 100ms
expect 0 node cordon beta -m 'new disk'
has log '{"reason":"new disk"}'
expect 0 node undrain beta
expect 1 node forget beta
has err 'give -y here'
expect 0 node forget beta -y
expect 0 node join h:1
has log '{"address":"h:1"}'
expect 0 cluster set expect 3
expect 1 cluster set bogus 3
has err "'skepctl cluster show' lists them"
expect 1 cluster set fail_timeout 3
has err "Did you mean 'failure_timeout'?"
expect 2 register a/b
has err 'a command behind --'
expect 2 register a/b --meta '[]' -- /bin/x
has err 'not a JSON object'
expect 0 register a/b --meta '{"k": "v"}' -- /bin/x
has log '{"name":"a/b","command":["/bin/x"],"meta":{"k":"v"}}'
expect 0 register a/b --find --user u --timeout 3s -- /bin/x --wait -q
has log '{"name":"a/b","command":["/bin/x","--wait","-q"],"user":"u","find":true,"timeout":"3000ms"}'
has out 'a/b  registered on beta, pid 7'
expect 0 unregister a/b
has out 'a/b  unregistered'
expect 0 multicall g hi -o name
looks out '^web@2$'
expect 0 kv set a/b v
has log 'PUT /v1/kv/a%2Fb {"value":"v"}'
has out 'a/b  version 018bcfe5687b0000'
expect 1 kv set a v --if 0
has err 'decides for all'
expect 0 kv get a/b
looks out '^v$'
expect 0 kv list 'a*'
looks out '^a/b  *v  w$'
expect 0 kv delete a/b
has out 'a/b  deleted'
expect 2 kv set
expect 0 keygen "$dir/key"
test -s "$dir/key" || { echo "FAIL: no key"; failed=1; }
expect 1 keygen "$dir/key"
has err 'File exists'
expect 1 keygen "$dir/etc/skep/key"
has err "its folder is not there: mkdir -p $dir/etc/skep"
expect 0 keygen "$dir/key2" -o json
looks out '"identity": "[0-9a-f]'
expect 0 keygen "$dir/key3" -o name
looks out '^[0-9a-f]*$'

# --- what does not become ready ---
bad='{"name":"bad","service":"bad","desired":"running","state":"failed","at_rest":true,"node":"beta","run_digest":"1","wanted_digest":"1","why":"","last_exit":"exited 3"}'
late='{"name":"late","service":"late","desired":"running","state":"failed","at_rest":false,"node":"beta","run_digest":"1","wanted_digest":"1","why":"","last_exit":"exited 3"}'
no='{"name":"no","service":"no","desired":"running","state":"unplaced","refused":true,"at_rest":true,"node":"","run_digest":"1","wanted_digest":"1","why":"","last_exit":""}'
printf 'services:\n  bad:\n    command: /bin/true\n  db:\n    command: /bin/true\n  no:\n    command: /bin/true\n  web:\n    command: /bin/true\n' >"$dir/many.yaml"
serve <<ANSWERS
POST /v1/services 200 {"services":[]}
GET /v1/names/bad 200 {"instances":[$bad]}
GET /v1/names/db 200 {"instances":[$db]}
GET /v1/names/late 200 {"instances":[$late]}
GET /v1/names/no 200 {"instances":[$no]}
GET /v1/names/web 200 {"instances":[$web1]}
GET /v1/history/no 200 {"events":[{"id":1,"kind":"refused","host":"alpha","text":"there is no user x"},{"id":2,"kind":"waiting","host":"beta","text":"y"},{"id":3,"kind":"start_failed","host":"beta","text":"there is no user z"},{"id":4,"kind":"stopped","host":"beta","text":""}]}
ANSWERS
expect 1 wait ready bad
has err "'bad' is failed on beta: exited 3; its attempts are used up"
expect 1 wait ready no --timeout 60s
has err "'no' is unplaced: beta: there is no user z; see 'skepctl why no'"
# One that may still become ready is waited for; all are named.
expect 5 wait ready late --timeout 4s
has err "'late' is failed on beta: exited 3"
expect 5 apply -f "$dir/many.yaml" --wait --timeout 2500ms
has out 'web  ready'
has err "'bad' is failed"
has err "'db' is backoff on alpha: starts again in 4s; exited 1"
has err "'no' is unplaced"
# A move that its host gives up.
moved='GET /v1/names/web@1 200 {"instances":[{"name":"web@1","node":"alpha","state":"ready","desired":"running"}]}'
old='{"id":6,"kind":"handoff","host":"alpha","text":"given up: an old story"}'
serve <<ANSWERS
$moved
POST /v1/names/web@1/move $ok
-GET /v1/history/web@1?node=alpha 200 {"events":[$old]}
GET /v1/history/web@1?node=alpha 200 {"events":[$old,{"id":7,"kind":"handoff","host":"alpha","text":"given up: the signal would kill it"}]}
GET /v1/moves?node=alpha 200 {"moves":[{"name":"web@1","from":"alpha","to":"","state":"waits","over":false,"why":"the signal would kill it","stays":true,"again_ms":29000}]}
ANSWERS
expect 1 move web@1 beta --wait
has err 'web@1 does not go to beta: the signal would kill it; alpha tries again later; see'
lacks err 'timeout'
serve <<ANSWERS
$moved
POST /v1/names/web@1/move $ok
-GET /v1/history/web@1?node=alpha 200 {"events":[$old]}
GET /v1/history/web@1?node=alpha 200 {"events":[$old,{"id":7,"kind":"handoff","host":"alpha","text":"called off, starts here again: no dump"}]}
ANSWERS
expect 1 move web@1 beta --wait
has err 'web@1 does not go to beta: no dump; see'
# Whose host could not be asked before: what is old there is no news.
serve <<ANSWERS
$moved
POST /v1/names/web@1/move $ok
-GET /v1/history/web@1?node=alpha 200 {"events":[],"missing":[{"host":"alpha","error":"it fell silent"}]}
-GET /v1/history/web@1?node=alpha 503 {"error":{"code":"busy","message":"try again"}}
GET /v1/history/web@1?node=alpha 200 {"events":[$old,{"id":7,"kind":"handoff","host":"alpha","text":"called off, starts here again: no dump"}],"missing":[]}
ANSWERS
expect 5 move web@1 beta --wait --timeout 2500ms
has err 'web@1 is not ready on beta'
lacks err 'no dump'
# It is tried again within the time: waited for, and told with the timeout.
serve <<ANSWERS
$moved
POST /v1/names/web@1/move $ok
GET /v1/history/web@1?node=alpha 200 {"events":[$old]}
GET /v1/moves?node=alpha 200 {"moves":[{"name":"web@1","from":"alpha","to":"","state":"waits","over":false,"why":"the target is full","stays":false,"again_ms":10}]}
ANSWERS
expect 5 move web@1 beta --wait --timeout 1500ms
has err 'web@1 is not ready on beta: the target is full'
lacks err 'old story'

# --- a oneshot that has done its work ---
job='{"name":"job","service":"job","desired":"running","state":"exited","done":true,"node":"alpha","last_status":0,"last_exit":"","why":""}'
serve <<ANSWERS
GET /v1/status 200 {"cluster":{"name":"prod","instances":1,"ready":0,"done":1},"instances":[$job]}
GET /v1/services 200 {"services":[{"name":"job","ready":0,"instances":1,"done":1,"enabled":true,"source":{}}]}
GET /v1/names/job 200 {"instances":[$job]}
ANSWERS
expect 0 status job
has out '0 of 1 instances ready, 1 done'
has out 'exited 0, done'
expect 0 list
looks out 'job *0/1, 1 done'
expect 0 wait ready job

# --- drain ---
serve <<ANSWERS
GET /v1/cluster 200 {$cluster,"settings":{}}
POST /v1/nodes/alpha/drain?dry_run=1 200 {"moves":[{"name":"web@1","from":"alpha","to":"beta","why":"","carries":true,"size":4096,"size_ago_ms":61000},{"name":"db","from":"alpha","to":"","why":"no other eligible host","carries":true,"size":null},{"name":"ui","from":"alpha","to":"beta","why":"","carries":false,"size":0}]}
GET /v1/instances?node=alpha 200 {"instances":[$web1]}
POST /v1/nodes/alpha/drain $ok
-GET /v1/nodes/alpha 200 {"name":"alpha","intent":"draining","progress":"draining"}
GET /v1/nodes/alpha 200 {"name":"alpha","intent":"draining","progress":"drained"}
-GET /v1/instances 200 {"instances":[$web1]}
GET /v1/instances 200 {"instances":[{"name":"web@1","node":"beta","state":"ready"}]}
ANSWERS
expect 0 drain --dry-run
has out 'no other eligible host'
has out '4.0 KiB, 1m 1s ago'
has out 'unknown until it is written'
has out 'no state'
expect 1 drain
has err 'give -y here'
expect 0 drain -y -m reason
has out 'web@1  alpha → beta  ready'
tail -n 1 "$dir/out" | grep -qx drained || { echo "FAIL: drained"; failed=1; }
has log '{"reason":"reason"}'
# How far a state is: in the lines, in the table, in the document, in status.
serve <<ANSWERS
GET /v1/instances?node=alpha 200 {"instances":[$web1]}
POST /v1/nodes/alpha/drain $ok
GET /v1/nodes/alpha 200 {"name":"alpha","intent":"draining","progress":"draining"}
GET /v1/instances 200 {"instances":[{"name":"web@1","node":"alpha","state":"handoff","why":"moving: frozen, beta"}]}
-GET /v1/moves?node=alpha 200 {"moves":[{"name":"web@1","from":"alpha","to":"beta","over":true,"size":5,"bytes":5,"sent":5,"took_ms":1,"ago_ms":900000}]}
-GET /v1/moves?node=alpha 200 {"moves":[{"name":"web@1","from":"alpha","to":"beta","over":false,"size":104857600,"bytes":1,"sent":1,"rate":1}]}
GET /v1/moves?node=alpha 200 {"moves":[{"name":"web@1","from":"alpha","to":"beta","over":false,"size":104857600,"bytes":13107199,"sent":14000000,"rate":52428800,"took_ms":250}]}
GET /v1/status 200 {$cluster,"instances":[{"name":"web@1","service":"web","desired":"running","node":"alpha","state":"handoff","why":"moving: frozen, beta"}]}
GET /v1/moves 200 {"moves":[{"name":"web@1","from":"alpha","to":"beta","over":false,"size":104857600,"bytes":13107199,"rate":52428800,"state":"frozen"}]}
ANSWERS
expect 5 drain alpha -y --deadline 2500ms
has out 'web@1  alpha → beta  12.4 MiB of 100.0 MiB, 50.0 MiB/s'
has err 'left on alpha: web@1: moving: frozen, beta; see'
expect 0 status
has out 'moving to beta: 12.4 MiB of 100.0 MiB, 50.0 MiB/s'
expect 0 status -o json
has out '"bytes": 13107199'
serve <<ANSWERS
GET /v1/instances?node=alpha 200 {"instances":[$web1]}
POST /v1/nodes/alpha/drain $ok
GET /v1/nodes/alpha 200 {"name":"alpha","intent":"draining","progress":"drained"}
GET /v1/instances 200 {"instances":[{"name":"web@1","node":"beta","state":"ready"}]}
GET /v1/moves?node=alpha 200 {"moves":[{"name":"web@1","from":"alpha","to":"beta","over":true,"size":104857600,"bytes":104857600,"sent":1048576,"took_ms":2250,"ago_ms":10}]}
ANSWERS
expect 0 drain alpha -y
looks out '^NAME *FROM *TO *BYTES *TIME *RESULT'
looks out '^web@1 *alpha *beta *100.0 MiB *2s *ready'
expect 0 drain alpha -y -o json
has out '"bytes": 104857600'
has out '"sent": 1048576'
has out '"took_ms": 2250'
serve <<ANSWERS
GET /v1/instances?node=alpha 200 {"instances":[$web1]}
POST /v1/nodes/alpha/drain $ok
GET /v1/nodes/alpha 200 {"name":"alpha","intent":"draining","progress":"draining"}
GET /v1/instances 200 {"instances":[$web1]}
ANSWERS
expect 5 drain alpha -y --deadline 300ms --max-parallel 2
has err "left on alpha: web@1: its move waits for its turn; see 'skepctl why web@1'"
lacks err 'goes on'
expect 5 drain alpha -y --timeout 300ms
has err "the drain goes on: 'skepctl drain alpha --monitor' watches it"
lacks out drained
has log '"deadline_ms":300'
has log '"max_parallel":2'
expect 0 drain alpha -y --detach
serve <<ANSWERS
GET /v1/instances?node=alpha 200 {"instances":[$web1]}
POST /v1/nodes/alpha/drain $ok
GET /v1/nodes/alpha 200 {"name":"alpha","intent":"draining","progress":"undrainable"}
GET /v1/instances 200 {"instances":[$web1]}
ANSWERS
expect 1 drain alpha -y
has err '--force'
# Processes that are only tracked stay, and the exit code says so.
serve <<ANSWERS
GET /v1/instances?node=alpha 200 {"instances":[$web1]}
POST /v1/nodes/alpha/drain?dry_run=1 200 {"moves":[],"tracked":[{"name":"proc","pid":7,"why":"is a process that is only tracked; it does not move"}],"tracked_count":12}
POST /v1/nodes/alpha/drain $ok
GET /v1/nodes/alpha 200 {"name":"alpha","intent":"draining","progress":"drained"}
GET /v1/instances 200 {"instances":[{"name":"web@1","node":"beta","state":"ready"}]}
POST /v1/shutdown $ok
ANSWERS
expect 0 drain alpha --dry-run
looks out '^proc *alpha *- *- *is a process that is only tracked; it does not'
expect 5 drain alpha -y --deadline 5s
looks out '^web@1 *alpha *beta .*ready'
looks out '^proc *alpha *- .*stays: is a process that is only tracked'
has err 'left on alpha: proc: is a process that is only tracked'
lacks err 'skepctl why proc'
has err 'left on alpha: 11 more names of processes'
lacks out 'drained'
expect 1 drain alpha -y
expect 0 drain alpha -y --force
looks out '^drained$'
expect 5 drain alpha -y --deadline 5s -o json
looks out '"result": "not drained"'
looks out '"proc": "is a process that is only tracked; it does not move"'

# --- older states beside a state_path ---
serve <<ANSWERS
GET /v1/status 200 {$cluster,"instances":[$web1]}
GET /v1/aside?name=web 200 {"aside":[{"host":"beta","name":"web@1","path":"/var/lib/w.skep-stale-7","epoch":7,"size":2048,"since_ms":1700000000123,"error":""},{"host":"alpha","name":"web@1","path":"/var/lib/w","size":null,"error":"skep-node cannot look beside it: Permission denied"}],"missing":[{"host":"gamma","error":"it fell silent"}]}
GET /v1/nodes/beta 200 {"name":"beta","state":"alive"}
GET /v1/aside?node=beta&name= 200 {"aside":[{"host":"beta","name":"db","path":"/d.skep-stale-2","epoch":2,"size":null,"since_ms":1700000000123,"error":""}],"missing":[]}
ANSWERS
expect 0 status web
looks out '^older state of web@1 on beta: /var/lib/w.skep-stale-7, 2.0 KiB, set aside [0-9].* ago for run 7; '
has out 'on alpha, /var/lib/w: skep-node cannot look beside it'
has err 'not known: gamma: it fell silent'
expect 0 status web -o json
has out '"path": "/var/lib/w.skep-stale-7"'
expect 0 status
lacks log 'aside?name= '
expect 0 node show beta
has out '/d.skep-stale-2, a large folder, set aside'

# --- messages, whatever bytes they are of ---
bytes=$(printf '\377\000a' | od -An -tx1)
# is_bytes: these, and no more, were printed.
is_bytes() {
	test "$(od -An -tx1 <"$dir/out")" = "$bytes" && return
	echo "FAIL: other bytes than$bytes:"
	od -c "$dir/out"
	failed=1
}
serve <<'ANSWERS'
-POST /v1/names/web@1/call?ack=0 200 {"result":"ok","message":"","answers":[{"name":"web@1","code":"ok","message":"","answer_base64":"/wBh"}]}
-POST /v1/names/web@1/call?ack=0 200 {"result":"ok","message":"","answers":[{"name":"web@1","code":"ok","message":"","answer":"b\u0000c"}]}
POST /v1/names/web@1/call?ack=0 200 {"result":"ok","message":"","answers":[{"name":"web@1","code":"ok","message":"","answer_base64":"/w"}]}
POST /v1/groups/g/multicall?ack=0 200 {"result":"ok","message":"","answers":[{"name":"web@1","code":"ok","message":"","answer_base64":"/wBh"},{"name":"web@2","code":"ok","message":"","answer":"yes"},{"name":"web@3","code":"ok","message":"","answer":"b\u0000c"}]}
ANSWERS
expect 0 call web@1 x
is_bytes
expect 0 call web@1 x
test "$(od -An -tx1 <"$dir/out")" = ' 62 00 63' || { echo "FAIL: NUL"; failed=1; }
expect 1 call web@1 x
has err 'no answer in it'
expect 0 multicall g x
looks out '^web@1 *ok *base64:/wBh$'
looks out '^web@2 *ok *yes$'
looks out '^web@3 *ok *base64:YgBj$'
expect 0 multicall g x -o json
has out '"answer_base64": "/wBh"'

tests/unit/ctl_mailbox "$dir/mailbox" &
mailbox=$!
tries=0
while ! test -S "$dir/mailbox"; do
	tries=$((tries + 1))
	test $tries -lt 500 || { echo "no mailbox"; exit 99; }
	sleep 0.02
done
# inside CODE ARG...: the same in a service.
inside() {
	code=$1
	shift
	SKEP_MAILBOX="$dir/mailbox" ./skepctl "$@" \
		>"$dir/out" 2>"$dir/err" </dev/null
	got=$?
	test $got -eq "$code" && return
	echo "FAIL: in a service: skepctl $*: exit $got, not $code"
	cat "$dir/out" "$dir/err"
	failed=1
}
inside 0 call web@1 x
is_bytes
inside 0 call web@1 x -o json
has out '"answer_base64": "/wBh"'
inside 0 multicall g x
looks out '^web@1 *ok *base64:/wBh$'
looks out '^web@2 *ok *yes$'
inside 0 recv -q
is_bytes
inside 0 recv -o json
has out '"text_base64": "/wBh"'
lacks out 'null'
kill "$mailbox"
wait "$mailbox" 2>/dev/null
mailbox=

# --- a server that is no skepd ---
serve <<'ANSWERS'
GET /v1/status 200 this is no JSON
ANSWERS
expect 1 status
has err 'not JSON'

# --- the man page knows every command and option ---
man=$srcdir/supervisord/ctl/man/skepctl.1
./skepctl --help | sed -n 's/^  \([a-z][a-z-]*\( [a-z-][a-z-]*\)\{0,1\}\).*/\1/p' |
	sed 's/ *$//' | while read -r first second; do
	case "$first $second" in
	'node '* | 'cluster '* | 'debug '*) name="$first $second" ;;
	*) name=$first ;;
	esac
	grep -q "^\.It Cm $name\( \|\$\)" "$man" || echo "$name"
done >"$dir/missing"
for command in status list where apply plan events drain shutdown replay \
	register send 'debug record' 'kv set'; do
	./skepctl $command --help
done | sed -n 's/^  .*--\([a-z-]*\).*/\1/p' | sort -u | while read -r option; do
	grep -qe "^\.It Fl .*-$option\( \|\$\)" "$man" || echo "--$option"
done >>"$dir/missing"
if test -s "$dir/missing"; then
	echo "FAIL: skepctl.1 lacks:"
	cat "$dir/missing"
	failed=1
fi
exit $failed
