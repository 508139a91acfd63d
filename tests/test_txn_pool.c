/*
 * test_txn_pool.c - the threads of a pool: made, given, kept, freed, shut down
 *
 * What contexts do with them is in test_txn.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "fixtures.h"

/* A test that is a fiber of a loop without watchdog. */
#define POOL_TEST(name) TXN_TEST(name, 0, 0)

static struct eider_txn_pool *
make_pool_with(const struct eider_txn_pool_options *options)
{
	struct eider_txn_pool *pool;

	ck_assert_int_eq(eider_txn_pool_new(executor_here(), options, &pool), 0);
	return pool;
}

/* @level per cent of @threads may be idle. */
static struct eider_txn_pool *make_pool(unsigned int threads, unsigned int level)
{
	struct eider_txn_pool_options o = {
		.size = sizeof(o),
		.name = "some",
		.threads_max = threads,
		.free_level = level,
	};

	return make_pool_with(&o);
}

/* ---- jobs ---- */

static long where(void *arg)
{
	*(struct eider_thread **)arg = eider_thread_self();
	return 0;
}

static void submit(struct eider_txn_pool *pool, struct eider_job *job, eider_fn *fn,
		   void *arg, uint64_t context)
{
	eider_job_init(job, fn, arg);
	ck_assert_int_eq(eider_txn_pool_submit(pool, job, context), 0);
}

static long call_in(struct eider_txn_pool *pool, eider_fn *fn, void *arg,
		    uint64_t context)
{
	struct eider_job job;

	submit(pool, &job, fn, arg, context);
	return eider_await(&job.future);
}

static struct eider_thread *thread_for(struct eider_txn_pool *pool, uint64_t context)
{
	struct eider_thread *thread = NULL;

	ck_assert_int_eq(call_in(pool, where, &thread, context), 0);
	ck_assert_ptr_nonnull(thread);
	return thread;
}

/* ---- contexts that are entered and left together ---- */

struct crowd {
	struct eider_txn_pool *pool;
	bool named;
	unsigned int in, go;
	uint64_t id;
};

static int enter_crowd(struct crowd *c, struct eider_txn *txn)
{
	static unsigned int serial;
	char name[16];

	if (!c->named)
		return eider_txn_enter(txn, c->pool, EIDER_NEVER);
	snprintf(name, sizeof(name), "name-%u", ++serial);
	return eider_txn_enter_named(txn, c->pool, name, EIDER_NEVER);
}

static long be_in_crowd(void *arg)
{
	struct crowd *c = arg;
	struct eider_txn txn;
	int err = enter_crowd(c, &txn);
	uint64_t id = eider_txn_id();

	if (err < 0)
		return err;
	ck_assert_int_eq(eider_call(id_of_job, NULL), (long)id);
	c->id = id;
	harness_add(&c->in, 1);
	ck_assert(harness_wait_count(&c->go, 1));
	eider_txn_leave(&txn);
	return 0;
}

static void gather(struct crowd *c, struct eider_fiber **fibers, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		fibers[i] = start(be_in_crowd, c);
	ck_assert(harness_wait_count(&c->in, n));
}

static void disperse(struct crowd *c, struct eider_fiber **fibers, unsigned int n)
{
	harness_set(&c->go, 1);
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
}

static void enter_and_leave_at_once(struct eider_txn_pool *pool, bool named,
				    unsigned int n)
{
	struct crowd c = { .pool = pool, .named = named };
	struct eider_fiber *fibers[32];
	unsigned int before;

	before = counts_of(pool).leased;
	gather(&c, fibers, n);
	ck_assert_uint_eq(counts_of(pool).leased, before + n);
	ck_assert_uint_eq(counts_of(pool).idle, 0);
	disperse(&c, fibers, n);
	ck_assert_uint_eq(counts_of(pool).leased, before);
}

/* ---- the free rule ---- */

static const struct {
	unsigned int threads_max, free_level, contexts, idle;
} rules[] = {
	{ 1, 50, 1, 1 },
	{ 1, 100, 1, 1 },
	{ 2, 50, 2, 1 },
	{ 3, 50, 3, 2 },	/* rounded up */
	{ 4, 50, 4, 2 },
	{ 4, 25, 4, 1 },
	{ 4, 26, 4, 2 },
	{ 4, 1, 4, 1 },		/* never the last */
	{ 5, 50, 5, 3 },
	{ 7, 30, 7, 3 },
	{ 8, 100, 8, 8 },
	{ 10, 33, 10, 4 },
	{ 10, 50, 3, 3 },	/* there are no more */
	{ 10, 50, 6, 5 },
	{ 16, 0, 12, 8 },	/* the default, 50 */
	{ 20, 5, 20, 1 },
};

POOL_TEST(free_rule)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		struct eider_txn_pool *pool =
			make_pool(rules[i].threads_max, rules[i].free_level);

		for (int again = 0; again < 2; again++) {
			enter_and_leave_at_once(pool, false, rules[i].contexts);
			ck_assert_msg(counts_of(pool).idle == rules[i].idle,
				      "%u threads, %u%%, %u contexts: %u idle",
				      rules[i].threads_max, rules[i].free_level,
				      rules[i].contexts, counts_of(pool).idle);
			until_threads(pool, rules[i].idle);
			ck_assert_uint_eq(counts_of(pool).idle, rules[i].idle);
		}
		eider_txn_pool_free(pool);
	}
	return 0;
}

