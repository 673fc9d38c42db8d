#include "sys/capability.h"

#include <stdio.h>
#include <string.h>

#include "sys/nearest.h"

#define COUNT (sizeof names / sizeof *names)

/* In the kernel's order, which never changes. */
static const char *const names[] = {"CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH",
	"FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
	"LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN",
	"NET_RAW", "IPC_LOCK", "IPC_OWNER", "SYS_MODULE", "SYS_RAWIO",
	"SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT",
	"SYS_NICE", "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD",
	"LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP", "MAC_OVERRIDE",
	"MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ",
	"PERFMON", "BPF", "CHECKPOINT_RESTORE"};

int
capability_number(const char *name)
{
	for (int i = 0; i < (int)COUNT; i++)
		if (strcmp(names[i], name) == 0)
			return i;
	return -1;
}

/* The one that begins with what was written, else the nearest; or NULL. */
static const char *
nearest_to(const char *name)
{
	struct nearest n;
	size_t length = strlen(name);
	nearest_init(&n, name);
	for (size_t i = 0; i < COUNT; i++) {
		if (length >= 3 && strncmp(names[i], name, length) == 0)
			return names[i];
		nearest_offer(&n, names[i]);
	}
	return n.best;
}

bool
capability_fault(const char *name, char *out, size_t size)
{
	const char *bare = strncmp(name, "CAP_", 4) == 0 ? name + 4 : name;
	bool is_known = capability_number(bare) >= 0;
	if (is_known && bare == name)
		return false;
	if (is_known) {
		snprintf(out, size, "'%s' is written '%s' here", name, bare);
		return true;
	}
	const char *best = nearest_to(bare);
	snprintf(out, size, "'%.100s' is not a capability%s%s%s", name,
		best ? "; did you mean '" : "", best ? best : "",
		best ? "'?" : "");
	return true;
}
