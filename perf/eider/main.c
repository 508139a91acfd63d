/*
 * main.c - bench_eider: the works of Eider
 *
 * The same works as those of the peers' programs, by the public interface only (but
 * for `switch`), and some that only Eider has:
 *
 *	lease leases	transaction contexts that come and go
 *	call yield	fibers that call, and give way
 *	each		ways in which a result can reach the loop
 *	memory		what everything takes
 *	idle		what it costs to do nothing
 *
 * README.md says what each work is; the head of each file how it is done here.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

#define TEXT_OF(x) #x
#define TEXT(x) TEXT_OF(x)
#define VERSION TEXT(EIDER_VERSION_MAJOR) "." TEXT(EIDER_VERSION_MINOR)

void bench_open(struct bench *b, const struct eider_options *options)
{
	perf_check(eider_executor_new(options, &b->executor), "eider_executor_new");
	perf_check(eider_loop_new(b->executor, options, &b->loop), "eider_loop_new");
}

void bench_close(struct bench *b)
{
	perf_check(eider_loop_free(b->loop), "eider_loop_free");
	eider_executor_free(b->executor);
}

void bench_run_fiber(struct bench *b, eider_fn *fn, void *arg)
{
	perf_check(eider_go(fn, arg), "eider_go");
	perf_check(eider_loop_run(b->loop), "eider_loop_run");
}

unsigned int bench_bound(const char *key)
{
	long n = perf_get(key);

	if (n > INT_MAX) {
		fprintf(stderr, "%s=%ld is out of range\n", key, n);
		exit(2);
	}
	return (unsigned int)n;
}

long bench_nothing(void *unused)
{
	(void)unused;
	return 0;
}

static const struct perf_work works[] = {
	{ "jobs", bench_jobs,
	  { { "workers", 1 }, { "inflight", 1024 }, { ".count", 5000000 } } },
	{ "roundtrip", bench_roundtrip, { { "gap_us", 0 }, { ".count", 200000 } } },
	{ "busy", bench_busy,
	  { { "workers", 2 }, { "inflight", 64 }, { "ns", 10000 },
	    { ".count", 100000 } } },
	{ "burst", bench_burst, { { "workers", 2 }, { "count", 100000 } } },
	{ "sleepers", bench_sleepers,
	  { { "threads", 64 }, { "ms", 10 }, { "rounds", 10 } } },
	{ "contexts", bench_contexts,
	  { { "contexts", 8 }, { "inflight", 1024 }, { ".count", 2000000 } } },
	{ "spawn", bench_spawn, { { ".count", 2000000 } } },
	{ "switch", bench_switch, { { ".count", 20000000 } } },
	{ "waiting", bench_waiting_fibers, { { "count", 100000 } } },
	{ "loops", bench_loops,
	  { { "loops", 2 }, { "workers", 2 }, { "inflight", 1024 },
	    { ".count", 2000000 } } },
	{ "echo", bench_echo,
	  { { "connections", 16 }, { "rate", 1 }, { ".seconds", 4 } } },
	{ "call", bench_call,
	  { { "workers", 1 }, { "fibers", 1024 }, { ".count", 4000000 } } },
	{ "yield", bench_yield, { { "fibers", 1 }, { ".count", 20000000 } } },
	{ "lease", bench_lease, { { ".count", 200000 } } },
	{ "leases", bench_leases,
	  { { "contexts", 64 }, { "threads", 4 }, { ".count", 200000 } } },
	{ "each", bench_each,
	  { { "doorbell", 0 }, { ".each", 0 }, { ".count", 1000000 } } },
	{ "memory", bench_memory, { { NULL, 0 } } },
	{ "idle", bench_idle, { { "seconds", 5 }, { "loops", 2 }, { ".pid", 0 } } },
	{ NULL, NULL, { { NULL, 0 } } },
};

int main(int argc, char **argv)
{
	return perf_main(argc, argv, "Eider " VERSION, works);
}
