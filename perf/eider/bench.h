/*
 * bench.h - what the works of bench_eider share
 *
 * Each work makes an executor and a loop with the library's own defaults, but for the
 * bounds that it is about: nothing is switched off for it, neither the watchdog nor
 * the statistics.
 */
#ifndef EIDER_PERF_BENCH_H
#define EIDER_PERF_BENCH_H

#include <eider.h>

#include "../common/measure.h"

struct bench {
	struct eider_executor *executor;
	struct eider_loop *loop;	/* of this thread */
};

/* @options may be NULL. */
void bench_open(struct bench *b, const struct eider_options *options);
void bench_close(struct bench *b);

/* Run fn(arg) as a fiber to its end. */
void bench_run_fiber(struct bench *b, eider_fn *fn, void *arg);

/* perf_get() of what is a bound in the options. */
unsigned int bench_bound(const char *key);

/* The empty job. */
long bench_nothing(void *unused);

/* Resident bytes of a fiber that waits, and by how much the maps grew: waiting.c. */
double bench_waiting(unsigned int fibers, long *ret_maps);

/* The works, each in the file of its name or of its like. */
void bench_jobs(void);
void bench_busy(void);
void bench_loops(void);
void bench_roundtrip(void);
void bench_burst(void);
void bench_sleepers(void);
void bench_contexts(void);
void bench_lease(void);
void bench_leases(void);
void bench_spawn(void);
void bench_switch(void);
void bench_yield(void);
void bench_call(void);
void bench_waiting_fibers(void);
void bench_echo(void);
void bench_each(void);
void bench_memory(void);
void bench_idle(void);

#endif
