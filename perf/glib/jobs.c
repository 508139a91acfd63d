/*
 * jobs.c - jobs, busy: how many, and at what price
 *
 * The same structure as ours, call for call: the callback of a result submits the same
 * job again.
 */
#include <stdlib.h>

#include "bench.h"

/* A job that knows its pump; the pump is the process's only one. */
static struct pump *pump;

static void start(struct job *job)
{
	pump->started++;
	executor_submit(job);
}

static void on_done(struct job *job)
{
	struct pump *p = pump;

	p->done++;
	if (p->done == p->warm)
		perf_now(&p->start);
	if (p->done == p->warm + p->count) {
		perf_now(&p->end);
		executor_quit();
	}
	if (p->started < p->warm + p->count)
		start(job);
}

void pump_run(struct pump *p)
{
	struct job *jobs = perf_alloc(p->in_flight, sizeof(*jobs));

	pump = p;
	if (!p->warm)
		perf_now(&p->start);
	for (guint64 i = 0; i < p->in_flight && p->started < p->warm + p->count; i++) {
		jobs[i].work = p->work;
		jobs[i].on_done = on_done;
		start(&jobs[i]);
	}
	executor_run();
	free(jobs);
}

void run_jobs(void)
{
	struct pump p = {
		.work = do_nothing,
		.in_flight = (guint64)perf_get("inflight"),
		.count = (guint64)perf_get("count"),
	};

	p.warm = p.count / 10 + 1;
	executor_start(perf_get("workers"));
	pump_run(&p);
	executor_stop();
	perf_print_rate("jobs", system_name(), p.count, &p.start, &p.end);
}

static long spin_rounds;

static void compute(struct job *job)
{
	(void)job;
	perf_spin(spin_rounds);
}

void run_busy(void)
{
	struct pump p = {
		.work = compute,
		.in_flight = (guint64)perf_get("inflight"),
		.count = (guint64)perf_get("count"),
	};
	long ns = perf_get("ns"), threads;

	spin_rounds = perf_calibrate(ns, perf_get("workers"), &threads);
	p.warm = p.count / 10 + 1;
	executor_start(perf_get("workers"));
	pump_run(&p);
	executor_stop();
	perf_print("busy_efficiency", system_name(),
		   100. * (double)p.count * (double)ns /
			   ((double)(p.end.wall_ns - p.start.wall_ns) *
			    (double)threads),
		   "%");
}
