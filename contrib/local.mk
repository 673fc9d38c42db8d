# contrib: what surrounds the build.
EXTRA_DIST += contrib/check contrib/install-deps contrib/quickstart \
	contrib/sandbox contrib/lib/cluster.sh contrib/lib/stages.sh \
	contrib/systemd/skepd.service.in \
	contrib/systemd/skep-shutdown.service.in \
	contrib/systemd/skep-drain.conf.in \
	contrib/systemd/sysusers/skep.conf \
	contrib/doc/coming-from-swarm.md \
	.ci/run

# The units name the programs where they are installed.
UNITS = contrib/systemd/skepd.service contrib/systemd/skep-shutdown.service
DROP_INS = contrib/systemd/skep-drain.conf
MAKE_UNIT = $(MKDIR_P) contrib/systemd && sed \
	-e 's,[@]sbindir[@],$(sbindir),g' -e 's,[@]bindir[@],$(bindir),g' \
	-e 's,[@]pkgdatadir[@],$(pkgdatadir),g'
contrib/systemd/skepd.service: contrib/systemd/skepd.service.in Makefile
	$(AM_V_GEN)$(MAKE_UNIT) $(srcdir)/contrib/systemd/skepd.service.in \
		>$@.tmp && mv $@.tmp $@
contrib/systemd/skep-shutdown.service: contrib/systemd/skep-shutdown.service.in \
		Makefile
	$(AM_V_GEN)$(MAKE_UNIT) \
		$(srcdir)/contrib/systemd/skep-shutdown.service.in \
		>$@.tmp && mv $@.tmp $@
contrib/systemd/skep-drain.conf: contrib/systemd/skep-drain.conf.in Makefile
	$(AM_V_GEN)$(MAKE_UNIT) $(srcdir)/contrib/systemd/skep-drain.conf.in \
		>$@.tmp && mv $@.tmp $@
CLEANFILES += $(UNITS) $(DROP_INS)
if HAVE_UNITS
systemdsystemunit_DATA = $(UNITS)
dropinsdir = $(pkgdatadir)/systemd
dropins_DATA = $(DROP_INS)
sysusersdir = $(prefix)/lib/sysusers.d
sysusers_DATA = contrib/systemd/sysusers/skep.conf
else
noinst_DATA = $(UNITS) $(DROP_INS)
endif
include contrib/targets.mk
