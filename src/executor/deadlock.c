/*
 * deadlock.c - would this wait for a lease ever end?
 *
 * A fiber that holds a lease can wait for another one: of another pool, or of the
 * same inside eider_txn_disable(). If all do, nobody ever leaves.
 *
 * A waiter can go on if some thread it may get is not leased, or may be started; or
 * if one of the contexts that hold such a thread can be left, that is, if its owner
 * does not wait for a lease, or waits and can go on. This is the greatest fixed point
 * of "stuck": call every context stuck whose owner waits for a lease, then clear the
 * mark wherever the above says otherwise, until nothing changes. What is left is
 * stuck for good.
 *
 * It is asked when somebody is about to wait who holds a lease himself: nothing else
 * can close a chain. So the one who closes it is refused, and those who waited before
 * go on. The number of leases is at most the number of threads, so the passes are
 * short; they run under txn_lock.
 *
 * Not found: fibers that hold leases and wait for each other's futures, or for an
 * atomic job outside of their context.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "txn_pool.h"

/* Does @c hold a thread that @w waits for? */
static bool holds(const struct eider_context *c, const struct eider__lease_wait *w)
{
	const struct eider_thread *bound = NULL;

	if (c->pool != w->pool)
		return false;
	if (w->name)
		bound = eider__txn_find_bound_locked(w->pool, w->name);
	return !bound || c->thread == bound;
}

/*
 * Is there a thread for @w, now or once one that nobody leases is done? That another
 * might be started does not count: who waits although there is room for one waits
 * because it could not be.
 */
static bool has_other(const struct eider__lease_wait *w)
{
	struct eider_txn_pool *tp = w->pool;
	const struct eider_thread *bound = NULL;

	if (w->name)
		bound = eider__txn_find_bound_locked(tp, w->name);
	if (bound)
		return !bound->lease;
	eider__node_each(node, &tp->threads) {
		const struct eider_thread *t =
			eider__container(node, struct eider_thread, node);

		if (t->stopping || (!t->lease && !t->bound))
			return true;
	}
	return false;
}

static bool can_go_on(struct eider_executor *e, const struct eider__lease_wait *w)
{
	if (has_other(w))
		return true;
	eider__node_each(node, &e->leases) {
		const struct eider_context *c =
			eider__container(node, struct eider_context, lease);

		if (!c->stuck && holds(c, w))
			return true;
	}
	return false;
}

static void mark_stuck(struct eider_executor *e)
{
	bool changed = true;

	eider__node_each(node, &e->leases) {
		struct eider_context *c =
			eider__container(node, struct eider_context, lease);

		c->stuck = c->owner->lease_wait != NULL;
	}
	while (changed) {
		changed = false;
		eider__node_each(node, &e->leases) {
			struct eider_context *c =
				eider__container(node, struct eider_context, lease);

			if (c->stuck && can_go_on(e, c->owner->lease_wait)) {
				c->stuck = false;
				changed = true;
			}
		}
	}
}

static bool holds_any(struct eider_executor *e, const struct eider_fiber *fiber)
{
	eider__node_each(node, &e->leases)
		if (eider__container(node, struct eider_context, lease)->owner == fiber)
			return true;
	return false;
}

static void describe(struct eider_executor *e, char *detail, size_t len)
{
	size_t at = 0;

	detail[0] = 0;
	eider__node_each(node, &e->leases) {
		const struct eider_context *c =
			eider__container(node, struct eider_context, lease);
		const struct eider__lease_wait *w = c->owner->lease_wait;
		int n;

		if (!c->stuck || at >= len)
			continue;
		n = snprintf(detail + at, len - at,
			     "%scontext %" PRIu64 " holds %s and waits for %s%s%s",
			     at ? "; " : "", c->id, c->thread->pool.name,
			     w->pool->name, w->name ? " " : "",
			     w->name ? w->name : "");
		at += n > 0 ? (size_t)n : 0;
	}
}

bool eider__deadlock_found_locked(struct eider_executor *e,
				  const struct eider__lease_wait *w, char *detail,
				  size_t len)
{
	if (!holds_any(e, w->context->owner))
		return false;
	mark_stuck(e);
	if (can_go_on(e, w))
		return false;
	describe(e, detail, len);
	return true;
}
