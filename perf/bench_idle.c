/*
 * bench_idle.c - what it costs to do nothing
 *
 *	bench_idle [SECONDS [LOOPS [pid]]]
 *
 * LOOPS loops on one executor, each with a fiber that makes a thousand calls and
 * then waits for a descriptor, as a server without a client does. Two seconds later
 * everything should be asleep: polls are over, the watchdog has nothing to look
 * at and is parked. From then on it is measured for SECONDS.
 *
 * Prints the CPU time and the context switches of all threads but the measuring
 * one. Both should be 0; a worker that stops because it was idle for
 * options.keepalive_ns (10 s) would be seen in a longer run, once.
 *
 * To see it from outside, give a third argument: it then prints its process id on
 * stderr as the measured time begins, and
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

#include <eider.h>
#include <liburing.h>

#include "measure.h"

static struct eider_executor *executor;
static int stop_fd;

static long nothing(void *arg)
{
	(void)arg;
	return 0;
}

static long serve(void *arg)
{
	struct io_uring_sqe *sqe;
	struct eider_op op;

	(void)arg;
	for (int i = 0; i < 1000; i++)
		perf_check(eider_call(nothing, NULL), "eider_call");
	sqe = eider_sqe(&op);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_poll_add(sqe, stop_fd, POLLIN);
	return eider_await(&op.future);
}

static void *run_loop(void *arg)
{
	struct eider_loop *loop;

	(void)arg;
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

static void wait_seconds(long seconds)
{
	struct timespec left = { .tv_sec = seconds };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR)
		;
}

int main(int argc, char **argv)
{
	long seconds = perf_arg(argc, argv, 1, 5);
	long loops = perf_arg(argc, argv, 2, 2);
	pthread_t *threads = perf_alloc((size_t)loops, sizeof(*threads));
	struct used before, after;
	char parameter[64];
	uint64_t one = 1;

	stop_fd = eventfd(0, EFD_CLOEXEC);
	perf_check(eider_executor_new(NULL, &executor), "eider_executor_new");
	for (long i = 0; i < loops; i++)
		perf_check(-pthread_create(&threads[i], NULL, run_loop, NULL),
			   "pthread_create");
	wait_seconds(2);
	if (argc > 3)
		fprintf(stderr, "%d\n", (int)getpid());
	before = used_by_others();
	wait_seconds(seconds);
	after = used_by_others();
	perf_check(write(stop_fd, &one, sizeof(one)), "write");
	for (long i = 0; i < loops; i++)
		pthread_join(threads[i], NULL);
	eider_executor_free(executor);
	close(stop_fd);
	free(threads);

	snprintf(parameter, sizeof(parameter), "loops=%ld,seconds=%ld", loops,
		 seconds);
	perf_print("idle_cpu", "eider", parameter, after.us - before.us, "us");
	perf_print("idle_switches", "eider", parameter,
		   (double)(after.switches - before.switches), "switches");
	return 0;
}
