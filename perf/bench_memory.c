/*
 * bench_memory.c - the memory of a fiber that waits for a job
 *
 *	bench_memory [FIBERS]
 *
 * FIBERS fibers wait in eider_call() at once: the two workers are held up by a
 * gate, so all other jobs are in the queue. What the process has resident then,
 * less what it had before, is divided among them: stack, fiber and job together,
 * as the kernel counts it (Rss of smaps_rollup, which is exact; statm is not).
 *
 * Prints bytes and pages a fiber.
 */
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

#include <eider.h>

#include "measure.h"

static sem_t gate;
static long waiting;

static long wait_at_gate(void *arg)
{
	(void)arg;
	while (sem_wait(&gate) < 0)
		;
	sem_post(&gate);
	return 0;
}

static long wait_for_job(void *arg)
{
	(void)arg;
	waiting++;
	return eider_call(wait_at_gate, NULL);
}

static long resident(void)
{
	FILE *f = fopen("/proc/self/smaps_rollup", "r");
	char line[256];
	long kb = -1;

	if (!f)
		return -1;
	while (kb < 0 && fgets(line, sizeof(line), f))
		if (sscanf(line, "Rss: %ld kB", &kb) != 1)
			kb = -1;
	fclose(f);
	return kb < 0 ? -1 : kb * 1024;
}

static void start(struct eider_loop *loop, long fibers)
{
	waiting = 0;
	for (long i = 0; i < fibers; i++)
		perf_check(eider_go(wait_for_job, NULL), "eider_go");
	while (waiting < fibers)
		perf_check(eider_loop_turn(loop, 0), "eider_loop_turn");
	/* One more, in which the last of them are handed to the workers. */
	perf_check(eider_loop_turn(loop, 0), "eider_loop_turn");
}

static void finish(struct eider_loop *loop)
{
	sem_post(&gate);
	perf_check(eider_loop_run(loop), "eider_loop_run");
	sem_wait(&gate);
}

int main(int argc, char **argv)
{
	long fibers = perf_arg(argc, argv, 1, 100000);
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = 2,
		.queue_max = (unsigned int)fibers,
		.fibers_max = (unsigned int)fibers,
		.slow_job_ns = EIDER_NEVER,
		.loop_stall_ns = EIDER_NEVER,
	};
	struct eider_executor *executor;
	struct eider_loop *loop;
	char parameter[64];
	long before;
	double bytes;

	sem_init(&gate, 0, 0);
	perf_check(eider_executor_new(&options, &executor), "eider_executor_new");
	perf_check(eider_loop_new(executor, &options, &loop), "eider_loop_new");
	start(loop, 2); /* the workers' own memory is not theirs */
	finish(loop);
	before = resident();
	start(loop, fibers);
	bytes = (double)(resident() - before) / (double)fibers;
	perf_check(before, "/proc/self/smaps_rollup");
	finish(loop);
	perf_check(eider_loop_free(loop), "eider_loop_free");
	eider_executor_free(executor);

	snprintf(parameter, sizeof(parameter), "fibers=%ld", fibers);
	perf_print("fiber_memory", "eider", parameter, bytes, "bytes/fiber");
	perf_print("fiber_pages", "eider", parameter,
		   bytes / (double)sysconf(_SC_PAGESIZE), "pages/fiber");
	return 0;
}
