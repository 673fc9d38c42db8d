# The targets that automake does not bring.  HACKING.md says what each is for.
#
# Builds with other flags happen in folders of their own below the build
# folder and may be kept: the next one only compiles what changed.
EXTRA_DIST += contrib/targets.mk
abs_src = $(abs_top_srcdir)
C_FILES = git -C $(abs_src) ls-files '*.c' '*.h'

# $(call in_variant,FOLDER,CONFIGURE ARGUMENTS,COMMAND)
define in_variant
	@$(MKDIR_P) $(1)
	cd $(1) && { test -f Makefile || \
		$(abs_src)/configure -q --enable-werror $(2); } && $(3)
endef

ASAN_ENV = ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 \
	UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
TSAN_ENV = TSAN_OPTIONS=halt_on_error=1
VALGRIND = valgrind -q --error-exitcode=99 --leak-check=full \
	--child-silent-after-fork=yes

check-asan:
	$(call in_variant,variant-asan,--enable-sanitizer=address$(comma)undefined \
		CFLAGS='-g -O1',$(ASAN_ENV) $(MAKE) check)

check-tsan:
	$(call in_variant,variant-tsan,--enable-sanitizer=thread \
		CFLAGS='-g -O1',$(TSAN_ENV) $(MAKE) check)

# Check's children are followed only where they are tests, not daemons.
check-valgrind:
	$(call in_variant,variant-valgrind,CFLAGS='-g -O1',\
		CK_FORK=no $(MAKE) check LOG_COMPILER="$(abs_src)/build-aux/none")

coverage:
	$(call in_variant,variant-coverage,CFLAGS='-g -O0 --coverage',\
		$(MAKE) check && sh $(abs_src)/contrib/coverage $(abs_src))

comma = ,

check-cluster: all
	SKEP_BUILD=$(abs_builddir) bash $(srcdir)/tests/cluster/run
