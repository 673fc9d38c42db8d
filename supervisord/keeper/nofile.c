#include "keeper/nofile.h"

#include <stdbool.h>
#include <sys/resource.h>

static struct rlimit given;
static bool is_raised;

void
nofile_raise(void)
{
	if (getrlimit(RLIMIT_NOFILE, &given) < 0)
		return;
	struct rlimit all = {given.rlim_max, given.rlim_max};
	is_raised = setrlimit(RLIMIT_NOFILE, &all) == 0;
}

void
nofile_restore(void)
{
	if (is_raised)
		setrlimit(RLIMIT_NOFILE, &given);
}
