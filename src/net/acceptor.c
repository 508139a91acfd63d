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

/*
 * 0, or -errno. While it waits for an entry the op is nobody's: who asks meanwhile is
 * told that somebody does, and who closes waits. It may also be stopped meanwhile, and
 * the entry has to be something: an accept that fails.
 */
static int arm(struct eider_acceptor *a)
{
	struct io_uring_sqe *sqe;

	/* Linux never says so of its own: in tests it does. */
	if (eider__fault())
		return -ECONNABORTED;
	a->_arming = true;
	sqe = eider__sqe_in_fiber(&a->_op, EIDER_NEVER);
	a->_arming = false;
	a->_armed = true;
	a->_paused = false;
	if (a->_stopped || !a->_op.future._loop->accepts_many) {
		io_uring_prep_accept(sqe, a->_stopped ? -1 : a->_fd, NULL, NULL,
				     SOCK_CLOEXEC);
		return 0;
	}
	io_uring_prep_multishot_accept(sqe, a->_fd, NULL, NULL, SOCK_CLOEXEC);
	eider__op_limit(&a->_op, AHEAD_MAX);
	return 0;
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
 * the wait for a connection, and not taken for the pause. So does one whose asker was
 * cancelled too late, and went: to all others it is paused.
 */
static long next_result(struct eider_acceptor *a, int64_t deadline)
{
	bool late;
	long res;

	if (a->_paused && !eider__op_has_next(&a->_op) &&
	    eider__await_shielded(&a->_op.future) == -EBUSY)
		return -EBUSY;
	res = eider__next_late(&a->_op, deadline, &late);
	a->_paused |= late;
	if (res != -ETIME && res != -EBUSY)
		a->_armed = a->_op.flags & IORING_CQE_F_MORE;
	return res;
}

long eider_acceptor_next(struct eider_acceptor *a, int64_t deadline)
{
	long res;

	if (!eider_in_fiber())
		return eider__not_here();
	if (a->_armed && !eider__is_home(a->_op.future._loop))
		return eider__not_here();
	if (a->_arming)
		return -EBUSY;
	do {
		if (!a->_armed && a->_stopped)
			return -ECANCELED;
		res = a->_armed ? 0 : arm(a);
		if (!res)
			res = next_result(a, deadline);
	} while (is_passing(a, res));
	/* However its last op failed: it was stopped. */
	return res < 0 && !a->_armed && a->_stopped ? -ECANCELED : res;
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
	while (a->_arming)
		eider_yield();
	if (!a->_armed)
		return;
	while (eider__await_shielded(&a->_op.future) == -EBUSY)
		eider_yield();		/* somebody asks, and learns of it first */
	while ((res = eider_next_now(&a->_op)) != -ENODATA)
		if (res >= 0)
			eider__close((int)res);
	a->_armed = false;
}
