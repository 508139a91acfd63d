/*
 * bench.h - what the works for GLib share
 *
 * A job is the caller's. It has the link by which it lies on the list of results, so
 * that giving one back allocates nothing; GThreadPool allocates a node of its queue
 * for each job, as it does for everyone.
 */
#ifndef EIDER_PERF_GLIB_BENCH_H
#define EIDER_PERF_GLIB_BENCH_H

#include <glib.h>

#include "../common/measure.h"

struct job {
	void (*work)(struct job *);	/* on a thread of the pool */
	void (*on_done)(struct job *);	/* on the loop */
	GList link;
};

/* ---- the executor: a GThreadPool, the default main context, and a way back ---- */

/* How results come back (main.c says more), and the system that lines name. */
enum way {
	BY_LIST, /* "glib" */
	BY_IDLE, /* "glib-idle" */
};

/* The way of the process; BY_LIST at first. */
extern enum way way_back;
const char *system_name(void);

/* Start @threads threads. There is one executor in a process. */
void executor_start(long threads);
void executor_submit(struct job *job);
/* Run the loop until executor_quit(), which a callback calls. */
void executor_run(void);
void executor_quit(void);
void executor_stop(void);

/* An empty job. */
void do_nothing(struct job *job);

/*
 * Keep jobs in flight: each job's callback submits the same job again, until all are
 * done.
 */
struct pump {
	/* Set by the caller. */
	void (*work)(struct job *);
	guint64 in_flight;
	guint64 warm;	/* jobs before those that are measured */
	guint64 count;	/* jobs that are measured */

	/* The answer. */
	struct perf_moment start, end;

	/* Private. */
	guint64 started;
	guint64 done;
};

void pump_run(struct pump *p);

/* ---- the works ---- */

void run_jobs(void);
void run_busy(void);
void run_roundtrip(void);
void run_burst(void);
void run_sleepers(void);

#endif
