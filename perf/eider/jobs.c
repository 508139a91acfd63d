/*
 * jobs.c - how many jobs a second, at what price: jobs, busy, loops
 *
 * One loop keeps jobs with the workers: each job's callback starts the job again
 * (pump.c). For empty ones there is always work, so what is measured is the path
 * itself, hand-over, queue, completion and callback, and hardly ever a wake-up. Busy
 * ones compute, and the question is how much of the CPUs is left to them.
 *
 * loops does the same from several loops on threads of their own, with one executor.
 * They begin together; the time is from the first that has warmed up to the end of the
 * last.
 */
#include <pthread.h>
#include <stdlib.h>

#include "pump.h"

void bench_jobs(void)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = bench_bound("workers"),
	};
	struct pump pump = {
		.in_flight = bench_bound("inflight"),
		.count = (uint64_t)perf_get("count"),
	};
	struct bench b;

	bench_open(&b, &options);
	pump_run(&pump, b.loop);
	bench_close(&b);
	perf_print_rate("jobs", "eider", pump.count, &pump.start, &pump.end);
}

struct busy {
	struct pump pump;
	long rounds;
};

static long compute(void *arg)
{
	perf_spin(((struct busy *)arg)->rounds);
	return 0;
}

void bench_busy(void)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = bench_bound("workers"),
	};
	struct busy busy = {
		.pump.in_flight = bench_bound("inflight"),
		.pump.count = (uint64_t)perf_get("count"),
		.pump.fn = compute,
	};
	struct pump *p = &busy.pump;
	long ns = perf_get("ns"), threads;
	struct bench b;

	busy.rounds = perf_calibrate(ns, perf_get("workers"), &threads);
	bench_open(&b, &options);
	pump_run(p, b.loop);
	bench_close(&b);
	perf_print("busy_efficiency", "eider",
		   100 * (double)p->count * (double)ns /
			   ((double)(p->end.wall_ns - p->start.wall_ns) *
			    (double)threads), "%");
}

/* ---- several loops ---- */

struct member {
	struct pump pump;
	pthread_t thread;
	struct eider_executor *executor;
	const struct eider_options *options;
	pthread_barrier_t *start;
};

static void *run_member(void *arg)
{
	struct member *m = arg;
	struct eider_loop *loop;

	perf_check(eider_loop_new(m->executor, m->options, &loop), "eider_loop_new");
	pthread_barrier_wait(m->start);
	pump_run(&m->pump, loop);
	perf_check(eider_loop_free(loop), "eider_loop_free");
	return NULL;
}

static void run_members(struct member *members, unsigned int n,
			const struct eider_options *options)
{
	struct eider_executor *executor;
	pthread_barrier_t start;

	perf_check(eider_executor_new(options, &executor), "eider_executor_new");
	perf_check(-pthread_barrier_init(&start, NULL, n), "pthread_barrier_init");
	for (unsigned int i = 0; i < n; i++) {
		struct member *m = &members[i];

		m->pump.in_flight = bench_bound("inflight");
		m->pump.count = (uint64_t)perf_get("count");
		m->executor = executor;
		m->options = options;
		m->start = &start;
		perf_check(-pthread_create(&m->thread, NULL, run_member, m),
			   "pthread_create");
	}
	for (unsigned int i = 0; i < n; i++)
		pthread_join(members[i].thread, NULL);
	pthread_barrier_destroy(&start);
	eider_executor_free(executor);
}

void bench_loops(void)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = bench_bound("workers"),
	};
	unsigned int n = bench_bound("loops");
	struct member *members = perf_alloc(n, sizeof(*members));
	int64_t start, end;

	run_members(members, n, &options);
	start = members[0].pump.start.wall_ns;
	end = members[0].pump.end.wall_ns;
	for (unsigned int i = 1; i < n; i++) {
		const struct pump *p = &members[i].pump;

		start = p->start.wall_ns < start ? p->start.wall_ns : start;
		end = p->end.wall_ns > end ? p->end.wall_ns : end;
	}
	perf_print("loops", "eider",
		   (double)n * (double)members[0].pump.count * 1e9 /
			   (double)(end - start), "jobs/s");
	free(members);
}
