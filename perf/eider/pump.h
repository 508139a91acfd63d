/*
 * pump.h - keep N jobs in flight on a loop
 *
 * The callback path of Eider, without fibers: each job's callback starts the job
 * again, until enough were started. The first tenth (+1) is not counted.
 */
#ifndef EIDER_PERF_PUMP_H
#define EIDER_PERF_PUMP_H

#include "bench.h"

struct pump {
	/* Set by the caller. */
	unsigned int in_flight;
	uint64_t count;			/* jobs that are measured */
	eider_fn *fn;			/* NULL: the empty one. Is given the pump */

	/* The answer. */
	struct perf_moment start, end;

	/* Private. */
	uint64_t started;
	uint64_t done;
	uint64_t warm;			/* jobs before those that are measured */
};

/* Runs @loop until all is done. */
void pump_run(struct pump *p, struct eider_loop *loop);

/*
 * For other ways to keep jobs in flight. Is another to be started? It is counted as
 * started then. One is done.
 */
void pump_init(struct pump *p);
bool pump_wants_more(struct pump *p);
void pump_count(struct pump *p);

#endif
