/*
 * test_txn.c - contexts: who is on which thread, who waits, and what is left
 *
 * Which thread a job runs on is told by a number that each thread keeps for
 * itself (which_thread()), so no thread is mistaken for one that was there before.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "executor/job.h"
#include "fixtures.h"

static struct eider_txn_pool *default_pool(void)
{
	return eider_executor_txn_pool(executor_here());
}

static struct eider_txn_pool *make_pool(const char *name, unsigned int threads)
{
	struct eider_txn_pool_options o = {
		.size = sizeof(o),
		.name = name,
		.threads_max = threads,
	};
	struct eider_txn_pool *pool;

	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, &pool), 0);
	return pool;
}

static long which_thread(void *arg)
{
	static unsigned int serial;
	static __thread unsigned int number;

	(void)arg;
	if (!number)
		number = harness_add(&serial, 1);
	return number;
}

static long thread_here(void)
{
	long n = eider_call(which_thread, NULL);

	ck_assert_msg(n > 0, "a call: %ld", n);
	return n;
}

/* A fiber that is in a context until it is let go. */
struct holder {
	struct eider_txn_pool *pool;
	const char *name;
	struct gate gate;
	long thread;
	uint64_t id;
	unsigned int left;
};

static int enter_for(struct eider_txn *txn, struct holder *h)
{
	return h->name ? eider_txn_enter_named(txn, h->pool, h->name, EIDER_NEVER) :
			 eider_txn_enter(txn, h->pool, EIDER_NEVER);
}

static long hold(void *arg)
{
	struct holder *h = arg;
	struct eider_txn txn;
	int err = enter_for(&txn, h);

	if (err < 0)
		return err;
	h->thread = thread_here();
	h->id = eider_txn_id();
	harness_add(&h->gate.inside, 1);
	ck_assert(harness_wait_count(&h->gate.open, 1));
	eider_txn_leave(&txn);
	harness_add(&h->left, 1);
	return 0;
}

static struct eider_fiber *start_holding(struct holder *h)
{
	struct eider_fiber *fiber = start(hold, h);

	ck_assert(harness_wait_count(&h->gate.inside, 1));
	return fiber;
}

static void stop_holding(struct holder *h, struct eider_fiber *fiber)
{
	harness_set(&h->gate.open, 1);
	ck_assert_int_eq(eider_join(fiber), 0);
}

/* ---- one context, one thread ---- */

/*
 * What a thread knows of itself: which context has claimed it, and which of its jobs
 * came last. Only its jobs look at it.
 */
static __thread uint64_t claimed_by;
static __thread unsigned int last_step;

struct step {
	struct eider_job job;
	uint64_t context;
	unsigned int number;		/* 1 claims, LAST_STEP lets go */
};

enum {
	LAST_STEP = 6,
};

static long take_step(void *arg)
{
	struct step *s = arg;

	if (eider_txn_id() != s->context)
		return -EPROTO;
	if (claimed_by != (s->number == 1 ? 0 : s->context))
		return -EEXIST;
	if (s->number != 1 && last_step + 1 != s->number)
		return -EILSEQ;
	last_step = s->number;
	claimed_by = s->number == LAST_STEP ? 0 : s->context;
	return s->number;
}

static unsigned int inside, inside_peak;

static void note_peak(unsigned int now)
{
	unsigned int peak = harness_get(&inside_peak);

	while (now > peak &&
	       !__atomic_compare_exchange_n(&inside_peak, &peak, now, false,
					    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		;
}

/* Yields let others in between: after the first step, and before the last. */
static void take_steps(void)
{
	struct step s[LAST_STEP];

	for (unsigned int i = 0; i < LAST_STEP; i++) {
		s[i].context = eider_txn_id();
		s[i].number = i + 1;
		ck_assert_int_eq(eider_submit(&s[i].job, take_step, &s[i]), 0);
		if (!i || i == LAST_STEP - 2)
			eider_yield();
	}
	for (unsigned int i = 0; i < LAST_STEP; i++)
		ck_assert_int_eq(eider_await(&s[i].job.future), i + 1);
}

static long enter_and_step(void *arg)
{
	struct eider_txn txn;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
		note_peak(harness_add(&inside, 1));
		take_steps();
		harness_add(&inside, -1);
		eider_txn_leave(&txn);
	}
	return 0;
}

static void step_with(unsigned int n)
{
	struct eider_fiber *fibers[500];

	for (unsigned int i = 0; i < n; i++)
		fibers[i] = start(enter_and_step, NULL);
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
}

TXN_TEST(never_two_on_a_thread, 4, 1)
{
	step_with(500);
	ck_assert_uint_eq(inside_peak, 4);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 0);
	ck_assert_uint_eq(counts_of(default_pool()).waiting, 0);
	return 0;
}

TXN_TEST(never_two_on_a_thread_of_many_loops, 2, 3)
{
	step_with(harness_count(120, 40));
	ck_assert_uint_eq(harness_get(&inside_peak), 2);
	return 0;
}

TXN_TEST(strict_order, 2, 1)
{
	struct step s[LAST_STEP];
	struct gate g = { 0, 0 };
	struct eider_job gated;
	struct eider_txn txn;

	/* All of them wait for the first, so that a thread could mix them up. */
	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_submit(&gated, pass_gate, &g), 0);
	for (unsigned int i = 0; i < LAST_STEP; i++) {
		s[i].context = eider_txn_id();
		s[i].number = i + 1;
		ck_assert_int_eq(eider_submit(&s[i].job, take_step, &s[i]), 0);
	}
	ck_assert(harness_wait_count(&g.inside, 1));
	yield_often();
	for (unsigned int i = 0; i < LAST_STEP; i++)
		ck_assert(!eider_is_done(&s[i].job.future));
	harness_set(&g.open, 1);
	for (unsigned int i = 0; i < LAST_STEP; i++)
		ck_assert_int_eq(eider_await(&s[i].job.future), i + 1);
	ck_assert_int_eq(eider_await(&gated.future), 7);
	eider_txn_leave(&txn);
	return 0;
}

/* ---- waiting for a lease ---- */

static unsigned int admitted[16], admitted_count;

static long be_admitted(void *arg)
{
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	admitted[admitted_count++] = *(unsigned int *)arg;
	thread_here();
	eider_txn_leave(&txn);
	return 0;
}

TXN_TEST(first_come_first_served, 2, 1)
{
	static unsigned int numbers[12];
	struct holder a = { NULL }, b = { NULL };
	struct eider_fiber *fa = start_holding(&a), *fb = start_holding(&b);
	struct eider_fiber *fibers[12];

	ck_assert_int_ne(a.thread, b.thread);
	for (unsigned int i = 0; i < 12; i++) {
		numbers[i] = i;
		fibers[i] = start(be_admitted, &numbers[i]);
		until_waiting(default_pool(), i + 1);
	}
	yield_often();
	ck_assert_uint_eq(admitted_count, 0);
	stop_holding(&a, fa);
	for (unsigned int i = 0; i < 12; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	for (unsigned int i = 0; i < 12; i++)
		ck_assert_uint_eq(admitted[i], i);
	stop_holding(&b, fb);
	return 0;
}

/* A latecomer who finds the line in motion goes to its end. */
static long come_again(void *arg)
{
	be_admitted(arg);
	return be_admitted(arg);
}

TXN_TEST(nobody_overtakes, 1, 1)
{
	static unsigned int numbers[3] = { 0, 1, 2 };
	const unsigned int order[6] = { 0, 1, 2, 0, 1, 2 };
	struct holder h = { NULL };
	struct eider_fiber *fh = start_holding(&h);
	struct eider_fiber *fibers[3];

	for (unsigned int i = 0; i < 3; i++) {
		fibers[i] = start(come_again, &numbers[i]);
		until_waiting(default_pool(), i + 1);
	}
	stop_holding(&h, fh);
	for (unsigned int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	for (unsigned int i = 0; i < 6; i++)
		ck_assert_uint_eq(admitted[i], order[i]);
	return 0;
}

static unsigned int ticks, ticking;

static long tick(void *arg)
{
	(void)arg;
	while (ticking) {
		ticks++;
		eider_yield();
	}
	return 0;
}

TXN_TEST(deadline_of_an_enter, 1, 1)
{
	struct holder h = { NULL };
	struct eider_fiber *fh = start_holding(&h), *ticker;
	unsigned int before;
	struct eider_txn txn;

	ticking = 1;
	ticker = start(tick, NULL);
	before = ticks;
	/* The loop goes on meanwhile, unless we come so late that there is no wait. */
	for (int64_t ns = 20 * HARNESS_MS; ticks == before; ns *= 2) {
		int64_t deadline = eider_after(ns);

		ck_assert_int_eq(eider_txn_enter(&txn, NULL, deadline), -ETIME);
		ck_assert(eider_now() >= deadline);
	}
	ticking = 0;
	ck_assert_int_eq(eider_join(ticker), 0);
	ck_assert_uint_eq(counts_of(default_pool()).waiting, 0);
	ck_assert_uint_eq(eider_txn_id(), 0);
	eider_txn_leave(&txn);			/* nothing to leave */

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, 1), -ETIME);
	stop_holding(&h, fh);
	/* No wait, no deadline. */
	ck_assert_int_eq(eider_txn_enter(&txn, NULL, 1), 0);
	ck_assert_int_eq(thread_here(), h.thread);
	eider_txn_leave(&txn);
	return 0;
}

