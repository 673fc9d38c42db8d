# spec: services as people write them.  libyaml reads; one table of keys
# decides what is known.  policy.h is what the core sees of it.
noinst_LIBRARIES += libspec.a
libspec_a_CFLAGS = $(AM_CFLAGS) $(YAML_CFLAGS)
libspec_a_SOURCES = \
	spec/advice.c spec/advice.h \
	spec/body.c spec/body.h \
	spec/choices.c spec/choices.h \
	spec/cron.c spec/cron.h \
	spec/cycle.c spec/cycle.h \
	spec/expand.c spec/expand.h \
	spec/json.c spec/json.h \
	spec/keys.c spec/keys.h \
	spec/keys_find.c \
	spec/parse.c \
	spec/policy.c spec/policy.h \
	spec/pool.c spec/pool.h \
	spec/rules.c spec/rules.h \
	spec/shapes.c spec/shapes.h \
	spec/spec.h \
	spec/tree.c spec/tree.h \
	spec/value.c spec/value.h \
	spec/words.c spec/words.h \
	spec/write.c
SPEC_LIBS = libspec.a libsys.a libbase.a $(YAML_LIBS)

# The schema for editors, from the same table.
noinst_PROGRAMS += spec/genschema
spec_genschema_SOURCES = spec/genschema.c
spec_genschema_LDADD = $(SPEC_LIBS)
skep-service.schema.json: spec/genschema$(EXEEXT)
	$(AM_V_GEN)spec/genschema$(EXEEXT) >$@.tmp && mv $@.tmp $@
nodist_pkgdata_DATA += skep-service.schema.json
CLEANFILES += skep-service.schema.json
