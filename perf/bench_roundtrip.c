/*
 * bench_roundtrip.c - how long one job takes, there and back
 *
 *	bench_roundtrip [COUNT [GAP_MS]]
 *
 * One worker, one empty job in flight. The time is from just before eider_submit()
 * to the first line of the callback. Without a gap the next job is started at
 * once: whoever polls for a moment before it sleeps meets it awake. With a gap
 * both sides sleep in between, and the time is that of two wake-ups.
 *
 * Prints the median, the 99th percentile, and the CPU time of the whole process
 * a round trip, which is where polling would show. Without a gap also the median
 * of a fiber's eider_call(), for which the peer has nothing to compare.
 *
 * The peer is bench_uv_roundtrip.c.
 */
#include <stdio.h>
#include <stdlib.h>

#include <eider.h>
#include <liburing.h>

#include "measure.h"

struct trip {
	struct eider_job job; /* first: the callback is given its future */
	struct eider_op pause;
	struct __kernel_timespec gap;
	int64_t *ns; /* of the round trips */
	size_t count, done;
	int64_t began;
	struct perf_moment start, end;
};

static struct trip trip;

static long nothing(void *arg)
{
	(void)arg;
	return 0;
}

static void on_done(struct eider_future *f);

static void start(void)
{
	trip.began = perf_clock();
	perf_check(eider_submit(&trip.job, nothing, NULL), "eider_submit");
	perf_check(eider_on_done(&trip.job.future, on_done), "eider_on_done");
}

static void on_pause_over(struct eider_future *f)
{
	(void)f;
	start();
}

static void start_after_gap(void)
{
	struct io_uring_sqe *sqe = eider_sqe(&trip.pause);

	perf_check(sqe ? 0 : -1, "eider_sqe");
	io_uring_prep_timeout(sqe, &trip.gap, 0, 0);
	perf_check(eider_on_done(&trip.pause.future, on_pause_over),
		   "eider_on_done");
}

static void on_done(struct eider_future *f)
{
	(void)f;
	trip.ns[trip.done++] = perf_clock() - trip.began;
	if (trip.done == trip.count / 10)
		perf_now(&trip.start);
	if (trip.done == trip.count)
		perf_now(&trip.end);
	else if (trip.gap.tv_nsec)
		start_after_gap();
	else
		start();
}

/* The same as a fiber. */
static long call_in_turn(void *arg)
{
	(void)arg;
	for (trip.done = 0; trip.done < trip.count; trip.done++) {
		trip.began = perf_clock();
		perf_check(eider_call(nothing, NULL), "eider_call");
		trip.ns[trip.done] = perf_clock() - trip.began;
	}
	return 0;
}

int main(int argc, char **argv)
{
	struct eider_options options = { .size = sizeof(options), .workers_max = 1 };
	struct eider_executor *executor;
	struct eider_loop *loop;
	char parameter[64];
	size_t warm, n;
	long gap;

	trip.count = (size_t)perf_arg(argc, argv, 1, 200000) + 10;
	gap = argc > 2 ? perf_arg(argc, argv, 2, 1) : 0;
	trip.gap.tv_nsec = gap * 1000000;
	trip.ns = perf_alloc(trip.count, sizeof(*trip.ns));
	warm = trip.count / 10;
	n = trip.count - warm;

	perf_check(eider_executor_new(&options, &executor), "eider_executor_new");
	perf_check(eider_loop_new(executor, &options, &loop), "eider_loop_new");
	start();
	perf_check(eider_loop_run(loop), "eider_loop_run");
	snprintf(parameter, sizeof(parameter), "gap=%ldms", gap);
	perf_print_times("roundtrip", "eider", parameter, trip.ns + warm, n);
	perf_print("roundtrip_cpu", "eider", parameter,
		   (double)(trip.end.cpu_ns - trip.start.cpu_ns) / (double)n / 1000,
		   "us");
	if (!gap) {
		perf_check(eider_go(call_in_turn, NULL), "eider_go");
		perf_check(eider_loop_run(loop), "eider_loop_run");
		perf_print_times("roundtrip", "eider", "fiber", trip.ns + warm, n);
	}
	perf_check(eider_loop_free(loop), "eider_loop_free");
	eider_executor_free(executor);
	free(trip.ns);
	return 0;
}