static long enter_and_leave(void *arg)
{
	struct eider_txn txn;
	int err = eider_txn_enter(&txn, arg, EIDER_NEVER);

	eider_txn_leave(&txn);
	return err;
}

TXN_TEST(cancel_an_enter, 1, 1)
{
	struct holder h = { NULL };
	struct eider_fiber *fh = start_holding(&h);
	struct eider_fiber *first = start(enter_and_leave, NULL);
	struct eider_fiber *second;

	until_waiting(default_pool(), 1);
	second = start(enter_and_leave, NULL);
	until_waiting(default_pool(), 2);
	eider_cancel(eider_fiber_future(first));
	ck_assert_int_eq(eider_join(first), -ECANCELED);
	ck_assert_uint_eq(counts_of(default_pool()).waiting, 1);
	stop_holding(&h, fh);
	ck_assert_int_eq(eider_join(second), 0);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 0);
	return 0;
}

/* ---- nobody starves ---- */

enum {
	GREEDY = 12,
};

static unsigned int served, stop_greed;

static long be_served(void *arg)
{
	(void)arg;
	return harness_add(&served, 1);
}
EIDER_ATOMIC(be_served)

static long be_greedy(void *arg)
{
	unsigned int kind = *(unsigned int *)arg % 3;
	struct eider_txn txn;

	while (!harness_get(&stop_greed)) {
		if (!kind) {
			ck_assert_int_gt(eider_call(be_served, NULL), 0);
			continue;
		}
		ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
		for (unsigned int i = 0; i < (kind == 1 ? 1 : 20); i++)
			thread_here();
		harness_add(&served, 1);
		eider_txn_leave(&txn);
	}
	return 0;
}

/*
 * Others who came before go first, and some may come before we notice that it was
 * our turn; but nobody twice before us. Of a job it is the line that is looked at: the
 * kernel may let the thread that then has it wait for its CPU, while another goes on.
 */
TXN_TEST(nobody_starves, 2, 1)
{
	unsigned int numbers[GREEDY], before;
	struct eider_fiber *fibers[GREEDY];
	struct eider_txn txn;
	struct eider_job job;

	for (unsigned int i = 0; i < GREEDY; i++) {
		numbers[i] = i;
		fibers[i] = start(be_greedy, &numbers[i]);
	}
	ck_assert(harness_wait_count(&served, GREEDY));
	for (unsigned int i = 0; i < harness_count(20, 5); i++) {
		before = harness_get(&served);
		ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
		ck_assert_uint_le(harness_get(&served) - before, 3 * GREEDY);
		eider_txn_leave(&txn);
		before = harness_get(&served);
		ck_assert_int_eq(eider_submit(&job, be_served, NULL), 0);
		while (eider__load_relaxed(&job.future._flags) & EIDER__JOB_WAITING)
			eider_yield();
		ck_assert_uint_le(harness_get(&served) - before, 3 * GREEDY);
		ck_assert_int_gt(eider_await(&job.future), 0);
	}
	harness_set(&stop_greed, 1);
	for (unsigned int i = 0; i < GREEDY; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	return 0;
}

static long policy_here(void *arg)
{
	(void)arg;
	return sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
}

static long policy_there(void *arg)
{
	return policy_here(arg);
}
EIDER_ATOMIC(policy_there)

/* A thread that is woken by its loop lets it go on; a worker does as all do. */
TXN_TEST(threads_are_modest, 1, 1)
{
	int ours = sched_getscheduler(0);

	ck_assert_int_eq(eider_call(policy_here, NULL), ours);
	ck_assert_int_eq(eider_call(policy_there, NULL),
			 ours == SCHED_OTHER ? SCHED_BATCH : ours);
	return 0;
}

/* ---- leaving ---- */

struct leaver {
	struct gate gate;
	struct eider_job job;
	unsigned int leaving, left;
	bool done_at_leave;
	long after;
};

static long leave_with_a_job(void *arg)
{
	struct leaver *l = arg;
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_submit(&l->job, pass_gate, &l->gate), 0);
	l->leaving = 1;
	eider_txn_leave(&txn);
	l->left = 1;
	l->done_at_leave = eider_is_done(&l->job.future);
	l->after = eider_sleep_until(eider_now());
	return eider_await(&l->job.future);
}

TXN_TEST(leave_waits_for_jobs, 1, 1)
{
	struct leaver l = { .leaving = 0 };
	struct eider_fiber *fiber = start(leave_with_a_job, &l);

	ck_assert(harness_wait_count(&l.gate.inside, 1));
	yield_often();				/* the loop goes on */
	ck_assert(l.leaving && !l.left);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 1);
	harness_set(&l.gate.open, 1);
	ck_assert_int_eq(eider_join(fiber), 7);
	ck_assert(l.left && l.done_at_leave);
	ck_assert_int_eq(l.after, 0);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 0);
	return 0;
}

TXN_TEST(cancelled_while_leaving, 1, 1)
{
	struct leaver l = { .leaving = 0 };
	struct eider_fiber *fiber = start(leave_with_a_job, &l);

	ck_assert(harness_wait_count(&l.gate.inside, 1));
	ck_assert(l.leaving);
	eider_cancel(eider_fiber_future(fiber));
	yield_often();
	ck_assert(!l.left);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 1);
	harness_set(&l.gate.open, 1);
	ck_assert_int_eq(eider_join(fiber), 7);
	ck_assert(l.left && l.done_at_leave);
	ck_assert_int_eq(l.after, -ECANCELED);	/* it was kept for the next wait */
	ck_assert_uint_eq(counts_of(default_pool()).leased, 0);
	return 0;
}

/* Others do not get the thread before the jobs have ended. */
TXN_TEST(leave_gives_back_after_the_jobs, 1, 1)
{
	struct leaver l = { .leaving = 0 };
	struct eider_fiber *fiber = start(leave_with_a_job, &l);
	unsigned int number = 3;
	struct eider_fiber *next;

	ck_assert(harness_wait_count(&l.gate.inside, 1));
	next = start(be_admitted, &number);
	until_waiting(default_pool(), 1);
	yield_often();
	ck_assert_uint_eq(admitted_count, 0);
	harness_set(&l.gate.open, 1);
	ck_assert_int_eq(eider_join(next), 0);
	ck_assert_int_eq(eider_join(fiber), 7);
	return 0;
}

struct stale {
	struct eider_txn_pool *other;
	unsigned int ran, go;
	long inherited;
};

static long be_stale(void *arg)
{
	struct stale *s = arg;
	struct eider_job job;
	struct eider_txn txn;
	struct eider_fiber *child;

	s->inherited = thread_here();
	ck_assert(harness_wait_count(&s->go, 1));
	ck_assert_int_eq(eider_call(count, &s->ran), -ESTALE);
	ck_assert_int_eq(eider_submit(&job, count, &s->ran), -ESTALE);
	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), -ESTALE);
	eider_txn_leave(&txn);
	ck_assert_int_eq(eider_txn_enter(&txn, s->other, EIDER_NEVER), -ESTALE);
	ck_assert_int_eq(eider_txn_enter_named(&txn, NULL, "x", EIDER_NEVER),
			 -ESTALE);
	ck_assert_uint_ne(eider_txn_id(), 0);
	/* The grandchild carries it as well. */
	child = start(count, &s->go);
	ck_assert_int_eq(eider_join(child), 0);
	ck_assert_uint_eq(s->ran, 0);

	eider_txn_disable(&txn);
	ck_assert_int_eq(eider_call(count, &s->ran), 0);
	eider_txn_leave(&txn);
	ck_assert_int_eq(eider_call(count, &s->ran), -ESTALE);
	return 0;
}

TXN_TEST(stale_after_leave, 2, 1)
{
	struct stale s = { .other = make_pool("other", 1) };
	struct eider_fiber *child;
	struct eider_txn txn;
	long thread;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	thread = thread_here();
	child = start(be_stale, &s);
	while (!s.inherited)
		eider_yield();
	ck_assert_int_eq(s.inherited, thread);
	eider_txn_leave(&txn);
	s.go = 1;
	ck_assert_int_eq(eider_join(child), 0);
	ck_assert_uint_eq(s.ran, 1);
	return 0;
}

