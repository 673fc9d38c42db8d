# etc: skep.conf, examples, manual pages.
examplesdir = $(pkgdatadir)/examples
dist_examples_DATA = etc/skep.conf etc/examples/counter.c \
	etc/examples/counter.yaml etc/examples/crasher.yaml \
	etc/examples/nginx.yaml etc/examples/once.yaml \
	etc/examples/postgresql.yaml etc/examples/redis.yaml \
	etc/examples/redis-checkpoint.yaml etc/examples/redis-kept.yaml \
	etc/examples/sqlite.yaml \
	etc/examples/tally.c etc/examples/tally.yaml etc/examples/web.yaml
dist_examples_SCRIPTS = etc/examples/counter.sh

# What is installed names its neighbours where they are.
install-data-hook:
	@cd $(DESTDIR)$(examplesdir) && for f in *.yaml; do \
		sed 's,/usr/share/skep,$(pkgdatadir),g' "$$f" >"$$f.tmp" && \
		chmod 644 "$$f.tmp" && mv "$$f.tmp" "$$f" || exit; done

# The tests and the quickstart run the counter from the build directory.
noinst_PROGRAMS += examples/counter
examples_counter_SOURCES = etc/examples/counter.c
noinst_PROGRAMS += examples/tally
examples_tally_SOURCES = etc/examples/tally.c

# The manual pages take their lists of keys from the parsers' tables.
noinst_PROGRAMS += etc/man/keytables
etc_man_keytables_SOURCES = etc/man/keytables.c
etc_man_keytables_LDADD = libspec.a $(CONF_LIBS) $(YAML_LIBS)

dist_man_MANS += etc/man/skepd.8 etc/man/skep-handlers.7
man_MANS += etc/man/skep.conf.5 etc/man/skep.yaml.5
CLEANFILES += $(man_MANS)
EXTRA_DIST += etc/man/expand.sh etc/man/skep.conf.5.in etc/man/skep.yaml.5.in

etc/man/skep.conf.5: etc/man/skep.conf.5.in etc/man/expand.sh \
		etc/man/keytables$(EXEEXT)
	$(AM_V_GEN)sh $(srcdir)/etc/man/expand.sh \
		$(srcdir)/etc/man/skep.conf.5.in \
		etc/man/keytables$(EXEEXT) conf >$@.tmp && mv $@.tmp $@
etc/man/skep.yaml.5: etc/man/skep.yaml.5.in etc/man/expand.sh \
		etc/man/keytables$(EXEEXT)
	$(AM_V_GEN)sh $(srcdir)/etc/man/expand.sh \
		$(srcdir)/etc/man/skep.yaml.5.in \
		etc/man/keytables$(EXEEXT) spec >$@.tmp && mv $@.tmp $@
