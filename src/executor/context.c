/*
 * context.c - enter and leave transaction contexts
 *
 *	enter                    lease granted              leave
 *	-----> waiting in line ----------------> open -----------------> closing
 *	         |  deadline, cancel,             |  jobs go to its       | jobs end,
 *	         v  deadlock, shutdown            |  lane and thread      | lease_stop
 *	       refused                            +--- nested scopes      v
 *	                                                               released
 *
 * Counting. A context is counted by the fiber that is in it, by the scope that made
 * it, by contexts inside it, and by every fiber that inherited it; its memory goes
 * with the last. It is left by the scope that made it, once; others who still are in
 * it then get -ESTALE, because it is not open.
 *
 * A scope owns what its fiber was in before (txn->_outer), and gives it back at the
 * end, whatever happened in between.
 *
 * Leaving must not fail and must not be cut short: the waits in it are shielded from
 * the cancellation of the fiber.
 */
#include "context.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "txn_pool.h"
#include "worker.h"

/* ---- counting ---- */

void eider__context_get(struct eider_context *c)
{
	c->refs++;
}

void eider__context_put(struct eider_context *c)
{
	while (c && !--c->refs) {
		struct eider_context *outer = c->outer;

		eider__node_remove(&c->all);
		eider__free(c);
		c = outer;
	}
}

static struct eider_context *make_context(struct eider_fiber *fiber,
					  struct eider_txn_pool *pool)
{
	struct eider_loop *loop = fiber->future._loop;
	struct eider_context *c = eider__alloc(sizeof(*c));

	if (!c)
		return NULL;
	c->id = eider__add_relaxed(&loop->executor->next_context, 1) + 1;
	c->pool = pool;
	c->owner = fiber;
	c->refs = 1;
	c->outer = fiber->context;
	if (c->outer)
		eider__context_get(c->outer);
	eider__lane_init(&c->lane, loop, NULL, loop->executor->options.queue_max);
	c->lane.context = c;
	eider__node_init(&c->lease);
	eider__node_append(&loop->lanes->contexts, &c->all);
	return c;
}

/* ---- the wait for a lease ---- */

static void end_wait(struct eider__lease_wait *w, long result)
{
	/* If it is not in line any more, the grant is on its way. */
	if (eider__txn_pool_unwait(w->pool, w))
		eider__future_complete(&w->grant, result);
}

static void cancel_grant(struct eider_future *f)
{
	end_wait(eider__container(f, struct eider__lease_wait, grant), -ECANCELED);
}

static void pass_deadline(struct eider_timer *t)
{
	end_wait(eider__container(t, struct eider__lease_wait, timer), -ETIME);
}

/* The loop is being freed: eider__contexts_drop() gives the lease back. */
static void drop_grant(struct eider_link *l)
{
	eider__free(eider__container(eider__future_of(l), struct eider__lease_wait,
				     grant)->name);
}

const struct eider_kind eider__grant_kind = {
	.run = eider__future_run,
	.cancel = cancel_grant,
	.drop = drop_grant,
};

static int wait_for_lease(struct eider__lease_wait *w, int64_t deadline)
{
	struct eider_loop *loop = w->grant._loop;
	long err = eider__txn_pool_lease(w->pool, w);

	if (err != 1)
		return (int)err;
	if (deadline != EIDER_NEVER)
		eider__loop_add_timer(loop, &w->timer, deadline, pass_deadline);
	err = eider_await(&w->grant);
	eider__loop_remove_timer(loop, &w->timer);
	return (int)err;
}

static int get_lease(struct eider_context *c, const char *name, int64_t deadline)
{
	struct eider__lease_wait w;
	int err;

	memset(&w, 0, sizeof(w));
	w.pool = c->pool;
	w.context = c;
	if (name) {
		w.name = eider__strdup(name);
		if (!w.name)
			return -ENOMEM;
	}
	eider__future_start(&w.grant, c->lane.loop, &eider__grant_kind);
	err = wait_for_lease(&w, deadline);
	eider__free(w.name);		/* unless the thread has it */
	return err;
}

/* ---- the hooks, as jobs of the context ---- */

static long start_lease(void *arg)
{
	struct eider_context *c = arg;

	return c->pool->hooks.lease_start ?
		       c->pool->hooks.lease_start(c->thread, c->pool->arg) : 0;
}

static long stop_lease(void *arg)
{
	struct eider_context *c = arg;

	c->pool->hooks.lease_stop(c->thread, c->pool->arg);
	return 0;
}

/* Run fn(c) on the context's thread, whether it is open or not. */
static long run_hook(struct eider_context *c, eider_fn *fn, const char *name)
{
	struct eider_job job;
	int err;

	eider_job_init(&job, fn, c);
	job.name = name;
	err = eider__job_accept(&job, &c->lane);
	if (err < 0)
		return err;
	eider__lane_add(&c->lane, &job);
	return eider__await_shielded(&job.future);
}

/* If a thread that is just starting fails, that shows in its first job: ask for one. */
static long begin_lease(struct eider_context *c)
{
	const struct eider_txn_hooks *hooks = &c->pool->hooks;

	return hooks->lease_start || (hooks->thread_start && !c->is_up) ?
		       run_hook(c, start_lease, "lease_start") : 0;
}