static unsigned int late_runs, late_calls;

static long call_late(void *arg)
{
	(void)arg;
	late_calls++;
	return eider_call(count, &late_runs);
}

/* One job has the only slot of the lane, and the others wait for it. */
HARNESS_FIBER_TEST_WITH(stale_in_turn, HARNESS_OPTIONS(.queue_max = 1))
{
	struct gate g = { 0, 0 };
	struct eider_fiber *fibers[5];
	struct eider_job gated;
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_submit(&gated, pass_gate, &g), 0);
	for (int i = 0; i < 5; i++)
		fibers[i] = start(call_late, NULL);
	while (late_calls < 5)
		eider_yield();
	/* One of them gives up in the middle. */
	eider_cancel(eider_fiber_future(fibers[2]));
	harness_set(&g.open, 1);
	eider_txn_leave(&txn);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(eider_join(fibers[i]),
				 i == 2 ? -ECANCELED : -ESTALE);
	ck_assert_int_eq(eider_await(&gated.future), 7);
	ck_assert_uint_eq(late_runs, 0);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 0);
	return 0;
}

/*
 * A fiber can be in an open context inside one that was left. Going on inward from
 * there must not look at the thread that the outer one had: it may be gone.
 */
struct inner {
	struct eider_txn_pool *pool, *other;
	unsigned int in, go;
};

static long go_in_again(void *arg)
{
	struct inner *i = arg;
	struct eider_txn txn, again;
	uint64_t id;

	ck_assert_int_eq(eider_txn_enter(&txn, i->other, EIDER_NEVER), 0);
	id = eider_txn_id();
	i->in = 1;
	ck_assert(harness_wait_count(&i->go, 1));
	ck_assert_int_eq(eider_txn_enter_named(&again, i->pool, "x", EIDER_NEVER),
			 -ESTALE);
	ck_assert_int_eq(eider_txn_enter(&again, i->pool, EIDER_NEVER), -ESTALE);
	ck_assert_uint_eq(eider_txn_id(), id);
	ck_assert_int_eq(eider_call(id_of_job, NULL), (long)id);
	eider_txn_leave(&txn);
	return 0;
}

TXN_TEST(inside_one_that_was_left, 2, 1)
{
	struct inner i = { .pool = make_pool("a", 2), .other = make_pool("b", 1) };
	struct eider_fiber *child;
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter_named(&txn, i.pool, "x", EIDER_NEVER), 0);
	child = start(go_in_again, &i);
	ck_assert(harness_wait_count(&i.in, 1));
	eider_txn_leave(&txn);
	/* Its thread ends, and is freed. */
	ck_assert_int_eq(eider_txn_pool_forget(i.pool, "x"), 0);
	ck_assert_int_eq(eider_txn_pool_shutdown(i.pool, false, EIDER_NEVER), 0);
	harness_nap(HARNESS_MS);
	i.go = 1;
	ck_assert_int_eq(eider_join(child), 0);
	return 0;
}

/* ---- nesting, children, disable ---- */

TXN_TEST(nested_is_the_same_thread, 2, 1)
{
	struct eider_txn outer, inner;
	uint64_t id;
	long thread;

	ck_assert_int_eq(eider_txn_enter(&outer, NULL, EIDER_NEVER), 0);
	thread = thread_here();
	id = eider_txn_id();
	ck_assert_int_eq(eider_txn_enter(&inner, default_pool(), 1), 0);
	ck_assert_int_eq(thread_here(), thread);
	ck_assert_uint_eq(eider_txn_id(), id);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 1);
	eider_txn_leave(&inner);
	ck_assert_int_eq(thread_here(), thread);
	ck_assert_uint_eq(eider_txn_id(), id);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 1);
	eider_txn_leave(&outer);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 0);
	ck_assert_uint_eq(eider_txn_id(), 0);
	return 0;
}

/* With one thread each, anything but the same thread would wait for ever. */
TXN_TEST(back_in_the_first_pool, 1, 1)
{
	struct eider_txn_pool *p2 = make_pool("two", 1);
	struct eider_txn a, b, c;
	uint64_t id1, id2;
	long t1, t2;

	ck_assert_int_eq(eider_txn_enter(&a, NULL, EIDER_NEVER), 0);
	t1 = thread_here();
	id1 = eider_txn_id();
	ck_assert_int_eq(eider_txn_enter(&b, p2, EIDER_NEVER), 0);
	t2 = thread_here();
	id2 = eider_txn_id();
	ck_assert_int_ne(t1, t2);
	ck_assert_uint_ne(id1, id2);
	ck_assert_int_eq(eider_txn_enter(&c, NULL, 1), 0);
	ck_assert_int_eq(thread_here(), t1);
	ck_assert_uint_eq(eider_txn_id(), id1);
	eider_txn_leave(&c);
	ck_assert_int_eq(thread_here(), t2);
	eider_txn_leave(&b);
	ck_assert_int_eq(thread_here(), t1);
	eider_txn_leave(&a);
	return 0;
}

static long call_which_thread(void *arg)
{
	struct eider_fiber *child;
	long thread = thread_here();

	if (!arg)
		return thread;
	child = start(call_which_thread, NULL);
	return eider_join(child) == thread ? thread : -EPROTO;
}

TXN_TEST(children_inherit, 4, 1)
{
	struct eider_fiber *children[20];
	struct eider_txn txn;
	long thread;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	thread = thread_here();
	for (int i = 0; i < 20; i++)
		children[i] = start(call_which_thread, &thread);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(eider_join(children[i]), thread);
	eider_txn_leave(&txn);
	return 0;
}

static long record_id(void *arg)
{
	*(uint64_t *)arg = eider_txn_id() + 1;
	return 0;
}

TXN_TEST(spawn_on_is_in_no_context, 1, 1)
{
	struct eider_txn txn;
	uint64_t seen = 0;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_spawn_on(eider_loop_current(), record_id, &seen), 0);
	while (!seen)
		eider_sleep_until(eider_after(HARNESS_MS));
	ck_assert_uint_eq(seen, 1);
	eider_txn_leave(&txn);
	return 0;
}

static long self_in_atomic(void *arg)
{
	(void)arg;
	return eider_thread_self() ? (long)eider_txn_id() : -ENOENT;
}
EIDER_ATOMIC(self_in_atomic)

static long is_worker(void *arg)
{
	(void)arg;
	return !eider_thread_self() && !eider_txn_id();
}

TXN_TEST(disable_suspends, 3, 1)
{
	struct eider_txn a, off, b;
	uint64_t id;
	long thread, other;

	ck_assert_int_eq(eider_txn_enter(&a, NULL, EIDER_NEVER), 0);
	thread = thread_here();
	id = eider_txn_id();
	ck_assert_int_eq(eider_call(is_worker, NULL), 0);
	eider_txn_disable(&off);
	ck_assert_uint_eq(eider_txn_id(), 0);
	ck_assert_int_eq(eider_call(is_worker, NULL), 1);
	ck_assert_int_eq(eider_call(self_in_atomic, NULL), 0);
	ck_assert_int_eq(eider_txn_enter(&b, NULL, EIDER_NEVER), 0);
	other = thread_here();
	ck_assert_int_ne(other, thread);
	ck_assert_uint_ne(eider_txn_id(), id);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 2);
	eider_txn_leave(&b);
	ck_assert_uint_eq(eider_txn_id(), 0);
	eider_txn_leave(&off);
	ck_assert_uint_eq(eider_txn_id(), id);
	ck_assert_int_eq(thread_here(), thread);
	eider_txn_leave(&a);
	return 0;
}

TXN_TEST(ids, 2, 1)
{
	uint64_t seen[100];
	struct eider_txn txn;

	ck_assert_uint_eq(eider_txn_id(), 0);
	ck_assert_int_eq(eider_call(id_of_job, NULL), 0);
	ck_assert_int_eq(eider_call(self_in_atomic, NULL), 0);
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
		seen[i] = eider_txn_id();
		ck_assert_uint_ne(seen[i], 0);
		ck_assert_int_eq(eider_call(id_of_job, NULL), (long)seen[i]);
		/* A pool of one's own is not in the context. */
		ck_assert_int_eq(eider_call_on(eider_executor_pool(executor_here()),
					       id_of_job, NULL), 0);
		eider_txn_leave(&txn);
		ck_assert_uint_eq(eider_txn_id(), 0);
		for (int j = 0; j < i; j++)
			ck_assert_uint_ne(seen[i], seen[j]);
	}
	/* The thread forgets it with the lease. */
	ck_assert_int_eq(eider_call(self_in_atomic, NULL), 0);
	return 0;
}

