/*
 * fiber.c - what fibers cost: spawn, switch, yield, call
 *
 *	spawn	eider_spawn() of an empty function and eider_join()
 *	switch	to another stack and back, by the two switches alone: the one line
 *		that looks behind the public interface. "call" is a call through
 *		a pointer that the compiler may not look through, the least there is
 *	yield	eider_yield(): there, the loop, and back. With one fiber each is a
 *		turn of the loop; with many they share it
 *	call	empty jobs by eider_call(), in so many fibers at once
 */
#include <stdlib.h>

#include "fiber/switch.h"
#include "pump.h"

enum {
	STACK_BYTES = 65536,
};

static double since(int64_t start, long n)
{
	return (double)(perf_clock() - start) / (double)n;
}

/* ---- spawn ---- */

static void spawn_and_join(long n)
{
	struct eider_fiber *fiber;

	for (long i = 0; i < n; i++) {
		perf_check(eider_spawn(bench_nothing, NULL, &fiber), "eider_spawn");
		perf_check(eider_join(fiber), "eider_join");
	}
}

static long run_spawn(void *arg)
{
	long count = perf_get("count");
	int64_t start;

	spawn_and_join(count / 10 + 1);
	start = perf_clock();
	spawn_and_join(count);
	*(double *)arg = since(start, count);
	return 0;
}

void bench_spawn(void)
{
	struct bench b;
	double ns = 0;

	bench_open(&b, NULL);
	bench_run_fiber(&b, run_spawn, &ns);
	bench_close(&b);
	perf_print("spawn_join", "eider", ns, "ns");
}

/* ---- switch ---- */

static struct eider__switch home, there;

static void go_back(void *arg)
{
	(void)arg;
	eider__switch_arrived(&there, &home);
	for (;;)
		eider__switch_to(&there, &home);
}

static double measure_switch(long count)
{
	int64_t start = perf_clock();

	for (long i = 0; i < count; i++)
		eider__switch_to(&home, &there);
	return since(start, count);
}

static double measure_call(long count)
{
	eider_fn *volatile fn = bench_nothing;
	int64_t start = perf_clock();

	for (long i = 0; i < count; i++)
		fn(NULL);
	return since(start, count);
}

void bench_switch(void)
{
	void *stack = perf_alloc(1, STACK_BYTES);
	long count = perf_get("count");

	eider__switch_init_home(&home);
	eider__switch_init(&there, stack, STACK_BYTES, go_back, NULL);
	measure_switch(count / 10 + 1);
	perf_print("switch", "eider", measure_switch(count), "ns");
	measure_call(count / 10 + 1);
	perf_print("switch", "call", measure_call(count), "ns");
	eider__switch_release(&there);
	free(stack);
}

/* ---- yield ---- */

static long yield_often(void *arg)
{
	long n = *(const long *)arg;

	for (long i = 0; i < n; i++)
		eider_yield();
	return 0;
}

static double measure_yield(struct eider_loop *loop, unsigned int fibers, long each)
{
	int64_t start;

	for (unsigned int i = 0; i < fibers; i++)
		perf_check(eider_go(yield_often, &each), "eider_go");
	perf_check(eider_loop_turn(loop, 0), "eider_loop_turn");
	start = perf_clock();
	perf_check(eider_loop_run(loop), "eider_loop_run");
	return since(start, each * (long)fibers);
}

void bench_yield(void)
{
	unsigned int fibers = bench_bound("fibers");
	long each = perf_get("count") / (long)fibers;
	struct bench b;

	each = each ? each : 1;
	bench_open(&b, NULL);
	measure_yield(b.loop, fibers, each / 10 + 1);
	perf_print("yield", "eider", measure_yield(b.loop, fibers, each), "ns");
	bench_close(&b);
}

/* ---- call: pump.c, with a fiber for each job in flight ---- */

static long call_in_turn(void *arg)
{
	struct pump *p = arg;

	while (pump_wants_more(p)) {
		perf_check(eider_call(bench_nothing, NULL), "eider_call");
		pump_count(p);
	}
	return 0;
}

void bench_call(void)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = bench_bound("workers"),
	};
	struct pump pump = {
		.in_flight = bench_bound("fibers"),
		.count = (uint64_t)perf_get("count"),
	};
	struct bench b;

	pump_init(&pump);
	bench_open(&b, &options);
	for (unsigned int i = 0; i < pump.in_flight; i++)
		perf_check(eider_go(call_in_turn, &pump), "eider_go");
	perf_check(eider_loop_run(b.loop), "eider_loop_run");
	bench_close(&b);
	perf_print_rate("call", "eider", pump.count, &pump.start, &pump.end);
}
