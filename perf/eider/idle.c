/*
 * idle.c - what it costs to do nothing
 *
 * So many loops on one executor, each with a fiber that makes a thousand calls and
 * then waits for a descriptor, as a server without a client does. Two seconds later
 * everything should be asleep: polls are over, the watchdog has nothing to look
 * at and is parked. From then on it is measured for `seconds`.
 *
 * The lines are the CPU time and the context switches of all threads but the measuring
 * one. Both should be 0; a worker that stops because it was idle for
 * options.keepalive_ns (10 s) would be seen in a longer run, once.
 *
 * To see it from outside, give pid=1: it then prints its process id on stderr as the
 * measured time begins, and
 *
 *	strace -c -f -p PID
 *
 * lists the system calls. (Attaching interrupts the sleeps: each thread shows one
 * restarted call, at the start and not again.)
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <liburing.h>

#include "bench.h"

enum {
	SETTLE_MS = 2000,
};

static struct eider_executor *executor;
static int stop_fd;

static long serve(void *unused)
{
	struct io_uring_sqe *sqe;
	struct eider_op op;

	(void)unused;
	for (int i = 0; i < 1000; i++)
		perf_check(eider_call(bench_nothing, NULL), "eider_call");
	sqe = eider_sqe(&op);
	if (!sqe)
		perf_check(-EAGAIN, "eider_sqe");
	io_uring_prep_poll_add(sqe, stop_fd, POLLIN);
	perf_check(eider_await(&op.future), "poll");
	return 0;
}

static void *run_loop(void *unused)
{
	struct eider_loop *loop;

	(void)unused;
	perf_check(eider_loop_new(executor, NULL, &loop), "eider_loop_new");
	perf_check(eider_go(serve, NULL), "eider_go");
	perf_check(eider_loop_run(loop), "eider_loop_run");
	perf_check(eider_loop_free(loop), "eider_loop_free");
	return NULL;
}

struct used {
	double us;
	long switches;
};

static double clock_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* By all threads but this one. Clocks: getrusage() rounds user and system apart. */
static struct used used_by_others(void)
{
	struct rusage all, here;

	getrusage(RUSAGE_THREAD, &here);
	getrusage(RUSAGE_SELF, &all);
	return (struct used){
		.us = clock_us(CLOCK_PROCESS_CPUTIME_ID) -
		      clock_us(CLOCK_THREAD_CPUTIME_ID),
		.switches = all.ru_nvcsw + all.ru_nivcsw - here.ru_nvcsw -
			    here.ru_nivcsw,
	};
}

/* While all are idle. */
static void measure(void)
{
	struct used before, after;
	double us;

	perf_sleep_ms(SETTLE_MS);
	if (perf_get("pid"))
		fprintf(stderr, "%d\n", (int)getpid());
	before = used_by_others();
	perf_sleep_ms(perf_get("seconds") * 1000);
	after = used_by_others();
	/* Two clocks are not read at the same time: nothing may be a bit less. */
	us = after.us - before.us;
	perf_print("idle_cpu", "eider", us > 0 ? us : 0, "us");
	perf_print("idle_switches", "eider",
		   (double)(after.switches - before.switches), "switches");
}

void bench_idle(void)
{
	unsigned int loops = bench_bound("loops");
	pthread_t *threads = perf_alloc(loops, sizeof(*threads));
	uint64_t one = 1;

	stop_fd = eventfd(0, EFD_CLOEXEC);
	if (stop_fd < 0)
		perf_check(-errno, "eventfd");
	perf_check(eider_executor_new(NULL, &executor), "eider_executor_new");
	for (unsigned int i = 0; i < loops; i++)
		perf_check(-pthread_create(&threads[i], NULL, run_loop, NULL),
			   "pthread_create");
	measure();
	if (write(stop_fd, &one, sizeof(one)) < 0)
		perf_check(-errno, "write");
	for (unsigned int i = 0; i < loops; i++)
		pthread_join(threads[i], NULL);
	eider_executor_free(executor);
	close(stop_fd);
	free(threads);
}
