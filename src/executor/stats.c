/*
 * stats.c - a snapshot of all that counts
 *
 * Numbers lie with the thread that makes them, each stored by that one alone, relaxed;
 * reading them here costs those threads nothing. Under locks is what comes and goes:
 * loops, workers, transaction threads. So a snapshot goes through the lists twice: once
 * to see how much memory it takes, and with that memory to copy; if more came
 * meanwhile, again.
 *
 *	executor's lock		loops; pools, whose own locks nest in it; threads
 *				by themselves, which only count
 *	txn_lock		transaction pools, their threads
 *
 * One after the other, not together: nobody needs all numbers to be of one moment.
 *
 * What has ended is in a past (tally.h), under the same lock as the list it was in: it
 * is counted there or here, never twice and never not at all.
 */
#include "tally.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "executor.h"
#include "pool.h"
#include "thread.h"
#include "txn_pool.h"
#include "worker.h"

enum { SPARE = 4 };			/* room for those who come meanwhile */

/* ---- tallies ---- */

void eider__tally_add(struct eider__tally *to, const struct eider__tally *from)
{
	to->jobs_done += from->jobs_done;
	eider_histogram_add(&to->queue_wait, &from->queue_wait);
	eider_histogram_add(&to->run, &from->run);
	eider_histogram_add(&to->deliver, &from->deliver);
}

void eider__tally_add_worker(struct eider__tally *to, const struct eider__worker *w)
{
	to->jobs_done += eider__load_relaxed(&w->watched.beat) / 2;
	eider_histogram_add(&to->queue_wait, &w->queue_wait);
	eider_histogram_add(&to->run, &w->run);
}

void eider__stats_add_loop(struct eider_loop *loop)
{
	struct eider_executor *e = loop->executor;

	eider__lock_take(&e->lock);
	eider__node_append(&e->loops, &loop->node);
	eider__lock_give(&e->lock);
}

void eider__stats_remove_loop(struct eider_loop *loop)
{
	struct eider_executor *e = loop->executor;

	eider__lock_take(&e->lock);
	eider__node_remove(&loop->node);
	eider_histogram_add(&e->past.deliver, &loop->deliver);
	eider__lock_give(&e->lock);
}

/* ---- a snapshot while it is made ---- */

/* So many of each. */
struct room {
	unsigned int loops, pools, txn_pools, threads;
};

/* One piece of memory, with the rows behind it. */
struct snapshot {
	struct eider_stats stats;	/* first: what the user has */
	struct eider__tally tally;	/* of everybody seen so far */
	struct room room;
};

/* Cut where it has to be, but not inside a character. */
static void copy_name(char ret[32], const char *name)
{
	size_t len = strlen(name);

	if (len > 31) {
		len = 31;
		while (len && (name[len] & 0xc0) == 0x80)
			len--;
	}
	memcpy(ret, name, len);
	ret[len] = 0;
}

static unsigned int length_of(const struct eider_node *list)
{
	unsigned int n = 0;

	eider__node_each(node, list)
		n++;
	return n;
}

static struct eider_txn_pool *txn_pool_of(struct eider_node *node)
{
	return eider__container(node, struct eider_txn_pool, node);
}

/* As much as it would take now, and some. */
static struct room measure(struct eider_executor *e)
{
	struct room r = { SPARE, SPARE, SPARE, SPARE };

	eider__lock_take(&e->lock);
	r.loops += length_of(&e->loops);
	r.pools += e->pool_count;
	eider__lock_give(&e->lock);
	eider__lock_take(&e->txn_lock);
	eider__node_each(node, &e->txn_pools) {
		r.txn_pools++;
		r.threads += length_of(&txn_pool_of(node)->threads);
	}
	eider__lock_give(&e->txn_lock);
	return r;
}

static struct snapshot *make_snapshot(struct room r)
{
	size_t loops = r.loops * sizeof(struct eider_loop_stats);
	size_t pools = r.pools * sizeof(struct eider_pool_stats);
	size_t txn_pools = r.txn_pools * sizeof(struct eider_txn_pool_stats);
	size_t threads = r.threads * sizeof(struct eider_thread_stats);
	struct snapshot *s = eider__alloc(sizeof(*s) + loops + pools + txn_pools +
					  threads);
	char *rows = (char *)(s + 1);

	if (!s)
		return NULL;
	s->room = r;
	s->stats.loops = (struct eider_loop_stats *)rows;
	s->stats.pools = (struct eider_pool_stats *)(rows += loops);
	s->stats.txn_pools = (struct eider_txn_pool_stats *)(rows += pools);
	s->stats.threads = (struct eider_thread_stats *)(rows + txn_pools);
	return s;
}

/* ---- loops and pools: under the executor's lock ---- */

static void copy_loop(struct snapshot *s, const struct eider_loop *loop)
{
	const struct eider_loop_stats *c = &loop->counts;

	eider_histogram_add(&s->tally.deliver, &loop->deliver);
	s->stats.loops[s->stats.loop_count++] = (struct eider_loop_stats){
		.number = c->number,
		.fibers = eider__load_relaxed(&loop->live_fibers),
		.ready = eider__load_relaxed(&c->ready),
		.turns = eider__load_relaxed(&c->turns),
		.sleeps = eider__load_relaxed(&c->sleeps),
		.links = eider__load_relaxed(&c->links),
		.jobs_started = eider__load_relaxed(&c->jobs_started),
		.jobs_done = eider__load_relaxed(&c->jobs_done),
		.ops_started = eider__load_relaxed(&c->ops_started),
		.ops_done = eider__load_relaxed(&c->ops_done),
	};
}

