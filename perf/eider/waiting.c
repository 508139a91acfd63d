/*
 * waiting.c - the memory of a fiber that waits for a job
 *
 * So many fibers wait in eider_call() at once: the two workers are held up by a
 * gate, so all other jobs are in the queue. What the process has resident then,
 * less what it had before, is divided among them: stack, fiber and job together.
 *
 * That the workers are held up is reported, as it should be, and not printed.
 */
#include <errno.h>
#include <semaphore.h>

#include "bench.h"

enum {
	AT_ONCE = 1000,			/* spawned in one turn of the loop */
};

static sem_t gate;
static unsigned int waiting;

static long wait_at_gate(void *unused)
{
	(void)unused;
	while (sem_wait(&gate) < 0)
		if (errno != EINTR)
			return -errno;
	sem_post(&gate);
	return 0;
}

static long wait_for_job(void *unused)
{
	(void)unused;
	waiting++;
	return eider_call(wait_at_gate, NULL);
}

static void turn(struct bench *b)
{
	perf_check(eider_loop_turn(b->loop, 0), "eider_loop_turn");
}

static void start(struct bench *b, unsigned int fibers)
{
	waiting = 0;
	for (unsigned int i = 1; i <= fibers; i++) {
		perf_check(eider_go(wait_for_job, NULL), "eider_go");
		if (i % AT_ONCE == 0)
			turn(b);
	}
	while (waiting < fibers)
		turn(b);
	/* One more, in which the last of them are handed to the workers. */
	turn(b);
}

static void finish(struct bench *b)
{
	sem_post(&gate);
	perf_check(eider_loop_run(b->loop), "eider_loop_run");
	sem_wait(&gate);
}

static void say_nothing(const struct eider_warning *warning, void *arg)
{
	(void)warning;
	(void)arg;
}

double bench_waiting(unsigned int fibers, long *ret_maps)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = 2,
		.queue_max = fibers + 2,
		.fibers_max = fibers + 2,
	};
	long before, maps, bytes;
	struct bench b;

	if (sem_init(&gate, 0, 0) < 0)
		perf_check(-errno, "sem_init");
	bench_open(&b, &options);
	eider_on_warning(b.executor, say_nothing, NULL);
	start(&b, 2);			/* the workers' own memory is not theirs */
	finish(&b);
	maps = perf_maps();
	before = perf_resident();
	start(&b, fibers);
	bytes = perf_resident() - before;
	*ret_maps = perf_maps() - maps;
	finish(&b);
	bench_close(&b);
	sem_destroy(&gate);
	return (double)bytes / (double)fibers;
}

void bench_waiting_fibers(void)
{
	long maps;
	double bytes = bench_waiting(bench_bound("count"), &maps);

	perf_print("waiting_memory", "eider", bytes, "bytes/fiber");
	perf_print("waiting_maps", "eider", (double)maps, "maps");
}
