#include "sys/clock.h"

static int64_t
read_ms(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

mono
clock_mono(void)
{
	return (mono){read_ms(CLOCK_BOOTTIME)};
}

int64_t
clock_wall_ms(void)
{
	return read_ms(CLOCK_REALTIME);
}

struct timespec
clock_in_ms(int64_t ms)
{
	struct timespec at;
	clock_gettime(CLOCK_MONOTONIC, &at);
	at.tv_sec += ms / 1000;
	at.tv_nsec += ms % 1000 * 1000000;
	if (at.tv_nsec >= 1000000000) {
		at.tv_nsec -= 1000000000;
		at.tv_sec++;
	}
	return at;
}
