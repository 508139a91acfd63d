/*
 * polled.c - being driven by another event loop
 *
 * A ring's descriptor polls readable when there are completions to reap. For it to say
 * exactly when a turn is due, a turn of a polled loop ends as if it went to sleep:
 *
 *	what runs next		how it makes the descriptor readable
 *	--------------		------------------------------------
 *	an op			its completion does
 *	a result of a thread	sleep is announced: the poster rings the doorbell
 *	a deadline		a timeout in the ring is set for it
 *	something ready now, or	a no-op is submitted
 *	  started between turns
 *
 * A DEFER_TASKRUN ring shows nothing to those who poll until it is entered (and an
 * eventfd registered with it misses completions that another eventfd causes: kernel
 * 6.18). So the rings of polled loops are made without.
 *
 * A timeout that turns out too late is replaced by an earlier one; one that is too
 * early only costs a turn. Where the kernel takes no entry now the end of the turn is
 * tried until it does: a turn that is due and not said to be would never come.
 */
#include <errno.h>

#include "base/sys.h"
#include "loop.h"

int eider_loop_fd(struct eider_loop *loop)
{
	if (!eider__is_home(loop))
		return eider__not_here();
	if (!loop->polled)
		return -EINVAL;
	/* Nothing is known of what was started before: turn once. */
	eider__loop_nudge(loop);
	return loop->ring.uring.ring_fd;
}

static int nudge(struct eider__ring *ring)
{
	struct io_uring_sqe *sqe = eider__ring_sqe(ring);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, EIDER__TAG_NUDGE);
	return eider__ring_submit(ring);
}

static bool has_no_room(int err)
{
	return err == -EAGAIN || err == -ENOMEM;
}

void eider__loop_nudge(struct eider_loop *loop)
{
	loop->left = false;		/* once is enough */
	while (has_no_room(nudge(&loop->ring)))
		eider__nap(1000000);
}

static int set_timeout(struct eider_loop *loop, int64_t deadline)
{
	struct io_uring_sqe *sqe;
	int err;

	if (loop->timeouts && loop->timeout_deadline <= deadline)
		return 0;
	err = eider__ring_reserve(&loop->ring, 2);
	if (err < 0)
		return err;
	if (loop->timeouts) {
		sqe = eider__ring_sqe(&loop->ring);
		io_uring_prep_timeout_remove(sqe, EIDER__TAG_TIMEOUT, 0);
		io_uring_sqe_set_data64(sqe, EIDER__TAG_NUDGE);
	}
	loop->timeout_at.tv_sec = deadline / 1000000000;
	loop->timeout_at.tv_nsec = deadline % 1000000000;
	sqe = eider__ring_sqe(&loop->ring);
	io_uring_prep_timeout(sqe, &loop->timeout_at, 0, IORING_TIMEOUT_ABS);
	io_uring_sqe_set_data64(sqe, EIDER__TAG_TIMEOUT);
	loop->timeouts++;
	loop->timeout_deadline = deadline;
	return 0;
}

static int leave_asleep(struct eider_loop *loop)
{
	struct eider_timer *t = eider__heap_first(&loop->timers);
	int err;

	eider__loop_hand(loop);
	err = eider__bell_arm(&loop->inbox.bell, &loop->ring);
	if (!err && loop->shots.is_held)	/* no memory: look again soon */
		err = set_timeout(loop, eider_after(1000000));
	else if (!err && t && t->_deadline != EIDER_NEVER)
		err = set_timeout(loop, t->_deadline);
	if (!err)
		err = eider__ring_submit(&loop->ring);
	if (!err && (!eider__inbox_sleep(&loop->inbox, false) || loop->ready.first))
		err = nudge(&loop->ring);
	return err;
}

int eider__loop_leave_asleep(struct eider_loop *loop)
{
	int err;

	while (has_no_room(err = leave_asleep(loop)))
		eider__nap(1000000);
	loop->left = true;
	return err;
}