/* The same for atomic jobs. */
POOL_TEST(free_rule_after_jobs)
{
	struct eider_txn_pool *pool = make_pool(6, 50);
	struct gate g = { 0, 0 };
	struct eider_job jobs[6];

	for (int i = 0; i < 6; i++)
		submit(pool, &jobs[i], pass_gate, &g, 0);
	ck_assert(harness_wait_count(&g.inside, 6));
	ck_assert_uint_eq(counts_of(pool).general, 6);
	ck_assert_uint_eq(counts_of(pool).idle, 0);
	harness_set(&g.open, 1);
	ck_assert_int_eq(eider_await_jobs(jobs, 6), 0);
	until_threads(pool, 3);
	return 0;
}

POOL_TEST(keep_general_threads)
{
	struct eider_txn_pool_options o = {
		.size = sizeof(o),
		.threads_max = 6,
		.free_level = 1,
		.keep_general_threads = true,
	};
	struct eider_txn_pool *pool = make_pool_with(&o);

	enter_and_leave_at_once(pool, false, 6);
	ck_assert_uint_eq(counts_of(pool).idle, 6);
	yield_often();
	ck_assert_uint_eq(counts_of(pool).threads, 6);
	return 0;
}

/* Neither bound nor leased nor pinned ones count for it, or go by it. */
POOL_TEST(free_rule_is_for_idle_general_ones)
{
	struct eider_txn_pool *pool = make_pool(12, 15);	/* 2 idle */
	struct crowd held = { .pool = pool };
	struct eider_thread *pinned[2];
	struct eider_fiber *fiber;

	enter_and_leave_at_once(pool, true, 4);
	ck_assert_uint_eq(counts_of(pool).bound, 4);
	ck_assert_uint_eq(counts_of(pool).idle, 0);
	gather(&held, &fiber, 1);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &pinned[0]), 0);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &pinned[1]), 0);
	enter_and_leave_at_once(pool, false, 5);
	ck_assert_uint_eq(counts_of(pool).idle, 2);
	until_threads(pool, 4 + 1 + 2 + 2);
	ck_assert_uint_eq(counts_of(pool).bound, 4);
	ck_assert_uint_eq(counts_of(pool).leased, 0 + 1);
	ck_assert_uint_eq(counts_of(pool).general, 2 + 2);
	for (int i = 0; i < 2; i++) {
		ck_assert_ptr_ne(thread_for(pool, 0), pinned[i]);
		ck_assert(eider_thread_is_free(pinned[i]));
	}
	/* Unpinned they count. */
	until_idle(pool, 2);
	eider_txn_pool_put_thread(pool, pinned[0]);
	eider_txn_pool_put_thread(pool, pinned[1]);
	ck_assert_uint_eq(counts_of(pool).idle, 2);
	until_threads(pool, 4 + 1 + 2);
	disperse(&held, &fiber, 1);
	until_threads(pool, 4 + 2);
	return 0;
}

/* A forgotten one becomes general, and counts. */
POOL_TEST(free_rule_after_forget)
{
	struct eider_txn_pool *pool = make_pool(4, 25);		/* 1 idle */
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter_named(&txn, pool, "x", EIDER_NEVER), 0);
	eider_txn_leave(&txn);
	ck_assert_int_eq(eider_txn_enter(&txn, pool, EIDER_NEVER), 0);
	eider_txn_leave(&txn);
	ck_assert_uint_eq(counts_of(pool).idle, 1);
	ck_assert_int_eq(eider_txn_pool_forget(pool, "x"), 0);
	ck_assert_uint_eq(counts_of(pool).bound, 0);
	ck_assert_uint_eq(counts_of(pool).idle, 1);
	until_threads(pool, 1);
	return 0;
}

/* ---- threads by number ---- */

POOL_TEST(get_general_thread)
{
	struct eider_txn_pool *pool = make_pool(3, 100);
	struct eider_thread *t[3], *more = NULL;

	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &t[i]), 0);
	ck_assert(t[0] != t[1] && t[1] != t[2] && t[0] != t[2]);
	ck_assert_uint_eq(counts_of(pool).general, 3);
	ck_assert_uint_eq(counts_of(pool).idle, 0);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &more), -EAGAIN);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 9, &more), -EAGAIN);
	ck_assert_ptr_null(more);
	eider_txn_pool_put_thread(pool, t[1]);
	ck_assert_uint_eq(counts_of(pool).idle, 1);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &more), 0);
	ck_assert_ptr_eq(more, t[1]);
	eider_txn_pool_put_thread(pool, more);
	eider_txn_pool_put_thread(pool, t[0]);
	eider_txn_pool_put_thread(pool, t[2]);
	ck_assert_uint_eq(counts_of(pool).idle, 3);
	return 0;
}

