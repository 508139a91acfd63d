/*
 * polled.c - being driven by another event loop
 *
 * The other loop polls a descriptor and turns this one when it is readable. The
 * ring's own will not do: a DEFER_TASKRUN ring shows nothing to a poller until it is
 * entered. So there is an eventfd, which the kernel signals for every completion, and
 * which a turn resets. A turn ends as if the loop went to sleep:
 *
 *	what runs next		how it makes the descriptor readable
 *	--------------		------------------------------------
 *	an op			the kernel signals its completion
 *	a result of a thread	sleep is announced: the poster rings the doorbell
 *	a deadline		an alarm, a timeout in the ring, is set for it
 *	something ready now, or	we signal it ourselves
 *	  started between turns
 *
 * An alarm that turns out too late is replaced by an earlier one; one that is too
 * early only costs a turn. Where the kernel takes no entry now, or there is no memory,
 * the next turn is due at once: it tries again.
 */
#include <errno.h>

#include "base/sys.h"
#include "loop.h"

int eider_loop_fd(struct eider_loop *loop)
{
	int fd, err;

	if (!eider__is_home(loop))
		return eider__not_here();
	if (loop->polled)
		return loop->poll_fd;
	fd = eider__eventfd();
	if (fd < 0)
		return fd;
	err = eider__ring_signal(&loop->ring, fd);
	if (err < 0) {
		eider__close(fd);
		return err;
	}
	loop->poll_fd = fd;
	loop->polled = true;
	/* Nothing is known of what was started before: turn once. */
	eider__loop_nudge(loop);
	return fd;
}

void eider__loop_nudge(struct eider_loop *loop)
{
	loop->left = false;		/* once is enough */
	while (eider__eventfd_ring(loop->poll_fd) < 0)
		eider__nap(1000000);
}

static int set_alarm(struct eider_loop *loop, int64_t deadline)
{
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
	loop->alarm_at.tv_sec = deadline / 1000000000;
	loop->alarm_at.tv_nsec = deadline % 1000000000;
	sqe = eider__ring_sqe(&loop->ring);
	io_uring_prep_timeout(sqe, &loop->alarm_at, 0, IORING_TIMEOUT_ABS);
	io_uring_sqe_set_data64(sqe, EIDER__TAG_ALARM);
	loop->alarms++;
	loop->alarm_deadline = deadline;
	return 0;
}

static int leave_asleep(struct eider_loop *loop)
{
	struct eider_timer *t = eider__heap_first(&loop->timers);
	int err;

	eider__loop_hand(loop);
	err = eider__bell_arm(&loop->inbox.bell, &loop->ring);
	if (!err && t && t->_deadline != EIDER_NEVER)
		err = set_alarm(loop, t->_deadline);
	if (!err)
		err = eider__ring_submit(&loop->ring);
	if (!err && (!eider__inbox_sleep(&loop->inbox) || loop->ready.first ||
		     loop->shots.is_held))
		eider__loop_nudge(loop);
	return err;
}

int eider__loop_leave_asleep(struct eider_loop *loop)
{
	int err;

	loop->left = true;
	err = leave_asleep(loop);
	if (err == -EAGAIN || err == -ENOMEM) {
		eider__loop_nudge(loop);
		err = 0;
	}
	return err;
}
