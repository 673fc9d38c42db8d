# Tests with real daemons, run by `make check-cluster' (contrib/targets.mk).
EXTRA_DIST += \
	tests/cluster/adopt.sh \
	tests/cluster/counters.sh \
	tests/cluster/lib.sh \
	tests/cluster/run \
	tests/cluster/services.sh \
	tests/cluster/t-adopt.sh \
	tests/cluster/t-long-adopt.sh \
	tests/cluster/t-handoff-kill.sh \
	tests/cluster/t-handoff.sh \
	tests/cluster/t-hostile.sh \
	tests/cluster/t-keeper-gone.sh \
	tests/cluster/t-loss.sh \
	tests/cluster/t-one-host.sh \
	tests/cluster/t-order.sh \
	tests/cluster/t-policy.sh \
	tests/cluster/t-logs.sh \
	tests/cluster/t-record.sh \
	tests/cluster/t-remote.sh \
	tests/cluster/t-three-hosts.sh
