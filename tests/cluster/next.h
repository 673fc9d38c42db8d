/* What makes the second build, to which daemon-reexec goes, another version:
 * included after config.h.  It speaks another version between its processes
 * too, as a build with other messages would. */
#undef PACKAGE_VERSION
#define PACKAGE_VERSION "99.1.0"
#define KPROTO_VERSION 99