POOL_TEST(get_thread_of_a_number)
{
	struct eider_txn_pool *pool = make_pool(3, 100);
	struct eider_thread *five, *again, *six, *none;

	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 5, &five), 0);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 6, &six), 0);
	ck_assert_ptr_ne(five, six);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 5, &again), 0);
	ck_assert_ptr_eq(five, again);
	eider_txn_pool_put_thread(pool, again);
	eider_txn_pool_put_thread(pool, five);
	eider_txn_pool_put_thread(pool, six);
	ck_assert_uint_eq(counts_of(pool).bound, 2);
	/* Nobody else gets them, and 5 finds its own. */
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &none), 0);
	ck_assert(none != five && none != six);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &again), -EAGAIN);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 5, &again), 0);
	ck_assert_ptr_eq(five, again);
	/* Forgotten as soon as it is put. */
	ck_assert_int_eq(eider_txn_pool_forget(pool, "#5"), 0);
	ck_assert_uint_eq(counts_of(pool).bound, 2);
	eider_txn_pool_put_thread(pool, again);
	ck_assert_uint_eq(counts_of(pool).bound, 1);
	eider_txn_pool_put_thread(pool, none);
	return 0;
}

/* Who was given the pointer may use it, whatever happens to the pool. */
POOL_TEST(pinned_through_a_shutdown)
{
	struct eider_txn_pool *pool = make_pool(3, 100);
	struct eider_thread *t, *five;
	struct eider_job job;
	char line[100];

	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &t), 0);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 5, &five), 0);
	ck_assert_int_eq(eider_txn_pool_shutdown(pool, false, EIDER_NEVER), 0);
	harness_nap(HARNESS_MS);
	ck_assert(eider_thread_is_free(t));
	ck_assert_ptr_null(eider_thread_current(t));
	ck_assert_int_gt(eider_thread_describe(t, line, sizeof(line)), 0);
	eider_job_init(&job, id_of_job, NULL);
	ck_assert_int_eq(eider_thread_submit(t, &job), -ESHUTDOWN);
	eider_txn_pool_put_thread(pool, t);
	eider_txn_pool_put_thread(pool, five);
	eider_txn_pool_free(pool);
	return 0;
}

/* A thread that still runs what it was given by its pointer is not idle. */
POOL_TEST(put_while_it_runs)
{
	struct eider_txn_pool *pool = make_pool(2, 50);		/* 1 idle */
	struct eider_thread *t, *other;
	struct gate g = { 0, 0 };
	struct eider_job gated, behind;

	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &t), 0);
	other = thread_for(pool, 0);
	until_idle(pool, 1);
	eider_job_init(&gated, pass_gate, &g);
	eider_job_init(&behind, id_of_job, NULL);
	ck_assert_int_eq(eider_thread_submit(t, &gated), 0);
	ck_assert_int_eq(eider_thread_submit(t, &behind), 0);
	ck_assert(harness_wait_count(&g.inside, 1));
	eider_txn_pool_put_thread(pool, t);
	ck_assert_uint_eq(counts_of(pool).idle, 1);
	/* So a job goes to the other one, and does not wait behind the slow. */
	ck_assert_ptr_eq(thread_for(pool, 0), other);
	let_go(&gated, &g);
	ck_assert_int_eq(eider_await(&behind.future), 0);
	until_threads(pool, 1);
	return 0;
}

/* Nor one that runs what it was given between contexts. */
POOL_TEST(stop_of_an_idle_one_cancels_nothing)
{
	struct eider_txn_pool *pool = make_pool(4, 25);		/* 1 idle */
	struct eider_thread *t[4];
	struct eider_job jobs[4][3];
	struct gate g = { 0, 0 };

	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &t[i]), 0);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 3; j++) {
			eider_job_init(&jobs[i][j], pass_gate, &g);
			ck_assert_int_eq(eider_thread_submit(t[i], &jobs[i][j]), 0);
		}
	ck_assert(harness_wait_count(&g.inside, 4));
	for (int i = 0; i < 4; i++)
		eider_txn_pool_put_thread(pool, t[i]);
	harness_set(&g.open, 1);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 3; j++)
			ck_assert_int_eq(eider_await(&jobs[i][j].future), 7);
	until_threads(pool, 1);
	return 0;
}

/* The thread may be gone before the one who asked for it has looked. */
POOL_TEST(get_thread_that_does_not_start)
{
	long result = -ENOTCONN;
	struct eider_txn_pool_options o = {
		.size = sizeof(o),
		.threads_max = 500,
		.hooks = { .thread_start = fail_to_start },
		.arg = &result,
	};
	struct eider_txn_pool *pool = make_pool_with(&o);
	struct eider_thread *t = NULL;

	for (unsigned int i = 0; i < harness_count(200, 50); i++)
		ck_assert_int_eq(eider_txn_pool_get_thread(pool, i % 3, &t),
				 -ENOTCONN);
	ck_assert_ptr_null(t);
	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 0), -ENOTCONN);
	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 3), -ENOTCONN);
	until_threads(pool, 0);
	harness_set(&result, 0);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 1, &t), 0);
	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 1), 1);
	eider_txn_pool_put_thread(pool, t);
	return 0;
}

/* ---- jobs by number ---- */

