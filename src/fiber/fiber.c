/*
 * fiber.c - spawn, run, join
 *
 *	 spawn             resumed by the ready list          fn returns
 *	------> READY  ---------------------------> RUNNING ------------> RETURNED
 *	          ^                                    |                     |
 *	          +---------- SUSPENDED <--------------+             join, or detached
 *	           a future is     waits for something                       v
 *	           done                                                    freed
 *
 * The loop's own stack is home; a switch always goes home and back, never from
 * fiber to fiber. So whoever resumes knows when the fiber has left its stack: that
 * is where a finished one is put away, since no stack can free itself.
 *
 * A fiber's struct is not on its stack: one that has returned and was not joined
 * yet keeps its result, a few hundred bytes, and its stack serves another.
 *
 * Invariants
 *
 *  F1  live_fibers counts those that have a stack; it is at most max.
 *  F2  A slot that becomes free while somebody waits for one goes to him: turns
 *      are not overtaken.
 *  F3  A fiber is on the ready list at most once, or waited for by one future.
 */
#include "fiber.h"

#include <errno.h>
#include <string.h>

#include "base/sys.h"

struct eider_fiber *eider__fiber_here(void)
{
	return eider__loop_here ? eider__loop_here->fibers->current : NULL;
}

struct eider_fiber *eider_fiber_self(void)
{
	return eider__fiber_here();
}

bool eider_in_fiber(void)
{
	return eider__fiber_here() != NULL;
}

/* For all of what it awaits, and none is there yet? */
static bool waits(const struct eider_fiber *fiber)
{
	for (size_t i = 0; i < fiber->awaited_count; i++)
		if (eider__future_state(fiber->awaited[i]) != EIDER__PENDING)
			return false;
	return fiber->awaited_count;
}

void eider__fiber_cancel_wait(struct eider_fiber *fiber)
{
	for (size_t i = 0; i < fiber->awaited_count; i++)
		eider_cancel(fiber->awaited[i]);
}

static void cancel_fiber(struct eider_future *f)
{
	struct eider_fiber *fiber = eider__container(f, struct eider_fiber, future);

	/*
	 * A wait that is over but for its turn does not notice: it is for the next.
	 * Unless it was asked of that wait before, which says what came of it.
	 */
	if (!waits(fiber)) {
		fiber->cancel_due |= !fiber->cancel_asked;
		return;
	}
	fiber->cancel_asked = true;
	eider__fiber_cancel_wait(fiber);
}

static const struct eider_kind fiber_kind = {
	.run = eider__future_run,
	.cancel = cancel_fiber,
};

static void put_fiber(struct eider__fibers *fs, struct eider_fiber *fiber)
{
	eider__node_remove(&fiber->all);
	fiber->ready._next = fs->free ? &fs->free->ready : NULL;
	fs->free = fiber;
}

static struct eider_fiber *get_fiber(struct eider__fibers *fs)
{
	struct eider_fiber *fiber = fs->free;
	struct eider_link *next;

	if (!fiber)
		return eider__alloc_aligned(64, sizeof(*fiber));
	next = fiber->ready._next;
	fs->free = next ? eider__container(next, struct eider_fiber, ready) : NULL;
	return fiber;
}

/* F2. */
static void give_slot_back(struct eider__fibers *fs)
{
	if (!eider__turns_next(&fs->turns, 0))
		eider__count(&fs->loop->live_fibers, -1);
}

/* Back home, after @fiber has left its stack for good. */
static void put_away(struct eider__fibers *fs, struct eider_fiber *fiber)
{
	eider__switch_release(&fiber->at);
	eider__stack_put(&fs->stacks, fiber->stack);
	fiber->stack = NULL;
	if (fiber->context) {
		fs->context_put(fiber->context);
		fiber->context = NULL;
	}
	give_slot_back(fs);
	if (fiber->detached)
		put_fiber(fs, fiber);
	else
		eider__future_complete_now(&fiber->future, fiber->future._u.result);
}

static inline __attribute__((always_inline)) void resume_here(struct eider_fiber *fiber)
{
	struct eider__fibers *fs = fiber->future._loop->fibers;

	fs->current = fiber;
	eider__watched_set_name(&fs->loop->watched, fiber->name);
	eider__switch_to(&fs->home, &fiber->at);
	eider__watched_set_name(&fs->loop->watched, NULL);
	fs->current = NULL;
	if (!fiber->fn)
		put_away(fs, fiber);
}

static void resume(void *fiber)
{
	resume_here(fiber);
}

static void run_ready(struct eider_link *l)
{
	resume_here(eider__container(l, struct eider_fiber, ready));
}

static const struct eider_kind ready_kind = { .run = run_ready };

void eider__fiber_wake(struct eider_fiber *fiber)
{
	eider__loop_ready(fiber->future._loop, &fiber->ready);
}

static void enter(void *arg)
{
	struct eider_fiber *fiber = arg;
	struct eider__fibers *fs = fiber->future._loop->fibers;

	eider__switch_arrived(&fiber->at, &fs->home);
	fiber->future._u.result = fiber->fn(fiber->arg);
	fiber->fn = NULL;
	eider__switch_last(&fiber->at, &fs->home);
}