/* How many jobs @p has done; the rest goes to the tally. */
static uint64_t tally_pool(struct snapshot *s, struct eider_pool *p)
{
	uint64_t before = s->tally.jobs_done;

	eider__lock_take(&p->lock);
	eider__tally_add(&s->tally, &p->past);
	eider__node_each(node, &p->all)
		eider__tally_add_worker(&s->tally, eider__container(
				node, struct eider__worker, node));
	eider__lock_give(&p->lock);
	return s->tally.jobs_done - before;
}

static void copy_pool(struct snapshot *s, struct eider_pool *p)
{
	struct eider_pool_stats *row = &s->stats.pools[s->stats.pool_count++];
	struct eider_pool_counts now;

	eider_pool_count(p, &now);
	copy_name(row->name, p->name);
	row->threads = now.threads;
	row->idle = now.idle;
	row->queued = now.queued;
	row->threads_max = p->threads_max;
	row->jobs_done = tally_pool(s, p);
}

static bool copy_loops_and_pools_locked(struct eider_executor *e, struct snapshot *s)
{
	if (length_of(&e->loops) > s->room.loops || e->pool_count > s->room.pools)
		return false;
	eider__node_each(node, &e->loops)
		copy_loop(s, eider__container(node, struct eider_loop, node));
	for (unsigned int i = 0; i < e->pool_count; i++)
		copy_pool(s, e->pools[i]);
	eider__node_each(node, &e->threads)
		(void)tally_pool(s, &eider__container(node, struct eider_thread,
						      node)->pool);
	eider__tally_add(&s->tally, &e->past);
	return true;
}

/* ---- transaction pools: under txn_lock ---- */

static uint64_t copy_thread(struct snapshot *s, struct eider_thread *t)
{
	struct eider_thread_stats *row = &s->stats.threads[s->stats.thread_count++];
	const char *job = eider__thread_look(t, &row->queued);

	row->pool = s->stats.txn_pool_count;
	copy_name(row->name, t->pool.name);
	copy_name(row->job, job ? job : "");
	copy_name(row->context_name, t->bound ? t->bound : "");
	row->context = eider__load_relaxed(&t->pool.context);
	row->context_ns = t->lease ? s->stats.at - t->leased_at : 0;
	row->jobs_done = tally_pool(s, &t->pool);
	return row->jobs_done;
}

static void copy_txn_pool(struct snapshot *s, struct eider_txn_pool *tp)
{
	struct eider_txn_pool_stats *row = &s->stats.txn_pools[s->stats.txn_pool_count];
	struct eider_txn_pool_counts now = eider__txn_pool_count_locked(tp);

	copy_name(row->name, tp->name);
	row->threads_max = tp->threads_max;
	row->threads = now.threads;
	row->leased = now.leased;
	row->bound = now.bound;
	row->general = now.general;
	row->idle = now.idle;
	row->waiting = now.waiting;
	row->leases = tp->leases;
	row->jobs_done = tp->past_jobs;
	eider__node_each(node, &tp->threads)
		row->jobs_done += copy_thread(s, eider__container(
				node, struct eider_thread, node));
	s->stats.txn_pool_count++;
}

static bool copy_txn_pools_locked(struct eider_executor *e, struct snapshot *s)
{
	unsigned int threads = 0;

	eider__node_each(node, &e->txn_pools)
		threads += length_of(&txn_pool_of(node)->threads);
	if (length_of(&e->txn_pools) > s->room.txn_pools || threads > s->room.threads)
		return false;
	s->stats.at = eider_now();	/* after all leases */
	eider__node_each(node, &e->txn_pools)
		copy_txn_pool(s, txn_pool_of(node));
	eider__tally_add(&s->tally, &e->txn_past);
	return true;
}

/* ---- all ---- */

static bool copy_all(struct eider_executor *e, struct snapshot *s)
{
	bool fits;

	eider__lock_take(&e->lock);
	fits = copy_loops_and_pools_locked(e, s);
	eider__lock_give(&e->lock);
	if (!fits)
		return false;
	eider__lock_take(&e->txn_lock);
	fits = copy_txn_pools_locked(e, s);
	eider__lock_give(&e->txn_lock);
	return fits;
}

int eider_stats_read(struct eider_executor *e, struct eider_stats **ret_stats)
{
	struct snapshot *s;

	if (!e || !ret_stats)
		return -EINVAL;
	if (!eider__executor_is_ours(e))
		return -ECHILD;
	for (;;) {
		s = make_snapshot(measure(e));
		if (!s)
			return -ENOMEM;
		if (copy_all(e, s))
			break;
		eider__free(s);
	}
	s->stats.queue_wait = s->tally.queue_wait;
	s->stats.run = s->tally.run;
	s->stats.deliver = s->tally.deliver;
	*ret_stats = &s->stats;
	return 0;
}

void eider_stats_free(struct eider_stats *stats)
{
	eider__free(stats);
}
