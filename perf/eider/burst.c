/*
 * burst.c - many jobs at once: burst, sleepers
 *
 * burst: the workers are there and asleep. Then as many empty jobs as there are come
 * in one row, from between two turns of the loop, each with a callback. The jobs are
 * the caller's, in memory that was not touched before: what Eider itself takes for
 * them is the difference (burst_own_memory).
 *
 * sleepers: as many jobs as threads, and each of them sleeps. A pool that finds a
 * thread for each of them at once takes the time of one.
 */
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "bench.h"

enum {
	WARM_JOBS = 1000,
	PAUSE_MS = 50,
};

/* Jobs that are started together, and when the last of them was done. */
struct crowd {
	struct eider_job *jobs;
	long count, done;
	eider_fn *fn;
	void *arg;
	int64_t start, end;
};

static struct crowd *crowd;

static void on_done(struct eider_future *f)
{
	(void)f;
	if (++crowd->done == crowd->count)
		crowd->end = perf_clock();
}

static void run_crowd(struct bench *b, struct crowd *c)
{
	crowd = c;
	c->done = 0;
	c->start = perf_clock();
	for (long i = 0; i < c->count; i++) {
		perf_check(eider_submit(&c->jobs[i], c->fn, c->arg), "eider_submit");
		perf_check(eider_on_done(&c->jobs[i].future, on_done),
			   "eider_on_done");
	}
	perf_check(eider_loop_run(b->loop), "eider_loop_run");
}

static void warm_up(struct bench *b)
{
	struct crowd warm = { .count = WARM_JOBS, .fn = bench_nothing };

	warm.jobs = perf_alloc(WARM_JOBS, sizeof(*warm.jobs));
	run_crowd(b, &warm);
	free(warm.jobs);
	perf_sleep_ms(PAUSE_MS);
}

void bench_burst(void)
{
	struct crowd burst = { .count = bench_bound("count"), .fn = bench_nothing };
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = bench_bound("workers"),
		.queue_max = (unsigned int)burst.count + WARM_JOBS,
	};
	struct bench b;
	double bytes;
	long before;

	bench_open(&b, &options);
	warm_up(&b);
	burst.jobs = perf_alloc((size_t)burst.count, sizeof(*burst.jobs));
	perf_reset_peak();
	before = perf_resident();
	run_crowd(&b, &burst);
	bytes = (double)(perf_peak() - before) / (double)burst.count;
	bench_close(&b);
	free(burst.jobs);

	perf_print("burst", "eider", (double)(burst.end - burst.start) / 1e6, "ms");
	perf_print("burst_memory", "eider", bytes, "bytes/job");
	perf_print("burst_own_memory", "eider",
		   bytes - (double)sizeof(struct eider_job), "bytes/job");
}

static long sleep_for(void *arg)
{
	struct timespec left = *(const struct timespec *)arg;

	while (nanosleep(&left, &left) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

void bench_sleepers(void)
{
	long rounds = perf_get("rounds"), ms = perf_get("ms");
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };
	struct crowd sleepers = {
		.count = bench_bound("threads"),
		.fn = sleep_for,
		.arg = &ts,
	};
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = (unsigned int)sleepers.count,
	};
	struct bench b;
	int64_t start;

	sleepers.jobs = perf_alloc((size_t)sleepers.count, sizeof(*sleepers.jobs));
	bench_open(&b, &options);
	run_crowd(&b, &sleepers);
	start = perf_clock();
	for (long i = 0; i < rounds; i++)
		run_crowd(&b, &sleepers);
	perf_print("sleepers", "eider", (double)(sleepers.end - start) / 1e6, "ms");
	bench_close(&b);
	free(sleepers.jobs);
}
