/*
 * context.h - a transaction context, and the wait for its lease
 *
 * Made by eider_txn_enter(), counted by the scopes and fibers that are in it. While
 * it is open it leases a thread, and its lane leads there.
 */
#ifndef EIDER_EXECUTOR_CONTEXT_H
#define EIDER_EXECUTOR_CONTEXT_H

#include <eider/txn.h>

#include "job.h"

struct eider_thread;
struct eider_txn_pool;

struct eider_context {
	/* Constant after it was entered. */
	uint64_t id;
	struct eider_txn_pool *pool;
	struct eider_thread *thread;	/* a reference */
	struct eider_fiber *owner;	/* who entered it, and will leave */
	struct eider_context *outer;	/* counted; NULL: none, or disabled */

	/* Home thread only. */
	unsigned int refs;
	bool open;
	bool is_up;			/* its thread had started when it was leased */
	struct eider_lane lane;
	struct eider_node all;		/* in the loop's contexts */

	/* Under txn_lock. */
	struct eider_node lease;	/* in the executor's leases */
	bool stuck;			/* scratch of deadlock.c */
};

/* What a fiber that waits for a lease has on its stack. */
struct eider__lease_wait {
	struct eider_future grant;	/* 0: context->thread is leased */

	/* Constant. */
	struct eider_txn_pool *pool;
	struct eider_context *context;
	struct eider_timer timer;

	/* Under txn_lock. */
	char *name;			/* of a named context; given to the thread */
	bool queued;
};

static inline bool eider__context_is_open(const struct eider_context *c)
{
	return c->open;
}

/* [loop] Counting, also for fibers: see struct eider__fibers. */
void eider__context_get(struct eider_context *c);
void eider__context_put(struct eider_context *c);

/*
 * [loop] The loop is being freed: give back what its contexts lease. Their memory
 * stays until eider__contexts_free(), for jobs that still run.
 */
void eider__contexts_drop(struct eider_loop *loop);
void eider__contexts_free(struct eider_loop *loop);

#endif