TXN_TEST(misuse, 1, 1)
{
	struct eider_executor *other;
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(NULL, NULL, EIDER_NEVER), -EINVAL);
	ck_assert_int_eq(eider_txn_enter_named(&txn, NULL, NULL, EIDER_NEVER),
			 -EINVAL);
	ck_assert_int_eq(eider_executor_new(NULL, &other), 0);
	ck_assert_int_eq(eider_txn_enter(&txn, eider_executor_txn_pool(other),
					 EIDER_NEVER), -EINVAL);
	eider_txn_leave(&txn);
	eider_executor_free(other);
	return 0;
}

START_TEST(misuse_outside)
{
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), -EPERM);
	eider_txn_leave(&txn);
	eider_txn_disable(&txn);
	eider_txn_leave(&txn);
	ck_assert_uint_eq(eider_txn_id(), 0);
}
END_TEST

/* ---- named contexts ---- */

static long thread_of(const char *name)
{
	struct eider_txn txn;
	long thread;

	ck_assert_int_eq(eider_txn_enter_named(&txn, NULL, name, EIDER_NEVER), 0);
	thread = thread_here();
	eider_txn_leave(&txn);
	return thread;
}

/* Others come in between, who would have got the thread if it were not bound. */
TXN_TEST(named_finds_its_thread, 4, 1)
{
	long x = thread_of("x"), y = thread_of("y");
	struct eider_txn_pool_counts c;

	ck_assert_int_ne(x, y);
	for (int i = 0; i < 3; i++) {
		struct holder a = { NULL }, b = { NULL };
		struct eider_fiber *fa = start_holding(&a), *fb = start_holding(&b);

		ck_assert(a.thread != x && a.thread != y);
		ck_assert(b.thread != x && b.thread != y);
		ck_assert_int_eq(thread_of("x"), x);
		ck_assert_int_eq(thread_of("y"), y);
		stop_holding(&a, fa);
		ck_assert_int_eq(thread_of("x"), x);
		stop_holding(&b, fb);
	}
	c = counts_of(default_pool());
	ck_assert_uint_eq(c.bound, 2);
	ck_assert_uint_eq(c.leased, 0);
	ck_assert_uint_eq(c.threads, c.bound + c.general);
	return 0;
}

TXN_TEST(named_is_exclusive, 4, 1)
{
	struct holder a = { .name = "x" }, b = { .name = "x" }, c = { .name = "y" };
	struct eider_fiber *fa = start_holding(&a), *fb, *fc;

	fb = start(hold, &b);
	until_waiting(default_pool(), 1);
	fc = start_holding(&c);			/* another name does not wait */
	yield_often();
	ck_assert_uint_eq(b.gate.inside, 0);
	stop_holding(&a, fa);
	ck_assert(harness_wait_count(&b.gate.inside, 1));
	ck_assert_int_eq(b.thread, a.thread);
	ck_assert_int_ne(c.thread, a.thread);
	stop_holding(&b, fb);
	stop_holding(&c, fc);
	return 0;
}

/* The thread is there, so those who wait for any thread do not matter. */
TXN_TEST(named_goes_past_those_who_wait_for_any, 2, 1)
{
	long x = thread_of("x");
	struct holder a = { NULL };
	struct eider_fiber *fa = start_holding(&a);
	unsigned int number = 1;
	struct eider_fiber *other = start(be_admitted, &number);

	until_waiting(default_pool(), 1);
	ck_assert_int_eq(thread_of("x"), x);
	ck_assert_uint_eq(admitted_count, 0);
	stop_holding(&a, fa);
	ck_assert_int_eq(eider_join(other), 0);
	return 0;
}

TXN_TEST(named_nesting, 3, 1)
{
	struct eider_txn x, any, x2, y;
	long thread;

	ck_assert_int_eq(eider_txn_enter_named(&x, NULL, "x", EIDER_NEVER), 0);
	thread = thread_here();
	ck_assert_int_eq(eider_txn_enter(&any, NULL, EIDER_NEVER), 0);
	ck_assert_int_eq(thread_here(), thread);
	ck_assert_int_eq(eider_txn_enter_named(&y, NULL, "y", EIDER_NEVER), 0);
	ck_assert_int_ne(thread_here(), thread);
	/* In x already, so this is not the second one who has to wait. */
	ck_assert_int_eq(eider_txn_enter_named(&x2, NULL, "x", 1), 0);
	ck_assert_int_eq(thread_here(), thread);
	eider_txn_leave(&x2);
	eider_txn_leave(&y);
	eider_txn_leave(&any);
	eider_txn_leave(&x);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 0);
	return 0;
}

TXN_TEST(named_deadline_and_cancel, 2, 1)
{
	struct holder a = { .name = "x" }, b = { .name = "x" };
	struct eider_fiber *fa = start_holding(&a), *fb;
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter_named(&txn, NULL, "x",
					       eider_after(HARNESS_MS)), -ETIME);
	fb = start(hold, &b);
	until_waiting(default_pool(), 1);
	eider_cancel(eider_fiber_future(fb));
	ck_assert_int_eq(eider_join(fb), -ECANCELED);
	stop_holding(&a, fa);
	ck_assert_int_eq(thread_of("x"), a.thread);
	return 0;
}

TXN_TEST(forget, 1, 1)
{
	struct holder a = { .name = "x" };
	struct eider_fiber *fa;
	struct eider_txn txn;
	long x = thread_of("x");

	ck_assert_int_eq(eider_txn_pool_forget(default_pool(), "y"), -ENOENT);
	/* The only thread is bound: nobody else gets it. */
	ck_assert_int_eq(eider_txn_enter(&txn, NULL, eider_after(HARNESS_MS)),
			 -ETIME);
	ck_assert_uint_eq(counts_of(default_pool()).bound, 1);

	/* Forgotten while somebody is in it: as soon as he has left. */
	fa = start_holding(&a);
	ck_assert_int_eq(eider_txn_pool_forget(default_pool(), "x"), 0);
	ck_assert_int_eq(eider_txn_enter(&txn, NULL, eider_after(HARNESS_MS)),
			 -ETIME);
	stop_holding(&a, fa);
	ck_assert_uint_eq(counts_of(default_pool()).bound, 0);
	ck_assert_uint_eq(counts_of(default_pool()).general, 1);
	ck_assert_int_eq(eider_txn_pool_forget(default_pool(), "x"), -ENOENT);
	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	ck_assert_int_eq(thread_here(), x);
	eider_txn_leave(&txn);

	/* Between two visits: at once, for one who waits. */
	thread_of("x");
	fa = start(enter_and_leave, NULL);
	until_waiting(default_pool(), 1);
	ck_assert_int_eq(eider_txn_pool_forget(default_pool(), "x"), 0);
	ck_assert_int_eq(eider_join(fa), 0);
	return 0;
}

/* Who is in it stays the only one, on the thread that has the name. */
TXN_TEST(forget_while_somebody_is_in_it, 2, 1)
{
	struct holder a = { .name = "x" }, b = { .name = "x" };
	struct eider_fiber *fa = start_holding(&a), *fb;
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_pool_forget(default_pool(), "x"), 0);
	ck_assert_int_eq(eider_txn_enter_named(&txn, NULL, "x",
					       eider_after(HARNESS_MS)), -ETIME);
	fb = start(hold, &b);
	until_waiting(default_pool(), 1);
	yield_often();
	ck_assert_uint_eq(b.gate.inside, 0);
	stop_holding(&a, fa);
	stop_holding(&b, fb);
	return 0;
}

static long named_from_loops_thread;
static unsigned int named_from_loops_turn;

/* Each loop in its turn. */
TXN_TEST(named_from_other_loops, 4, 3)
{
	static unsigned int serial;
	unsigned int me = harness_add(&serial, 1) - 1;
	struct eider_txn any;

	ck_assert(harness_wait_count(&named_from_loops_turn, me));
	if (!me)
		named_from_loops_thread = thread_of("shared");
	ck_assert_int_eq(thread_of("shared"), named_from_loops_thread);
	ck_assert_int_eq(eider_txn_enter(&any, NULL, EIDER_NEVER), 0);
	ck_assert_int_ne(thread_here(), named_from_loops_thread);
	harness_add(&named_from_loops_turn, 1);
	ck_assert(harness_wait_count(&named_from_loops_turn, 3));
	eider_txn_leave(&any);
	return 0;
}

static unsigned int in_shared;

/* Exclusive between loops as well. */
TXN_TEST(named_is_exclusive_between_loops, 4, 3)
{
	struct eider_txn txn;

	for (unsigned int i = 0; i < harness_count(200, 30); i++) {
		ck_assert_int_eq(eider_txn_enter_named(&txn, NULL, "one",
						       EIDER_NEVER), 0);
		ck_assert_uint_eq(harness_add(&in_shared, 1), 1);
		thread_here();
		ck_assert_uint_eq(harness_add(&in_shared, -1), 0);
		eider_txn_leave(&txn);
	}
	return 0;
}