/* ---- entering ---- */

/* The context that @fiber is in already, if entering would be nesting. */
static struct eider_context *find_outer(const struct eider_fiber *fiber,
					const struct eider_txn_pool *pool,
					const char *name)
{
	for (struct eider_context *c = fiber->context; c; c = c->outer)
		/* A closed one has let go of its thread. */
		if (c->pool == pool &&
		    (!name || !c->open ||
		     (c->thread->bound && !strcmp(c->thread->bound, name))))
			return c;
	return NULL;
}

/* @fiber is in @c now, a reference it takes over; @txn keeps what it was in. */
static void go_in(struct eider_txn *txn, struct eider_fiber *fiber,
		  struct eider_context *c)
{
	txn->_fiber = fiber;
	txn->_outer = fiber->context;
	fiber->context = c;
}

static int enter_new(struct eider_txn *txn, struct eider_fiber *fiber,
		     struct eider_txn_pool *pool, const char *name,
		     int64_t deadline)
{
	struct eider_context *c = make_context(fiber, pool);
	long err;

	if (!c)
		return -ENOMEM;
	err = get_lease(c, name, deadline);
	if (err < 0) {
		eider__context_put(c);
		return (int)err;
	}
	err = begin_lease(c);
	if (err < 0) {
		eider__txn_pool_release(pool, c, false);
		eider__context_put(c);
		return (int)err;
	}
	c->open = true;
	txn->_context = c;
	eider__context_get(c);
	go_in(txn, fiber, c);
	return 0;
}

static int enter(struct eider_txn *txn, struct eider_txn_pool *pool,
		 const char *name, int64_t deadline)
{
	struct eider_fiber *fiber = eider__fiber_here();
	struct eider_context *c;

	if (!txn)
		return -EINVAL;
	txn->_fiber = NULL;
	txn->_context = NULL;
	if (!fiber)
		return eider__not_here();
	if (!pool)
		pool = eider__loop_here->executor->txn_pool;
	if (pool->executor != eider__loop_here->executor)
		return -EINVAL;
	if (fiber->context && !fiber->context->open)
		return -ESTALE;
	c = find_outer(fiber, pool, name);
	if (!c)
		return enter_new(txn, fiber, pool, name, deadline);
	if (!c->open)
		return -ESTALE;
	eider__context_get(c);
	go_in(txn, fiber, c);
	return 0;
}

int eider_txn_enter(struct eider_txn *txn, struct eider_txn_pool *pool,
		    int64_t deadline)
{
	return enter(txn, pool, NULL, deadline);
}

int eider_txn_enter_named(struct eider_txn *txn, struct eider_txn_pool *pool,
			  const char *name, int64_t deadline)
{
	return name ? enter(txn, pool, name, deadline) : -EINVAL;
}

void eider_txn_disable(struct eider_txn *txn)
{
	struct eider_fiber *fiber = eider__fiber_here();

	txn->_fiber = NULL;
	txn->_context = NULL;
	if (fiber)
		go_in(txn, fiber, NULL);
}

/* ---- leaving ---- */

static void wait_for_jobs(struct eider_context *c)
{
	struct eider_future idle;

	if (!c->lane.outstanding)
		return;
	eider__future_start(&idle, c->lane.loop, &eider__plain_kind);
	c->lane.idle = &idle;
	eider__await_shielded(&idle);
}

static void close_context(struct eider_context *c)
{
	c->open = false;
	wait_for_jobs(c);
	if (c->pool->hooks.lease_stop && !eider__load_relaxed(&c->thread->clean))
		run_hook(c, stop_lease, "lease_stop");
	eider__txn_pool_release(c->pool, c, false);
}

void eider_txn_leave(struct eider_txn *txn)
{
	struct eider_fiber *fiber = txn->_fiber;

	if (!fiber || fiber != eider__fiber_here())
		return;
	if (txn->_context) {
		close_context(txn->_context);
		eider__context_put(txn->_context);
	}
	eider__context_put(fiber->context);
	fiber->context = txn->_outer;
	txn->_fiber = NULL;
}

uint64_t eider_txn_id(void)
{
	struct eider_fiber *fiber = eider__fiber_here();

	if (eider__worker_here)
		return eider__load_relaxed(&eider__worker_here->pool->context);
	return fiber && fiber->context ? fiber->context->id : 0;
}

/* ---- the end of a loop ---- */

void eider__contexts_drop(struct eider_loop *loop)
{
	eider__node_each(node, &loop->lanes->contexts) {
		struct eider_context *c =
			eider__container(node, struct eider_context, all);

		/* Its state is unknown: the thread, and its connection, must go. */
		if (!eider__node_alone(&c->lease))
			eider__txn_pool_release(c->pool, c, true);
	}
}

void eider__contexts_free(struct eider_loop *loop)
{
	struct eider_node *node;

	while ((node = eider__node_first(&loop->lanes->contexts))) {
		eider__node_remove(node);
		eider__free(eider__container(node, struct eider_context, all));
	}
}
