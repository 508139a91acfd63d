/*
 * txn_line.c - who gets which transaction thread
 *
 * Who finds no thread waits in line, contexts and atomic jobs alike, and is served in
 * order: whenever a thread becomes idle, or ends and makes room for another,
 * dispatch_locked() goes through the line. One who waits for the thread of a name is
 * served when that one is free, whoever stands before him; everybody else strictly in
 * turn.
 *
 * Invariants
 *
 *  T3  While somebody waits for any thread, none is idle and none can be started.
 *  T4  What is in line is touched under txn_lock only; whoever takes it out
 *      completes it, or owns it.
 *
 * A grant is a future on a fiber's stack, maybe of another loop: it is completed
 * through that loop's inbox, with txn_lock held, so that a loop which has left every
 * line (eider__txn_pools_leave()) gets none afterwards.
 *
 * Not here: what a thread is used for (txn_thread.c), what a context is (context.c),
 * chains of leases (deadlock.c).
 */
#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "txn_pool.h"

/* ---- the line ---- */

static struct eider__lease_wait *wait_of(struct eider_future *f)
{
	return eider__container(f, struct eider__lease_wait, grant);
}

static bool is_grant(const struct eider_future *f)
{
	return f->_link._kind == &eider__grant_kind;
}

static void join_line_locked(struct eider_txn_pool *tp, struct eider_future *f)
{
	eider__queue_append(&tp->line, f);
	tp->waiting++;
	if (!is_grant(f)) {
		eider__store_relaxed(&f->_flags, f->_flags | EIDER__JOB_WAITING);
		return;
	}
	wait_of(f)->queued = true;
	wait_of(f)->context->owner->lease_wait = wait_of(f);
	tp->named_waiting += wait_of(f)->name != NULL;
}

static void leave_line_locked(struct eider_txn_pool *tp, struct eider_future *f)
{
	eider__queue_remove(&tp->line, f);
	tp->waiting--;
	if (!is_grant(f)) {
		eider__store_relaxed(&f->_flags, f->_flags &
						 ~(uint32_t)EIDER__JOB_WAITING);
		return;
	}
	wait_of(f)->queued = false;
	wait_of(f)->context->owner->lease_wait = NULL;
	tp->named_waiting -= wait_of(f)->name != NULL;
}

static void lease_locked(struct eider_txn_pool *tp, struct eider_thread *t,
			 struct eider__lease_wait *w)
{
	struct eider_context *c = w->context;

	EIDER_ASSERT(!t->lease && !t->stopping);		/* T1 */
	eider__store_relaxed(&t->lease, c);	/* see drained() in txn_thread.c */
	t->leased_at = eider_now();
	eider__store_relaxed(&t->clean, false);
	c->is_up = t->started && t->start_error >= 0;
	tp->leases++;
	eider__thread_get(t);
	c->thread = t;
	c->lane.pool = &t->pool;
	eider__store_relaxed(&t->pool.context, c->id);
	eider__node_append(&tp->executor->leases, &c->lease);
	if (w->name && !t->bound) {
		t->bound = w->name;
		w->name = NULL;
	}
	eider__txn_thread_settle_locked(tp, t);
}

static void complete_line_locked(struct eider_txn_pool *tp, struct eider_future *f,
				 long result)
{
	f->_u.result = result;
	eider__executor_post(tp->executor, f->_loop, &f->_link);
}

static void place_locked(struct eider_txn_pool *tp, struct eider_thread *t,
			 struct eider_job *job)
{
	t->busy = true;
	eider__txn_thread_settle_locked(tp, t);
	if (eider__thread_place(t, job) < 0)
		complete_line_locked(tp, &job->future, -ECANCELED);
}

/* The thread for @f, which is in line or about to be: as eider__txn_pick_locked(). */
static int find_thread_locked(struct eider_txn_pool *tp, struct eider_future *f,
			      struct eider_thread **ret)
{
	struct eider_thread *t = NULL;

	if (is_grant(f) && wait_of(f)->name)
		t = eider__txn_find_bound_locked(tp, wait_of(f)->name);
	if (!t)
		return eider__txn_pick_locked(tp, is_grant(f), ret);
	if (t->lease)
		return EIDER__TXN_WAIT_NAMED;
	*ret = t;
	return 0;
}

/* Serve who is in line, as far as there are threads. */
static void dispatch_locked(struct eider_txn_pool *tp)
{
	struct eider_future *f, *next;
	bool blocked = false;

	for (f = tp->line.first; f; f = next) {
		struct eider_thread *t;
		bool named = is_grant(f) && wait_of(f)->name;
		int err;

		next = eider__queue_next(f);
		if (blocked && !tp->named_waiting)
			return;
		if (blocked && !(named && eider__txn_find_bound_locked(
						  tp, wait_of(f)->name)))
			continue;
		err = find_thread_locked(tp, f, &t);
		if (err == EIDER__TXN_WAIT)
			blocked = true;
		if (err > 0)
			continue;
		leave_line_locked(tp, f);
		if (err < 0) {
			complete_line_locked(tp, f, err);
		} else if (is_grant(f)) {
			lease_locked(tp, t, wait_of(f));
			complete_line_locked(tp, f, 0);
		} else {
			place_locked(tp, t, eider__job_of(&f->_link));
		}
	}
}

void eider__txn_pool_react_locked(struct eider_txn_pool *tp)
{
	if (tp->state != EIDER__POOL_OPEN && tp->line.first)
		eider__txn_unbind_unused_locked(tp);
	dispatch_locked(tp);
	if (tp->state == EIDER__POOL_OPEN)
		eider__txn_free_surplus_locked(tp);
	else if (!tp->line.first)
		eider__txn_stop_unused_locked(tp);
	eider__cond_wake_all(&tp->executor->txn_change);
}

