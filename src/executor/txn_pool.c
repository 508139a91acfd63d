/*
 * txn_pool.c - make, ask, shut down and free transaction pools
 *
 * The public calls of eider/txn_pool.h. The threads are in txn_thread.c, the rules by
 * which they are given out in txn_line.c.
 *
 * A pool's memory goes when it is disowned (freed by the user, or with its executor)
 * and its last thread has ended, whichever comes last.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "txn_pool.h"
#include "worker.h"

void eider__txn_pool_free_memory(struct eider_txn_pool *tp)
{
	eider__node_remove(&tp->node);
	eider__free(tp);
}

/* ---- making ---- */

static void fill_options(const struct eider_executor *e,
			 struct eider_txn_pool_options *o)
{
	if (!o->name)
		o->name = "txn";
	if (!o->threads_max)
		o->threads_max = e->options.txn_threads_max;
	if (!o->free_level)
		o->free_level = e->options.free_level;
}

int eider_txn_pool_new(struct eider_executor *e,
		       const struct eider_txn_pool_options *options,
		       struct eider_txn_pool **ret_pool)
{
	struct eider_txn_pool_options o;
	struct eider_txn_pool *tp;
	uint64_t desired;
	int err;

	if (!e || !ret_pool || (options && (options->size < sizeof(size_t) ||
					    options->size > sizeof(o))))
		return -EINVAL;
	memset(&o, 0, sizeof(o));
	if (options)
		memcpy(&o, options, options->size);
	fill_options(e, &o);
	if (o.free_level > 100 || o.threads_max > 65536)
		return -EINVAL;
	err = eider__executor_check(e);
	if (err < 0)
		return err;
	tp = eider__alloc(sizeof(*tp));
	if (!tp)
		return -ENOMEM;
	desired = ((uint64_t)o.threads_max * o.free_level + 99) / 100;
	tp->executor = e;
	snprintf(tp->name, sizeof(tp->name), "%s", o.name);
	tp->threads_max = o.threads_max;
	tp->idle_max = desired ? (unsigned int)desired : 1;
	tp->keep = o.keep_general_threads;
	tp->hooks = o.hooks;
	tp->arg = o.arg;
	eider__node_init(&tp->threads);
	eider__node_init(&tp->idle);
	eider__lock_take(&e->txn_lock);
	eider__node_append(&e->txn_pools, &tp->node);
	eider__lock_give(&e->txn_lock);
	*ret_pool = tp;
	return 0;
}

/* ---- threads by number ---- */

static int bind_locked(struct eider_txn_pool *tp, uint64_t number,
		       struct eider_thread **ret)
{
	char name[24];
	char *copy;
	int err;

	snprintf(name, sizeof(name), "#%" PRIu64, number);
	*ret = eider__txn_find_bound_locked(tp, name);
	if (*ret) {
		(*ret)->number = number;
		if (!(*ret)->lease)
			eider__store_relaxed(&(*ret)->pool.context, number);
		return 0;
	}
	copy = eider__strdup(name);
	if (!copy)
		return -ENOMEM;
	err = eider__txn_pick_locked(tp, false, ret);
	if (err) {
		eider__free(copy);
		return err;
	}
	(*ret)->bound = copy;
	(*ret)->number = number;
	eider__store_relaxed(&(*ret)->pool.context, number);
	return 0;
}

/* The thread of @number, or any for 0, pinned. */
static int pin_locked(struct eider_txn_pool *tp, uint64_t number,
		      struct eider_thread **ret)
{
	int err;

	if (tp->state != EIDER__POOL_OPEN)
		return -ESHUTDOWN;
	err = number ? bind_locked(tp, number, ret) :
		       eider__txn_pick_locked(tp, false, ret);
	if (err)
		return err < 0 ? err : -EAGAIN;
	(*ret)->pins++;
	eider__thread_get(*ret);
	eider__txn_thread_settle_locked(tp, *ret);
	return 0;
}

