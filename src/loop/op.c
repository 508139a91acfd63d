/*
 * op.c - a kernel operation: one entry out, one or many CQEs back
 *
 * An op's memory is the kernel's until its last CQE. Three kinds of CQE can still
 * be due (_pending counts them), and the future becomes ready only when none is:
 *
 *	its own			the last one is that without F_MORE
 *	of the cancel request	which names the op by address: if it came after the
 *				op was reused, it could hit the wrong one
 *	a notification		of a zero-copy send: F_NOTIF, after the result
 *
 *	start        CQE with F_MORE          last own CQE, and no other due
 *	 |            | shot, kept in _shots   |
 *	 v            v                        v
 *	PENDING ------+----------------------> READY (loop/future.h)
 *
 * A deadline is a timer of the loop that cancels, not a linked timeout: it leaves
 * the user's own links alone and costs no entry. One timer serves all that an op may
 * have to do at some time: to be cancelled at its deadline, to ask for that again, to
 * end a wait for its next result. It may fire early, never late. For waiting with a
 * deadline is what a server does before each request, and as a rule the result comes
 * first; then the timer is left as it is, and later deadlines only noted (_until). A
 * connection in use touches the heap once in a deadline's length, not twice a request.
 *
 * Backlog. Results of a multishot op that nobody asks for are kept; beyond
 * BACKLOG_MAX the op is cancelled, so that the kernel stops making more. Those
 * still on their way are kept too: an accepted descriptor is never lost. If there
 * is no memory to keep one, the CQE is held back, and everything behind it stays
 * in the ring until there is.
 */
#include "op.h"

#include <errno.h>
#include <string.h>

#include "base/assert.h"

enum {
	BACKLOG_MAX = 1024,

	/* op->_bits */
	ENDED = 1,		/* its own last CQE has come */
	TIMED_OUT = 2,		/* the deadline passed before */
	LAST_TAKEN = 4,		/* eider_next() gave the last result */
	NEXT_WAITER = 8,	/* the waiter wants the next result */
	SHOT_READY = 16,	/* _shot_link is on the ready list */
	ASKED = 32,		/* the kernel was asked to cancel: once is enough */
	RETRY = 64,		/* to ask, when the timer fires */
	OVERFULL = 128,	/* because too many results waited */
	UNWANTED = 256,	/* because somebody cancelled it */
};

_Static_assert(sizeof(struct eider_op) <= 184, "an op fits on a small stack");

static struct eider_op *op_of(struct eider_future *f)
{
	return eider__container(f, struct eider_op, future);
}

/* Flags of its own last CQE; an op has no other use for this of its future. */
static uint32_t *last_flags(struct eider_op *op)
{
	return &op->future._flags;
}

static void fire(struct eider_timer *t);

static void set_timer(struct eider_op *op, int64_t deadline)
{
	struct eider_timer *t = &op->_timer;

	if (deadline == EIDER_NEVER ||
	    (eider__timer_pending(t) && t->_deadline <= deadline))
		return;
	eider__loop_remove_timer(op->future._loop, t);
	eider__loop_add_timer(op->future._loop, t, deadline, fire);
}

static void retry_cancel_soon(struct eider_op *op)
{
	op->_bits |= RETRY;
	set_timer(op, eider_after(1000000));
}

/* Not found: it waits in a chain of links, which the kernel does not search. */
static void ask_again_later(struct eider_op *op)
{
	op->_bits &= (uint16_t)~ASKED;
	retry_cancel_soon(op);
}

/* Have the kernel end it. */
static void ask(struct eider_op *op)
{
	struct eider_loop *loop = op->future._loop;
	struct io_uring_sqe *sqe;

	if (op->_bits & (ENDED | ASKED))
		return;
	op->_deadline = EIDER_NEVER;
	sqe = eider__ring_sqe(&loop->ring);
	if (!sqe) {
		retry_cancel_soon(op);
		return;
	}
	io_uring_prep_cancel64(sqe, (uintptr_t)op, 0);
	io_uring_sqe_set_data64(sqe, (uintptr_t)op | EIDER__TAG_CANCEL);
	op->_bits |= ASKED;
	op->_pending++;
	loop->ops++;
}

