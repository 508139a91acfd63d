/*
 * bench.h - what the works for libuv share
 *
 * A request is the caller's, a uv_work_t with room for a pointer in it: nothing here
 * allocates once a work has begun.
 */
#ifndef EIDER_PERF_UV_BENCH_H
#define EIDER_PERF_UV_BENCH_H

#include <stdint.h>
#include <uv.h>

#include "../common/measure.h"

/* Let the process's pool have @n threads. Before the first request only. */
void pool_set_size(long n);

/* An empty job. */
void do_nothing(uv_work_t *work);

/* Run @loop, NULL for the default one, until nothing is left for it to do. */
void loop_run(uv_loop_t *loop);

/*
 * Keep jobs in flight on a loop: each job's callback queues the same request again,
 * until all are done.
 */
struct pump {
	/* Set by the caller. */
	uv_loop_t *loop;
	uv_work_cb work;
	uint64_t in_flight;
	uint64_t warm;	/* jobs before those that are measured */
	uint64_t count; /* jobs that are measured */

	/* The answer. */
	struct perf_moment start, end;

	/* Private. */
	uint64_t started;
	uint64_t done;
};

void pump_run(struct pump *p);

/* A timer finer than libuv's. */
struct alarm {
	int fd;
	uv_poll_t poll;
	void (*on_time)(void);
};

/* On the default loop. */
void alarm_init(struct alarm *a, void (*on_time)(void));
/* After @first_us, and if @period_us is not 0 as often as that from then on. */
void alarm_start(struct alarm *a, long first_us, long period_us);
/* @a is in use until the loop has run out. */
void alarm_close(struct alarm *a);

/* ---- the works ---- */

void run_jobs(void);
void run_busy(void);
void run_loops(void);
void run_roundtrip(void);
void run_burst(void);
void run_sleepers(void);
void run_echo(void);

#endif