struct ordered {
	struct eider_job job;
	unsigned int number, *last;
	struct eider_thread *thread;
};

static long check_order(void *arg)
{
	struct ordered *o = arg;

	if (eider_thread_self() != o->thread)
		return -EXDEV;
	if (++*o->last != o->number)
		return -EILSEQ;
	return (long)eider_txn_id();
}

POOL_TEST(submit_by_number)
{
	struct eider_txn_pool *pool = make_pool(3, 100);
	struct ordered jobs[60];
	struct eider_thread *threads[2];
	unsigned int last[2] = { 0, 0 };

	threads[0] = thread_for(pool, 70);
	threads[1] = thread_for(pool, 71);
	ck_assert_ptr_ne(threads[0], threads[1]);
	for (unsigned int i = 0; i < 60; i++) {
		jobs[i].number = i / 2 + 1;
		jobs[i].last = &last[i % 2];
		jobs[i].thread = threads[i % 2];
		submit(pool, &jobs[i].job, check_order, &jobs[i], 70 + i % 2);
	}
	for (unsigned int i = 0; i < 60; i++)
		ck_assert_int_eq(eider_await(&jobs[i].job.future), 70 + i % 2);
	ck_assert_uint_eq(counts_of(pool).bound, 2);
	return 0;
}

POOL_TEST(submit_by_number_at_the_bound)
{
	struct eider_txn_pool *pool = make_pool(1, 100);
	struct eider_job job;

	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 5), 5);
	eider_job_init(&job, id_of_job, NULL);
	ck_assert_int_eq(eider_txn_pool_submit(pool, &job, 6), -EAGAIN);
	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 5), 5);
	/* It was not accepted, and can be used again. */
	ck_assert_int_eq(eider_txn_pool_forget(pool, "#5"), 0);
	until_idle(pool, 1);
	ck_assert_int_eq(eider_txn_pool_submit(pool, &job, 6), 0);
	ck_assert_int_eq(eider_await(&job.future), 6);
	return 0;
}

POOL_TEST(submit_to_general)
{
	struct eider_txn_pool *pool = make_pool(2, 100);
	struct eider_thread *bound = thread_for(pool, 5);
	struct eider_thread *general = thread_for(pool, 0);
	struct eider_job job;

	ck_assert_ptr_ne(bound, general);
	for (int i = 0; i < 10; i++)
		ck_assert_ptr_eq(thread_for(pool, 0), general);
	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 0), 0);
	eider_job_init(&job, id_of_job, NULL);
	ck_assert_int_eq(eider_txn_pool_submit(NULL, &job, 0), -EINVAL);
	ck_assert_int_eq(eider_txn_pool_submit(pool, NULL, 0), -EINVAL);
	eider_job_init(&job, NULL, NULL);
	ck_assert_int_eq(eider_txn_pool_submit(pool, &job, 0), -EINVAL);
	return 0;
}

POOL_TEST(number_and_name)
{
	struct eider_txn_pool *pool = make_pool(4, 100);
	struct eider_thread *seven, *eight, *seen = NULL;
	struct eider_txn txn;

	/* The number comes first. */
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 7, &seven), 0);
	ck_assert_int_eq(eider_txn_enter_named(&txn, pool, "#7", EIDER_NEVER), 0);
	ck_assert_int_eq(eider_call(where, &seen), 0);
	ck_assert_ptr_eq(seen, seven);
	eider_txn_leave(&txn);
	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 7), 7);
	eider_txn_pool_put_thread(pool, seven);

	/* The name comes first. */
	ck_assert_int_eq(eider_txn_enter_named(&txn, pool, "#8", EIDER_NEVER), 0);
	ck_assert_int_eq(eider_call(where, &seen), 0);
	eider_txn_leave(&txn);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 8, &eight), 0);
	ck_assert_ptr_eq(seen, eight);
	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 8), 8);
	eider_txn_pool_put_thread(pool, eight);
	ck_assert_int_eq(eider_txn_pool_forget(pool, "#8"), 0);
	until_idle(pool, 1);
	ck_assert_uint_eq(counts_of(pool).bound, 1);
	return 0;
}

POOL_TEST(cancel_in_line)
{
	struct eider_txn_pool *pool = make_pool(1, 100);
	struct gate g = { 0, 0 };
	struct eider_job running, queued, late;
	unsigned int ran = 0;

	submit(pool, &running, pass_gate, &g, 0);
	submit(pool, &queued, count_up, &ran, 0);
	eider_job_init(&late, count_up, &ran);
	late.deadline = eider_after(2 * HARNESS_MS);
	ck_assert_int_eq(eider_txn_pool_submit(pool, &late, 0), 0);
	until_waiting(pool, 2);
	eider_cancel(&queued.future);
	ck_assert_int_eq(eider_await(&queued.future), -ECANCELED);
	ck_assert_int_eq(eider_await(&late.future), -ETIME);
	ck_assert_uint_eq(counts_of(pool).waiting, 0);
	let_go(&running, &g);
	ck_assert_uint_eq(ran, 0);
	return 0;
}

/* ---- one line for all ---- */

static char story[64];

