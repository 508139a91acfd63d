/*
 * await.c - the ways to wait inside a fiber
 *
 * Waiting is: be the future's waiter, leave for home, be resumed when the loop
 * runs the future. Everything a wait needs is on the fiber's stack.
 *
 * While it waits a fiber says for what (awaited), so that cancelling the fiber can
 * cancel that. A cancellation is not lost: one that comes while the fiber waits for
 * nothing is for its next wait, and so is one that came too late, for a wait that ended
 * with another result. It is spent when a wait has said -ECANCELED: once, so that what
 * the fiber does to clean up can wait in peace. Calls that wait several times need not
 * think of it: the next of their waits ends them.
 */
#include <errno.h>

#include <eider/op.h>

#include "fiber.h"
#include "loop/op.h"

static void suspend_for(struct eider_fiber *fiber, struct eider_future *const *fs,
			size_t n)
{
	fiber->awaited = fs;
	fiber->awaited_count = n;
	if (fiber->cancel_due) {
		fiber->cancel_due = false;
		fiber->cancel_asked = true;
		for (size_t i = 0; i < n; i++)
			eider_cancel(fs[i]);
	}
	eider__fiber_suspend(fiber);
	fiber->awaited_count = 0;
}

/* The wait is over: has it told a cancellation that was asked of it? */
static inline bool settle_cancel(struct eider_fiber *fiber, bool told)
{
	bool late = fiber->cancel_asked && !told;

	if (!fiber->cancel_asked)
		return false;
	fiber->cancel_asked = false;
	fiber->cancel_due |= late;
	return late;
}

long eider_await(struct eider_future *f)
{
	struct eider_fiber *fiber = eider__fiber_here();
	int err;

	if (!fiber || fiber->future._loop != f->_loop)
		return eider__not_here();
	if (eider_is_done(f))
		return f->_u.result;
	err = eider__future_wait(f, fiber);
	if (err < 0)
		return err;
	suspend_for(fiber, &f, 1);
	settle_cancel(fiber, f->_u.result == -ECANCELED);
	return f->_u.result;
}

long eider__await_shielded(struct eider_future *f)
{
	int err;

	if (eider_is_done(f))
		return f->_u.result;
	err = eider__future_wait(f, eider__fiber_here());
	if (err < 0)
		return err;
	eider__fiber_suspend(eider__fiber_here());
	return f->_u.result;
}

/* A wait with a deadline of its own: whoever comes first unhooks the other. */
struct timed_wait {
	struct eider_timer timer;
	struct eider_fiber *fiber;
	struct eider_future *future;
	bool passed;
};

static void pass_wait(struct eider_timer *t)
{
	struct timed_wait *w = eider__container(t, struct timed_wait, timer);

	if (eider__future_state(w->future) != EIDER__PENDING)
		return;		/* it is on the ready list, and resumes the fiber */
	eider__future_unwait(w->future);
	w->fiber->awaited_count = 0;	/* a cancellation is for the next wait */
	w->passed = true;
	eider__fiber_wake(w->fiber);
}

int eider_await_until(struct eider_future *f, int64_t deadline)
{
	struct eider_fiber *fiber = eider__fiber_here();
	struct timed_wait w = { .fiber = fiber, .future = f };
	int err;

	if (!fiber || fiber->future._loop != f->_loop)
		return eider__not_here();
	if (eider_is_done(f))
		return 0;
	err = eider__future_wait(f, fiber);
	if (err < 0)
		return err;
	if (deadline != EIDER_NEVER)
		eider__loop_add_timer(f->_loop, &w.timer, deadline, pass_wait);
	suspend_for(fiber, &f, 1);
	eider__loop_remove_timer(f->_loop, &w.timer);
	settle_cancel(fiber, !w.passed && f->_u.result == -ECANCELED);
	return w.passed ? -ETIME : 0;
}

