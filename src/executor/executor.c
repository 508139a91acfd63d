/*
 * executor.c - make, shut down, free
 *
 *	OPEN --shutdown--> closing: nothing new ----> all workers ended ----> freed
 *	                   wait: run what there is
 *	                   else: complete what is queued with -ECANCELED
 *
 * Threads are joined without anybody waiting for them: a worker that ends leaves
 * itself as the corpse, and joins the one that was there before. So at most one is
 * not joined, and whoever frees the executor joins that. If the last to let go is
 * itself a worker, it detaches itself instead: that happens when a function outlives
 * eider_executor_free().
 */
#include "executor.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "loop/features.h"
#include "options.h"
#include "pool.h"
#include "thread.h"
#include "txn_pool.h"
#include "worker.h"

enum {
	RESOLVERS_MAX = 4,	/* names looked up at a time */
};

static void destroy(struct eider_executor *e)
{
	struct eider__worker *corpse = eider__load_acquire(&e->corpse);

	if (corpse) {
		if (pthread_equal(corpse->thread, pthread_self()))
			pthread_detach(corpse->thread);
		else
			pthread_join(corpse->thread, NULL);
		eider__free(corpse);
	}
	eider__watchdog_release(&e->watchdog);
	for (unsigned int i = 0; i < e->pool_count; i++) {
		eider__pool_release(e->pools[i]);
		eider__free(e->pools[i]);
	}
	eider__executor_remove_poster(e, &e->janitor);
	eider__poster_release(&e->janitor);
	eider__trays_release(&e->trays);
	eider__cond_release(&e->txn_change);
	eider__cond_release(&e->ended);
	eider__lock_release(&e->txn_lock);
	eider__lock_release(&e->janitor_lock);
	eider__lock_release(&e->lock);
	eider__free(e);
}

void eider__executor_get(struct eider_executor *e)
{
	eider__add_relaxed(&e->refs, 1);
	eider__lock_take(&e->lock);
	e->workers++;
	eider__lock_give(&e->lock);
}

static void put_ref(struct eider_executor *e)
{
	if (eider__sub_acq_rel(&e->refs, 1) == 1)
		destroy(e);
}

void eider__executor_put(struct eider_executor *e)
{
	eider__lock_take(&e->lock);
	e->workers--;
	eider__cond_wake_all(&e->ended);
	eider__lock_give(&e->lock);
	put_ref(e);
}

void eider__executor_bury(struct eider_executor *e, struct eider__worker *w)
{
	struct eider__worker *before = eider__swap_acq_rel(&e->corpse, w);

	if (before) {
		pthread_join(before->thread, NULL);
		eider__free(before);
	}
	eider__executor_put(e);
}

static int make_pools(struct eider_executor *e)
{
	struct eider_txn_pool_options txn = {
		.size = sizeof(txn),
		.threads_max = e->options.txn_threads_max,
		.free_level = e->options.free_level,
		.keep_general_threads = e->options.keep_general_threads,
	};
	int err;

	err = eider_pool_new(e, "worker", e->options.workers_max,
			     e->options.queue_max, &e->pool);
	if (!err)
		err = eider_pool_new(e, "resolver", RESOLVERS_MAX, 0, &e->resolver);
	return err < 0 ? err : eider_txn_pool_new(e, &txn, &e->txn_pool);
}

/* The features, and a line for the operator if io_uring is refused. */
static int probe(struct eider_executor *e)
{
	int err = eider__features_probe(&e->features, &e->options);

	if (err == -EPERM || err == -EACCES)
		fprintf(stderr, "eider: io_uring is forbidden, by sysctl "
			"kernel.io_uring_disabled or by a seccomp profile, such as a "
			"container's: allow it there\n");
	else if (err == -ENOSYS)
		fprintf(stderr, "eider: %s\n", eider_strerror(err));
	e->in_use = eider__features_in_use(&e->features);
	return err;
}

int eider_executor_new(const struct eider_options *options,
		       struct eider_executor **ret_executor)
{
	struct eider_executor *e;
	bool lopsided;
	int err;

	if (!ret_executor)
		return -EINVAL;
	e = eider__alloc_aligned(64, sizeof(*e));
	if (!e)
		return -ENOMEM;
	err = eider__options_fill(options, &e->options);
	if (!err)
		err = probe(e);
	if (!err)
		err = eider__poster_init(&e->janitor, e->features.doorbell);
	if (err < 0) {
		eider__free(e);
		return err;
	}
	lopsided = eider__has(e->in_use, EIDER_FEATURE_MEMBARRIER);
	e->refs = 1;
	e->generation = eider__fork_generation();
	eider__lock_init(&e->lock);
	eider__lock_init(&e->janitor_lock);
	eider__lock_init(&e->txn_lock);
	eider__cond_init(&e->ended);
	eider__cond_init(&e->txn_change);
	eider__node_init(&e->posters);
	eider__node_init(&e->threads);
	eider__node_init(&e->loops);
	eider__node_init(&e->txn_pools);
	eider__node_init(&e->leases);
	eider__watchdog_init(&e->watchdog, e->options.slow_job_ns,
			     e->options.loop_stall_ns, lopsided);
	eider__trays_init(&e->trays, lopsided);
	eider__executor_add_poster(e, &e->janitor);
	err = make_pools(e);
	if (err < 0) {
		eider_executor_free(e);
		return err;
	}
	*ret_executor = e;
	return 0;
}

struct eider_pool *eider_executor_pool(struct eider_executor *e)
{
	return e->pool;
}

