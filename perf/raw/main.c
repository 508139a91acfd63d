/*
 * main.c - bench_raw: what the machine itself can do
 *
 * These are limits and no peers. Nothing here is a library: no stealing, no cancelling,
 * no deadlines, no thread that is started when it is needed, one kind of job. What a
 * library adds to these figures is its price. Where it is better than one of them, it
 * has found a better way than that one, not less to do.
 *
 *	raw-futex	shared memory, and futex(2) to sleep and to wake
 *	raw-spin	the same shared memory, and both sides poll it; left out where
 *			there is no CPU for each thread
 *	raw-message	a ring for each thread, and IORING_OP_MSG_RING from one to the
 *			other: what the kernel does for an executor with such rings
 *	raw-eventfd	blocking reads and writes of two eventfds
 *	raw-call	a call through a pointer
 *
 * Threads are placed by the kernel, as those of all others are.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <sys/utsname.h>

#include "raw.h"

long raw_count_cpus(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		perf_check(-errno, "sched_getaffinity");
	return CPU_COUNT(&cpus);
}

static long nothing(void *arg)
{
	(void)arg;
	return 0;
}

/* A volatile pointer: the compiler has to read it, and to call what is there. */
static void work_switch(void)
{
	static long (*volatile fn)(void *) = nothing;
	long count = perf_get("count");
	int64_t start;

	for (long i = 0; i < count / 10 + 1; i++)
		fn(NULL);
	start = perf_clock();
	for (long i = 0; i < count; i++)
		fn(NULL);
	perf_print("switch", "raw-call",
		   (double)(perf_clock() - start) / (double)count, "ns");
}

static const struct perf_work works[] = {
	{ "jobs", raw_work_jobs,
	  { { "workers", 1 }, { "inflight", 1024 }, { ".count", 2000000 } } },
	{ "roundtrip", raw_work_roundtrip, { { ".count", 100000 }, { "gap_us", 0 } } },
	{ "switch", work_switch, { { ".count", 10000000 } } },
	{ 0 },
};

int main(int argc, char **argv)
{
	char version[256];
	struct utsname machine;

	if (uname(&machine) < 0)
		perf_check(-errno, "uname");
	snprintf(version, sizeof(version), "Linux %s", machine.release);
	return perf_main(argc, argv, version, works);
}
