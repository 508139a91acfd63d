/*
 * stream.c - see eider/stream.h
 *
 * Three ways to receive, by what the kernel has; in each at most one op is under way
 * (_op, while _armed), and it may stay so from one peek to the next:
 *
 *	multishot	results come until the peer ends, the stream is full, or there
 *			was no buffer; each names a buffer of the loop's
 *	chosen		one receive for each result; the kernel still chooses the buffer
 *	plain		the op is a poll; when it says readable a buffer is taken, and
 *			filled by a receive that does not wait
 *
 * No buffer. The kernel ends a receive with -ENOBUFS when all buffers are in use, also
 * where it has no data yet. So the stream waits for data; and then until a buffer is
 * given back, in line with others. (One without data would take its turn, find nothing
 * to put into the buffer, and those behind it would wait for ever.) But a buffer may
 * have been given back since the kernel said so, and nobody would do it again. So the
 * stream remembers how often that had happened when it armed the receive (_puts): if it
 * is more now, trying again is worth while at once; if not, then whoever took the
 * buffers still has them, and will wake the line. A turn that came to nothing is passed
 * on.
 *
 * Full. Results that nobody looks at wait in the op, each with a buffer. Beyond
 * AHEAD_MAX the op is ended, and the stream receives one by one from then on, only when
 * it is read: the bytes stay in the socket, and its window closes. What the kernel had
 * on its way comes all the same, once: as much as was in the socket. Where that leaves
 * others without buffers it is moved out of them (spill.c).
 */
#include "net.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include <eider/stream.h>

#include "base/sys.h"

enum {
	AHEAD_MAX = 2,
	ENDED = 1,		/* s->_end: by the peer, in order */
};

#define RETRY_NS INT64_C(1000000)

int eider_stream_init(struct eider_stream *s, int fd)
{
	struct eider_loop *loop = eider__loop_here;
	int err;

	if (!loop)
		return eider__not_here();
	err = eider__buffers_open(&loop->buffers, &loop->ring);
	if (err < 0)
		return err;
	memset(s, 0, sizeof(*s));
	s->fd = fd;
	s->_op.future._loop = loop;
	s->_buffer = EIDER__NO_BUFFER;
	s->_spilled_end = &s->_spilled;
	eider__node_append(&loop->buffers.streams, &s->_node);
	return 0;
}

/* A receive ended; what it has of a buffer, or of a turn to get one, is passed on. */
static void put_unread(struct eider_stream *s)
{
	struct eider__buffers *b = eider__buffers_of(s);

	if (s->_op.flags & IORING_CQE_F_BUFFER)
		eider__stream_put(b, s->_op.flags >> IORING_CQE_BUFFER_SHIFT);
	else
		eider__turns_next(&b->waiting, 0);
}

static void keep(struct eider_stream *s, uint32_t buffer, long n)
{
	s->_buffer = buffer;
	s->_data = eider__buffers_at(eider__buffers_of(s), buffer);
	s->_len = (uint32_t)n;
}

