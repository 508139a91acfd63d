/*
 * thread.c - one transaction thread, also by itself
 *
 * All the work is the pool's. What is added here is identity: a name, a context
 * number that its jobs see, a pointer of the user's, and a lifetime that does not
 * depend on who lets go first.
 */
#include "thread.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "executor.h"
#include "txn_pool.h"
#include "worker.h"

struct eider_thread *eider__thread_make(struct eider_executor *e,
					struct eider_txn_pool *owner,
					const char *name, uint64_t context,
					const struct eider__pool_hooks *hooks)
{
	struct eider_thread *t = eider__alloc_aligned(64, sizeof(*t));

	if (!t)
		return NULL;
	eider__pool_init(&t->pool, e, name, 1, e->options.queue_max);
	t->pool.single = true;
	t->pool.hooks = hooks;
	t->pool.thread = t;
	t->pool.context = context;
	t->executor = e;
	t->owner = owner;
	t->refs = 1;
	eider__node_init(&t->node);
	return t;
}

void eider__thread_get(struct eider_thread *t)
{
	eider__add_relaxed(&t->refs, 1);
}

void eider__thread_put(struct eider_thread *t)
{
	if (eider__sub_acq_rel(&t->refs, 1) != 1)
		return;
	eider__pool_release(&t->pool);
	eider__free(t->bound);
	eider__free(t);
}

int eider__thread_place(struct eider_thread *t, struct eider_job *job)
{
	int err;

	eider__thread_get(t);	/* until the job's loop has let go of it */
	job->_home = &t->pool;
	err = eider__pool_add_one(&t->pool, job);
	if (err < 0) {
		job->_home = NULL;
		eider__thread_put(t);
	}
	return err;
}

void eider__thread_stop(struct eider_thread *t, bool drain)
{
	struct eider_link *jobs = eider__pool_set_state(
		&t->pool, drain ? EIDER__POOL_DRAINING : EIDER__POOL_CLOSED);

	eider__executor_return_jobs(t->executor, jobs, -ECANCELED);
}

/* ---- threads by themselves ---- */

static long start_alone(struct eider_pool *p)
{
	(void)p;
	return 0;
}

static void do_nothing(struct eider_pool *p)
{
	(void)p;
}

static void unlist(struct eider_thread *t)
{
	eider__lock_take(&t->executor->lock);
	eider__node_remove(&t->node);
	eider__tally_add(&t->executor->past, &t->pool.past);
	eider__lock_give(&t->executor->lock);
}

static void ended_alone(struct eider_pool *p)
{
	unlist(p->thread);
	eider__thread_put(p->thread);
}

static const struct eider__pool_hooks alone_hooks = {
	.start = start_alone,
	.stop = do_nothing,
	.drained = do_nothing,
	.ended = ended_alone,
};

int eider_thread_new(struct eider_executor *e, uint64_t context,
		     struct eider_thread **ret_thread)
{
	static unsigned int serial;
	struct eider_thread *t;
	char name[24];
	int err;

	if (!e || !ret_thread)
		return -EINVAL;
	err = eider__executor_check(e);
	if (err < 0)
		return err;
	snprintf(name, sizeof(name), "thread-%u", eider__add_relaxed(&serial, 1) + 1);
	t = eider__thread_make(e, NULL, name, context, &alone_hooks);
	if (!t)
		return -ENOMEM;
	eider__lock_take(&e->lock);
	/* Looked at again: eider__threads_close() sees it, or it sees closing. */
	err = eider__executor_is_open(e) ? 0 : -ESHUTDOWN;
	if (!err)
		eider__node_append(&e->threads, &t->node);
	eider__lock_give(&e->lock);
	if (err < 0) {
		eider__thread_put(t);
		return err;
	}
	eider__thread_get(t);
	err = eider__pool_start_worker(&t->pool);
	if (err < 0) {
		unlist(t);
		eider__thread_put(t);
		eider__thread_put(t);
		return err;
	}
	*ret_thread = t;
	return 0;
}

/* A pool's thread that has a job is busy, whoever gave it: nobody else gets it. */
static int place(struct eider_thread *t, struct eider_job *job)
{
	int err;

	if (!t->owner)
		return eider__thread_place(t, job);
	eider__lock_take(&t->executor->txn_lock);
	err = eider__thread_place(t, job);
	if (!err) {
		t->busy = true;
		eider__txn_thread_settle_locked(t->owner, t);
	}
	eider__lock_give(&t->executor->txn_lock);
	return err;
}

