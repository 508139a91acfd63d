/*
 * remote.c - fibers that other threads ask for
 *
 * A request travels through the loop's inbox like a job's result and becomes a
 * fiber there. What cannot become one now (fibers_max, no memory) waits for the
 * next turn after a millisecond: a request was accepted, so it is not dropped.
 *
 *	eider_spawn_on()	the request is on the heap, freed when it is a fiber
 *	eider_block_on()	it is on the caller's stack, who sleeps until the
 *				fiber says that it has returned
 */
#include <errno.h>
#include <string.h>

#include "base/lock.h"
#include "base/sys.h"
#include "fiber.h"

struct request {
	struct eider_link link;
	struct eider_timer timer;
	struct eider_loop *loop;
	struct eider_node node;		/* in loop->requests, once it was taken */
	eider_fn *fn;
	void *arg;
	bool on_heap;
};

/* The waiting side of eider_block_on(). */
struct blocked {
	struct request request;
	struct eider__lock lock;
	struct eider__cond returned;
	eider_fn *fn;
	void *arg;

	/* Under lock. */
	bool done;
	long result;
};

static void finish(struct blocked *b, long result)
{
	eider__lock_take(&b->lock);
	b->result = result;
	b->done = true;
	eider__cond_wake(&b->returned);
	eider__lock_give(&b->lock);
}

static void retry(struct eider_timer *t)
{
	struct request *r = eider__container(t, struct request, timer);

	eider__loop_ready(r->loop, &r->link);
}

static void run_request(struct eider_link *l)
{
	struct request *r = eider__container(l, struct request, link);

	if (eider__node_alone(&r->node))
		eider__node_append(&r->loop->requests, &r->node);
	if (eider_go(r->fn, r->arg) < 0) {
		eider__loop_add_timer(r->loop, &r->timer, eider_after(1000000),
				      retry);
	} else if (r->on_heap) {
		eider__node_remove(&r->node);
		eider__free(r);
	}
}

/* The loop is being freed. */
static void drop_request(struct eider_link *l)
{
	struct request *r = eider__container(l, struct request, link);

	eider__node_remove(&r->node);
	if (r->on_heap)
		eider__free(r);
	else
		finish(eider__container(r, struct blocked, request), -ESHUTDOWN);
}

void eider__requests_drop(struct eider_loop *loop)
{
	struct eider_node *n;

	while ((n = eider__node_first(&loop->requests))) {
		struct request *r = eider__container(n, struct request, node);

		eider__loop_remove_timer(loop, &r->timer);
		drop_request(&r->link);
	}
}

static const struct eider_kind request_kind = {
	.run = run_request,
	.drop = drop_request,
};

static int check(const struct eider_loop *loop, eider_fn *fn)
{
	if (!loop || !fn)
		return -EINVAL;
	return loop->generation == eider__fork_generation() ? 0 : -ECHILD;
}

static int post(struct eider_loop *loop, struct request *r)
{
	r->link._kind = &request_kind;
	r->loop = loop;
	return eider__inbox_post_guest(&loop->inbox, &r->link);
}

int eider_spawn_on(struct eider_loop *loop, eider_fn *fn, void *arg)
{
	struct request *r;
	int err = check(loop, fn);

	if (err < 0)
		return err;
	r = eider__alloc(sizeof(*r));
	if (!r)
		return -ENOMEM;
	r->fn = fn;
	r->arg = arg;
	r->on_heap = true;
	err = post(loop, r);
	if (err < 0)
		eider__free(r);
	return err;
}

static long run_blocked(void *arg)
{
	struct blocked *b = arg;
	long result = b->fn(b->arg);

	eider__node_remove(&b->request.node);
	finish(b, result);
	return 0;
}

/* On the loop's own thread there is nobody else to turn it. */
static int turn_until_done(struct eider_loop *loop, struct blocked *b)
{
	int err = 0;

	while (!b->done && err >= 0)
		err = eider_loop_turn(loop, EIDER_NEVER);
	return b->done ? 0 : err;
}

static void sleep_until_done(struct blocked *b)
{
	eider__lock_take(&b->lock);
	while (!b->done)
		eider__cond_wait(&b->returned, &b->lock, EIDER_NEVER);
	eider__lock_give(&b->lock);
}

long eider_block_on(struct eider_loop *loop, eider_fn *fn, void *arg)
{
	struct blocked b;
	int err = check(loop, fn);

	if (err < 0)
		return err;
	if (eider__is_home(loop) && loop->dispatching)
		return -EDEADLK;
	memset(&b, 0, sizeof(b));
	b.fn = fn;
	b.arg = arg;
	b.request.fn = run_blocked;
	b.request.arg = &b;
	eider__lock_init(&b.lock);
	eider__cond_init(&b.returned);
	err = post(loop, &b.request);
	if (!err && eider__is_home(loop))
		err = turn_until_done(loop, &b);
	else if (!err)
		sleep_until_done(&b);
	eider__cond_release(&b.returned);
	eider__lock_release(&b.lock);
	return err < 0 ? err : b.result;
}
