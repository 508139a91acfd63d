/*
 * op.h - kernel operations
 *
 * Eider does not wrap io_uring's operations (but for the few of io.h): an op hands out
 * a submission queue entry, any io_uring_prep_*() of liburing fills it, and the op's
 * future has the result.
 *
 *	struct eider_op op;
 *	struct io_uring_sqe *sqe = eider_sqe(&op);
 *
 *	if (!sqe)
 *		return -EAGAIN;
 *	io_uring_prep_recv(sqe, fd, buf, len, 0);
 *	long n = eider_await(&op.future);
 *
 * Memory	An op, its buffers and whatever the entry points to stay in use
 *		until the future is done, also after eider_cancel(): the kernel
 *		may still write there.
 *
 * Order	Entries are given to the kernel when the loop next enters it, in
 *		the order in which they were got. Do not set user_data.
 *
 * Links	IOSQE_IO_LINK works between entries got in a row without a wait in
 *		between, if eider_sqe_reserve() found room for all of them.
 */
#ifndef EIDER_OP_H
#define EIDER_OP_H

#include <eider/future.h>

struct io_uring_sqe;

#ifdef __cplusplus
extern "C" {
#endif

/* Private. A moment at which a loop has to do something. */
struct eider_timer {
	struct eider_timer *_child, *_next, *_prev;
	int64_t _deadline;
	void (*_fire)(struct eider_timer *);
};

struct eider_op {
	struct eider_future future;
	uint32_t flags;			/* of the CQE that came last */

	/* Private. */
	uint32_t _pending;		/* CQEs that must still come */
	struct eider_link _shot_link;
	struct eider_shot *_shots, **_shots_tail;
	uint32_t _backlog;
	uint16_t _backlog_max;
	uint16_t _bits;
	struct eider_node _all;
	struct eider_timer _timer;
	int64_t _deadline;		/* of the op */
	int64_t _until;			/* of a wait for its next result */
};

/*
 * [loop] The entry for @op; fill it before anything else is asked of Eider. NULL
 * if the submission queue is full and the kernel would not take it now: try
 * again after a wait, or get NULL outside of the loop's thread.
 */
EIDER_API EIDER_MUST_CHECK struct io_uring_sqe *eider_sqe(struct eider_op *op);

/*
 * [loop] The same, and at @deadline the op is cancelled; its result is then
 * -ETIME instead of -ECANCELED.
 */
EIDER_API EIDER_MUST_CHECK struct io_uring_sqe *
eider_sqe_deadline(struct eider_op *op, int64_t deadline);

/* [loop] Make room for @n entries in a row. 0, -EAGAIN, -EINVAL, -EPERM. */
EIDER_API EIDER_MUST_CHECK int eider_sqe_reserve(unsigned int n);

/*
 * Multishot operations give many results. Each is kept until it is asked for;
 * an op with more than 1024 results waiting is cancelled, and loses none.
 *
 * [fiber] The next result of @op, its flags in op->flags; sleeps until there is
 * one. The last result comes with IORING_CQE_F_MORE cleared and eider_is_done();
 * after it, -ENODATA. A program that stops before has to eider_cancel() and read
 * on to the end: results such as accepted descriptors are its own to close.
 */
EIDER_API long eider_next(struct eider_op *op);

/*
 * [fiber] The same, and -ETIME if none has come by @deadline: about the wait, @op
 * goes on.
 */
EIDER_API long eider_next_until(struct eider_op *op, int64_t deadline);

/* [loop] The same without sleeping: -EAGAIN if there is none now. */
EIDER_API long eider_next_now(struct eider_op *op);

#ifdef __cplusplus
}
#endif

#endif
