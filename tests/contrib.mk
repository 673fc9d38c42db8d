# What proves the style, the manual pages, skep.conf and the examples.
TIDY_TESTS = \
	tests/tidy/arrows.sh \
	tests/tidy/banned.sh \
	tests/tidy/examples.sh \
	tests/tidy/headers.sh \
	tests/tidy/man.sh \
	tests/tidy/sample_conf.sh \
	tests/tidy/scripts.sh \
	tests/tidy/sizes.sh \
	tests/tidy/words.sh
dist_check_SCRIPTS += $(TIDY_TESTS)
TESTS += $(TIDY_TESTS)
EXTRA_DIST += tests/contrib.mk tests/tidy/lib.sh tests/tidy/code.awk \
	tests/tidy/sizes.awk

GOLDEN += golden-conf
golden-conf: etc/man/keytables$(EXEEXT)
	etc/man/keytables$(EXEEXT) sample >$(srcdir)/etc/skep.conf
.PHONY: golden-conf
