/*
 * main.c - bench_glib: what measures Eider, for GLib
 *
 * GThreadPool runs jobs and says nothing when one is done: the way back to the loop,
 * the default GMainContext, is the user's own. Two are measured.
 *
 *	glib		A list under a GMutex, and one custom GSource for all results.
 *			A worker puts its job on the list; only he who finds it empty
 *			makes the source ready (g_source_set_ready_time(source, 0)),
 *			which writes the context's eventfd if the loop is not just
 *			dispatching it. The source takes the whole list at once. The
 *			fastest way we know, and the row to compare with.
 *	glib-idle	g_main_context_invoke() for each result, as the manual has it:
 *			a GSource is made, attached and dispatched for each.
 *
 * The settings.
 *
 *  - The pool is exclusive: its threads are started with it and wait for jobs without
 *    a time limit, where those of a shared pool look up every half second and leave. On
 *    the machine that this was written on, a round trip was a tenth faster for it, and
 *    the throughput of empty jobs a twentieth less.
 *  - GAsyncQueue for the results instead of the list costs a node for each; the list
 *    is linked through the jobs.
 *  - GTask, of GIO, is not measured: its pool has ten threads and grows by a timer, and
 *    it makes an object for each job and a GSource for each result: glib-idle and more.
 *  - GLib has no affinity, no fibers: such works are not here. Its timeouts count
 *    milliseconds; where a work asks for less, a timerfd does it (roundtrip.c).
 *
 * Each way runs in a process of its own, so that neither finds the heap and the threads
 * of the other.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

static void in_own_process(enum way way, void (*run)(void))
{
	pid_t pid = fork();
	int status;

	if (pid < 0)
		perf_check(-errno, "fork");
	if (!pid) {
		way_back = way;
		run();
		exit(0);
	}
	if (waitpid(pid, &status, 0) < 0)
		perf_check(-errno, "waitpid");
	if (!WIFEXITED(status) || WEXITSTATUS(status)) {
		fprintf(stderr, "bench_glib: the process of a way back failed\n");
		exit(1);
	}
}

static void jobs_both_ways(void)
{
	in_own_process(BY_LIST, run_jobs);
	in_own_process(BY_IDLE, run_jobs);
}

static void roundtrip_both_ways(void)
{
	in_own_process(BY_LIST, run_roundtrip);
	in_own_process(BY_IDLE, run_roundtrip);
}

static void burst_both_ways(void)
{
	in_own_process(BY_LIST, run_burst);
	in_own_process(BY_IDLE, run_burst);
}

static const struct perf_work works[] = {
	{ "jobs", jobs_both_ways,
	  { { "workers", 1 }, { "inflight", 1024 }, { ".count", 1000000 } } },
	{ "roundtrip", roundtrip_both_ways, { { ".count", 200000 }, { "gap_us", 0 } } },
	{ "busy", run_busy,
	  { { "workers", 2 }, { "inflight", 64 }, { "ns", 10000 },
	    { ".count", 100000 } } },
	{ "burst", burst_both_ways, { { "workers", 2 }, { "count", 100000 } } },
	{ "sleepers", run_sleepers,
	  { { "threads", 64 }, { "ms", 10 }, { "rounds", 10 } } },
	{ NULL, NULL, { { NULL, 0 } } },
};

int main(int argc, char **argv)
{
	char version[64];

	snprintf(version, sizeof(version), "GLib %u.%u.%u", glib_major_version,
		 glib_minor_version, glib_micro_version);
	return perf_main(argc, argv, version, works);
}
