/*
 * roundtrip.c - one worker, one empty job: how long it takes there and back
 *
 * A gap is a g_timeout_add() if it is whole milliseconds. For others, which those
 * cannot do, a timerfd under g_unix_fd_add(); it is armed and read outside of the time
 * that is measured.
 */
#include <errno.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench.h"

struct trip {
	struct job job;
	size_t warm, count;	/* count with the warm-up */
	size_t done;
	gint64 *ns;		/* of the round trips */
	gint64 began;
	struct perf_moment start, end;

	long gap_us;
	int timerfd;		/* -1: a timeout does it */
	guint timerfd_source;
};

static struct trip trip = { .timerfd = -1 };

static void start(void)
{
	trip.began = perf_clock();
	executor_submit(&trip.job);
}

/* ---- the gap ---- */

static gboolean on_timeout(gpointer arg)
{
	(void)arg;
	start();
	return G_SOURCE_REMOVE;
}

static gboolean on_timerfd(gint fd, GIOCondition condition, gpointer arg)
{
	guint64 expired;

	(void)condition;
	(void)arg;
	if (read(fd, &expired, sizeof(expired)) < 0)
		perf_check(-errno, "timerfd");
	start();
	return G_SOURCE_CONTINUE;
}

static void init_gap(void)
{
	trip.gap_us = perf_get("gap_us");
	if (trip.gap_us % 1000 == 0)
		return;
	trip.timerfd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (trip.timerfd < 0)
		perf_check(-errno, "timerfd_create");
	trip.timerfd_source = g_unix_fd_add(trip.timerfd, G_IO_IN, on_timerfd, NULL);
}

static void start_after_gap(void)
{
	struct itimerspec when = {
		.it_value = { trip.gap_us / 1000000, trip.gap_us % 1000000 * 1000 },
	};

	if (trip.timerfd < 0)
		g_timeout_add((guint)(trip.gap_us / 1000), on_timeout, NULL);
	else if (timerfd_settime(trip.timerfd, 0, &when, NULL))
		perf_check(-errno, "timerfd_settime");
}

static void close_gap(void)
{
	if (trip.timerfd < 0)
		return;
	g_source_remove(trip.timerfd_source);
	close(trip.timerfd);
}

/* ---- the trip ---- */

static void on_done(struct job *job)
{
	trip.ns[trip.done++] = perf_clock() - trip.began;
	(void)job;
	if (trip.done == trip.warm)
		perf_now(&trip.start);
	if (trip.done == trip.count) {
		perf_now(&trip.end);
		executor_quit();
	} else if (trip.gap_us) {
		start_after_gap();
	} else {
		start();
	}
}

void run_roundtrip(void)
{
	size_t n = (size_t)perf_get("count");

	trip.warm = n / 10 + 1;
	trip.count = trip.warm + n;
	trip.ns = perf_alloc(trip.count, sizeof(*trip.ns));
	trip.job.work = do_nothing;
	trip.job.on_done = on_done;
	executor_start(1);
	init_gap();
	start();
	executor_run();
	close_gap();
	executor_stop();
	perf_print_times("roundtrip", system_name(), trip.ns + trip.warm, n);
	perf_print("roundtrip_cpu", system_name(),
		   (double)(trip.end.cpu_ns - trip.start.cpu_ns) / (double)n / 1000,
		   "us");
	free(trip.ns);
}
