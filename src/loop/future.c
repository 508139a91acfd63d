/*
 * future.c - see future.h
 *
 * Waiters never run inside the call that completed a future, only from the loop's
 * ready list: code that completes several things has finished with all of them
 * before anybody reacts to the first.
 */
#include "future.h"

#include <errno.h>

#include "base/assert.h"
#include "loop.h"

void eider__future_complete(struct eider_future *f, long result)
{
	EIDER_DEBUG(eider__future_state(f) == EIDER__PENDING);
	f->_u.result = result;
	f->_state += EIDER__READY - EIDER__PENDING;
	eider__loop_ready(f->_loop, &f->_link);
}

void eider__future_complete_now(struct eider_future *f, long result)
{
	EIDER_DEBUG(eider__future_state(f) == EIDER__PENDING && f->_loop->dispatching);
	f->_u.result = result;
	f->_state += EIDER__READY - EIDER__PENDING;
	eider__fifo_push(&f->_loop->running, &f->_link);
	eider__count(&f->_loop->counts.links, 1);
}

void eider__future_finish(struct eider_future *f)
{
	unsigned int waited = f->_state & EIDER__WAITED_MASK;

	f->_state = EIDER__DONE;
	if (waited == EIDER__WAITED_BY_FIBER)
		f->_loop->resume(f->_waiter.fiber);
	else if (waited == EIDER__WAITED_BY_CALLBACK)
		f->_waiter.callback(f);
}

void eider__future_run(struct eider_link *l)
{
	eider__future_finish(eider__future_of(l));
}

const struct eider_kind eider__plain_kind = { .run = eider__future_run };

int eider__future_wait(struct eider_future *f, void *fiber)
{
	if (f->_state & EIDER__WAITED_MASK)
		return -EBUSY;
	f->_waiter.fiber = fiber;
	f->_state |= EIDER__WAITED_BY_FIBER;
	return 0;
}

void eider__future_unwait(struct eider_future *f)
{
	f->_state &= ~(uint32_t)EIDER__WAITED_MASK;
}

int eider_on_done(struct eider_future *f, eider_done_fn *fn)
{
	if (!eider__is_home(f->_loop))
		return eider__not_here();
	if (!fn)
		return -EINVAL;
	if (f->_state & EIDER__WAITED_MASK)
		return -EBUSY;
	f->_waiter.callback = fn;
	if (eider__future_state(f) == EIDER__DONE) {
		f->_link._kind = &eider__plain_kind;
		f->_state = EIDER__READY;
		eider__loop_ready(f->_loop, &f->_link);
	}
	f->_state |= EIDER__WAITED_BY_CALLBACK;
	return 0;
}

bool eider_is_done(const struct eider_future *f)
{
	return eider__future_state(f) == EIDER__DONE;
}

long eider_result(const struct eider_future *f)
{
	return eider_is_done(f) ? f->_u.result : -EINPROGRESS;
}

void eider_cancel(struct eider_future *f)
{
	if (eider__is_home(f->_loop) && eider__future_state(f) == EIDER__PENDING &&
	    f->_link._kind->cancel)
		f->_link._kind->cancel(f);
}