static void arm(struct eider_stream *s)
{
	struct eider__buffers *b = eider__buffers_of(s);
	struct io_uring_sqe *sqe = eider__sqe_in_fiber(&s->_op, EIDER_NEVER);

	s->_armed = true;
	s->_late = false;
	s->_puts = b->puts;
	if (!b->chosen_by_kernel) {
		io_uring_prep_poll_add(sqe, s->fd, POLLIN);
		return;
	}
	if (b->multishot && !s->_single)
		io_uring_prep_recv_multishot(sqe, s->fd, NULL, 0, 0);
	else
		io_uring_prep_recv(sqe, s->fd, NULL, b->bytes, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = EIDER__BUFFER_GROUP;
	eider__op_limit(&s->_op, AHEAD_MAX);
}

/*
 * In line until a buffer was given back: 0, or -errno. Without memory to free any, the
 * line may not move: then it is worth another try after a moment.
 */
static int wait_in_line(struct eider_stream *s, int64_t deadline, bool may_move)
{
	struct eider__buffers *b = eider__buffers_of(s);
	int64_t until = may_move ? EIDER_NEVER : eider_after(RETRY_NS);
	int err;

	if (until > deadline)
		until = deadline;
	err = eider__turn_wait(&b->waiting, s->_op.future._loop, until);
	return err == -ETIME && until < deadline ? 0 : err;
}

/* 0, or why waiting for a buffer ended before there was one. */
static int wait_for_buffer(struct eider_stream *s, int64_t deadline)
{
	struct eider__buffers *b = eider__buffers_of(s);
	struct eider_op op;
	bool spilled;
	long res;

	if (b->puts != s->_puts)
		return 0;
	io_uring_prep_poll_add(eider__sqe_in_fiber(&op, deadline), s->fd, POLLIN);
	res = eider_await(&op.future);
	if (res < 0)
		return (int)res;
	/* Not before: those who have it meanwhile may have looked at it. */
	spilled = eider__streams_spill(s);
	if (b->puts != s->_puts)
		return 0;
	return wait_in_line(s, deadline, spilled);
}

/*
 * What a receive said: 0 go on, look whether there is data; -errno this call is over,
 * and the stream is as good as before.
 */
static int take_result(struct eider_stream *s, long res, uint32_t buffer,
		       int64_t deadline)
{
	switch (res) {
	case -ENOBUFS:
		return wait_for_buffer(s, deadline);
	case -ECANCELED:
		if (s->_late)		/* the wait for the next one says it */
			return 0;
		if (!eider__op_was_overfull(&s->_op))
			return -ECANCELED;
		s->_single = true;
		return 0;
	case -EINTR:
	case -EAGAIN:
		return 0;
	default:
		break;
	}
	if (res > 0)
		keep(s, buffer, res);
	else
		s->_end = res ? (int)res : ENDED;
	return 0;
}

/*
 * A cancelled fiber may get data all the same. Then the op ends, which is no news for
 * anybody; it is awaited first, so that a cancellation is told from it.
 */
static long next_result(struct eider_stream *s, int64_t deadline)
{
	bool late;
	long res;

	if (s->_late && !eider__op_has_next(&s->_op))
		(void)eider__await_shielded(&s->_op.future);
	res = eider__next_late(&s->_op, deadline, &late);
	s->_late |= late;
	return res;
}

static int receive_chosen(struct eider_stream *s, int64_t deadline)
{
	long res;

	if (!s->_armed)
		arm(s);
	res = next_result(s, deadline);
	if (res == -ETIME)	/* it may have had a turn, and a buffer soon */
		eider__turns_next(&eider__buffers_of(s)->waiting, 0);
	if (res == -ETIME || res == -EBUSY)
		return (int)res;
	s->_armed = s->_op.flags & IORING_CQE_F_MORE;
	if (res <= 0 && res != -ENOBUFS)
		put_unread(s);
	return take_result(s, res, s->_op.flags >> IORING_CQE_BUFFER_SHIFT, deadline);
}

/* A buffer, in turn; or -errno. */
static int take_buffer(struct eider_stream *s, int64_t deadline, uint32_t *ret)
{
	struct eider__buffers *b = eider__buffers_of(s);
	int err = 0;

	while (!err) {
		*ret = eider__buffers_take(b);
		if (*ret != EIDER__NO_BUFFER)
			return 0;
		err = eider__turn_wait(&b->waiting, s->_op.future._loop, deadline);
	}
	return err;
}

/* The socket is readable, as far as poll knows. */
static int receive_now(struct eider_stream *s, int64_t deadline)
{
	struct eider__buffers *b = eider__buffers_of(s);
	struct eider_op op;
	uint32_t buffer;
	long res;
	int err = take_buffer(s, deadline, &buffer);

	if (err < 0)
		return err;
	io_uring_prep_recv(eider__sqe_in_fiber(&op, EIDER_NEVER), s->fd,
			   eider__buffers_at(b, buffer), b->bytes, MSG_DONTWAIT);
	res = eider_await(&op.future);
	if (res <= 0)
		eider__stream_put(b, buffer);
	return take_result(s, res, buffer, deadline);
}

static int receive_plain(struct eider_stream *s, int64_t deadline)
{
	long res;

	if (!s->_armed)
		arm(s);
	res = next_result(s, deadline);
	if (res == -ETIME || res == -EBUSY)
		return (int)res;
	s->_armed = false;
	return res < 0 ? take_result(s, res, EIDER__NO_BUFFER, deadline) :
			 receive_now(s, deadline);
}

static int receive(struct eider_stream *s, int64_t deadline)
{
	int err;

	s->_buffer = EIDER__RECEIVING;
	s->_receiver = eider__fiber_here();
	err = eider__buffers_of(s)->chosen_by_kernel ? receive_chosen(s, deadline) :
						receive_plain(s, deadline);
	s->_receiver = NULL;
	if (s->_buffer == EIDER__RECEIVING)
		s->_buffer = EIDER__NO_BUFFER;
	return s->_closing ? -ECANCELED : err;
}

long eider_stream_peek(struct eider_stream *s, const char **ret_data, int64_t deadline)
{
	int err;

	if (!eider__fiber_here() || !eider__is_home(s->_op.future._loop))
		return eider__not_here();
	while (!s->_len && !eider__stream_unspill(s)) {
		if (s->_end)
			return s->_end == ENDED ? 0 : s->_end;
		if (s->_buffer == EIDER__RECEIVING)
			return -EBUSY;
		err = receive(s, deadline);
		if (err < 0)
			return err;
	}
	*ret_data = s->_data;
	return s->_len;
}

void eider_stream_consume(struct eider_stream *s, size_t n)
{
	EIDER_DEBUG(n <= s->_len);
	s->_data += n;
	s->_len -= (uint32_t)n;
	if (s->_len || s->_buffer >= EIDER__RECEIVING)
		return;
	if (s->_buffer == EIDER__SPILLED) {
		eider__stream_drop_spilled(s);
		return;
	}
	eider__stream_put(eider__buffers_of(s), s->_buffer);
	s->_buffer = EIDER__NO_BUFFER;
}

long eider_stream_recv(struct eider_stream *s, void *buf, size_t len, int64_t deadline)
{
	const char *data;
	long n = eider_stream_peek(s, &data, deadline);

	if (n <= 0)
		return n;
	if ((size_t)n > len)
		n = (long)len;
	memcpy(buf, data, (size_t)n);
	eider_stream_consume(s, (size_t)n);
	return n;
}

/*
 * Somebody peeks, and learns of it first: whatever he waits for, and waits for next,
 * is cancelled, until he has left. He is not: his other waits are not ours.
 */
static void end_peek(struct eider_stream *s)
{
	while (s->_receiver) {
		eider__fiber_cancel_wait(s->_receiver);
		eider_yield();
	}
}

/* The kernel's last word, and the buffers of what nobody read. */
static void end_receive(struct eider_stream *s)
{
	eider_cancel(&s->_op.future);
	(void)eider__await_shielded(&s->_op.future);
	while (eider_next_now(&s->_op) != -ENODATA)
		put_unread(s);
	s->_armed = false;
}

void eider_stream_close(struct eider_stream *s)
{
	if (!eider__fiber_here() || !eider__is_home(s->_op.future._loop))
		return;
	s->_closing = true;
	end_peek(s);
	if (s->_armed)
		end_receive(s);
	eider_stream_consume(s, s->_len);
	while (eider__stream_unspill(s))
		eider_stream_consume(s, s->_len);
	eider__node_remove(&s->_node);
	eider__close(s->fd);
	s->fd = -1;
	s->_end = -EBADF;
}
