/*
 * bench_uv_roundtrip.c - bench_roundtrip.c, written for libuv
 *
 *	bench_uv_roundtrip [COUNT [GAP_MS]]
 *
 * The same structure, call for call, with a thread pool of one thread.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "measure.h"

struct trip {
	uv_work_t work;
	uv_timer_t pause;
	uint64_t gap_ms;
	int64_t *ns; /* of the round trips */
	size_t count, done;
	int64_t began;
	struct perf_moment start, end;
};

static struct trip trip;

static void nothing(uv_work_t *work)
{
	(void)work;
}

static void on_done(uv_work_t *work, int status);

static void start(void)
{
	trip.began = perf_clock();
	perf_check(uv_queue_work(uv_default_loop(), &trip.work, nothing, on_done),
		   "uv_queue_work");
}

static void on_pause_over(uv_timer_t *timer)
{
	(void)timer;
	start();
}

static void on_done(uv_work_t *work, int status)
{
	(void)work;
	(void)status;
	trip.ns[trip.done++] = perf_clock() - trip.began;
	if (trip.done == trip.count / 10)
		perf_now(&trip.start);
	if (trip.done == trip.count)
		perf_now(&trip.end);
	else if (trip.gap_ms)
		perf_check(uv_timer_start(&trip.pause, on_pause_over, trip.gap_ms,
					  0),
			   "uv_timer_start");
	else
		start();
}

int main(int argc, char **argv)
{
	char parameter[64];
	size_t warm, n;

	trip.count = (size_t)perf_arg(argc, argv, 1, 200000) + 10;
	trip.gap_ms = argc > 2 ? (uint64_t)perf_arg(argc, argv, 2, 1) : 0;
	trip.ns = perf_alloc(trip.count, sizeof(*trip.ns));
	warm = trip.count / 10;
	n = trip.count - warm;

	setenv("UV_THREADPOOL_SIZE", "1", 1);
	perf_check(uv_timer_init(uv_default_loop(), &trip.pause), "uv_timer_init");
	start();
	perf_check(uv_run(uv_default_loop(), UV_RUN_DEFAULT), "uv_run");
	snprintf(parameter, sizeof(parameter), "gap=%dms", (int)trip.gap_ms);
	perf_print_times("roundtrip", "libuv", parameter, trip.ns + warm, n);
	perf_print("roundtrip_cpu", "libuv", parameter,
		   (double)(trip.end.cpu_ns - trip.start.cpu_ns) / (double)n / 1000,
		   "us");
	uv_close((uv_handle_t *)&trip.pause, NULL);
	perf_check(uv_run(uv_default_loop(), UV_RUN_DEFAULT), "uv_run");
	perf_check(uv_loop_close(uv_default_loop()), "uv_loop_close");
	free(trip.ns);
	return 0;
}