/* ---- scoped forms ---- */

static unsigned int in_block;

static void check_inside(uint64_t not_id)
{
	in_block++;
	ck_assert_uint_ne(eider_txn_id(), not_id);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 1);
	ck_assert_int_eq(eider_call(id_of_job, NULL), (long)eider_txn_id());
}

static void check_outside(unsigned int blocks)
{
	ck_assert_uint_eq(in_block, blocks);
	ck_assert_uint_eq(eider_txn_id(), 0);
	ck_assert_uint_eq(counts_of(default_pool()).leased, 0);
}

static int return_from_block(void)
{
	int err;

	EIDER_TXN(err, NULL, EIDER_NEVER) {
		check_inside(0);
		return 5;
	}
	return err;
}

static int return_from_named_block(void)
{
	int err;

	EIDER_TXN_NAMED(err, NULL, "x", EIDER_NEVER) {
		check_inside(0);
		return 6;
	}
	return err;
}

static void go_out_of_block(void)
{
	int err;

	EIDER_TXN(err, NULL, EIDER_NEVER) {
		check_inside(0);
		goto out;
	}
	ck_abort_msg("not reached, err %d", err);
out:
	check_outside(5);
}

TXN_TEST(scoped, 2, 1)
{
	int err;

	EIDER_TXN(err, NULL, EIDER_NEVER) {
		check_inside(0);
	}
	ck_assert_int_eq(err, 0);
	check_outside(1);
	EIDER_TXN(err, NULL, EIDER_NEVER) {
		check_inside(0);
		break;
	}
	check_outside(2);
	EIDER_TXN(err, NULL, EIDER_NEVER) {
		check_inside(0);
		if (in_block)
			continue;
		ck_abort();
	}
	check_outside(3);
	ck_assert_int_eq(return_from_block(), 5);
	check_outside(4);
	go_out_of_block();
	ck_assert_int_eq(return_from_named_block(), 6);
	check_outside(6);
	EIDER_TXN_NAMED(err, NULL, "x", EIDER_NEVER)
		check_inside(0);
	check_outside(7);
	return 0;
}

static void call_without(uint64_t id)
{
	for (int i = 0; i < 3; i++) {
		EIDER_NO_TXN {
			ck_assert_uint_eq(eider_txn_id(), 0);
			ck_assert_int_eq(eider_call(is_worker, NULL), 1);
			if (i == 1)
				break;
			if (i == 2)
				return;
		}
		ck_assert_uint_eq(eider_txn_id(), id);
	}
}

TXN_TEST(scoped_nesting, 2, 1)
{
	int outer = 1, inner = 1, other = 1;
	uint64_t id;

	EIDER_TXN(outer, NULL, EIDER_NEVER) {
		id = eider_txn_id();
		EIDER_TXN(inner, NULL, EIDER_NEVER)
			ck_assert_uint_eq(eider_txn_id(), id);
		ck_assert_uint_eq(eider_txn_id(), id);
		EIDER_NO_TXN
			EIDER_TXN(other, NULL, EIDER_NEVER)
				ck_assert_uint_ne(eider_txn_id(), id);
		ck_assert_uint_eq(eider_txn_id(), id);
		call_without(id);
		ck_assert_uint_eq(eider_txn_id(), id);
	}
	ck_assert(!outer && !inner && !other);
	check_outside(0);
	return 0;
}

TXN_TEST(scoped_that_failed, 1, 1)
{
	struct holder h = { .name = "x" };
	struct eider_fiber *fh = start_holding(&h);
	int err = 1, named = 1;
	bool ran = false;

	EIDER_TXN(err, NULL, eider_after(HARNESS_MS))
		ran = true;
	ck_assert_int_eq(err, -ETIME);
	EIDER_TXN_NAMED(named, NULL, "x", eider_after(HARNESS_MS))
		ran = true;
	ck_assert_int_eq(named, -ETIME);
	ck_assert(!ran);
	ck_assert_uint_eq(eider_txn_id(), 0);
	stop_holding(&h, fh);
	check_outside(0);
	return 0;
}

/* ---- deadlock ---- */

/*
 * A fiber that is in a context of one pool, and goes into another of the second
 * pool (which may be the same) when it is told to.
 */
struct chained {
	struct eider_txn_pool *first, *second;
	const char *first_name, *second_name;
	unsigned int in, go;		/* go: 1 enters the second, 2 leaves */
	uint64_t id;
	int result;
	unsigned int done;
	struct eider_fiber *fiber;
};

static int enter_some(struct eider_txn *txn, struct eider_txn_pool *pool,
		      const char *name)
{
	return name ? eider_txn_enter_named(txn, pool, name, EIDER_NEVER) :
		      eider_txn_enter(txn, pool, EIDER_NEVER);
}

static long be_chained(void *arg)
{
	struct chained *c = arg;
	struct eider_txn a, off, b;

	ck_assert_int_eq(enter_some(&a, c->first, c->first_name), 0);
	thread_here();
	c->id = eider_txn_id();
	harness_set(&c->in, 1);
	ck_assert(harness_wait_count(&c->go, 1));
	if (c->go < 2) {
		eider_txn_disable(&off);
		c->result = enter_some(&b, c->second, c->second_name);
		harness_set(&c->done, 1);
		if (!c->result)
			thread_here();
		eider_txn_leave(&b);
		eider_txn_leave(&off);
	}
	ck_assert_int_gt(thread_here(), 0);	/* it is still in the first */
	eider_txn_leave(&a);
	return 0;
}

static void start_chained(struct chained *c)
{
	c->fiber = start(be_chained, c);
	ck_assert(harness_wait_count(&c->in, 1));
}

/* It goes on, and is the @n-th who waits for the second pool. */
static void let_wait(struct chained *c, unsigned int n)
{
	harness_set(&c->go, 1);
	until_waiting(c->second, n);
}

/* It ends; @result is that of entering the second pool. */
static void end_chained(struct chained *c, int result)
{
	ck_assert_int_eq(eider_join(c->fiber), 0);
	ck_assert_int_eq(c->result, result);
}

/* The detail says who of the chain holds what, and what he waits for. */
static void check_chain(const struct chained *c, const char *waits_for)
{
	char who[64], what[64];
	const char *at;

	ck_assert_int_eq(warned.kind, EIDER_DEADLOCK);
	snprintf(who, sizeof(who), "context %" PRIu64 " holds ", c->id);
	snprintf(what, sizeof(what), " waits for %s", waits_for);
	at = strstr(warned.detail, who);
	ck_assert_msg(at != NULL, "'%s' not in '%s'", who, warned.detail);
	ck_assert_msg(strstr(at, what) != NULL, "'%s' not in '%s'", what, at);
}

TXN_TEST(deadlock_in_one_pool, 2, 1)
{
	struct eider_txn_pool *p = default_pool();
	struct chained a = { p, p, .in = 0 }, b = { p, p, .in = 0 };

	note_warnings();
	start_chained(&a);
	start_chained(&b);
	let_wait(&a, 1);
	ck_assert_uint_eq(warned.count, 0);
	b.go = 1;
	ck_assert(harness_wait_count(&b.done, 1));
	end_chained(&b, -EDEADLK);
	end_chained(&a, 0);		/* the other went on */
	ck_assert_uint_eq(warned.count, 1);
	ck_assert_str_eq(warned.name, "txn");
	check_chain(&a, "txn");
	check_chain(&b, "txn");
	ck_assert_ptr_nonnull(strstr(warned.detail, " holds txn-"));
	return 0;
}

TXN_TEST(deadlock_across_pools, 1, 1)
{
	struct eider_txn_pool *p = default_pool();
	struct eider_txn_pool *q = make_pool("second", 1);
	struct eider_txn_pool *r = make_pool("third", 1);
	struct chained a = { p, q, .in = 0 }, b = { q, r, .in = 0 };
	struct chained c = { r, p, .in = 0 };

	note_warnings();
	start_chained(&a);
	start_chained(&b);
	start_chained(&c);
	let_wait(&b, 1);
	let_wait(&a, 1);
	ck_assert_uint_eq(warned.count, 0);
	c.go = 1;
	ck_assert(harness_wait_count(&c.done, 1));
	end_chained(&c, -EDEADLK);
	end_chained(&b, 0);
	end_chained(&a, 0);
	ck_assert_uint_eq(warned.count, 1);
	check_chain(&a, "second");
	check_chain(&b, "third");
	check_chain(&c, "txn");
	return 0;
}