static void cancel_op(struct eider_future *f)
{
	struct eider_op *op = op_of(f);

	op->_bits |= UNWANTED;
	ask(op);
}

static const struct eider_kind op_kind = {
	.run = eider__future_run,
	.cancel = cancel_op,
};

struct io_uring_sqe *eider_sqe(struct eider_op *op)
{
	struct eider_loop *loop = eider__loop_here;
	struct io_uring_sqe *sqe;

	if (loop && loop->left)
		eider__loop_nudge(loop);
	sqe = loop ? eider__ring_sqe(&loop->ring) : NULL;

	if (!sqe)
		return NULL;
	memset(op, 0, sizeof(*op));
	eider__future_start(&op->future, loop, &op_kind);
	op->_shots_tail = &op->_shots;
	op->_pending = 1;
	op->_backlog_max = BACKLOG_MAX;
	op->_deadline = EIDER_NEVER;
	op->_until = EIDER_NEVER;
	loop->ops++;
	eider__count(&loop->counts.ops_started, 1);
	eider__node_append(&loop->all_ops, &op->_all);
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, (uintptr_t)op);
	return sqe;
}

struct io_uring_sqe *eider_sqe_deadline(struct eider_op *op, int64_t deadline)
{
	struct io_uring_sqe *sqe = eider_sqe(op);

	if (sqe) {
		op->_deadline = deadline;
		set_timer(op, deadline);
	}
	return sqe;
}

int eider_sqe_reserve(unsigned int n)
{
	struct eider_loop *loop = eider__loop_here;

	return loop ? eider__ring_reserve(&loop->ring, n) : eider__not_here();
}

static struct eider_shot *pop_shot(struct eider_op *op)
{
	struct eider_shot *shot = op->_shots;

	if (!shot)
		return NULL;
	op->_shots = shot->next;
	if (!op->_shots)
		op->_shots_tail = &op->_shots;
	op->_backlog--;
	return shot;
}

/* The waiter for the next result, if it still waits, runs. */
static void run_shot(struct eider_link *l)
{
	struct eider_op *op = eider__container(l, struct eider_op, _shot_link);
	void *fiber = op->future._waiter.fiber;

	op->_bits &= (uint16_t)~SHOT_READY;
	if (!(op->_bits & NEXT_WAITER))
		return;
	op->_bits &= (uint16_t)~NEXT_WAITER;
	eider__future_unwait(&op->future);
	op->future._loop->resume(fiber);
}

static const struct eider_kind shot_kind = { .run = run_shot };

static void wake_waiter(struct eider_op *op)
{
	if ((op->_bits & (NEXT_WAITER | SHOT_READY)) != NEXT_WAITER)
		return;
	op->_bits |= SHOT_READY;
	op->_shot_link._kind = &shot_kind;
	eider__loop_ready(op->future._loop, &op->_shot_link);
}

/* It may be early: for a wait that is over. Then what remains sets it anew. */
static void fire(struct eider_timer *t)
{
	struct eider_op *op = eider__container(t, struct eider_op, _timer);
	int64_t now = t->_deadline;

	if (op->_deadline <= now)
		op->_bits |= TIMED_OUT | RETRY;
	if (op->_bits & RETRY) {
		op->_bits &= (uint16_t)~RETRY;
		ask(op);
	}
	if (op->_until <= now && eider__future_state(&op->future) == EIDER__PENDING)
		wake_waiter(op);	/* finds nothing */
	set_timer(op, op->_deadline);
	if ((op->_bits & NEXT_WAITER) && op->_until > now)
		set_timer(op, op->_until);
}

static bool keep_shot(struct eider_op *op, const struct eider__cqe *cqe)
{
	struct eider_loop *loop = op->future._loop;
	struct eider_shot *shot = eider__shot_get(&loop->shots);

	if (!shot)
		return false;
	shot->next = NULL;
	shot->res = cqe->res;
	shot->flags = cqe->flags;
	*op->_shots_tail = shot;
	op->_shots_tail = &shot->next;
	wake_waiter(op);
	if (++op->_backlog > op->_backlog_max && !(op->_bits & OVERFULL)) {
		op->_bits |= OVERFULL;
		ask(op);
	}
	return true;
}

