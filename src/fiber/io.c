/*
 * io.c - the few operations that every server writes
 *
 * Each is one op and one await; those that promise all of it go on after a short
 * count. Where the submission queue has no room the fiber lets the loop turn, which
 * makes some.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/uio.h>

#include <eider/io.h>

#include "fiber.h"

enum {
	PARTS_MAX = 1024,	/* IOV_MAX of the kernel */
};

struct io_uring_sqe *eider__sqe_in_fiber(struct eider_op *op, int64_t deadline)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = eider_sqe_deadline(op, deadline)))
		eider_yield();
	return sqe;
}

static struct io_uring_sqe *sqe_in_fiber(struct eider_op *op)
{
	return eider__sqe_in_fiber(op, EIDER_NEVER);
}

static unsigned int cut(size_t len)
{
	return len > INT_MAX ? INT_MAX : (unsigned int)len;
}

/* ---- sockets ---- */

long eider_accept(int fd)
{
	struct eider_op op;

	if (!eider_in_fiber())
		return eider__not_here();
	io_uring_prep_accept(sqe_in_fiber(&op), fd, NULL, NULL, SOCK_CLOEXEC);
	return eider_await(&op.future);
}

long eider_recv_until(int fd, void *buf, size_t len, int64_t deadline)
{
	struct eider_op op;

	if (!eider_in_fiber())
		return eider__not_here();
	io_uring_prep_recv(eider__sqe_in_fiber(&op, deadline), fd, buf, cut(len), 0);
	return eider_await(&op.future);
}

long eider_recv(int fd, void *buf, size_t len)
{
	return eider_recv_until(fd, buf, len, EIDER_NEVER);
}

static long send_part(int fd, const char *buf, size_t len, int flags, int64_t deadline)
{
	struct eider_op op;

	io_uring_prep_send(eider__sqe_in_fiber(&op, deadline), fd, buf, cut(len),
			   MSG_NOSIGNAL | flags);
	return eider_await(&op.future);
}

/* As a rule there is room at once, and a deadline's timer would be set for nothing. */
long eider_send_until(int fd, const void *buf, size_t len, int64_t deadline)
{
	const char *p = buf;
	size_t sent = 0;

	if (!eider_in_fiber())
		return eider__not_here();
	while (sent < len) {
		long n = -EAGAIN;

		if (deadline != EIDER_NEVER)
			n = send_part(fd, p + sent, len - sent, MSG_DONTWAIT,
				      EIDER_NEVER);
		if (n == -EAGAIN)
			n = send_part(fd, p + sent, len - sent, 0, deadline);
		if (n < 0)
			return n;
		sent += (size_t)n;
	}
	return (long)sent;
}

long eider_send(int fd, const void *buf, size_t len)
{
	return eider_send_until(fd, buf, len, EIDER_NEVER);
}

/* Drop the first @done bytes, and what is empty before the rest. */
static void advance(struct msghdr *msg, size_t done)
{
	while (msg->msg_iovlen && done >= msg->msg_iov->iov_len) {
		done -= msg->msg_iov->iov_len;
		msg->msg_iov++;
		msg->msg_iovlen--;
	}
	if (!msg->msg_iovlen)
		return;
	msg->msg_iov->iov_base = (char *)msg->msg_iov->iov_base + done;
	msg->msg_iov->iov_len -= done;
}

long eider_sendv_until(int fd, struct iovec *iov, unsigned int n, int64_t deadline)
{
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = n };
	struct eider_op op;
	long sent = 0, res;

	if (!eider_in_fiber())
		return eider__not_here();
	if (!iov || !n || n > PARTS_MAX)
		return -EINVAL;
	for (advance(&msg, 0); msg.msg_iovlen; advance(&msg, (size_t)res)) {
		io_uring_prep_sendmsg(eider__sqe_in_fiber(&op, deadline), fd, &msg,
				      MSG_NOSIGNAL);
		res = eider_await(&op.future);
		if (res < 0)
			return res;
		sent += res;
	}
	return sent;
}

/* ---- files ---- */

long eider_open(const char *path, int flags, mode_t mode)
{
	struct eider_op op;

	if (!eider_in_fiber())
		return eider__not_here();
	io_uring_prep_openat(sqe_in_fiber(&op), AT_FDCWD, path, flags | O_CLOEXEC,
			     mode);
	return eider_await(&op.future);
}

long eider_close(int fd)
{
	struct eider_op op;

	if (!eider_in_fiber())
		return eider__not_here();
	io_uring_prep_close(sqe_in_fiber(&op), fd);
	return eider__await_shielded(&op.future);
}

long eider_read(int fd, void *buf, size_t len, int64_t offset)
{
	struct eider_op op;

	if (!eider_in_fiber())
		return eider__not_here();
	io_uring_prep_read(sqe_in_fiber(&op), fd, buf, cut(len), (uint64_t)offset);
	return eider_await(&op.future);
}

long eider_write(int fd, const void *buf, size_t len, int64_t offset)
{
	struct eider_op op;
	size_t written = 0;

	if (!eider_in_fiber())
		return eider__not_here();
	while (written < len) {
		uint64_t at = offset < 0 ? UINT64_MAX : (uint64_t)offset + written;
		long n;

		io_uring_prep_write(sqe_in_fiber(&op), fd,
				    (const char *)buf + written,
				    cut(len - written), at);
		n = eider_await(&op.future);
		if (n <= 0)
			return n < 0 ? n : -EIO;
		written += (size_t)n;
	}
	return (long)written;
}

long eider_fsync(int fd, bool data_only)
{
	struct eider_op op;

	if (!eider_in_fiber())
		return eider__not_here();
	io_uring_prep_fsync(sqe_in_fiber(&op), fd,
			    data_only ? IORING_FSYNC_DATASYNC : 0);
	return eider_await(&op.future);
}
