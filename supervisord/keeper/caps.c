#include "keeper/caps.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/capability.h"

#define NUMBER_MAX 63

int
caps_read(const struct kproto_texts *texts, uint64_t *out, struct err *err)
{
	struct reader r;
	reader_init(&r, texts->packed.data, texts->packed.size);
	*out = 0;
	for (uint32_t i = 0; i < texts->count; i++) {
		const char *name = reader_text(&r);
		int number = capability_number(name);
		if (number < 0)
			return err_set(err, -EINVAL,
				"capabilities: there is no %s", name);
		if (prctl(PR_CAPBSET_READ, number, 0, 0, 0) < 0)
			return err_set(err, -EINVAL,
				"capabilities: this kernel has no %s", name);
		*out |= UINT64_C(1) << number;
	}
	return 0;
}

static bool
has(uint64_t mask, int number)
{
	return (mask >> number) & 1;
}

int
caps_before_switch(uint64_t mask, struct err *err)
{
	for (int n = 0; n <= NUMBER_MAX; n++) {
		int is_there = prctl(PR_CAPBSET_READ, n, 0, 0, 0);
		if (is_there < 0)
			break;
		if (is_there == 0 && has(mask, n))
			return err_set(err, -EPERM,
				"capabilities: skepd itself may not have "
				"capability %d",
				n);
		if (is_there && !has(mask, n) &&
			prctl(PR_CAPBSET_DROP, n, 0, 0, 0) < 0)
			return err_sys(
				err, -errno, "capabilities: the bounding set");
	}
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0)
		return err_sys(err, -errno, "capabilities: PR_SET_KEEPCAPS");
	return 0;
}

static int
set_all(uint64_t mask)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	uint32_t low = (uint32_t)mask, high = (uint32_t)(mask >> 32);
	struct __user_cap_data_struct data[2] = {
		{low, low, low}, {high, high, high}};
	return syscall(SYS_capset, &head, data) < 0 ? -errno : 0;
}

int
caps_after_switch(uint64_t mask, struct err *err)
{
	int rc = set_all(mask);
	if (rc < 0)
		return err_sys(err, rc, "capabilities");
	prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0);
	if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
		return err_sys(err, -errno, "capabilities: the ambient set");
	for (int n = 0; n <= NUMBER_MAX; n++)
		if (has(mask, n) && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE,
					    n, 0, 0) < 0)
			return err_sys(
				err, -errno, "capabilities: the ambient set");
	return 0;
}