struct eider_txn_pool *eider_executor_txn_pool(struct eider_executor *e)
{
	return e->txn_pool;
}

void eider_executor_features(const struct eider_executor *e,
			     struct eider_features *ret_features)
{
	*ret_features = e->features;
}

void eider_on_warning(struct eider_executor *e, eider_warning_fn *fn, void *arg)
{
	eider__watchdog_set_handler(&e->watchdog, fn, arg);
}

void eider__executor_warn_full(struct eider_executor *e, struct eider_pool *pool,
			       unsigned int waiting)
{
	struct eider_warning w = {
		.kind = EIDER_POOL_FULL,
		.name = pool ? pool->name : "transaction threads",
		.waiting = waiting,
	};

	eider__warn(&e->watchdog, &w);
}

int eider_pool_new(struct eider_executor *e, const char *name,
		   unsigned int threads_max, unsigned int queue_max,
		   struct eider_pool **ret_pool)
{
	struct eider_pool *p;
	int err;

	if (!e || !name || !*name || !threads_max || !ret_pool ||
	    threads_max > 4096)
		return -EINVAL;
	err = eider__executor_check(e);
	if (err < 0)
		return err;
	p = eider__alloc_aligned(64, sizeof(*p));
	if (!p)
		return -ENOMEM;
	eider__pool_init(p, e, name, threads_max,
			 queue_max ? queue_max : e->options.queue_max);
	eider__lock_take(&e->lock);
	if (e->pool_count < EIDER__POOLS_MAX) {
		p->index = e->pool_count;
		e->pools[p->index] = p;
		/* Pairs with those who look at all pools: this one is complete. */
		eider__store_release(&e->pool_count, e->pool_count + 1);
	} else {
		err = -EAGAIN;
	}
	eider__lock_give(&e->lock);
	if (err < 0) {
		eider__pool_release(p);
		eider__free(p);
		return err;
	}
	*ret_pool = p;
	return 0;
}

/* ---- shutting down ---- */

static void set_pools_state(struct eider_executor *e, enum eider__pool_state state)
{
	unsigned int n = eider__load_acquire(&e->pool_count);

	for (unsigned int i = 0; i < n; i++)
		eider__executor_return_jobs(
			e, eider__pool_set_state(e->pools[i], state), -ECANCELED);
}

/* True once all threads have ended. */
static bool wait_for_workers(struct eider_executor *e, int64_t deadline)
{
	bool in_time = true;
	unsigned int workers;

	eider__lock_take(&e->lock);
	while (e->workers && in_time)
		in_time = eider__cond_wait(&e->ended, &e->lock, deadline);
	workers = e->workers;
	eider__lock_give(&e->lock);
	return !workers;
}

/* Without @wait, a fiber's loop is not waited for; a job's own thread is. */
bool eider__would_wait_for_itself(const struct eider_executor *e, bool wait,
				  int64_t deadline)
{
	const struct eider__worker *me = eider__worker_here;

	if (wait)
		return me || (eider__loop_here && eider__loop_here->dispatching);
	return me && me->pool->executor == e && deadline > eider_now();
}

/*
 * What is to end may need this thread's own loop, to leave a context for one. Nothing
 * wakes the loop when a worker has ended, so it looks from time to time.
 */
void eider__turn_while_waiting(struct eider_executor *e,
			       bool (*is_over)(void *), void *arg, int64_t deadline)
{
	struct eider_loop *loop = eider__loop_here;

	if (!loop || loop->executor != e || loop->dispatching)
		return;
	while (!is_over(arg) && eider_now() < deadline) {
		int64_t soon = eider_after(2000000);

		if (eider_loop_turn(loop, soon < deadline ? soon : deadline) < 0)
			return;
	}
}

static bool workers_have_ended(void *arg)
{
	return wait_for_workers(arg, 0);
}

int eider_executor_shutdown(struct eider_executor *e, bool wait, int64_t deadline)
{
	if (!e)
		return -EINVAL;
	if (!eider__executor_is_ours(e))
		return -ECHILD;
	if (eider__would_wait_for_itself(e, wait, deadline))
		return -EDEADLK;
	eider__store_full(&e->closing, 1);
	set_pools_state(e, wait ? EIDER__POOL_DRAINING : EIDER__POOL_CLOSED);
	eider__txn_pools_close(e, wait);
	eider__threads_close(e, wait);
	if (wait)
		eider__turn_while_waiting(e, workers_have_ended, e, deadline);
	if (!wait_for_workers(e, deadline)) {
		eider__watchdog_report_running(&e->watchdog);
		return -ETIME;
	}
	set_pools_state(e, EIDER__POOL_CLOSED);
	return 0;
}

/*
 * Threads that are asleep, or about to be, end at once; those inside a function do
 * not, and are not waited for.
 */
static void wait_for_idle_workers(struct eider_executor *e)
{
	while (!wait_for_workers(e, eider_after(2000000)))
		if (eider__watchdog_sees_job(&e->watchdog))
			return;
}

void eider_executor_free(struct eider_executor *e)
{
	if (!e || !eider__executor_is_ours(e))
		return;
	eider__store_full(&e->closing, 1);
	set_pools_state(e, EIDER__POOL_CLOSED);
	eider__txn_pools_close(e, false);
	eider__threads_close(e, false);
	wait_for_idle_workers(e);
	eider__txn_pools_disown(e);
	/* Those that have ended are about to let go: they are joined, not left. */
	while (wait_for_workers(e, 0) && eider__load_acquire(&e->refs) > 1)
		sched_yield();
	put_ref(e);
}