/* Threads there are enough, but each wants the other's. */
TXN_TEST(deadlock_by_name, 8, 1)
{
	struct eider_txn_pool *p = default_pool();
	struct chained a = { p, p, "x", "y", .in = 0 };
	struct chained b = { p, p, "y", "x", .in = 0 };

	note_warnings();
	start_chained(&a);
	start_chained(&b);
	let_wait(&a, 1);
	b.go = 1;
	end_chained(&b, -EDEADLK);
	end_chained(&a, 0);
	ck_assert_uint_eq(warned.count, 1);
	check_chain(&a, "txn y");
	check_chain(&b, "txn x");
	return 0;
}

/* One fiber is enough if it has all there is. */
TXN_TEST(deadlock_with_oneself, 2, 1)
{
	struct eider_txn a, off, b, off2, c;

	note_warnings();
	ck_assert_int_eq(eider_txn_enter(&a, NULL, EIDER_NEVER), 0);
	eider_txn_disable(&off);
	ck_assert_int_eq(eider_txn_enter(&b, NULL, EIDER_NEVER), 0);
	eider_txn_disable(&off2);
	ck_assert_int_eq(eider_txn_enter(&c, NULL, EIDER_NEVER), -EDEADLK);
	ck_assert_uint_eq(counts_of(default_pool()).waiting, 0);
	eider_txn_leave(&off2);
	ck_assert_int_gt(thread_here(), 0);
	eider_txn_leave(&b);
	eider_txn_leave(&off);
	eider_txn_leave(&a);
	ck_assert_uint_eq(warned.count, 1);
	/* And it may all be done again. */
	ck_assert_int_eq(enter_and_leave(NULL), 0);
	return 0;
}

static struct eider_txn_pool *loops_pools[2];
static struct chained loops_chain[2];
static unsigned int loops_serial, loops_refused;

/* The one who was refused on one loop, and the one who goes on on the other. */
TXN_TEST(deadlock_between_loops, 1, 2)
{
	unsigned int me = harness_add(&loops_serial, 1) - 1;
	struct chained *c = &loops_chain[me];

	if (!me) {
		note_warnings();
		loops_pools[1] = make_pool("second", 1);
		harness_set(&loops_pools[0], default_pool());
	}
	while (!harness_get(&loops_pools[0]))
		eider_sleep_until(eider_after(HARNESS_MS));
	c->first = loops_pools[me];
	c->second = loops_pools[!me];
	start_chained(c);
	ck_assert(harness_wait_count(&loops_chain[!me].in, 1));
	if (me)
		until_waiting(loops_pools[1], 1);
	c->go = 1;
	end_chained(c, me ? -EDEADLK : 0);
	if (harness_add(&loops_refused, 1) == 2)
		ck_assert_uint_eq(harness_get(&warned.count), 1);
	return 0;
}

/* A waits for B, who waits for C, who does not wait. */
TXN_TEST(a_chain_that_can_go_on, 2, 1)
{
	struct eider_txn_pool *p = default_pool(), *q = make_pool("second", 1);
	struct chained a = { p, p, .in = 0 }, b = { p, q, .in = 0 };
	struct chained c = { q, q, .in = 0 };

	note_warnings();
	start_chained(&a);
	start_chained(&b);
	start_chained(&c);
	let_wait(&a, 1);
	let_wait(&b, 1);
	yield_often();
	ck_assert(!a.done && !b.done);
	c.go = 2;
	end_chained(&c, 0);
	end_chained(&b, 0);
	end_chained(&a, 0);
	ck_assert_uint_eq(warned.count, 0);
	return 0;
}

/* The last who waits is four steps away from the one who does not. */
TXN_TEST(a_long_chain_that_can_go_on, 1, 1)
{
	struct eider_txn_pool *p[4];
	struct chained c[4];

	note_warnings();
	for (int i = 0; i < 4; i++)
		p[i] = make_pool("link", 1);
	for (int i = 0; i < 4; i++) {
		c[i] = (struct chained){ p[i], p[(i + 1) % 4], .in = 0 };
		start_chained(&c[i]);
	}
	/* 0 waits for 1, 1 for 2; then 3, who could close it, for 0. */
	let_wait(&c[1], 1);
	let_wait(&c[0], 1);
	let_wait(&c[3], 1);
	yield_often();
	ck_assert(!c[0].done && !c[1].done && !c[3].done);
	c[2].go = 2;
	for (int i = 0; i < 4; i++)
		end_chained(&c[i], 0);
	ck_assert_uint_eq(warned.count, 0);
	return 0;
}

/* Both hold one and wait, but a third, who does not wait, will leave. */
TXN_TEST(one_lease_that_will_end, 3, 1)
{
	struct eider_txn_pool *p = default_pool();
	struct chained a = { p, p, .in = 0 }, b = { p, p, .in = 0 };
	struct holder h = { NULL };
	struct eider_fiber *fh;

	note_warnings();
	fh = start_holding(&h);
	start_chained(&a);
	start_chained(&b);
	let_wait(&a, 1);
	let_wait(&b, 2);
	yield_often();
	ck_assert(!a.done && !b.done);
	stop_holding(&h, fh);
	end_chained(&a, 0);
	end_chained(&b, 0);
	ck_assert_uint_eq(warned.count, 0);
	return 0;
}

/* An atomic job has the other thread: it ends by itself. */
TXN_TEST(a_job_that_will_end, 2, 1)
{
	struct eider_txn_pool *p = default_pool();
	struct chained a = { p, p, .in = 0 };
	struct gate gate = { 0, 0 };
	struct eider_job job;

	note_warnings();
	ck_assert_int_eq(eider_submit(&job, pass_atomic_gate, &gate), 0);
	ck_assert(harness_wait_count(&gate.inside, 1));
	start_chained(&a);
	let_wait(&a, 1);
	yield_often();
	ck_assert(!a.done);
	harness_set(&gate.open, 1);
	end_chained(&a, 0);
	ck_assert_int_eq(eider_await(&job.future), 7);
	ck_assert_uint_eq(warned.count, 0);
	return 0;
}

/* ---- hooks ---- */

/* What the threads of a pool did, each told by its number: "S1 L1 j1 l1 s1". */
static struct {
	pthread_mutex_t lock;
	char text[400];
	long start_result, lease_result;
	unsigned int wrong, stopped;
} told = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void tell(char what)
{
	char word[16];

	snprintf(word, sizeof(word), "%c%ld ", what, which_thread(NULL));
	pthread_mutex_lock(&told.lock);
	strcat(told.text, word);
	pthread_mutex_unlock(&told.lock);
}

/* Every hook is on the thread it is about, and finds what it hung there. */
static void check_thread(struct eider_thread *t, void *arg)
{
	if (t != eider_thread_self() || arg != &told ||
	    eider_thread_state(t) != &told.text)
		harness_add(&told.wrong, 1);
}

static long say_start(struct eider_thread *t, void *arg)
{
	eider_thread_set_state(t, &told.text);
	check_thread(t, arg);
	tell('S');
	return harness_get(&told.start_result);
}

static void say_stop(struct eider_thread *t, void *arg)
{
	check_thread(t, arg);
	tell('s');
	harness_add(&told.stopped, 1);
}

static long say_lease_start(struct eider_thread *t, void *arg)
{
	check_thread(t, arg);
	tell('L');
	return harness_get(&told.lease_result);
}

static void say_lease_stop(struct eider_thread *t, void *arg)
{
	check_thread(t, arg);
	tell('l');
}

static long say_job(void *arg)
{
	(void)arg;
	check_thread(eider_thread_self(), &told);
	tell('j');
	return 0;
}

static struct eider_txn_pool *make_telling_pool(unsigned int threads)
{
	struct eider_txn_pool_options o = {
		.size = sizeof(o),
		.name = "telling",
		.threads_max = threads,
		.hooks = { say_start, say_stop, say_lease_start, say_lease_stop },
		.arg = &told,
	};
	struct eider_txn_pool *pool;

	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, &pool), 0);
	return pool;
}

