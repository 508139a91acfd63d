/*
 * pump.c - see pump.h
 */
#include "pump.h"

#include <stdlib.h>

void pump_init(struct pump *p)
{
	p->started = p->done = 0;
	p->warm = p->count / 10 + 1;
}

bool pump_wants_more(struct pump *p)
{
	if (p->started == p->warm + p->count)
		return false;
	p->started++;
	return true;
}

void pump_count(struct pump *p)
{
	p->done++;
	if (p->done == p->warm)
		perf_now(&p->start);
	if (p->done == p->warm + p->count)
		perf_now(&p->end);
}

static void on_done(struct eider_future *f);

static void start(struct pump *p, struct eider_job *job)
{
	perf_check(eider_submit(job, p->fn ? p->fn : bench_nothing, p),
		   "eider_submit");
	perf_check(eider_on_done(&job->future, on_done), "eider_on_done");
}

static void on_done(struct eider_future *f)
{
	struct eider_job *job = (struct eider_job *)f;
	struct pump *p = job->arg;

	pump_count(p);
	if (pump_wants_more(p))
		start(p, job);
}

void pump_run(struct pump *p, struct eider_loop *loop)
{
	struct eider_job *jobs = perf_alloc(p->in_flight, sizeof(*jobs));

	pump_init(p);
	for (unsigned int i = 0; i < p->in_flight && pump_wants_more(p); i++)
		start(p, &jobs[i]);
	perf_check(eider_loop_run(loop), "eider_loop_run");
	free(jobs);
}
