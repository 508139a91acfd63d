/*
 * jobs.c - jobs, busy, loops: how many, and at what price
 *
 * The same structure as ours, call for call: uv_queue_work(), and the callback queues
 * the same request again. It reads at once all results that there are, as libuv does.
 *
 * With several loops each has a thread of its own, and the pool, which there is only
 * one of, serves all. They begin together; the time is from the first that has warmed
 * up to the end of the last, as with ours.
 */
#include <pthread.h>
#include <stdlib.h>

#include "bench.h"

void run_jobs(void)
{
	struct pump p = {
		.work = do_nothing,
		.in_flight = (uint64_t)perf_get("inflight"),
		.count = (uint64_t)perf_get("count"),
	};

	pool_set_size(perf_get("workers"));
	p.warm = p.count / 10 + 1;
	pump_run(&p);
	perf_print_rate("jobs", "libuv", p.count, &p.start, &p.end);
}

static long spin_rounds;

static void compute(uv_work_t *work)
{
	(void)work;
	perf_spin(spin_rounds);
}

void run_busy(void)
{
	struct pump p = {
		.work = compute,
		.in_flight = (uint64_t)perf_get("inflight"),
		.count = (uint64_t)perf_get("count"),
	};
	long ns = perf_get("ns"), threads;

	spin_rounds = perf_calibrate(ns, perf_get("workers"), &threads);
	pool_set_size(perf_get("workers"));
	p.warm = p.count / 10 + 1;
	pump_run(&p);
	perf_print("busy_efficiency", "libuv",
		   100. * (double)p.count * (double)ns /
			   ((double)(p.end.wall_ns - p.start.wall_ns) *
			    (double)threads),
		   "%");
}

/* ---- several loops ---- */

struct lane {
	pthread_t thread;
	pthread_barrier_t *together;
	uv_loop_t loop;
	struct pump pump;
};

static void *run_lane(void *arg)
{
	struct lane *lane = arg;

	perf_check(uv_loop_init(&lane->loop), "uv_loop_init");
	pthread_barrier_wait(lane->together);
	pump_run(&lane->pump);
	perf_check(uv_loop_close(&lane->loop), "uv_loop_close");
	return NULL;
}

static void start_lane(struct lane *lane, pthread_barrier_t *together)
{
	struct pump *p = &lane->pump;

	lane->together = together;
	p->loop = &lane->loop;
	p->work = do_nothing;
	p->in_flight = (uint64_t)perf_get("inflight");
	p->count = (uint64_t)perf_get("count");
	p->warm = p->count / 10 + 1;
	perf_check(-pthread_create(&lane->thread, NULL, run_lane, lane),
		   "pthread_create");
}

static void run_lanes(struct lane *lanes, long n)
{
	pthread_barrier_t together;

	perf_check(-pthread_barrier_init(&together, NULL, (unsigned int)n),
		   "pthread_barrier_init");
	for (long i = 0; i < n; i++)
		start_lane(&lanes[i], &together);
	for (long i = 0; i < n; i++)
		perf_check(-pthread_join(lanes[i].thread, NULL), "pthread_join");
	pthread_barrier_destroy(&together);
}

void run_loops(void)
{
	long n = perf_get("loops");
	struct lane *lanes = perf_alloc((size_t)n, sizeof(*lanes));
	int64_t start, end;

	pool_set_size(perf_get("workers"));
	run_lanes(lanes, n);
	start = lanes[0].pump.start.wall_ns;
	end = lanes[0].pump.end.wall_ns;
	for (long i = 1; i < n; i++) {
		const struct pump *p = &lanes[i].pump;

		start = p->start.wall_ns < start ? p->start.wall_ns : start;
		end = p->end.wall_ns > end ? p->end.wall_ns : end;
	}
	perf_print("loops", "libuv",
		   (double)n * (double)perf_get("count") * 1e9 /
			   (double)(end - start),
		   "jobs/s");
	free(lanes);
}