static void enter_and_tell(struct eider_txn_pool *pool)
{
	struct eider_txn txn, nested;

	ck_assert_int_eq(eider_txn_enter(&txn, pool, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_call(say_job, NULL), 0);
	ck_assert_int_eq(eider_txn_enter(&nested, pool, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_call(say_job, NULL), 0);
	eider_txn_leave(&nested);
	ck_assert_int_eq(eider_call(say_job, NULL), 0);
	eider_txn_leave(&txn);
}

TXN_TEST(hooks_in_order, 1, 1)
{
	struct eider_txn_pool *pool = make_telling_pool(1);

	enter_and_tell(pool);
	ck_assert_str_eq(told.text, "S1 L1 j1 j1 j1 l1 ");
	enter_and_tell(pool);
	ck_assert_int_eq(eider_txn_pool_shutdown(pool, false, EIDER_NEVER), 0);
	ck_assert_str_eq(told.text,
			 "S1 L1 j1 j1 j1 l1 L1 j1 j1 j1 l1 s1 ");
	ck_assert_uint_eq(told.wrong, 0);
	return 0;
}

/* lease_stop comes after all jobs, those not waited for too. */
TXN_TEST(lease_stop_is_last, 1, 1)
{
	struct eider_txn_pool *pool = make_telling_pool(1);
	struct gate g = { 0, 1 };
	struct eider_job gated, last;
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, pool, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_submit(&gated, pass_gate, &g), 0);
	ck_assert_int_eq(eider_submit(&last, say_job, NULL), 0);
	eider_txn_leave(&txn);
	ck_assert_str_eq(told.text, "S1 L1 j1 l1 ");
	ck_assert_int_eq(eider_await(&gated.future), 7);
	ck_assert_int_eq(eider_await(&last.future), 0);
	return 0;
}

static unsigned int together_in, together_go;

static long tell_together(void *arg)
{
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, arg, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_call(say_job, NULL), 0);
	harness_add(&together_in, 1);
	ck_assert(harness_wait_count(&together_go, 1));
	eider_txn_leave(&txn);
	return 0;
}

/* The words of one thread of the three, in a row. */
static void words_of(int thread, char *ret)
{
	char *word, *at, copy[sizeof(told.text)];

	strcpy(copy, told.text);
	*ret = 0;
	for (word = strtok_r(copy, " ", &at); word; word = strtok_r(NULL, " ", &at))
		if (atoi(word + 1) == thread)
			strncat(ret, word, 1);
}

TXN_TEST(hooks_of_several, 1, 1)
{
	struct eider_txn_pool *pool = make_telling_pool(3);
	struct eider_fiber *fibers[3];
	char words[sizeof(told.text)];

	for (int i = 0; i < 3; i++)
		fibers[i] = start(tell_together, pool);
	ck_assert(harness_wait_count(&together_in, 3));
	together_go = 1;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	ck_assert_int_eq(eider_txn_pool_shutdown(pool, false, EIDER_NEVER), 0);
	for (int i = 1; i <= 3; i++) {
		words_of(i, words);
		ck_assert_str_eq(words, "SLjls");
	}
	ck_assert_uint_eq(told.wrong, 0);
	ck_assert_uint_eq(told.stopped, 3);
	return 0;
}

TXN_TEST(lease_start_that_fails, 1, 1)
{
	struct eider_txn_pool *pool = make_telling_pool(1);
	struct eider_txn txn;

	told.lease_result = -EXDEV;
	ck_assert_int_eq(eider_txn_enter(&txn, pool, EIDER_NEVER), -EXDEV);
	eider_txn_leave(&txn);
	ck_assert_uint_eq(eider_txn_id(), 0);
	ck_assert_uint_eq(counts_of(pool).leased, 0);
	ck_assert_int_eq(eider_txn_enter_named(&txn, pool, "x", EIDER_NEVER),
			 -EXDEV);
	ck_assert_str_eq(told.text, "S1 L1 L1 ");	/* and no lease_stop */
	ck_assert_int_eq(eider_txn_pool_forget(pool, "x"), 0);
	told.lease_result = 3;
	enter_and_tell(pool);
	ck_assert_str_eq(told.text, "S1 L1 L1 L1 j1 j1 j1 l1 ");
	return 0;
}

TXN_TEST(thread_start_that_fails, 1, 1)
{
	struct eider_txn_pool *pool = make_telling_pool(1);
	struct eider_txn txn;

	told.start_result = -ENOTCONN;
	ck_assert_int_eq(eider_txn_enter(&txn, pool, EIDER_NEVER), -ENOTCONN);
	eider_txn_leave(&txn);
	ck_assert_int_eq(eider_txn_enter_named(&txn, pool, "x", EIDER_NEVER),
			 -ENOTCONN);
	ck_assert_str_eq(told.text, "S1 S2 ");
	told.start_result = 0;
	enter_and_tell(pool);
	ck_assert_str_eq(told.text, "S1 S2 S3 L3 j3 j3 j3 l3 ");
	ck_assert_uint_eq(told.stopped, 0);	/* never of one that failed */
	return 0;
}

/* Also where thread_start is the only hook: it is seen by who enters. */
TXN_TEST(thread_start_alone_fails, 1, 1)
{
	long result = -ENOTCONN;
	struct eider_txn_pool_options o = {
		.size = sizeof(o),
		.threads_max = 2,
		.hooks = { .thread_start = fail_to_start },
		.arg = &result,
	};
	struct eider_txn_pool *pool;

	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, &pool), 0);
	ck_assert_int_eq(enter_and_leave(pool), -ENOTCONN);
	harness_set(&result, 0);
	ck_assert_int_eq(enter_and_leave(pool), 0);
	eider_txn_pool_free(pool);
	return 0;
}

/* The line goes on over those whose thread does not start. */
TXN_TEST(line_with_failing_threads, 1, 1)
{
	struct eider_txn_pool *pool = make_telling_pool(1);
	struct eider_fiber *fibers[5];

	told.start_result = -ENOTCONN;
	for (int i = 0; i < 5; i++)
		fibers[i] = start(enter_and_leave, pool);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(eider_join(fibers[i]), -ENOTCONN);
	told.start_result = 0;
	ck_assert_int_eq(enter_and_leave(pool), 0);
	return 0;
}

/* ---- faults ---- */

/* When a thread that was to be started would be there, however slow it is here. */
static int64_t long_enough(void)
{
	return eider_after((int64_t)(20 * HARNESS_S * harness_slow()));
}

/*
 * The first enter of all, with the n-th thing that can fail failing: it says so or
 * works; nobody waits for a thread that nobody can start. Then all is well again.
 */
static long enter_with_fault(void *arg)
{
	uint64_t n = *(uint64_t *)arg;
	struct eider_txn_pool *pool = make_pool("faulty", 1);
	struct eider_txn txn;
	long hit;
	int err;

	eider__fault_arm(n, 0);
	err = eider_txn_enter_named(&txn, pool, "x", long_enough());
	hit = (long)eider__fault_hits();
	eider__fault_arm(0, 0);
	ck_assert_msg(err != -ETIME, "fault %lu: a thread that never comes",
		      (unsigned long)n);
	eider_txn_leave(&txn);
	ck_assert(!err || err == -ENOMEM || err == -EAGAIN || err == -EMFILE);
	ck_assert_int_eq(eider_txn_enter_named(&txn, pool, "x", EIDER_NEVER), 0);
	ck_assert_int_gt(thread_here(), 0);
	eider_txn_leave(&txn);
	eider_txn_pool_free(pool);
	return hit;
}

static long call_atomic_with_fault(void *arg)
{
	long hit, err;

	/* On a default pool that has no thread yet. */
	eider__fault_arm(*(uint64_t *)arg, 0);
	err = eider_call_until(be_served, NULL, long_enough());
	hit = (long)eider__fault_hits();
	eider__fault_arm(0, 0);
	ck_assert_msg(err != -ETIME, "a job waits for a thread that never comes");
	ck_assert(err > 0 || err == -ENOMEM || err == -EAGAIN || err == -EMFILE);
	ck_assert_int_gt(eider_call(be_served, NULL), 0);
	return hit;
}

static void with_every_fault(eider_fn *fn)
{
	struct eider_options o = {
		.size = sizeof(o),
		.txn_threads_max = 1,
		.slow_job_ns = EIDER_NEVER,
		.loop_stall_ns = EIDER_NEVER,
	};
	uint64_t n = 1;

	while (harness_in_loop(fn, &n, &o) > 0)
		ck_assert_uint_lt(n++, 100);
	ck_assert_uint_gt(n, 2);
}

START_TEST(enter_when_things_fail)
{
	with_every_fault(enter_with_fault);
}
END_TEST

START_TEST(atomic_job_when_things_fail)
{
	with_every_fault(call_atomic_with_fault);
}
END_TEST

/*
 * A thread cannot be started, but there is one: it is waited for. Other threads may
 * take a fault that was meant for us; then nobody waits, and it is tried again.
 */
TXN_TEST(second_thread_cannot_start, 2, 1)
{
	struct holder a = { NULL };
	struct eider_fiber *fa = start_holding(&a), *fb;

	for (int i = 0; i < 50; i++) {
		fb = start(enter_and_leave, NULL);
		eider__fault_arm(2, 1000);	/* all after its context */
		eider_yield();
		eider__fault_arm(0, 0);
		if (counts_of(default_pool()).waiting)
			break;
		ck_assert_int_eq(eider_join(fb), -ENOMEM);
	}
	ck_assert_uint_eq(counts_of(default_pool()).waiting, 1);
	ck_assert_uint_eq(counts_of(default_pool()).threads, 1);
	stop_holding(&a, fa);
	ck_assert_int_eq(eider_join(fb), 0);
	return 0;
}

