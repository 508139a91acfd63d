/*
 * main.c - bench_uv: what measures Eider, for libuv
 *
 * What a good user of libuv does for work that must not block the loop is
 * uv_queue_work(): a request of his own, a function that a thread of the pool runs,
 * and a callback on the loop. There is no faster way to the pool and none back.
 *
 * The settings.
 *
 *  - The pool belongs to the process and is the same for all loops. It has the threads
 *    that UV_THREADPOOL_SIZE says when the first request comes, 1024 at most, and
 *    starts them all at once; without the variable it would be 4. Each work sets it.
 *  - A request is reused by its own callback, so libuv and we allocate nothing.
 *  - There is nothing else to set. libuv knows no affinity of jobs to threads, no
 *    serial contexts and no fibers: those works are not here.
 *  - libuv's timers count milliseconds. Where a work asks for less, a timerfd under
 *    uv_poll does it (alarm.c), so that a time is as long as it says.
 */
#include <stdio.h>

#include "bench.h"

static const struct perf_work works[] = {
	{ "jobs", run_jobs,
	  { { "workers", 1 }, { "inflight", 1024 }, { ".count", 5000000 } } },
	{ "roundtrip", run_roundtrip, { { ".count", 200000 }, { "gap_us", 0 } } },
	{ "busy", run_busy,
	  { { "workers", 2 }, { "inflight", 64 }, { "ns", 10000 },
	    { ".count", 100000 } } },
	{ "burst", run_burst, { { "workers", 2 }, { "count", 100000 } } },
	{ "sleepers", run_sleepers,
	  { { "threads", 64 }, { "ms", 10 }, { "rounds", 10 } } },
	{ "loops", run_loops,
	  { { "loops", 2 }, { "workers", 2 }, { "inflight", 1024 },
	    { ".count", 2000000 } } },
	{ "echo", run_echo,
	  { { "connections", 16 }, { "rate", 1 }, { ".seconds", 4 } } },
	{ NULL, NULL, { { NULL, 0 } } },
};

int main(int argc, char **argv)
{
	char version[64];

	snprintf(version, sizeof(version), "libuv %s", uv_version_string());
	return perf_main(argc, argv, version, works);
}
