/* /proc/PID/stat: what the kernel says of a process, field by field (proc(5)).
 */
#ifndef SKEP_SYS_PROCSTAT_H
#define SKEP_SYS_PROCSTAT_H

#include <stdint.h>
#include <sys/types.h>

#define PROCSTAT_STATE	    3
#define PROCSTAT_PARENT	    4
#define PROCSTAT_START_TIME 22 /* ticks since boot */
#define PROCSTAT_EXIT_CODE  52

/* All of it as one text, the caller's to free; NULL when it is gone. */
char *procstat_read(pid_t pid);

/* Where the numbered field begins, from 3 on, or NULL.  The second is "(name)",
 * and a name may hold anything. */
const char *procstat_field(const char *stat, int number);

/* The same as a number; 0 where there is none. */
uint64_t procstat_number(const char *stat, int number);

/* The start time of a process, 0 when it cannot be read. */
uint64_t procstat_start_time(pid_t pid);

#endif
