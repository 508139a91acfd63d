/*
 * executor.c - a GThreadPool, and two ways from its threads back to the loop
 *
 * No result is overlooked. The source's ready time is cleared before the list is taken.
 * Whoever puts a job on the list after that finds it empty, as it was taken whole, and
 * sets the time again; whoever did before, his job is taken. At worst the source is
 * ready once for nothing.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

enum way way_back = BY_LIST;

/* One source for all results. */
struct results {
	GSource source;	/* first: GLib allocates the whole */
	GMutex lock;
	GQueue done;	/* jobs, by their links; under lock */
};

static struct {
	GThreadPool *pool;
	GMainLoop *loop;
	struct results *results;
} executor;

const char *system_name(void)
{
	return way_back == BY_IDLE ? "glib-idle" : "glib";
}

void do_nothing(struct job *job)
{
	(void)job;
}

/* ---- the way back ---- */

static void give_by_list(struct job *job)
{
	struct results *r = executor.results;
	gboolean first;

	job->link.data = job;
	g_mutex_lock(&r->lock);
	first = g_queue_is_empty(&r->done);
	g_queue_push_tail_link(&r->done, &job->link);
	g_mutex_unlock(&r->lock);
	if (first)
		g_source_set_ready_time(&r->source, 0);
}

static gboolean take_list(GSource *source, GSourceFunc unused, gpointer arg)
{
	struct results *r = (struct results *)source;
	GQueue taken;
	GList *link;

	(void)unused;
	(void)arg;
	g_source_set_ready_time(source, -1);
	g_mutex_lock(&r->lock);
	taken = r->done;
	g_queue_init(&r->done);
	g_mutex_unlock(&r->lock);
	while ((link = g_queue_pop_head_link(&taken))) {
		struct job *job = link->data;

		job->on_done(job);
	}
	return G_SOURCE_CONTINUE;
}

static GSourceFuncs results_funcs = { .dispatch = take_list };

static gboolean take_one(gpointer arg)
{
	struct job *job = arg;

	job->on_done(job);
	return G_SOURCE_REMOVE;
}

/* ---- the executor ---- */

static void run_job(gpointer data, gpointer arg)
{
	struct job *job = data;

	(void)arg;
	job->work(job);
	if (way_back == BY_LIST)
		give_by_list(job);
	else
		g_main_context_invoke(NULL, take_one, job);
}

static void check(GError *error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "%s: %s\n", what, error->message);
	exit(1);
}

/*
 * The context is ours from now on and not only while it runs: in one that nobody owns
 * g_main_context_invoke() would call the callback at once, on the worker.
 */
void executor_start(long threads)
{
	GError *error = NULL;

	if (!g_main_context_acquire(NULL))
		check(g_error_new_literal(G_THREAD_ERROR, G_THREAD_ERROR_AGAIN,
					  "another thread has it"),
		      "g_main_context_acquire");
	executor.loop = g_main_loop_new(NULL, FALSE);
	executor.results = (struct results *)g_source_new(&results_funcs,
							  sizeof(struct results));
	g_mutex_init(&executor.results->lock);
	g_queue_init(&executor.results->done);
	g_source_attach(&executor.results->source, NULL);
	executor.pool = g_thread_pool_new(run_job, NULL, (gint)threads, TRUE, &error);
	check(error, "g_thread_pool_new");
}

void executor_submit(struct job *job)
{
	GError *error = NULL;

	if (!g_thread_pool_push(executor.pool, job, &error))
		check(error, "g_thread_pool_push");
}

void executor_run(void)
{
	g_main_loop_run(executor.loop);
}

void executor_quit(void)
{
	g_main_loop_quit(executor.loop);
}

void executor_stop(void)
{
	g_thread_pool_free(executor.pool, FALSE, TRUE);
	g_source_destroy(&executor.results->source);
	g_mutex_clear(&executor.results->lock);
	g_source_unref(&executor.results->source);
	g_main_loop_unref(executor.loop);
	g_main_context_release(NULL);
}
