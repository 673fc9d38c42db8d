# contrib: what surrounds the build.
EXTRA_DIST += contrib/check contrib/install-deps contrib/quickstart \
	contrib/sandbox contrib/lib/cluster.sh contrib/lib/stages.sh \
	contrib/systemd/skepd.service contrib/systemd/skep-shutdown.service contrib/systemd/skep.conf.sysusers \
	contrib/systemd/skep-drain.conf contrib/doc/coming-from-swarm.md \
	.ci/run
include contrib/targets.mk
