/*
 * polled.c - being driven by another event loop
 *
 * A ring's descriptor polls readable when there are completions to reap. For it
 * to say exactly when a turn is due, a turn of a polled loop ends as if it went to
 * sleep:
 *
 *	what runs next		how it makes the descriptor readable
 *	--------------		------------------------------------
 *	a result of a thread	sleep is announced: the poster rings the doorbell
 *	a deadline		an alarm, a timeout in the ring, is set for it
 *	something ready now	a no-op is submitted
 *
 * An alarm that turns out too late is replaced by an earlier one; one that is too
 * early only costs a turn.
 */
#include <errno.h>

#include "loop.h"

int eider_loop_fd(struct eider_loop *loop)
{
	if (!eider__is_home(loop))
		return eider__not_here();
	loop->polled = true;
	return loop->ring.uring.ring_fd;
}

static int nudge(struct eider__ring *ring)
{
	struct io_uring_sqe *sqe = eider__ring_sqe(ring);

	if (!sqe)
		return -EAGAIN;
	io_uring_prep_nop(sqe);
	io_uring_sqe_set_data64(sqe, EIDER__TAG_NUDGE);
	return 0;
}

static int set_alarm(struct eider_loop *loop, int64_t deadline)
{
	struct __kernel_timespec ts;
	struct io_uring_sqe *sqe;
	int err;

	if (loop->alarms && loop->alarm_deadline <= deadline)
		return 0;
	err = eider__ring_reserve(&loop->ring, 2);
	if (err < 0)
		return err;
	if (loop->alarms) {
		sqe = eider__ring_sqe(&loop->ring);
		io_uring_prep_timeout_remove(sqe, EIDER__TAG_ALARM, 0);
		io_uring_sqe_set_data64(sqe, EIDER__TAG_NUDGE);
	}
	ts.tv_sec = deadline / 1000000000;
	ts.tv_nsec = deadline % 1000000000;
	sqe = eider__ring_sqe(&loop->ring);
	io_uring_prep_timeout(sqe, &ts, 0, IORING_TIMEOUT_ABS);
	io_uring_sqe_set_data64(sqe, EIDER__TAG_ALARM);
	loop->alarms++;
	loop->alarm_deadline = deadline;
	return eider__ring_submit(&loop->ring);	/* while ts is here */
}

int eider__loop_leave_asleep(struct eider_loop *loop)
{
	struct eider_timer *t = eider__heap_first(&loop->timers);
	int err;

	eider__loop_hand(loop);
	err = eider__bell_arm(&loop->inbox.bell, &loop->ring);
	if (!err && (!eider__inbox_sleep(&loop->inbox) || loop->ready.first))
		err = nudge(&loop->ring);
	else if (!err && t && t->_deadline != EIDER_NEVER)
		err = set_alarm(loop, t->_deadline);
	return err < 0 ? err : eider__ring_submit(&loop->ring);
}