int eider_await_all(struct eider_future *const *fs, size_t n)
{
	int first = 0;

	if (!eider__fiber_here())
		return eider__not_here();
	for (size_t i = 0; i < n; i++) {
		long result = eider_await(fs[i]);

		if (result < 0 && !first)
			first = (int)result;
	}
	return first;
}

static long first_done(struct eider_future *const *fs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (eider_is_done(fs[i]))
			return (long)i;
	return -EINPROGRESS;
}

static bool any_cancelled(struct eider_future *const *fs, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (eider_result(fs[i]) == -ECANCELED)
			return true;
	return false;
}

long eider_await_any(struct eider_future *const *fs, size_t n)
{
	struct eider_fiber *fiber = eider__fiber_here();
	size_t waited;
	long err;

	if (!fiber)
		return eider__not_here();
	if (!n)
		return -EINVAL;
	err = first_done(fs, n);
	if (err >= 0)
		return err;
	for (waited = 0; waited < n; waited++) {
		err = fs[waited]->_loop == fiber->future._loop ?
			      eider__future_wait(fs[waited], fiber) :
			      eider__not_here();
		if (err < 0)
			break;
	}
	if (waited == n) {
		suspend_for(fiber, fs, n);
		err = first_done(fs, n);
		settle_cancel(fiber, any_cancelled(fs, n));
	}
	for (size_t i = 0; i < waited; i++)
		eider__future_unwait(fs[i]);
	return err;
}

/* Without one to give: its result, or -ETIME. */
static long wait_next(struct eider_op *op, struct eider_fiber *fiber, int64_t deadline,
		      bool *ret_late)
{
	struct eider_future *f = &op->future;
	long res = eider__op_wait_next(op, fiber, deadline);

	if (res < 0)
		return res;
	suspend_for(fiber, &f, 1);
	eider__op_end_wait(op);
	res = eider__op_has_next(op) ? eider_next_now(op) : -ETIME;
	*ret_late = settle_cancel(fiber, res == -ECANCELED);
	return res;
}

long eider__next_late(struct eider_op *op, int64_t deadline, bool *ret_late)
{
	struct eider_fiber *fiber = eider__fiber_here();

	*ret_late = false;
	if (!fiber || fiber->future._loop != op->future._loop)
		return eider__not_here();
	if (!eider__op_has_next(op))
		return wait_next(op, fiber, deadline, ret_late);
	return eider_next_now(op);
}

long eider_next_until(struct eider_op *op, int64_t deadline)
{
	bool late;

	return eider__next_late(op, deadline, &late);
}

long eider_next(struct eider_op *op)
{
	return eider_next_until(op, EIDER_NEVER);
}

static void cancel_gate(struct eider_future *f)
{
	struct eider__turn *t = eider__container(f, struct eider__turn, gate);

	eider__node_remove(&t->node);
	eider__future_complete(f, -ECANCELED);
}

static const struct eider_kind gate_kind = {
	.run = eider__future_run,
	.cancel = cancel_gate,
};

int eider__turn_wait(struct eider_node *turns, struct eider_loop *loop,
		     int64_t deadline)
{
	struct eider__turn t;
	int err;

	eider__node_append(turns, &t.node);
	eider__future_start(&t.gate, loop, &gate_kind);
	err = eider_await_until(&t.gate, deadline);
	/* Given just then, it is a turn, and the loop has the gate in a list. */
	if (eider__future_state(&t.gate) == EIDER__READY)
		err = (int)eider__await_shielded(&t.gate);
	else if (!err)
		err = (int)t.gate._u.result;
	eider__node_remove(&t.node);
	return err;
}

bool eider__turns_next(struct eider_node *turns, long result)
{
	struct eider_node *n = eider__node_first(turns);

	if (!n)
		return false;
	eider__node_remove(n);
	eider__future_complete(&eider__container(n, struct eider__turn, node)->gate,
			       result);
	return true;
}