/* A fiber in a slot that the caller owns; the slot is given back on failure. */
static int make_fiber(struct eider__fibers *fs, eider_fn *fn, void *arg,
		      struct eider_fiber **ret)
{
	struct eider_fiber *fiber = get_fiber(fs);

	if (!fiber)
		return -ENOMEM;
	memset(fiber, 0, sizeof(*fiber));
	fiber->stack = eider__stack_get(&fs->stacks);
	if (!fiber->stack) {
		put_fiber(fs, fiber);
		return -ENOMEM;
	}
	eider__future_start(&fiber->future, fs->loop, &fiber_kind);
	fiber->ready._kind = &ready_kind;
	fiber->fn = fn;
	fiber->arg = arg;
	eider__switch_init(&fiber->at, eider__stack_bottom(&fs->stacks, fiber->stack),
			   eider__stack_usable(&fs->stacks) -
			   eider__stack_colour(&fs->stacks, fiber->stack),
			   enter, fiber);
	eider__node_append(&fs->all, &fiber->all);
	eider__fiber_wake(fiber);
	*ret = fiber;
	return 0;
}

/* A slot for one more fiber; a fiber waits for it, others get -EAGAIN. */
static int get_slot(struct eider__fibers *fs)
{
	if (fs->loop->live_fibers < fs->max) {
		eider__count(&fs->loop->live_fibers, 1);
		return 0;
	}
	return fs->current ? eider__turn_wait(&fs->turns, fs->loop,
					      EIDER_NEVER) : -EAGAIN;
}

static int spawn(struct eider__fibers *fs, eider_fn *fn, void *arg,
		 struct eider_fiber **ret)
{
	struct eider_fiber *parent = fs->current;
	int err = get_slot(fs);

	if (err < 0)
		return err;
	err = make_fiber(fs, fn, arg, ret);
	if (err < 0) {
		give_slot_back(fs);
		return err;
	}
	if (parent && parent->context) {
		fs->context_get(parent->context);
		(*ret)->context = parent->context;
	}
	return 0;
}

int eider_spawn(eider_fn *fn, void *arg, struct eider_fiber **ret_fiber)
{
	struct eider_loop *loop = eider__loop_here;

	if (!loop)
		return eider__not_here();
	if (!fn || !ret_fiber)
		return -EINVAL;
	return spawn(loop->fibers, fn, arg, ret_fiber);
}

int eider_go(eider_fn *fn, void *arg)
{
	struct eider_fiber *fiber;
	int err = eider_spawn(fn, arg, &fiber);

	if (!err)
		fiber->detached = true;
	return err;
}

long eider_join(struct eider_fiber *fiber)
{
	struct eider_loop *loop = eider__loop_here;
	long result;

	if (!loop || !loop->fibers->current)
		return eider__not_here();
	if (!fiber || fiber->detached || fiber->future._loop != loop ||
	    fiber == loop->fibers->current)
		return -EINVAL;
	result = eider_await(&fiber->future);
	if (eider_is_done(&fiber->future))
		put_fiber(loop->fibers, fiber);
	return result;
}

struct eider_future *eider_fiber_future(struct eider_fiber *fiber)
{
	return &fiber->future;
}

void eider_fiber_set_name(const char *name)
{
	struct eider_fiber *fiber = eider__fiber_here();

	if (!fiber)
		return;
	fiber->name = name;
	eider__watched_set_name(&eider__loop_here->watched, name);
}

void eider_yield(void)
{
	struct eider_fiber *fiber = eider__fiber_here();

	if (!fiber)
		return;
	eider__fiber_wake(fiber);
	eider__fiber_suspend(fiber);
}

int eider__fibers_init(struct eider_loop *loop, const struct eider_options *o,
		       eider__features_t use)
{
	struct eider__fibers *fs = eider__alloc(sizeof(*fs));

	if (!fs)
		return -ENOMEM;
	fs->loop = loop;
	fs->max = o->fibers_max;
	eider__node_init(&fs->turns);
	eider__node_init(&fs->all);
	eider__stacks_init(&fs->stacks, o->stack_bytes, o->stacks_cached,
			   eider__has(use, EIDER_FEATURE_MADV_GUARD));
	eider__switch_init_home(&fs->home);
	loop->fibers = fs;
	loop->resume = resume;
	return 0;
}

void eider__fibers_release(struct eider_loop *loop)
{
	struct eider__fibers *fs = loop->fibers;
	struct eider_node *n;
	struct eider_fiber *fiber;

	if (!fs)
		return;
	while ((n = eider__node_first(&fs->all))) {
		fiber = eider__container(n, struct eider_fiber, all);
		if (fiber->stack)
			eider__switch_release(&fiber->at);
		put_fiber(fs, fiber);
	}
	while ((fiber = fs->free)) {
		get_fiber(fs);
		eider__free(fiber);
	}
	eider__stacks_release(&fs->stacks);
	eider__free(fs);
	loop->fibers = NULL;
}
