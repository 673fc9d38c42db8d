/* What makes the second build, to which daemon-reexec goes, another version:
 * included after config.h. */
#undef PACKAGE_VERSION
#define PACKAGE_VERSION "99.1.0"