static long tell(void *arg)
{
	strcat(story, arg);
	return 0;
}

static long enter_and_tell(void *arg)
{
	void **pool_and_word = arg;
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, pool_and_word[0], EIDER_NEVER), 0);
	ck_assert_int_eq(eider_call(tell, pool_and_word[1]), 0);
	eider_txn_leave(&txn);
	return 0;
}

POOL_TEST(jobs_and_contexts_in_one_line)
{
	static const char *const words[8] = {
		"a", "B", "c", "D", "e", "F", "g", "H",
	};
	struct eider_txn_pool *pool = make_pool(1, 100);
	struct crowd c = { .pool = pool };
	struct eider_fiber *holder, *fibers[8];
	struct eider_job jobs[8];
	void *args[8][2];

	gather(&c, &holder, 1);
	for (unsigned int i = 0; i < 8; i++) {
		args[i][0] = pool;
		args[i][1] = (void *)words[i];
		if (i % 2)
			submit(pool, &jobs[i], tell, args[i][1], 0);
		else
			fibers[i] = start(enter_and_tell, args[i]);
		until_waiting(pool, i + 1);
	}
	ck_assert_str_eq(story, "");
	disperse(&c, &holder, 1);
	for (unsigned int i = 0; i < 8; i++)
		ck_assert_int_eq(i % 2 ? eider_await(&jobs[i].future) :
					 eider_join(fibers[i]), 0);
	ck_assert_str_eq(story, "aBcDeFgH");
	return 0;
}

POOL_TEST(no_job_behind_a_slow_one)
{
	struct eider_txn_pool *pool = make_pool(2, 100);
	struct gate g = { 0, 0 };
	struct eider_job slow, jobs[30];
	unsigned int ran = 0;

	/* With one thread, and another that may be started. */
	submit(pool, &slow, pass_gate, &g, 0);
	ck_assert(harness_wait_count(&g.inside, 1));
	ck_assert_int_eq(call_in(pool, count_up, &ran, 0), 1);
	/* And with one that is idle. */
	for (int i = 0; i < 30; i++)
		submit(pool, &jobs[i], count_up, &ran, 0);
	ck_assert_int_eq(eider_await_jobs(jobs, 30), 0);
	ck_assert_uint_eq(harness_get(&ran), 31);
	ck_assert(!eider_is_done(&slow.future));
	ck_assert_uint_eq(counts_of(pool).threads, 2);
	let_go(&slow, &g);
	return 0;
}

static long count_atomically(void *arg)
{
	return eider_thread_self() ? count_up(arg) : -EXDEV;
}
EIDER_ATOMIC(count_atomically)

/* The default pool is whom NULL and atomic functions mean. */
POOL_TEST(default_pool)
{
	struct eider_txn_pool *pool = eider_executor_txn_pool(executor_here());
	struct eider_txn_pool *other = make_pool(4, 100);
	struct gate gate = { 0, 0 };
	struct eider_txn txn;
	struct eider_job slow;
	unsigned int ran = 0;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	ck_assert_uint_eq(counts_of(pool).leased, 1);
	eider_txn_leave(&txn);
	ck_assert_uint_eq(counts_of(pool).leased, 0);
	ck_assert_int_eq(eider_txn_enter_named(&txn, NULL, "x", EIDER_NEVER), 0);
	eider_txn_leave(&txn);
	ck_assert_uint_eq(counts_of(pool).bound, 1);
	ck_assert_int_eq(eider_submit(&slow, pass_atomic_gate, &gate), 0);
	ck_assert(harness_wait_count(&gate.inside, 1));
	for (unsigned int i = 1; i <= 20; i++)
		ck_assert_int_eq(eider_call(count_atomically, &ran), i);
	ck_assert(!eider_is_done(&slow.future));
	let_go(&slow, &gate);
	ck_assert_uint_eq(counts_of(other).threads, 0);
	return 0;
}

POOL_TEST(counts)
{
	struct eider_txn_pool *pool = make_pool(4, 100);
	struct crowd bound = { .pool = pool, .named = true };
	struct crowd both = { .pool = pool, .named = true };
	struct crowd held = { .pool = pool }, line = { .pool = pool };
	struct eider_fiber *f1, *f2, *f3, *f4[2];
	struct eider_txn_pool_counts c;
	struct gate g = { 0, 0 };
	struct eider_job job;

	gather(&held, &f1, 1);
	gather(&bound, &f2, 1);
	disperse(&bound, &f2, 1);
	gather(&both, &f3, 1);			/* bound, and leased */
	c = counts_of(pool);
	ck_assert(c.threads == 3 && c.leased == 2 && c.bound == 1 && !c.general);
	submit(pool, &job, pass_gate, &g, 0);
	ck_assert(harness_wait_count(&g.inside, 1));
	c = counts_of(pool);
	ck_assert(c.threads == 4 && c.leased == 2 && c.bound == 1);
	ck_assert(c.general == 1 && !c.idle && !c.waiting);
	f4[0] = start(be_in_crowd, &line);
	f4[1] = start(be_in_crowd, &line);
	until_waiting(pool, 2);
	let_go(&job, &g);
	ck_assert(harness_wait_count(&line.in, 1));
	c = counts_of(pool);
	ck_assert(c.leased == 3 && c.bound == 1 && !c.general && c.waiting == 1);
	disperse(&line, f4, 2);
	disperse(&both, &f3, 1);
	disperse(&held, &f1, 1);
	c = counts_of(pool);
	ck_assert(c.threads == 4 && !c.leased && c.bound == 2 && c.general == 2);
	ck_assert(c.idle == 2 && !c.waiting);
	return 0;
}

