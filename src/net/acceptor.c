/*
 * acceptor.c - the connections of a listening socket, one after another
 *
 * With multishot, one op gives connection after connection, and those that nobody has
 * asked for yet wait in it, AHEAD_MAX at most: then it is ended, and started again by
 * the next question. Without, each question is an op of its own.
 */
#include "net.h"

#include <errno.h>
#include <string.h>

#include <eider/net.h>

#include "base/sys.h"

enum {
	AHEAD_MAX = 16,
};

void eider_acceptor_init(struct eider_acceptor *a, int fd)
{
	memset(a, 0, sizeof(*a));
	a->_fd = fd;
}

static void arm(struct eider_acceptor *a)
{
	struct io_uring_sqe *sqe = eider__sqe_in_fiber(&a->_op, EIDER_NEVER);

	a->_armed = true;
	a->_paused = false;
	if (a->_stopped) {	/* while there was no entry: it is a no-op, cancelled */
		eider_cancel(&a->_op.future);
		return;
	}
	if (!a->_op.future._loop->accepts_many) {
		io_uring_prep_accept(sqe, a->_fd, NULL, NULL, SOCK_CLOEXEC);
		return;
	}
	io_uring_prep_multishot_accept(sqe, a->_fd, NULL, NULL, SOCK_CLOEXEC);
	eider__op_limit(&a->_op, AHEAD_MAX);
}

/* The next result is as good: of accept(2), "treat them like EAGAIN". */
static bool is_passing(const struct eider_acceptor *a, long err)
{
	switch (err) {
	case -ECANCELED:
		return eider__op_was_overfull(&a->_op) || a->_paused;
	case -EAGAIN:
	case -EINTR:
	case -ECONNABORTED:
	case -EPERM:
	case -EPROTO:
	case -ENOPROTOOPT:
	case -ENETDOWN:
	case -ENETUNREACH:
	case -ENONET:
	case -EHOSTDOWN:
	case -EHOSTUNREACH:
		return true;
	default:
		return false;
	}
}

/*
 * One that was paused ends by itself: who is cancelled while he waits for that is so in
 * the wait for a connection, and not taken for the pause.
 */
static long next_result(struct eider_acceptor *a, int64_t deadline)
{
	if (a->_paused && !eider__op_has_next(&a->_op) &&
	    eider__await_shielded(&a->_op.future) == -EBUSY)
		return -EBUSY;
	return eider_next_until(&a->_op, deadline);
}

long eider_acceptor_next(struct eider_acceptor *a, int64_t deadline)
{
	long res;

	if (!eider_in_fiber())
		return eider__not_here();
	if (a->_armed && !eider__is_home(a->_op.future._loop))
		return eider__not_here();
	do {
		if (!a->_armed && a->_stopped)
			return -ECANCELED;
		if (!a->_armed)
			arm(a);
		res = next_result(a, deadline);
		if (res == -ETIME || res == -EBUSY)
			return res;
		a->_armed = a->_op.flags & IORING_CQE_F_MORE;
	} while (res < 0 && is_passing(a, res));
	return res;
}

void eider_acceptor_pause(struct eider_acceptor *a)
{
	/* Who waits for a connection has asked. */
	if (!a->_armed || (a->_op.future._state & EIDER__WAITED_MASK))
		return;
	a->_paused = true;
	eider_cancel(&a->_op.future);
}

void eider_acceptor_stop(struct eider_acceptor *a)
{
	a->_stopped = true;
	if (a->_armed)
		eider_cancel(&a->_op.future);
}

void eider_acceptor_close(struct eider_acceptor *a)
{
	long res;

	if (!eider_in_fiber())
		return;
	eider_acceptor_stop(a);
	if (!a->_armed)
		return;
	while (eider__await_shielded(&a->_op.future) == -EBUSY)
		eider_yield();		/* somebody asks, and learns of it first */
	while ((res = eider_next_now(&a->_op)) != -ENODATA)
		if (res >= 0)
			eider__close((int)res);
	a->_armed = false;
}
