/*
 * fixtures.c - what several test programs are made of
 */
#include <stdio.h>

#include "fixtures.h"

struct world open_world(const struct eider_options *options)
{
	struct world w;

	ck_assert_int_eq(eider_executor_new(options, &w.executor), 0);
	ck_assert_int_eq(eider_loop_new(w.executor, options, &w.loop), 0);
	return w;
}

void close_world(const struct world *w)
{
	ck_assert_int_eq(eider_loop_free(w->loop), 0);
	eider_executor_free(w->executor);
}

struct eider_executor *executor_here(void)
{
	return eider_loop_executor(eider_loop_current());
}

struct eider_pool *pool_here(void)
{
	return eider_executor_pool(executor_here());
}

struct eider_fiber *start(eider_fn *fn, void *arg)
{
	struct eider_fiber *fiber;

	ck_assert_int_eq(eider_spawn(fn, arg, &fiber), 0);
	return fiber;
}

bool uses(enum eider_feature f)
{
	struct eider_features all;

	eider_executor_features(executor_here(), &all);
	return all.of[f].state == EIDER_FEATURE_YES;
}

uint64_t ops_started(void)
{
	struct eider_stats *stats;
	uint64_t n;

	ck_assert_int_eq(eider_stats_read(executor_here(), &stats), 0);
	ck_assert_uint_eq(stats->loop_count, 1);
	n = stats->loops[0].ops_started;
	eider_stats_free(stats);
	return n;
}

void yield_often(void)
{
	for (int i = 0; i < 200; i++)
		eider_yield();
}

/* ---- functions for jobs and fibers ---- */

long nothing(void *arg)
{
	(void)arg;
	return 0;
}

long echo(void *arg)
{
	return *(long *)arg;
}

long count(void *arg)
{
	harness_add((unsigned int *)arg, 1);
	return 0;
}

long count_up(void *arg)
{
	return harness_add((unsigned int *)arg, 1);
}

long id_of_job(void *arg)
{
	(void)arg;
	return (long)eider_txn_id();
}

long pass_gate(void *arg)
{
	struct gate *g = arg;

	harness_add(&g->inside, 1);
	while (!harness_get(&g->open))
		harness_nap(200 * HARNESS_US);
	return 7;
}

long pass_atomic_gate(void *arg)
{
	return pass_gate(arg);
}
EIDER_ATOMIC(pass_atomic_gate)

void let_go(struct eider_job *job, struct gate *g)
{
	harness_set(&g->open, 1);
	ck_assert_int_eq(eider_await(&job->future), 7);
}

static bool threads_are_back(void *arg)
{
	return harness_threads() <= *(int *)arg;
}

bool wait_for_threads(int before)
{
	return harness_wait_until(threads_are_back, &before);
}

/* ---- pools ---- */

struct eider_pool_counts pool_counts_of(struct eider_pool *pool)
{
	struct eider_pool_counts c;

	eider_pool_count(pool, &c);
	return c;
}

struct eider_txn_pool_counts counts_of(struct eider_txn_pool *pool)
{
	struct eider_txn_pool_counts c;

	eider_txn_pool_count(pool, &c);
	ck_assert_uint_eq(c.threads, c.leased + c.bound + c.general);
	ck_assert_uint_le(c.idle, c.general);
	return c;
}

struct awaited_count {
	struct eider_txn_pool *pool;
	unsigned int n;
};

static bool threads_are(void *arg)
{
	struct awaited_count *a = arg;

	return counts_of(a->pool).threads == a->n;
}

static bool idle_are(void *arg)
{
	struct awaited_count *a = arg;

	return counts_of(a->pool).idle == a->n;
}

static bool line_is(void *arg)
{
	struct awaited_count *a = arg;

	return counts_of(a->pool).waiting == a->n;
}

void until_threads(struct eider_txn_pool *pool, unsigned int n)
{
	struct awaited_count a = { pool, n };

	ck_assert_msg(harness_wait_until(threads_are, &a), "%u threads, not %u",
		      counts_of(pool).threads, n);
}

void until_idle(struct eider_txn_pool *pool, unsigned int n)
{
	struct awaited_count a = { pool, n };

	ck_assert_msg(harness_wait_until(idle_are, &a), "%u idle, not %u",
		      counts_of(pool).idle, n);
}

void until_waiting(struct eider_txn_pool *pool, unsigned int n)
{
	struct awaited_count a = { pool, n };

	ck_assert_msg(harness_wait_until(line_is, &a), "%u wait, not %u",
		      counts_of(pool).waiting, n);
}

long fail_to_start(struct eider_thread *t, void *arg)
{
	(void)t;
	return *(long *)arg;
}

/* ---- warnings ---- */

struct warned warned;

static void note_warning(const struct eider_warning *w, void *arg)
{
	(void)arg;
	warned.kind = w->kind;
	warned.context = w->context;
	snprintf(warned.name, sizeof(warned.name), "%s", w->name ? w->name : "");
	snprintf(warned.detail, sizeof(warned.detail), "%s",
		 w->detail ? w->detail : "");
	harness_add(&warned.count, 1);
}

void note_warnings(void)
{
	eider_on_warning(executor_here(), note_warning, NULL);
}