/* ---- making ---- */

POOL_TEST(options_in_range)
{
	struct eider_txn_pool_options o = { .size = sizeof(o) };
	struct eider_txn_pool *pool = NULL;

	ck_assert_int_eq(eider_txn_pool_new(NULL, &o, &pool), -EINVAL);
	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, NULL), -EINVAL);
	o.size = 0;
	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, &pool), -EINVAL);
	o.size = sizeof(o) + 8;
	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, &pool), -EINVAL);
	o.size = sizeof(o);
	o.free_level = 101;
	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, &pool), -EINVAL);
	o.free_level = 0;
	o.threads_max = 65537;
	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, &pool), -EINVAL);
	ck_assert_ptr_null(pool);
	eider_txn_pool_free(NULL);
	ck_assert_int_eq(eider_txn_pool_shutdown(NULL, false, 0), -EINVAL);
	ck_assert_int_eq(eider_txn_pool_forget(NULL, "x"), -EINVAL);
	eider_txn_pool_put_thread(NULL, NULL);
	return 0;
}

START_TEST(options_by_default)
{
	struct eider_options o = {
		.size = sizeof(o), .txn_threads_max = 2, .free_level = 50,
	};
	struct eider_executor *e;
	struct eider_txn_pool *pool;
	struct eider_thread *t[3];

	ck_assert_int_eq(eider_executor_new(&o, &e), 0);
	ck_assert_int_eq(eider_txn_pool_new(e, NULL, &pool), 0);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &t[0]), 0);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &t[1]), 0);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &t[2]), -EAGAIN);
	ck_assert_str_eq(eider_thread_name(t[0]), "txn-1");
	ck_assert_str_eq(eider_thread_name(t[1]), "txn-2");
	eider_txn_pool_put_thread(pool, t[0]);
	eider_txn_pool_put_thread(pool, t[1]);
	ck_assert_uint_eq(counts_of(pool).idle, 1);	/* 50 per cent of 2 */
	ck_assert_int_eq(eider_executor_shutdown(e, true, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_txn_pool_new(e, NULL, &pool), -ESHUTDOWN);
	eider_executor_free(e);
}
END_TEST

/* ---- shutting down ---- */

/* Another thread that shuts a pool down. */
struct closing {
	struct eider_txn_pool *pool;
	bool wait;
	int64_t deadline;
	pthread_t thread;
	unsigned int done;
	int result;
};

static void *close_pool(void *arg)
{
	struct closing *c = arg;

	c->result = eider_txn_pool_shutdown(c->pool, c->wait, c->deadline);
	harness_add(&c->done, 1);
	return NULL;
}

static void start_closing(struct closing *c)
{
	ck_assert(!pthread_create(&c->thread, NULL, close_pool, c));
}

static int end_closing(struct closing *c)
{
	ck_assert(harness_wait_count(&c->done, 1));
	pthread_join(c->thread, NULL);
	return c->result;
}

static int close_from_outside(struct eider_txn_pool *pool, bool wait,
			      int64_t deadline)
{
	struct closing c = { .pool = pool, .wait = wait, .deadline = deadline };

	start_closing(&c);
	return end_closing(&c);
}

static bool is_closed(void *arg)
{
	struct eider_thread *t;
	int err = eider_txn_pool_get_thread(arg, 0, &t);

	if (!err)
		eider_txn_pool_put_thread(arg, t);
	return err == -ESHUTDOWN;
}

static void check_closed(struct eider_txn_pool *pool)
{
	struct eider_thread *t;
	struct eider_txn txn;
	struct eider_job job;

	eider_job_init(&job, id_of_job, NULL);
	ck_assert_int_eq(eider_txn_pool_submit(pool, &job, 0), -ESHUTDOWN);
	ck_assert_int_eq(eider_txn_pool_submit(pool, &job, 3), -ESHUTDOWN);
	ck_assert_int_eq(eider_txn_enter(&txn, pool, EIDER_NEVER), -ESHUTDOWN);
	ck_assert_int_eq(eider_txn_enter_named(&txn, pool, "z", EIDER_NEVER),
			 -ESHUTDOWN);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &t), -ESHUTDOWN);
	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 3, &t), -ESHUTDOWN);
}

