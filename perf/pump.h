/*
 * pump.h - keep N empty jobs in flight on a loop
 *
 * The callback path of Eider, without fibers: each job's callback starts the job
 * again. bench_uv_jobs.c is the same thing written for libuv.
 */
#ifndef EIDER_PERF_PUMP_H
#define EIDER_PERF_PUMP_H

#include <eider.h>

#include "measure.h"

struct pump {
	/* Set by the caller. */
	unsigned int in_flight;
	uint64_t count; /* jobs that are measured */

	/* The answer. */
	struct perf_moment start, end;

	/* Private. */
	uint64_t started;
	uint64_t done;
	uint64_t warm; /* jobs before those that are measured */
};

/* Runs @loop until all is done. */
void pump_run(struct pump *p, struct eider_loop *loop);

/* Of a pump that has run. */
double pump_jobs_per_second(const struct pump *p);
double pump_cpu_per_job(const struct pump *p);

#endif