int eider_thread_submit(struct eider_thread *t, struct eider_job *job)
{
	int err = eider__job_check(job);

	if (!err && (!t || t->executor != eider__loop_here->executor))
		err = -EINVAL;
	if (!err)
		err = eider__job_accept(job, &eider__loop_here->lanes->direct);
	if (err < 0)
		return err;
	if (place(t, job) < 0) {
		eider__job_reject(job);
		return -ESHUTDOWN;
	}
	eider__job_count(eider__loop_here);
	return 0;
}

bool eider_thread_is_free(const struct eider_thread *t)
{
	return eider__pool_is_free((struct eider_pool *)&t->pool);
}

/* What its worker runs, true if anything; and how many jobs wait. */
static bool look(const struct eider_thread *t, struct eider__watched_now *ret,
		 unsigned int *ret_waiting)
{
	struct eider_pool *p = (struct eider_pool *)&t->pool;
	bool runs = false;

	eider__lock_take(&p->lock);
	*ret_waiting = p->queued;
	eider__node_each(node, &p->all) {
		const struct eider__watched *w =
			&eider__container(node, struct eider__worker, node)->watched;

		runs = eider__watched_read(w, ret);
		*ret_waiting = eider__watched_waiting(w);
	}
	eider__lock_give(&p->lock);
	return runs;
}

static const char *name_of(const struct eider__watched_now *now)
{
	const char *name = now->name ? now->name : eider_atomic_name(now->fn);

	return name ? name : "job";
}

const char *eider__thread_look(const struct eider_thread *t,
			       unsigned int *ret_waiting)
{
	struct eider__watched_now now;

	return look(t, &now, ret_waiting) ? name_of(&now) : NULL;
}

const char *eider_thread_current(const struct eider_thread *t)
{
	unsigned int waiting;

	return eider__thread_look(t, &waiting);
}

int eider_thread_describe(const struct eider_thread *t, char *buf, size_t len)
{
	struct eider__watched_now now;
	unsigned int waiting;
	bool runs = look(t, &now, &waiting);

	return snprintf(buf, len,
			"<transaction thread %s context=%" PRIu64 " running=%s "
			"queued=%u>", t->pool.name,
			eider__load_relaxed(&t->pool.context),
			runs ? name_of(&now) : "nothing", waiting);
}

const char *eider_thread_name(const struct eider_thread *t)
{
	return t->pool.name;
}

struct eider_thread *eider_thread_self(void)
{
	return eider__worker_here ? eider__worker_here->pool->thread : NULL;
}

/* The beat is odd as long as something runs, and another one each time. */
uint64_t eider_thread_job_number(void)
{
	const struct eider__worker *w = eider__worker_here;
	uint64_t beat = w ? eider__load_relaxed(&w->watched.beat) : 0;

	return beat & 1 ? beat : 0;
}

void *eider_thread_state(struct eider_thread *t)
{
	return t && t == eider_thread_self() ? t->state : NULL;
}

/* The loop looks after the job's completion has come, which orders it. */
void eider_thread_set_clean(struct eider_thread *t, bool clean)
{
	if (t && t == eider_thread_self())
		eider__store_relaxed(&t->clean, clean);
}

void eider_thread_set_state(struct eider_thread *t, void *state)
{
	if (t && t == eider_thread_self())
		t->state = state;
}

int eider_thread_shutdown(struct eider_thread *t)
{
	if (!eider__executor_is_ours(t->executor))
		return -ECHILD;
	if (t->owner)
		return -EPERM;
	eider__thread_stop(t, false);
	return 0;
}

void eider_thread_free(struct eider_thread *t)
{
	if (!t || t->owner || !eider__executor_is_ours(t->executor))
		return;
	eider__thread_stop(t, false);
	eider__thread_put(t);
}

void eider__threads_close(struct eider_executor *e, bool drain)
{
	eider__lock_take(&e->lock);
	eider__node_each(node, &e->threads)
		eider__thread_stop(eider__container(node, struct eider_thread, node),
				   drain);
	eider__lock_give(&e->lock);
}

void eider__threads_leave(struct eider_loop *loop, struct eider__running *running)
{
	struct eider_executor *e = loop->executor;

	eider__lock_take(&e->lock);
	eider__node_each(node, &e->threads)
		eider__pool_leave(&eider__container(node, struct eider_thread,
						    node)->pool, loop, running);
	eider__lock_give(&e->lock);
}