/* Nor by a thread that never comes free by itself: it is bound, and rests. */
TXN_TEST(second_thread_beside_a_bound_one, 2, 1)
{
	struct eider_txn txn;
	int err;

	thread_of("x");
	eider__fault_arm(2, 1000);
	err = eider_txn_enter(&txn, NULL, long_enough());
	eider__fault_arm(0, 0);
	ck_assert_int_lt(err, 0);
	ck_assert_int_ne(err, -ETIME);
	ck_assert_int_eq(enter_and_leave(NULL), 0);
	return 0;
}

/* ---- a lease that leaves nothing behind ---- */

static unsigned int lease_stops;

static void note_lease_stop(struct eider_thread *t, void *arg)
{
	(void)t;
	(void)arg;
	harness_add(&lease_stops, 1);
}

static long say_clean(void *arg)
{
	eider_thread_set_clean(eider_thread_self(), arg != NULL);
	return 0;
}

/* Of another thread it says nothing. */
static long say_of_another(void *arg)
{
	ck_assert_ptr_ne(eider_thread_self(), arg);
	eider_thread_set_clean(arg, true);
	eider_thread_set_clean(NULL, true);
	return 0;
}

static long which_self(void *arg)
{
	*(struct eider_thread **)arg = eider_thread_self();
	return 0;
}

/* A lease in which @said is said: c lean, d irty, o ther; is lease_stop called? */
static void says(struct eider_txn_pool *pool, const char *said, bool stops)
{
	unsigned int before = harness_get(&lease_stops);
	struct eider_thread *self = NULL;
	struct eider_txn txn, none;

	ck_assert_int_eq(eider_txn_enter(&txn, pool, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_call(which_self, &self), 0);
	for (const char *p = said; *p; p++) {
		if (*p == 'o') {
			eider_txn_disable(&none);
			ck_assert_int_eq(eider_call(say_of_another, self), 0);
			eider_txn_leave(&none);
		} else {
			ck_assert_int_eq(eider_call(say_clean,
						    *p == 'c' ? pool : NULL), 0);
		}
	}
	eider_txn_leave(&txn);
	ck_assert_msg(harness_get(&lease_stops) == before + stops,
		      "'%s': lease_stop was called %u times", said,
		      harness_get(&lease_stops) - before);
}

TXN_TEST(lease_stop_is_spared, 1, 1)
{
	static const struct {
		const char *said;
		bool stops;
	} table[] = {
		{ "", true }, { "c", false }, { "", true }, { "d", true },
		{ "cd", true }, { "dc", false }, { "c", false }, { "o", true },
		{ "co", false }, { "do", true }, { "cdcdcd", true }, { "", true },
	};
	struct eider_txn_pool_options o = {
		.size = sizeof(o),
		.threads_max = 1,
		.hooks = { .lease_stop = note_lease_stop },
	};
	struct eider_txn_pool *pool;

	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, &pool), 0);
	for (int round = 0; round < 3; round++)
		for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
			says(pool, table[i].said, table[i].stops);
	eider_txn_pool_free(pool);
	return 0;
}

/* ---- looking out before a sleep ---- */

static const int64_t poll_table[] = { 0, -1, INT64_MIN, 1, 20 * HARNESS_MS };

enum { POLLS = sizeof(poll_table) / sizeof(poll_table[0]) };

/* It is bounded: who waits for long does not compute for long. */
static long poll_body(void *arg)
{
	struct eider_txn txn;
	int64_t cpu;

	(void)arg;
	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	for (unsigned int i = 0; i < 50; i++)
		ck_assert_int_gt(thread_here(), 0);
	cpu = harness_cpu();
	ck_assert_int_eq(eider_sleep_until(eider_after(400 * HARNESS_MS)), 0);
	cpu = harness_cpu() - cpu;
	ck_assert_msg(cpu < 200 * HARNESS_MS, "%ld us of CPU for a sleep",
		      (long)(cpu / HARNESS_US));
	ck_assert_int_gt(thread_here(), 0);
	eider_txn_leave(&txn);
	return 0;
}

START_TEST(looking_out_is_bounded)
{
	harness_in_loop(poll_body, NULL,
			HARNESS_OPTIONS(.txn_threads_max = 1,
					.poll_ns = poll_table[_i]));
}
END_TEST

static long order_body(void *arg)
{
	strict_order_body(arg);
	first_come_first_served_body(arg);
	return 0;
}

/* The same comes of it in any case. */
START_TEST(looking_out_changes_nothing)
{
	harness_in_loop(order_body, NULL,
			HARNESS_OPTIONS(.txn_threads_max = 2, .poll_ns = poll_table[_i],
					.slow_job_ns = EIDER_NEVER,
					.loop_stall_ns = EIDER_NEVER));
}
END_TEST

static void add_leases(Suite *s)
{
	TCase *t = harness_case(s, "thread");

	tcase_add_test(t, never_two_on_a_thread);
	tcase_add_test(t, never_two_on_a_thread_of_many_loops);
	tcase_add_test(t, strict_order);

	t = harness_case(s, "wait");
	tcase_add_test(t, first_come_first_served);
	tcase_add_test(t, nobody_overtakes);
	tcase_add_test(t, deadline_of_an_enter);
	tcase_add_test(t, cancel_an_enter);
	tcase_add_test(t, nobody_starves);
	tcase_add_test(t, threads_are_modest);

	t = harness_case(s, "leave");
	tcase_add_test(t, leave_waits_for_jobs);
	tcase_add_test(t, cancelled_while_leaving);
	tcase_add_test(t, leave_gives_back_after_the_jobs);
	tcase_add_test(t, stale_after_leave);
	tcase_add_test(t, stale_in_turn);
	tcase_add_test(t, inside_one_that_was_left);
}

static void add_forms(Suite *s)
{
	TCase *t = harness_case(s, "nest");

	tcase_add_test(t, nested_is_the_same_thread);
	tcase_add_test(t, back_in_the_first_pool);
	tcase_add_test(t, children_inherit);
	tcase_add_test(t, spawn_on_is_in_no_context);
	tcase_add_test(t, disable_suspends);
	tcase_add_test(t, ids);
	tcase_add_test(t, misuse);
	tcase_add_test(t, misuse_outside);

	t = harness_case(s, "named");
	tcase_add_test(t, named_finds_its_thread);
	tcase_add_test(t, named_is_exclusive);
	tcase_add_test(t, named_goes_past_those_who_wait_for_any);
	tcase_add_test(t, named_nesting);
	tcase_add_test(t, named_deadline_and_cancel);
	tcase_add_test(t, forget);
	tcase_add_test(t, forget_while_somebody_is_in_it);
	tcase_add_test(t, named_from_other_loops);
	tcase_add_test(t, named_is_exclusive_between_loops);

	t = harness_case(s, "scoped");
	tcase_add_test(t, scoped);
	tcase_add_test(t, scoped_nesting);
	tcase_add_test(t, scoped_that_failed);
}

static void add_errors(Suite *s)
{
	TCase *t = harness_case(s, "deadlock");

	tcase_add_test(t, deadlock_in_one_pool);
	tcase_add_test(t, deadlock_across_pools);
	tcase_add_test(t, deadlock_by_name);
	tcase_add_test(t, deadlock_with_oneself);
	tcase_add_test(t, deadlock_between_loops);
	tcase_add_test(t, a_chain_that_can_go_on);
	tcase_add_test(t, a_long_chain_that_can_go_on);
	tcase_add_test(t, one_lease_that_will_end);
	tcase_add_test(t, a_job_that_will_end);

	t = harness_case(s, "hooks");
	tcase_add_test(t, hooks_in_order);
	tcase_add_test(t, lease_stop_is_last);
	tcase_add_test(t, lease_stop_is_spared);
	tcase_add_test(t, hooks_of_several);
	tcase_add_test(t, lease_start_that_fails);
	tcase_add_test(t, thread_start_that_fails);
	tcase_add_test(t, thread_start_alone_fails);
	tcase_add_test(t, line_with_failing_threads);

	t = harness_case(s, "poll");
	tcase_add_loop_test(t, looking_out_is_bounded, 0, POLLS);
	tcase_add_loop_test(t, looking_out_changes_nothing, 0, POLLS);

	t = harness_case(s, "faults");
	tcase_add_test(t, enter_when_things_fail);
	tcase_add_test(t, atomic_job_when_things_fail);
	tcase_add_test(t, second_thread_cannot_start);
	tcase_add_test(t, second_thread_beside_a_bound_one);
}

int main(void)
{
	Suite *s = suite_create("txn");

	add_leases(s);
	add_forms(s);
	add_errors(s);
	return harness_run(s);
}
