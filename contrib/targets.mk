# The targets that automake does not bring; HACKING.md says what each is for.
#
# What is built with other flags has a folder of its own below the build
# folder, which stays: the next time only what changed is compiled.
EXTRA_DIST += contrib/targets.mk contrib/under-valgrind contrib/coverage \
	contrib/lib/variant.sh

VARIANT = bash $(abs_top_srcdir)/contrib/lib/variant.sh
DEBUG_CFLAGS = CFLAGS='-g -O1'

check-asan:
	+$(VARIANT) asan --enable-sanitizer=address,undefined \
		$(DEBUG_CFLAGS) -- $(MAKE) check

check-tsan:
	+$(VARIANT) tsan --enable-sanitizer=thread $(DEBUG_CFLAGS) -- \
		$(MAKE) check

check-valgrind:
	+$(VARIANT) valgrind $(DEBUG_CFLAGS) -- $(MAKE) check LOG_COMPILER=\
	'$(SHELL) $(abs_top_srcdir)/contrib/under-valgrind'

coverage:
	+$(VARIANT) coverage CFLAGS='-g -O0 --coverage' -- \
		$(SHELL) $(abs_top_srcdir)/contrib/coverage $(MAKE)

# Real daemons, a network namespace per host.  77 when it cannot be done here.
CLUSTER_BUILD = $(NEXT_BUILD) $(GIVER_BUILD) $(SEEK_BUILD) $(ANSWERER_BUILD)
check-cluster: all $(CLUSTER_BUILD)
	SKEP_BUILD=$(abs_builddir) bash $(srcdir)/tests/cluster/run

# The same with the tests that take longer than anybody wants to wait.
check-long: all $(CLUSTER_BUILD) sim-starve
	SKEP_BUILD=$(abs_builddir) bash $(srcdir)/tests/cluster/run -l

# A cluster of three on this machine, and a shell that knows it.
sandbox: all
	bash $(srcdir)/contrib/sandbox $(abs_builddir)

# Rewrites what tests compare with; look at the difference before you commit.
golden: $(GOLDEN)

tidy:
	@for t in $(TIDY_TESTS); do \
		echo "$$t"; srcdir=$(srcdir) $(SHELL) $(srcdir)/$$t; \
		rc=$$?; test $$rc = 0 || test $$rc = 77 || bad=yes; \
	done; test -z "$$bad"

SOURCE_FOLDERS = supervisord spec plugins etc tests
format:
	cd $(srcdir) && find $(SOURCE_FOLDERS) -name '*.[ch]' \
		-exec clang-format -i {} +

# clang's analyzer over every file; a finding is a failure.
analyze:
	+$(VARIANT) analyze $(DEBUG_CFLAGS) -- \
		scan-build --status-bugs -o report $(MAKE) clean all

clean-local:
	rm -rf variant-*

.PHONY: analyze check-asan check-cluster check-long check-tsan \
	check-valgrind coverage format golden sandbox tidy
