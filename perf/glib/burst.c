/*
 * burst.c - burst, sleepers: many jobs at once, and results that are waited for
 *
 * What a job takes is the job itself, 40 bytes, a node of 24 bytes of the pool's queue,
 * and with glib-idle a GSource for each result that the loop has not come to yet.
 */
#include <stdlib.h>

#include "bench.h"

/* Jobs that are all out at once; one after another in a process. */
static struct burst {
	struct job *jobs;
	guint64 count;
	guint64 done;
	gint64 end_ns;
} burst;

static void on_done(struct job *job)
{
	(void)job;
	if (++burst.done < burst.count)
		return;
	burst.end_ns = perf_clock();
	executor_quit();
}

/* Until the last result is there. */
static void submit_all(void (*work)(struct job *))
{
	burst.done = 0;
	for (guint64 i = 0; i < burst.count; i++) {
		burst.jobs[i].work = work;
		burst.jobs[i].on_done = on_done;
		executor_submit(&burst.jobs[i]);
	}
	executor_run();
}

void run_burst(void)
{
	struct pump warm = { .work = do_nothing, .in_flight = 100, .count = 1000 };
	long before, growth;
	gint64 start;

	executor_start(perf_get("workers"));
	pump_run(&warm);
	burst.count = (guint64)perf_get("count");
	burst.jobs = perf_alloc(burst.count, sizeof(*burst.jobs));
	perf_sleep_ms(50);
	before = perf_resident();
	perf_reset_peak();
	start = perf_clock();
	submit_all(do_nothing);
	growth = perf_peak() - before;
	executor_stop();
	perf_print("burst", system_name(), (double)(burst.end_ns - start) / 1e6, "ms");
	perf_print("burst_memory", system_name(),
		   growth > 0 ? (double)growth / (double)burst.count : 0, "bytes/job");
	free(burst.jobs);
}

static long sleep_ms;

static void sleep_a_while(struct job *job)
{
	(void)job;
	perf_sleep_ms(sleep_ms);
}

void run_sleepers(void)
{
	long rounds = perf_get("rounds");
	gint64 start;

	sleep_ms = perf_get("ms");
	burst.count = (guint64)perf_get("threads");
	burst.jobs = perf_alloc(burst.count, sizeof(*burst.jobs));
	executor_start(perf_get("threads"));
	submit_all(sleep_a_while);
	start = perf_clock();
	for (long i = 0; i < rounds; i++)
		submit_all(sleep_a_while);
	executor_stop();
	perf_print("sleepers", system_name(), (double)(burst.end_ns - start) / 1e6,
		   "ms");
	free(burst.jobs);
}
