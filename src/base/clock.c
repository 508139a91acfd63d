/*
 * clock.c - the clock of all deadlines
 */
#include <time.h>

#include <eider/base.h>

int64_t eider_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

int64_t eider_after(int64_t ns)
{
	int64_t now = eider_now();

	if (ns <= 0)
		return now;
	return ns > EIDER_NEVER - now ? EIDER_NEVER : now + ns;
}
