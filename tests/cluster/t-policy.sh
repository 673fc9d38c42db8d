#!/bin/bash
# What a host's own [policy] forbids, it does not run, whoever asks; broken
# files of services.d block only themselves.
BUDGET=60
POLICY='allow_root = no
allowed_users = nobody'
. "$(dirname "$0")/lib.sh"
cluster_begin alpha
cat >"$T/alpha/services.d/good.yaml" <<END
services:
  good: {command: [/bin/sleep, "500001"], user: nobody}
END
printf 'services:\n  broken: {comand: [/bin/true]}\n' \
	>"$T/alpha/services.d/broken.yaml"
cat >"$T/alpha/services.d/hook.yaml" <<END
services:
  hooked: {command: [/bin/true], user: nobody, placement: {pools: [x]}}
END
host_start alpha
wait_for 30 "alpha answers" ctl alpha status

step "bad files beside a good one"
is_ready() {
	[ "$(field alpha "$1" state)" = ready ]
}
wait_for 20 "the good one runs" is_ready good
says() {
	ctl alpha status | grep -q -- "$1"
}
wait_for 10 "status shows the unknown key and its place" \
	says 'broken.yaml:2:12'
wait_for 10 "a later key is refused by name" says 'pools.*not supported yet'

step "policy: refused by name"
cat >"$T/bad.yaml" <<END
services:
  as-root: {command: [/bin/sleep, "500002"], user: root}
  as-nobody-else: {command: [/bin/sleep, "500002"], user: daemon}
  foreign-group: {command: [/bin/sleep, "500002"], user: nobody, group: shadow}
  peeks: {command: [/bin/sleep, "500002"], user: nobody, env_file: /etc/shadow}
  pushes: {command: [/bin/sleep, "500002"], user: nobody, nice: -5}
  unprotected: {command: [/bin/sleep, "500002"], user: nobody, oom_score_adj: -900}
  nobody-home: {command: [/no/such/program], user: nobody}
  no-user: {command: [/bin/sleep, "500002"]}
END
check "apply" ctl alpha apply -f "$T/bad.yaml"
tells() {
	ctl alpha history "$1" | grep -q -- "$2" &&
		ctl alpha status "$1" | grep -q -- "$2"
}
wait_for 10 "root: allow_root" tells as-root allow_root
wait_for 10 "another user: allowed_users" tells as-nobody-else allowed_users
wait_for 10 "a foreign group: allowed_groups" tells foreign-group allowed_groups
wait_for 10 "env_file: /etc/shadow" tells peeks 'env_file.*/etc/shadow'
wait_for 10 "a negative nice: allow_raise" tells pushes allow_raise
wait_for 10 "a negative oom_score_adj: allow_raise" tells unprotected allow_raise
wait_for 10 "a missing program" tells nobody-home '/no/such/program'
wait_for 10 "no user under root" tells no-user 'user\|allow_root'
check "none of them ran" process_count_is 'sleep 500002' 0
check "the good one still does" is_ready good
finish
