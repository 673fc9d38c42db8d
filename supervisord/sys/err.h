/* Errors as people read them: one line of text, built up on the way out.
 *
 * A function of the shell returns 0 or -errno and takes a 'struct err *' as
 * its last parameter.  The place where the error happened sets the text once;
 * callers may put a prefix in front ("spec web: ...").  The text names the
 * thing, the place and, where there is one, the remedy.
 */
#ifndef SKEP_SYS_ERR_H
#define SKEP_SYS_ERR_H

#include <stdarg.h>

#define ERR_TEXT_SIZE 1024

/* One error text; "" while there is none. */
struct err {
	char text[ERR_TEXT_SIZE]; /* NUL-terminated, cut if too long */
};

/* Sets the text and returns 'code' (a negative errno), so that a caller can
 * write: return err_set(err, -EINVAL, "...").  'err' may be NULL. */
int err_set(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As err_set, with ": " and strerror(-code) appended. */
int err_sys(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts a prefix and ": " in front of the text there is; returns 'code'. */
int err_wrap(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

#endif