/* One context in, one job and one context in line, and jobs queued by number. */
POOL_TEST(shutdown_that_waits)
{
	struct eider_txn_pool *pool = make_pool(2, 100);
	struct closing closing = { .pool = pool, .wait = true,
				   .deadline = EIDER_NEVER };
	struct crowd in = { .pool = pool }, line = { .pool = pool, .go = 1 };
	struct eider_fiber *fin, *fline;
	struct eider_job gated, queued, waiting;
	struct gate g = { 0, 0 };
	unsigned int ran = 0;

	gather(&in, &fin, 1);
	submit(pool, &gated, pass_gate, &g, 5);
	submit(pool, &queued, count_up, &ran, 5);
	fline = start(be_in_crowd, &line);
	until_waiting(pool, 1);
	submit(pool, &waiting, count_up, &ran, 0);
	until_waiting(pool, 2);
	start_closing(&closing);
	ck_assert(harness_wait_until(is_closed, pool));
	check_closed(pool);
	yield_often();
	ck_assert_uint_eq(harness_get(&closing.done), 0);
	ck_assert_uint_eq(ran, 0);

	let_go(&gated, &g);
	ck_assert_int_eq(eider_await(&queued.future), 1);
	ck_assert(!line.in);
	disperse(&in, &fin, 1);
	ck_assert_int_eq(eider_join(fline), 0);
	ck_assert_int_eq(eider_await(&waiting.future), 2);
	ck_assert_int_eq(end_closing(&closing), 0);
	ck_assert_uint_eq(counts_of(pool).threads, 0);
	check_closed(pool);
	ck_assert_int_eq(eider_txn_pool_shutdown(pool, false, 0), 0);
	eider_txn_pool_free(pool);
	return 0;
}

/*
 * Both threads of @pool are inside @g, one of them for context 5: two jobs behind
 * them, one in the context's own line and one in the pool's.
 */
static void fill_two(struct eider_txn_pool *pool, struct eider_job *jobs,
		     struct gate *g, unsigned int *ran)
{
	submit(pool, &jobs[0], pass_gate, g, 0);
	submit(pool, &jobs[1], pass_gate, g, 5);
	submit(pool, &jobs[2], count_up, ran, 5);
	submit(pool, &jobs[3], count_up, ran, 0);
}

POOL_TEST(shutdown_that_does_not)
{
	struct eider_txn_pool *pool = make_pool(2, 100);
	struct closing closing = { .pool = pool, .deadline = EIDER_NEVER };
	struct crowd line = { .pool = pool, .go = 1 };
	struct crowd named = { .pool = pool, .go = 1, .named = true };
	struct eider_fiber *fline, *fnamed;
	struct eider_job jobs[4];
	struct gate g = { 0, 0 };
	unsigned int ran = 0;

	fill_two(pool, jobs, &g, &ran);
	until_waiting(pool, 1);
	fline = start(be_in_crowd, &line);
	until_waiting(pool, 2);
	fnamed = start(be_in_crowd, &named);
	until_waiting(pool, 3);
	ck_assert(harness_wait_count(&g.inside, 2));
	start_closing(&closing);
	ck_assert_int_eq(eider_join(fline), -ESHUTDOWN);
	ck_assert_int_eq(eider_join(fnamed), -ESHUTDOWN);
	ck_assert_int_eq(eider_await(&jobs[2].future), -ECANCELED);
	ck_assert_int_eq(eider_await(&jobs[3].future), -ECANCELED);
	check_closed(pool);
	ck_assert_uint_eq(harness_get(&closing.done), 0);
	harness_set(&g.open, 1);
	ck_assert_int_eq(end_closing(&closing), 0);
	ck_assert_int_eq(eider_await(&jobs[0].future), 7);
	ck_assert_int_eq(eider_await(&jobs[1].future), 7);
	ck_assert_uint_eq(ran, 0);
	return 0;
}

POOL_TEST(shutdown_with_a_context_not_left)
{
	struct eider_txn_pool *pool = make_pool(2, 100);
	struct crowd in = { .pool = pool };
	struct eider_fiber *fiber;

	note_warnings();
	gather(&in, &fiber, 1);
	ck_assert_int_eq(close_from_outside(pool, true, eider_after(2 * HARNESS_MS)),
			 -ETIME);
	ck_assert_uint_eq(warned.count, 1);
	ck_assert_int_eq(warned.kind, EIDER_STILL_RUNNING);
	ck_assert_uint_eq(warned.context, in.id);
	ck_assert_str_eq(warned.name, "some");
	ck_assert_str_eq(warned.detail, "a context was not left");
	disperse(&in, &fiber, 1);
	ck_assert_int_eq(close_from_outside(pool, true, EIDER_NEVER), 0);
	ck_assert_uint_eq(warned.count, 1);
	return 0;
}

