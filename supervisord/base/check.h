/* Assertions that stay on in every build.
 *
 * CHECK is for bugs only: a condition that no input can make false.  Bytes
 * from outside (network, YAML, INI, SQLite, argv) never reach a CHECK; they
 * are decoded into results first.
 */
#ifndef SKEP_BASE_CHECK_H
#define SKEP_BASE_CHECK_H

/* Ends the program with file, line and the failed expression.  Every program
 * that links a skep library provides it: the daemons write a line and abort,
 * the simulator prints the seed first.  Does not return. */
_Noreturn void panic(const char *file, int line, const char *what);

/* Panics unless 'cond' holds. */
#define CHECK(cond)                                                            \
	do {                                                                   \
		if (!(cond))                                                   \
			panic(__FILE__, __LINE__, #cond);                      \
	} while (0)

/* Marks a place that no execution reaches. */
#define UNREACHABLE() panic(__FILE__, __LINE__, "unreachable")

#endif
