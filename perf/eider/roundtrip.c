/*
 * roundtrip.c - how long one job takes, there and back
 *
 * One worker, one empty job in flight. The time is from just before eider_submit()
 * to the first line of the callback. Without a gap the next job is started at
 * once: whoever polls for a moment before it sleeps meets it awake. With a gap
 * both sides sleep in between, and the time is that of two wake-ups.
 *
 * The CPU time of the whole process a round trip is where polling would show.
 *
 * The lines roundtrip_fiber_... are those of eider_call() in a fiber, with the same
 * gap: the way most code is written.
 */
#include <stdlib.h>

#include "bench.h"

struct trips {
	struct eider_job job;		/* first: the callback is given its future */
	struct eider_alarm pause;
	int64_t gap_ns;
	int64_t *ns;			/* of the round trips */
	size_t count, done, warm;
	int64_t began;
	struct perf_moment start, end;
};

static struct trips trips;

static void count_trip(void)
{
	trips.ns[trips.done++] = perf_clock() - trips.began;
	if (trips.done == trips.warm)
		perf_now(&trips.start);
	if (trips.done == trips.count)
		perf_now(&trips.end);
}

static void on_done(struct eider_future *f);

static void start(void)
{
	trips.began = perf_clock();
	perf_check(eider_submit(&trips.job, bench_nothing, NULL), "eider_submit");
	perf_check(eider_on_done(&trips.job.future, on_done), "eider_on_done");
}

static void on_pause_over(struct eider_future *f)
{
	(void)f;
	start();
}

static void start_after_gap(void)
{
	perf_check(eider_alarm_start(&trips.pause, eider_after(trips.gap_ns)),
		   "eider_alarm_start");
	perf_check(eider_on_done(&trips.pause.future, on_pause_over),
		   "eider_on_done");
}

static void on_done(struct eider_future *f)
{
	(void)f;
	count_trip();
	if (trips.done == trips.count)
		return;
	if (trips.gap_ns)
		start_after_gap();
	else
		start();
}

/* The same as a fiber. */
static long call_in_turn(void *unused)
{
	(void)unused;
	while (trips.done < trips.count) {
		if (trips.gap_ns)
			perf_check(eider_sleep_until(eider_after(trips.gap_ns)),
				   "eider_sleep_until");
		trips.began = perf_clock();
		perf_check(eider_call(bench_nothing, NULL), "eider_call");
		count_trip();
	}
	return 0;
}

static void print_trips(const char *name, const char *name_cpu)
{
	size_t n = trips.count - trips.warm;

	perf_print_times(name, "eider", trips.ns + trips.warm, n);
	perf_print(name_cpu, "eider",
		   (double)(trips.end.cpu_ns - trips.start.cpu_ns) / (double)n / 1000,
		   "us");
}

void bench_roundtrip(void)
{
	struct eider_options options = { .size = sizeof(options), .workers_max = 1 };
	size_t count = (size_t)perf_get("count");
	struct bench b;

	trips.gap_ns = perf_get("gap_us") * 1000;
	trips.warm = count / 10 + 1;
	trips.count = trips.warm + count;
	trips.ns = perf_alloc(trips.count, sizeof(*trips.ns));

	bench_open(&b, &options);
	start();
	perf_check(eider_loop_run(b.loop), "eider_loop_run");
	print_trips("roundtrip", "roundtrip_cpu");
	trips.done = 0;
	bench_run_fiber(&b, call_in_turn, NULL);
	print_trips("roundtrip_fiber", "roundtrip_fiber_cpu");
	bench_close(&b);
	free(trips.ns);
}
