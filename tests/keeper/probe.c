/* Prints what a program started by skepd finds itself to be. */
#include <dirent.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void
print_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;
	int own = dir ? dirfd(dir) : -1;
	printf("fds");
	while (dir && (e = readdir(dir)))
		if (e->d_name[0] != '.' && atoi(e->d_name) != own)
			printf(" %s", e->d_name);
	printf("\n");
	if (dir)
		closedir(dir);
}

static void
print_file(const char *path, const char *const *starts)
{
	char line[512];
	FILE *in = fopen(path, "r");
	while (in && fgets(line, sizeof line, in))
		for (int i = 0; starts[i]; i++)
			if (strncmp(line, starts[i], strlen(starts[i])) == 0)
				fputs(line, stdout);
	if (in)
		fclose(in);
}

int
main(void)
{
	static const char *const status[] = {
		"SigBlk:", "SigIgn:", "NoNewPrivs:", "Groups:", "CapInh:",
		"CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", NULL};
	static const char *const all[] = {"", NULL};
	struct rlimit l;
	char cwd[4096];
	print_fds();
	print_file("/proc/self/status", status);
	getrlimit(RLIMIT_NOFILE, &l);
	printf("nofile %ld %ld\n", (long)l.rlim_cur, (long)l.rlim_max);
	printf("ids %u %u %u %u\n", getuid(), geteuid(), getgid(), getegid());
	printf("umask %03o\n", umask(0));
	printf("nice %d\n", getpriority(PRIO_PROCESS, 0));
	printf("policy %d\n", sched_getscheduler(0));
	printf("leads %d\n", getsid(0) == getpid());
	printf("cwd %s\n", getcwd(cwd, sizeof cwd) ? cwd : "?");
	printf("home %s\n", getenv("HOME") ? getenv("HOME") : "-");
	printf("leak %s\n", getenv("SKEP_TEST_SOCKET") ? "yes" : "no");
	printf("oom ");
	fflush(stdout);
	print_file("/proc/self/oom_score_adj", all);
	printf("end\n");
	return 0;
}