static void unpin_locked(struct eider_txn_pool *tp, struct eider_thread *t)
{
	t->pins--;
	eider__txn_thread_unused_locked(tp, t);
	eider__thread_put(t);
}

int eider_txn_pool_get_thread(struct eider_txn_pool *tp, uint64_t context,
			      struct eider_thread **ret_thread)
{
	struct eider_executor *e;
	struct eider_thread *t;
	long err;

	if (!tp || !ret_thread)
		return -EINVAL;
	e = tp->executor;
	err = eider__executor_check(e);
	if (err < 0)
		return (int)err;
	eider__lock_take(&e->txn_lock);
	err = pin_locked(tp, context, &t);
	if (!err) {
		while (!t->started)
			eider__cond_wait(&e->txn_change, &e->txn_lock, EIDER_NEVER);
		err = t->start_error < 0 ? t->start_error : 0;
		if (err < 0)
			unpin_locked(tp, t);
	}
	eider__lock_give(&e->txn_lock);
	if (!err)
		*ret_thread = t;
	return (int)err;
}

void eider_txn_pool_put_thread(struct eider_txn_pool *tp, struct eider_thread *t)
{
	if (!tp || !t || !eider__executor_is_ours(tp->executor))
		return;
	eider__lock_take(&tp->executor->txn_lock);
	unpin_locked(tp, t);
	eider__lock_give(&tp->executor->txn_lock);
}

static int submit_to_number(struct eider_txn_pool *tp, struct eider_job *job,
			    uint64_t number)
{
	struct eider_thread *t;
	int err = eider__job_accept(job, &eider__loop_here->lanes->direct);

	if (err < 0)
		return err;
	eider__lock_take(&tp->executor->txn_lock);
	err = pin_locked(tp, number, &t);
	if (!err) {
		t->busy = true;
		err = eider__thread_place(t, job) < 0 ? -ESHUTDOWN : 0;
		unpin_locked(tp, t);
	}
	eider__lock_give(&tp->executor->txn_lock);
	if (err < 0)
		eider__job_reject(job);
	else
		eider__job_count(eider__loop_here);
	return err;
}

int eider_txn_pool_submit(struct eider_txn_pool *tp, struct eider_job *job,
			  uint64_t context)
{
	int err = eider__job_check(job);

	if (!err && (!tp || tp->executor != eider__loop_here->executor))
		err = -EINVAL;
	if (err < 0)
		return err;
	return context ? submit_to_number(tp, job, context) :
			 eider__txn_pool_start_general(tp, job);
}

int eider_txn_pool_forget(struct eider_txn_pool *tp, const char *name)
{
	struct eider_thread *t;

	if (!tp || !name)
		return -EINVAL;
	if (!eider__executor_is_ours(tp->executor))
		return -ECHILD;
	eider__lock_take(&tp->executor->txn_lock);
	t = eider__txn_find_bound_locked(tp, name);
	if (t) {
		t->forget = true;
		eider__txn_thread_unused_locked(tp, t);
	}
	eider__lock_give(&tp->executor->txn_lock);
	return t ? 0 : -ENOENT;
}

struct eider_txn_pool_counts
eider__txn_pool_count_locked(const struct eider_txn_pool *tp)
{
	struct eider_txn_pool_counts c = { 0 };

	eider__node_each(node, &tp->threads) {
		const struct eider_thread *t =
			eider__container(node, struct eider_thread, node);

		c.threads++;
		if (t->lease)
			c.leased++;
		else if (t->bound)
			c.bound++;
		else
			c.general++;
	}
	c.idle = tp->idle_count;
	c.waiting = tp->waiting;
	return c;
}

void eider_txn_pool_count(struct eider_txn_pool *tp,
			  struct eider_txn_pool_counts *ret_counts)
{
	eider__lock_take(&tp->executor->txn_lock);
	*ret_counts = eider__txn_pool_count_locked(tp);
	eider__lock_give(&tp->executor->txn_lock);
}

