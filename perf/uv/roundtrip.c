/*
 * roundtrip.c - one worker, one empty job: how long it takes there and back
 *
 * A gap is a uv_timer if it is whole milliseconds. For others, which those cannot do,
 * it is an alarm (alarm.c), armed and read outside of the time that is measured.
 */
#include <stdbool.h>
#include <stdlib.h>

#include "bench.h"

struct trip {
	uv_work_t work;
	size_t warm, count;	/* count with the warm-up */
	size_t done;
	int64_t *ns;		/* of the round trips */
	int64_t began;
	struct perf_moment start, end;

	long gap_us;
	uv_timer_t timer;	/* one of the two is in use, if there is a gap */
	struct alarm alarm;
};

static struct trip trip;

static void on_done(uv_work_t *work, int status);

static void start(void)
{
	trip.began = perf_clock();
	perf_check(uv_queue_work(uv_default_loop(), &trip.work, do_nothing, on_done),
		   "uv_queue_work");
}

/* ---- the gap ---- */

static bool is_whole_ms(void)
{
	return trip.gap_us % 1000 == 0;
}

static void on_timer(uv_timer_t *timer)
{
	(void)timer;
	start();
}

static void init_gap(void)
{
	trip.gap_us = perf_get("gap_us");
	if (is_whole_ms())
		perf_check(uv_timer_init(uv_default_loop(), &trip.timer),
			   "uv_timer_init");
	else
		alarm_init(&trip.alarm, start);
}

static void start_after_gap(void)
{
	if (is_whole_ms())
		perf_check(uv_timer_start(&trip.timer, on_timer,
					  (uint64_t)trip.gap_us / 1000, 0),
			   "uv_timer_start");
	else
		alarm_start(&trip.alarm, trip.gap_us, 0);
}

static void close_gap(void)
{
	if (is_whole_ms())
		uv_close((uv_handle_t *)&trip.timer, NULL);
	else
		alarm_close(&trip.alarm);
}

/* ---- the trip ---- */

static void on_done(uv_work_t *work, int status)
{
	trip.ns[trip.done++] = perf_clock() - trip.began;
	(void)work;
	perf_check(status, "job");
	if (trip.done == trip.warm)
		perf_now(&trip.start);
	if (trip.done == trip.count) {
		perf_now(&trip.end);
		close_gap();
	} else if (trip.gap_us) {
		start_after_gap();
	} else {
		start();
	}
}

void run_roundtrip(void)
{
	size_t n = (size_t)perf_get("count");

	trip.warm = n / 10 + 1;
	trip.count = trip.warm + n;
	trip.ns = perf_alloc(trip.count, sizeof(*trip.ns));
	pool_set_size(1);
	init_gap();
	start();
	loop_run(NULL);
	perf_print_times("roundtrip", "libuv", trip.ns + trip.warm, n);
	perf_print("roundtrip_cpu", "libuv",
		   (double)(trip.end.cpu_ns - trip.start.cpu_ns) / (double)n / 1000,
		   "us");
	free(trip.ns);
}
