/*
 * memory.c - what everything takes
 *
 * Each figure is measured in a child of its own, so that none finds memory that
 * another has left: one of the kind is made first, for what only the first one costs,
 * then many more, and the growth is divided among these. Resident bytes, as the
 * kernel counts them for the process; the kernel's own (a ring's, a thread's) are not
 * in it. A context is small beside a page: for it the allocator is asked.
 *
 *	executor	new, without threads
 *	loop		new, without the thread that it is on
 *	worker		has run a job and sleeps; with its stack, as for the next
 *	thread		the same of a transaction pool
 *	fiber		waits in eider_call(): stack, fiber and job (waiting.c)
 *	context		was entered; its thread is the line above
 *	..._struct	what the caller provides
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

enum {
	EXECUTORS = 32,
	LOOPS = 16,
	THREADS = 64,
	FIBERS = 10000,
	SETTLE_MS = 50,
};

static double divided(long bytes, long n)
{
	return (double)bytes / (double)n;
}

static double of_executor(void)
{
	struct eider_executor *executors[1 + EXECUTORS];
	long before = 0, bytes;

	for (int i = 0; i <= EXECUTORS; i++) {
		perf_check(eider_executor_new(NULL, &executors[i]),
			   "eider_executor_new");
		if (i == 0)
			before = perf_resident();
	}
	bytes = perf_resident() - before;
	for (int i = 0; i <= EXECUTORS; i++)
		eider_executor_free(executors[i]);
	return divided(bytes, EXECUTORS);
}

/* ---- a loop ---- */

static struct eider_executor *loops_executor;
static pthread_barrier_t step;

/* The barriers: the thread is there; it may begin; has a loop; may end. */
static void *hold_loop(void *unused)
{
	struct eider_loop *loop;

	(void)unused;
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	perf_check(eider_loop_new(loops_executor, NULL, &loop), "eider_loop_new");
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	perf_check(eider_loop_free(loop), "eider_loop_free");
	return NULL;
}

static double of_loop(void)
{
	pthread_t threads[LOOPS];
	struct bench first;
	long before, bytes;

	bench_open(&first, NULL);
	loops_executor = first.executor;
	perf_check(-pthread_barrier_init(&step, NULL, LOOPS + 1),
		   "pthread_barrier_init");
	for (int i = 0; i < LOOPS; i++)
		perf_check(-pthread_create(&threads[i], NULL, hold_loop, NULL),
			   "pthread_create");
	pthread_barrier_wait(&step);
	before = perf_resident();
	pthread_barrier_wait(&step);
	pthread_barrier_wait(&step);
	bytes = perf_resident() - before;
	pthread_barrier_wait(&step);
	for (int i = 0; i < LOOPS; i++)
		pthread_join(threads[i], NULL);
	bench_close(&first);
	return divided(bytes, LOOPS);
}

/* ---- threads that have run a job ---- */

static long meet(void *unused)
{
	(void)unused;
	pthread_barrier_wait(&step);
	return 0;
}

static struct eider_job jobs[THREADS];

/* As many jobs as barrier @step waits for, which takes as many workers. */
static long run_together(void *arg)
{
	long n = *(const long *)arg;

	for (long i = 0; i < n; i++)
		perf_check(eider_submit(&jobs[i], meet, NULL), "eider_submit");
	perf_check(eider_await_jobs(jobs, (size_t)n), "eider_await_jobs");
	return 0;
}

static void use_workers(struct bench *b, long n)
{
	perf_check(-pthread_barrier_init(&step, NULL, (unsigned int)n),
		   "pthread_barrier_init");
	bench_run_fiber(b, run_together, &n);
	perf_sleep_ms(SETTLE_MS);
}

static double of_worker(void)
{
	struct eider_options options = {
		.size = sizeof(options),
		.workers_max = THREADS,
	};
	struct bench b;
	long before, bytes;

	memset(jobs, 0, sizeof(jobs));	/* what they take is not the workers' */
	bench_open(&b, &options);
	use_workers(&b, 1);
	before = perf_resident();
	use_workers(&b, THREADS);
	bytes = perf_resident() - before;
	bench_close(&b);
	return divided(bytes, THREADS - 1);
}

