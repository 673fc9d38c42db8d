/* The least that any supervisor must do: vfork, exec, wait, again.
 *
 *   floor COUNT PROGRAM FIFO
 *
 * runs COUNT copies of PROGRAM ARGUMENT NUMBER and starts each one again as
 * soon as it ends, until SIGTERM.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#define COUNT_MAX 4096

static pid_t pids[COUNT_MAX];

static pid_t
start(char *program, char *argument, int number)
{
	char text[16];
	snprintf(text, sizeof text, "%d", number);
	char *argv[] = {program, argument, text, NULL};
	pid_t pid = vfork();
	if (pid == 0) {
		execv(program, argv);
		_exit(127);
	}
	return pid;
}

int
main(int argc, char **argv)
{
	int count = argc > 3 ? atoi(argv[1]) : 0;
	if (count < 1 || count > COUNT_MAX)
		return 2;
	for (int i = 0; i < count; i++)
		pids[i] = start(argv[2], argv[3], i);
	for (pid_t pid; (pid = wait(NULL)) > 0;)
		for (int i = 0; i < count; i++)
			if (pids[i] == pid)
				pids[i] = start(argv[2], argv[3], i);
	return 0;
}
