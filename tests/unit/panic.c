/* A broken CHECK in a unit test: the line, then the end. */
#include <stdio.h>
#include <stdlib.h>

#include "base/check.h"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}