static void use_thread(struct bench *b, uint64_t context)
{
	struct eider_job job;

	eider_job_init(&job, bench_nothing, NULL);
	perf_check(eider_txn_pool_submit(eider_executor_txn_pool(b->executor), &job,
					 context), "eider_txn_pool_submit");
	perf_check(eider_loop_run(b->loop), "eider_loop_run");
}

static double of_thread(void)
{
	struct eider_options options = {
		.size = sizeof(options),
		.txn_threads_max = 1 + THREADS,
	};
	struct bench b;
	long before, bytes;

	bench_open(&b, &options);
	use_thread(&b, 1);
	perf_sleep_ms(SETTLE_MS);
	before = perf_resident();
	for (uint64_t i = 2; i < 2 + THREADS; i++)
		use_thread(&b, i);
	perf_sleep_ms(SETTLE_MS);
	bytes = perf_resident() - before;
	bench_close(&b);
	return divided(bytes, THREADS);
}

static double of_fiber(void)
{
	long maps;

	return bench_waiting(FIBERS, &maps);
}

/* ---- a context ---- */

static bool over;			/* the contexts may be left */

static long hold_context(void *unused)
{
	struct eider_txn txn;

	(void)unused;
	eider_yield();			/* everybody is there */
	perf_check(eider_txn_enter(&txn, NULL, EIDER_NEVER), "eider_txn_enter");
	while (!over)
		eider_yield();
	eider_txn_leave(&txn);
	return 0;
}

/* General threads, idle. */
static void make_threads(struct bench *b)
{
	struct eider_txn_pool *pool = eider_executor_txn_pool(b->executor);
	struct eider_thread *threads[THREADS];

	for (int i = 0; i < THREADS; i++)
		perf_check(eider_txn_pool_get_thread(pool, 0, &threads[i]),
			   "eider_txn_pool_get_thread");
	for (int i = 0; i < THREADS; i++)
		eider_txn_pool_put_thread(pool, threads[i]);
}

static double of_context(void)
{
	struct eider_options options = {
		.size = sizeof(options),
		.txn_threads_max = THREADS,
		.keep_general_threads = true,
	};
	size_t before, bytes;
	struct bench b;

	bench_open(&b, &options);
	make_threads(&b);
	for (int i = 0; i < THREADS; i++)
		perf_check(eider_go(hold_context, NULL), "eider_go");
	perf_check(eider_loop_turn(b.loop, 0), "eider_loop_turn");
	before = mallinfo2().uordblks;
	perf_check(eider_loop_turn(b.loop, 0), "eider_loop_turn");
	bytes = mallinfo2().uordblks - before;
	over = true;
	perf_check(eider_loop_run(b.loop), "eider_loop_run");
	bench_close(&b);
	return divided((long)bytes, THREADS);
}

/* ---- all of it ---- */

static void print(const char *name, double bytes)
{
	perf_print(name, "eider", bytes, "bytes");
}

static void measure(const char *name, double (*bytes_of)(void))
{
	int status;
	pid_t child = fork();

	if (child < 0)
		perf_check(-errno, "fork");
	if (!child) {
		print(name, bytes_of());
		exit(0);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			perf_check(-errno, "waitpid");
	if (status)
		perf_check(-ECHILD, name);
}

void bench_memory(void)
{
	measure("memory_executor", of_executor);
	measure("memory_loop", of_loop);
	measure("memory_worker", of_worker);
	measure("memory_thread", of_thread);
	measure("memory_fiber", of_fiber);
	measure("memory_context", of_context);
	print("memory_future_struct", sizeof(struct eider_future));
	print("memory_op_struct", sizeof(struct eider_op));
	print("memory_job_struct", sizeof(struct eider_job));
	print("memory_txn_struct", sizeof(struct eider_txn));
	print("memory_stream_struct", sizeof(struct eider_stream));
}