/* ---- shutting down ---- */

static void close_locked(struct eider_txn_pool *tp, bool wait)
{
	enum eider__pool_state state = wait ? EIDER__POOL_DRAINING :
					      EIDER__POOL_CLOSED;

	if (state > tp->state)
		tp->state = state;
	if (!wait) {
		eider__txn_fail_line_locked(tp);
		eider__node_each(node, &tp->threads)
			eider__txn_thread_stop_locked(
				tp, eider__container(node, struct eider_thread,
						     node));
	}
	eider__txn_pool_react_locked(tp);
}

void eider__txn_pools_close(struct eider_executor *e, bool wait)
{
	eider__lock_take(&e->txn_lock);
	eider__node_each(node, &e->txn_pools)
		close_locked(eider__container(node, struct eider_txn_pool, node),
			     wait);
	eider__lock_give(&e->txn_lock);
}

/* A context of @tp that was not left, or 0. */
static uint64_t find_open_context(struct eider_txn_pool *tp)
{
	uint64_t id = 0;

	eider__lock_take(&tp->executor->txn_lock);
	eider__node_each(node, &tp->threads) {
		const struct eider_thread *t =
			eider__container(node, struct eider_thread, node);

		if (t->lease)
			id = t->lease->id;
	}
	eider__lock_give(&tp->executor->txn_lock);
	return id;
}

static void report_unfinished(struct eider_txn_pool *tp)
{
	struct eider_warning w = {
		.kind = EIDER_STILL_RUNNING,
		.name = tp->name,
		.context = find_open_context(tp),
		.detail = "a context was not left",
	};

	if (w.context)
		eider__warn(&tp->executor->watchdog, &w);
	eider__watchdog_report_running(&tp->executor->watchdog);
}

static bool threads_have_ended(void *arg)
{
	struct eider_txn_pool *tp = arg;
	bool ended;

	eider__lock_take(&tp->executor->txn_lock);
	ended = !tp->thread_count;
	eider__lock_give(&tp->executor->txn_lock);
	return ended;
}

int eider_txn_pool_shutdown(struct eider_txn_pool *tp, bool wait, int64_t deadline)
{
	struct eider_executor *e;
	bool in_time = true;
	unsigned int left;

	if (!tp)
		return -EINVAL;
	e = tp->executor;
	if (!eider__executor_is_ours(e))
		return -ECHILD;
	if (eider__would_wait_for_itself(e, wait, deadline))
		return -EDEADLK;
	eider__lock_take(&e->txn_lock);
	close_locked(tp, wait);
	eider__lock_give(&e->txn_lock);
	if (wait)
		eider__turn_while_waiting(e, threads_have_ended, tp, deadline);
	eider__lock_take(&e->txn_lock);
	while (tp->thread_count && in_time)
		in_time = eider__cond_wait(&e->txn_change, &e->txn_lock, deadline);
	left = tp->thread_count;
	eider__lock_give(&e->txn_lock);
	if (left)
		report_unfinished(tp);
	return left ? -ETIME : 0;
}

static void disown_locked(struct eider_txn_pool *tp)
{
	tp->disowned = true;
	if (!tp->thread_count)
		eider__txn_pool_free_memory(tp);
}

void eider_txn_pool_free(struct eider_txn_pool *tp)
{
	struct eider_executor *e;

	if (!tp || !eider__executor_is_ours(tp->executor))
		return;
	e = tp->executor;
	eider__lock_take(&e->txn_lock);
	close_locked(tp, false);
	disown_locked(tp);
	eider__lock_give(&e->txn_lock);
}

void eider__txn_pools_disown(struct eider_executor *e)
{
	struct eider_node *node, *next;

	eider__lock_take(&e->txn_lock);
	for (node = e->txn_pools.next; node != &e->txn_pools; node = next) {
		next = node->next;
		disown_locked(eider__container(node, struct eider_txn_pool, node));
	}
	eider__lock_give(&e->txn_lock);
}
