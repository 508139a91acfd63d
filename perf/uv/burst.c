/*
 * burst.c - burst, sleepers: many jobs at once, and results that are waited for
 *
 * The requests of a burst are the caller's memory, so they count: 128 bytes each. They
 * were allocated before, and are touched first when they are submitted.
 */
#include <stdlib.h>

#include "bench.h"

/* Jobs that are all out at once. */
struct burst {
	uv_work_t *works;
	uint64_t count;
	uint64_t done;
	int64_t end_ns;
};

static void on_done(uv_work_t *work, int status)
{
	struct burst *b = work->data;

	perf_check(status, "job");
	if (++b->done == b->count)
		b->end_ns = perf_clock();
}

/* Until the last result is there. */
static void submit_all(struct burst *b, uv_work_cb work)
{
	b->done = 0;
	for (uint64_t i = 0; i < b->count; i++) {
		b->works[i].data = b;
		perf_check(uv_queue_work(uv_default_loop(), &b->works[i], work,
					 on_done),
			   "uv_queue_work");
	}
	loop_run(NULL);
}

void run_burst(void)
{
	struct burst b = { .count = (uint64_t)perf_get("count") };
	struct pump warm = { .work = do_nothing, .in_flight = 100, .count = 1000 };
	long before, growth;
	int64_t start;

	pool_set_size(perf_get("workers"));
	pump_run(&warm);
	b.works = perf_alloc(b.count, sizeof(*b.works));
	perf_sleep_ms(50);
	before = perf_resident();
	perf_reset_peak();
	start = perf_clock();
	submit_all(&b, do_nothing);
	growth = perf_peak() - before;
	perf_print("burst", "libuv", (double)(b.end_ns - start) / 1e6, "ms");
	perf_print("burst_memory", "libuv",
		   growth > 0 ? (double)growth / (double)b.count : 0, "bytes/job");
	free(b.works);
}

static long sleep_ms;

static void sleep_a_while(uv_work_t *work)
{
	(void)work;
	perf_sleep_ms(sleep_ms);
}

void run_sleepers(void)
{
	struct burst b = { .count = (uint64_t)perf_get("threads") };
	long rounds = perf_get("rounds");
	int64_t start;

	sleep_ms = perf_get("ms");
	pool_set_size(perf_get("threads"));
	b.works = perf_alloc(b.count, sizeof(*b.works));
	submit_all(&b, sleep_a_while);
	start = perf_clock();
	for (long i = 0; i < rounds; i++)
		submit_all(&b, sleep_a_while);
	perf_print("sleepers", "libuv", (double)(b.end_ns - start) / 1e6, "ms");
	free(b.works);
}