/* The result of a zero-copy send came first; this CQE only frees its buffer. */
static void end_by_notification(struct eider_op *op)
{
	struct eider_shot *shot = pop_shot(op);

	if (!shot)
		return;
	op->future._u.result = shot->res;
	eider__shot_put(&op->future._loop->shots, shot);
}

static void end(struct eider_op *op, const struct eider__cqe *cqe)
{
	op->_bits |= ENDED;
	op->flags = cqe->flags;
	*last_flags(op) = cqe->flags;
	op->future._u.result = cqe->res;
	if (cqe->flags & IORING_CQE_F_NOTIF)
		end_by_notification(op);
	/* So ends what blocks a thread of the kernel, when that is cancelled. */
	if ((op->_bits & ASKED) && op->future._u.result == -EINTR)
		op->future._u.result = -ECANCELED;
	if ((op->_bits & TIMED_OUT) && op->future._u.result == -ECANCELED)
		op->future._u.result = -ETIME;
}

bool eider__op_reap(struct eider_loop *loop, const struct eider__cqe *cqe)
{
	uint64_t address = cqe->user_data & ~(uint64_t)EIDER__TAG_MASK;
	struct eider_op *op = (struct eider_op *)(uintptr_t)address;

	EIDER_DEBUG(op->future._loop == loop && op->_pending);
	if ((cqe->user_data & EIDER__TAG_MASK) == EIDER__TAG_OP) {
		if (cqe->flags & IORING_CQE_F_MORE) {
			if (keep_shot(op, cqe))
				return true;
			loop->shots.is_held = true;
			loop->shots.held = *cqe;
			return false;
		}
		end(op, cqe);
	} else if (cqe->res == -ENOENT && !(op->_bits & ENDED)) {
		ask_again_later(op);
	}
	loop->ops--;
	if (--op->_pending)
		return true;
	eider__loop_remove_timer(loop, &op->_timer);
	eider__node_remove(&op->_all);
	eider__count(&loop->counts.ops_done, 1);
	eider__future_complete(&op->future, op->future._u.result);
	return true;
}

bool eider__shots_settle(struct eider_loop *loop)
{
	struct eider__cqe cqe = loop->shots.held;

	if (!loop->shots.is_held)
		return true;
	loop->shots.is_held = false;
	return eider__op_reap(loop, &cqe);
}

void eider__op_limit(struct eider_op *op, unsigned int results)
{
	op->_backlog_max = (uint16_t)results;
}

bool eider__op_was_overfull(const struct eider_op *op)
{
	return (op->_bits & (OVERFULL | UNWANTED)) == OVERFULL;
}

bool eider__op_has_next(const struct eider_op *op)
{
	return op->_shots || eider_is_done(&op->future);
}

int eider__op_wait_next(struct eider_op *op, void *fiber, int64_t deadline)
{
	int err = eider__future_wait(&op->future, fiber);

	if (err < 0)
		return err;
	op->_bits |= NEXT_WAITER;
	op->_until = deadline;
	if (op->_pending)	/* else it has ended, and is about to say so */
		set_timer(op, deadline);
	return 0;
}

void eider__op_end_wait(struct eider_op *op)
{
	op->_bits &= (uint16_t)~NEXT_WAITER;
}

long eider_next_now(struct eider_op *op)
{
	struct eider_shot *shot;
	long res;

	if (!eider__is_home(op->future._loop))
		return eider__not_here();
	shot = pop_shot(op);
	if (shot) {
		res = shot->res;
		op->flags = shot->flags;
		eider__shot_put(&op->future._loop->shots, shot);
		return res;
	}
	if (!eider_is_done(&op->future))
		return -EAGAIN;
	if (op->_bits & LAST_TAKEN)
		return -ENODATA;
	op->_bits |= LAST_TAKEN;
	op->flags = *last_flags(op) & ~(uint32_t)IORING_CQE_F_MORE;
	return op->future._u.result;
}

void eider__op_cancel_all(struct eider_loop *loop)
{
	eider__node_each(n, &loop->all_ops)
		eider_cancel(&eider__container(n, struct eider_op, _all)->future);
}