void eider__txn_fail_line_locked(struct eider_txn_pool *tp)
{
	struct eider_future *f;

	while ((f = tp->line.first)) {
		leave_line_locked(tp, f);
		complete_line_locked(tp, f,
				     is_grant(f) ? -ESHUTDOWN : -ECANCELED);
	}
}

/* ---- leases ---- */

static void warn_deadlock(struct eider_txn_pool *tp, const char *detail)
{
	struct eider_warning w = {
		.kind = EIDER_DEADLOCK,
		.name = tp->name,
		.detail = detail,
	};

	eider__warn(&tp->executor->watchdog, &w);
}

/* Nobody may overtake: an unnamed one has no claim while others are in line. */
static int lease_now_locked(struct eider_txn_pool *tp, struct eider__lease_wait *w)
{
	struct eider_thread *t;
	int err;

	if (tp->state != EIDER__POOL_OPEN)
		return -ESHUTDOWN;
	if (tp->waiting > tp->named_waiting && !w->name)
		return EIDER__TXN_WAIT;
	err = find_thread_locked(tp, &w->grant, &t);
	if (!err)
		lease_locked(tp, t, w);
	return err;
}

/* There is room for a thread for @w: what it lacks is not a lease. */
static bool wants_new_thread_locked(struct eider_txn_pool *tp,
				    const struct eider__lease_wait *w)
{
	return tp->thread_count < tp->threads_max &&
	       !(w->name && eider__txn_find_bound_locked(tp, w->name));
}

int eider__txn_pool_lease(struct eider_txn_pool *tp, struct eider__lease_wait *w)
{
	struct eider_executor *e = tp->executor;
	char detail[512];
	int err;

	eider__lock_take(&e->txn_lock);
	err = lease_now_locked(tp, w);
	if (err > 0) {
		join_line_locked(tp, &w->grant);
		err = 1;
		if (eider__deadlock_found_locked(e, w, detail, sizeof(detail))) {
			leave_line_locked(tp, &w->grant);
			err = wants_new_thread_locked(tp, w) ? -EAGAIN : -EDEADLK;
		}
	}
	eider__lock_give(&e->txn_lock);
	if (err == -EDEADLK)
		warn_deadlock(tp, detail);
	return err;
}

bool eider__txn_pool_unwait(struct eider_txn_pool *tp, struct eider__lease_wait *w)
{
	bool queued;

	eider__lock_take(&tp->executor->txn_lock);
	queued = w->queued;
	if (queued)
		leave_line_locked(tp, &w->grant);
	eider__lock_give(&tp->executor->txn_lock);
	return queued;
}

void eider__txn_pool_release(struct eider_txn_pool *tp, struct eider_context *c,
			     bool broken)
{
	struct eider_thread *t = c->thread;

	eider__lock_take(&tp->executor->txn_lock);
	eider__store_relaxed(&t->lease, NULL);
	eider__node_remove(&c->lease);
	if (broken && !t->stopping)
		eider__txn_thread_stop_locked(tp, t);
	eider__txn_thread_unused_locked(tp, t);
	eider__lock_give(&tp->executor->txn_lock);
	eider__thread_put(t);
}

/* ---- atomic jobs ---- */

int eider__txn_pool_start_general(struct eider_txn_pool *tp, struct eider_job *job)
{
	struct eider_thread *t;
	int err = eider__job_accept(job, &eider__loop_here->lanes->direct);

	if (err < 0)
		return err;
	job->_line = tp;
	eider__lock_take(&tp->executor->txn_lock);
	if (tp->state != EIDER__POOL_OPEN)
		err = -ESHUTDOWN;
	else if (tp->waiting > tp->named_waiting)
		err = EIDER__TXN_WAIT;
	else
		err = eider__txn_pick_locked(tp, false, &t);
	if (!err)
		place_locked(tp, t, job);
	else if (err > 0)
		join_line_locked(tp, &job->future);
	eider__lock_give(&tp->executor->txn_lock);
	if (err < 0) {
		eider__job_reject(job);
		return err;
	}
	eider__job_count(eider__loop_here);
	return 0;
}

bool eider__txn_pool_remove(struct eider_txn_pool *tp, struct eider_job *job)
{
	bool waiting;

	eider__lock_take(&tp->executor->txn_lock);
	waiting = eider__load_relaxed(&job->future._flags) & EIDER__JOB_WAITING;
	if (waiting)
		leave_line_locked(tp, &job->future);
	eider__lock_give(&tp->executor->txn_lock);
	return waiting;
}

static void leave_lines_locked(struct eider_txn_pool *tp, struct eider_loop *loop)
{
	struct eider_future *f, *next;

	for (f = tp->line.first; f; f = next) {
		next = eider__queue_next(f);
		if (f->_loop != loop)
			continue;
		leave_line_locked(tp, f);
		if (!is_grant(f))
			eider__future_complete(f, -ECANCELED);
		else
			eider__free(wait_of(f)->name);
	}
}

void eider__txn_pools_leave(struct eider_loop *loop)
{
	struct eider_executor *e = loop->executor;

	eider__lock_take(&e->txn_lock);
	eider__node_each(node, &e->txn_pools)
		leave_lines_locked(eider__container(node, struct eider_txn_pool, node),
				   loop);
	eider__lock_give(&e->txn_lock);
}