POOL_TEST(shutdown_with_a_job_that_runs)
{
	struct eider_txn_pool *pool = make_pool(2, 100);
	struct gate g = { 0, 0 };
	struct eider_job job;

	note_warnings();
	eider_job_init(&job, pass_gate, &g);
	job.name = "slow one";
	ck_assert_int_eq(eider_txn_pool_submit(pool, &job, 0), 0);
	ck_assert(harness_wait_count(&g.inside, 1));
	ck_assert_int_eq(close_from_outside(pool, true, eider_after(HARNESS_MS)),
			 -ETIME);
	ck_assert_int_eq(close_from_outside(pool, false, eider_after(HARNESS_MS)),
			 -ETIME);
	ck_assert_uint_eq(warned.count, 2);
	ck_assert_int_eq(warned.kind, EIDER_STILL_RUNNING);
	ck_assert_str_eq(warned.name, "slow one");
	harness_set(&g.open, 1);
	ck_assert_int_eq(close_from_outside(pool, false, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_await(&job.future), 7);
	return 0;
}

/* The jobs of an open context are cancelled, and it can still be left. */
POOL_TEST(shutdown_around_a_context)
{
	struct eider_txn_pool *pool = make_pool(1, 100);
	unsigned int ran = 0;
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, pool, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_call(count_up, &ran), 1);
	ck_assert_int_eq(close_from_outside(pool, false, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_call(count_up, &ran), -ECANCELED);
	eider_txn_leave(&txn);
	ck_assert_uint_eq(ran, 1);
	eider_txn_pool_free(pool);
	return 0;
}

static long close_in_job(void *arg)
{
	return eider_txn_pool_shutdown(arg, true, EIDER_NEVER);
}

POOL_TEST(shutdown_of_oneself)
{
	struct eider_txn_pool *pool = make_pool(1, 100);

	ck_assert_int_eq(eider_txn_pool_shutdown(pool, true, EIDER_NEVER), -EDEADLK);
	ck_assert_int_eq(eider_call(close_in_job, pool), -EDEADLK);
	ck_assert_int_eq(call_in(pool, close_in_job, pool, 0), -EDEADLK);
	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 0), 0);	/* it goes on */
	return 0;
}

/* ---- freeing ---- */

POOL_TEST(free_with_idle_threads)
{
	int before = harness_threads();
	struct eider_txn_pool *pool = make_pool(5, 100);

	enter_and_leave_at_once(pool, true, 2);
	enter_and_leave_at_once(pool, false, 3);
	ck_assert_int_eq(call_in(pool, id_of_job, NULL, 9), 9);
	ck_assert_int_gt(harness_threads(), before);
	eider_txn_pool_free(pool);
	ck_assert(wait_for_threads(before));
	return 0;
}

POOL_TEST(free_while_jobs_run)
{
	int before = harness_threads();
	struct eider_txn_pool *pool = make_pool(2, 100);
	struct eider_job jobs[4];
	struct gate g = { 0, 0 };
	unsigned int ran = 0;

	fill_two(pool, jobs, &g, &ran);
	ck_assert(harness_wait_count(&g.inside, 2));
	eider_txn_pool_free(pool);
	ck_assert_int_eq(eider_await(&jobs[2].future), -ECANCELED);
	ck_assert_int_eq(eider_await(&jobs[3].future), -ECANCELED);
	harness_set(&g.open, 1);
	ck_assert(wait_for_threads(before));
	/* Their results come all the same. */
	ck_assert_int_eq(eider_await(&jobs[0].future), 7);
	ck_assert_int_eq(eider_await(&jobs[1].future), 7);
	ck_assert_uint_eq(ran, 0);
	return 0;
}

POOL_TEST(free_unused)
{
	eider_txn_pool_free(make_pool(4, 50));
	return 0;
}

static Suite *make_suite(void)
{
	Suite *s = suite_create("txn_pool");
	TCase *t = harness_case(s, "rule");

	tcase_add_test(t, free_rule);
	tcase_add_test(t, free_rule_after_jobs);
	tcase_add_test(t, keep_general_threads);
	tcase_add_test(t, free_rule_is_for_idle_general_ones);
	tcase_add_test(t, free_rule_after_forget);

	t = harness_case(s, "thread");
	tcase_add_test(t, get_general_thread);
	tcase_add_test(t, get_thread_of_a_number);
	tcase_add_test(t, pinned_through_a_shutdown);
	tcase_add_test(t, put_while_it_runs);
	tcase_add_test(t, stop_of_an_idle_one_cancels_nothing);
	tcase_add_test(t, get_thread_that_does_not_start);

	t = harness_case(s, "submit");
	tcase_add_test(t, submit_by_number);
	tcase_add_test(t, submit_by_number_at_the_bound);
	tcase_add_test(t, submit_to_general);
	tcase_add_test(t, number_and_name);
	tcase_add_test(t, cancel_in_line);

	t = harness_case(s, "line");
	tcase_add_test(t, jobs_and_contexts_in_one_line);
	tcase_add_test(t, no_job_behind_a_slow_one);
	tcase_add_test(t, default_pool);
	tcase_add_test(t, counts);

	t = harness_case(s, "make");
	tcase_add_test(t, options_in_range);
	tcase_add_test(t, options_by_default);

	t = harness_case(s, "shutdown");
	tcase_add_test(t, shutdown_that_waits);
	tcase_add_test(t, shutdown_that_does_not);
	tcase_add_test(t, shutdown_with_a_context_not_left);
	tcase_add_test(t, shutdown_with_a_job_that_runs);
	tcase_add_test(t, shutdown_around_a_context);
	tcase_add_test(t, shutdown_of_oneself);

	t = harness_case(s, "free");
	tcase_add_test(t, free_with_idle_threads);
	tcase_add_test(t, free_while_jobs_run);
	tcase_add_test(t, free_unused);
	return s;
}

int main(void)
{
	return harness_run(make_suite());
}
