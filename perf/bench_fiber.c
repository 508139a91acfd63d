/*
 * bench_fiber.c - what fibers cost
 *
 *	bench_fiber [COUNT]
 *
 * fiber_switch		to another stack and back, by the two switches alone.
 *			The one line that looks behind the public interface
 * fiber_yield		eider_yield(): there, the loop, and back. With one fiber
 *			each is a turn of the loop; with 1000 they share it
 * fiber_spawn_join	eider_spawn() of an empty function and eider_join()
 * fiber_call		empty jobs a second by eider_call() in 1024 fibers
 *
 * Each is set against the plain thing, measured in the same run: for the first
 * three a call through a pointer that the compiler may not look through ("call"),
 * for the last the same jobs from callbacks without any fiber ("callback").
 */
#include <stdio.h>
#include <stdlib.h>

#include "fiber/switch.h"
#include "pump.h"

enum {
	FIBERS = 1024,
	STACK_BYTES = 65536,
};

static uint64_t count;

static __attribute__((noinline)) long nothing(void *arg)
{
	(void)arg;
	return 0;
}

static double since(int64_t start, uint64_t n)
{
	return (double)(perf_clock() - start) / (double)n;
}

static double measure_call(void)
{
	eider_fn *volatile fn = nothing;
	int64_t start = perf_clock();

	for (uint64_t i = 0; i < count; i++)
		fn(NULL);
	return since(start, count);
}

static struct eider__switch home, there;

static void go_back(void *arg)
{
	(void)arg;
	eider__switch_arrived(&there, &home);
	for (;;)
		eider__switch_to(&there, &home);
}

static double measure_switch(void)
{
	void *stack = perf_alloc(1, STACK_BYTES);
	int64_t start;
	double ns;

	eider__switch_init_home(&home);
	eider__switch_init(&there, stack, STACK_BYTES, go_back, NULL);
	eider__switch_to(&home, &there);
	start = perf_clock();
	for (uint64_t i = 0; i < count; i++)
		eider__switch_to(&home, &there);
	ns = since(start, count);
	eider__switch_release(&there);
	free(stack);
	return ns;
}

static long yield_often(void *arg)
{
	uint64_t n = *(uint64_t *)arg;

	for (uint64_t i = 0; i < n; i++)
		eider_yield();
	return 0;
}

static double measure_yield(struct eider_loop *loop, unsigned int fibers)
{
	uint64_t each = count / fibers;
	int64_t start;

	for (unsigned int i = 0; i < fibers; i++)
		perf_check(eider_go(yield_often, &each), "eider_go");
	perf_check(eider_loop_turn(loop, 0), "eider_loop_turn");
	start = perf_clock();
	perf_check(eider_loop_run(loop), "eider_loop_run");
	return since(start, each * fibers);
}

static long spawn_and_join(void *arg)
{
	struct eider_fiber *fiber;
	int64_t start = perf_clock();

	for (uint64_t i = 0; i < count / 10; i++) {
		perf_check(eider_spawn(nothing, NULL, &fiber), "eider_spawn");
		perf_check(eider_join(fiber), "eider_join");
	}
	*(double *)arg = since(start, count / 10);
	return 0;
}

static double measure_spawn(struct eider_loop *loop)
{
	double ns = 0;

	perf_check(eider_go(spawn_and_join, &ns), "eider_go");
	perf_check(eider_loop_run(loop), "eider_loop_run");
	return ns;
}

/* pump.c, with a fiber for each job in flight. */
static long call_in_turn(void *arg)
{
	struct pump *p = arg;

	while (p->started < p->warm + p->count) {
		p->started++;
		perf_check(eider_call(nothing, p), "eider_call");
		p->done++;
		if (p->done == p->warm)
			perf_now(&p->start);
		if (p->done == p->warm + p->count)
			perf_now(&p->end);
	}
	return 0;
}

static void pump_with_fibers(struct pump *p, struct eider_loop *loop)
{
	p->warm = p->count / 10 + 1;
	for (unsigned int i = 0; i < p->in_flight; i++)
		perf_check(eider_go(call_in_turn, p), "eider_go");
	perf_check(eider_loop_run(loop), "eider_loop_run");
}

static void measure_calls(unsigned int workers)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = workers,
	};
	struct pump fibers = { .in_flight = FIBERS, .count = count / 5 };
	struct pump callbacks = { .in_flight = FIBERS, .count = count / 5 };
	struct eider_executor *executor;
	struct eider_loop *loop;
	char parameter[64];

	perf_check(eider_executor_new(&options, &executor), "eider_executor_new");
	perf_check(eider_loop_new(executor, &options, &loop), "eider_loop_new");
	pump_with_fibers(&fibers, loop);
	pump_run(&callbacks, loop);
	perf_check(eider_loop_free(loop), "eider_loop_free");
	eider_executor_free(executor);

	snprintf(parameter, sizeof(parameter), "workers=%u,fibers=%d", workers,
		 FIBERS);
	perf_print("fiber_call", "eider", parameter, pump_jobs_per_second(&fibers),
		   "jobs/s");
	perf_print("fiber_call", "callback", parameter,
		   pump_jobs_per_second(&callbacks), "jobs/s");
	perf_print("fiber_call_cpu", "eider", parameter, pump_cpu_per_job(&fibers),
		   "ns/job");
	perf_print("fiber_call_cpu", "callback", parameter,
		   pump_cpu_per_job(&callbacks), "ns/job");
}

static void print_with_call(const char *name, const char *parameter, double ns,
			    double call)
{
	perf_print(name, "eider", parameter, ns, "ns");
	perf_print(name, "call", parameter, call, "ns");
}

int main(int argc, char **argv)
{
	struct eider_executor *executor;
	struct eider_loop *loop;
	double call;

	count = (uint64_t)perf_arg(argc, argv, 1, 20000000) + 1000;
	measure_call();
	call = measure_call();
	print_with_call("fiber_switch", "there_and_back", measure_switch(), call);

	perf_check(eider_executor_new(NULL, &executor), "eider_executor_new");
	perf_check(eider_loop_new(executor, NULL, &loop), "eider_loop_new");
	print_with_call("fiber_yield", "fibers=1", measure_yield(loop, 1), call);
	print_with_call("fiber_yield", "fibers=1000", measure_yield(loop, 1000),
			call);
	print_with_call("fiber_spawn_join", "empty", measure_spawn(loop), call);
	perf_check(eider_loop_free(loop), "eider_loop_free");
	eider_executor_free(executor);

	measure_calls(1);
	measure_calls(2);
	return 0;
}
