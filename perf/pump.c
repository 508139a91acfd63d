/*
 * pump.c - see pump.h
 */
#include "pump.h"

#include <stdlib.h>

static long nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void start(struct pump *p, struct eider_job *job);

static void on_done(struct eider_future *f)
{
	struct eider_job *job = (struct eider_job *)f;
	struct pump *p = job->arg;

	p->done++;
	if (p->done == p->warm)
		perf_now(&p->start);
	if (p->done == p->warm + p->count)
		perf_now(&p->end);
	if (p->started < p->warm + p->count)
		start(p, job);
}

static void start(struct pump *p, struct eider_job *job)
{
	perf_check(eider_submit(job, nothing, p), "eider_submit");
	perf_check(eider_on_done(&job->future, on_done), "eider_on_done");
	p->started++;
}

void pump_run(struct pump *p, struct eider_loop *loop)
{
	struct eider_job *jobs = perf_alloc(p->in_flight, sizeof(*jobs));

	p->started = p->done = 0;
	p->warm = p->count / 10 + 1;
	for (unsigned int i = 0; i < p->in_flight; i++)
		start(p, &jobs[i]);
	perf_check(eider_loop_run(loop), "eider_loop_run");
	free(jobs);
}

double pump_jobs_per_second(const struct pump *p)
{
	return (double)p->count * 1e9 / (double)(p->end.wall_ns - p->start.wall_ns);
}

double pump_cpu_per_job(const struct pump *p)
{
	return (double)(p->end.cpu_ns - p->start.cpu_ns) / (double)p->count;
}
