/*
 * io.c - the few operations that every server writes
 *
 * Each is one op and one await; the two that promise all of it go on after a
 * short count. Where the submission queue has no room the fiber lets the loop
 * turn, which makes some.
 */
#include <errno.h>
#include <limits.h>

#include <eider/op.h>

#include "fiber.h"

static struct io_uring_sqe *sqe_in_fiber(struct eider_op *op)
{
	struct io_uring_sqe *sqe;

	while (!(sqe = eider_sqe(op)))
		eider_yield();
	return sqe;
}

static unsigned int cut(size_t len)
{
	return len > INT_MAX ? INT_MAX : (unsigned int)len;
}

long eider_accept(int fd)
{
	struct eider_op op;

	if (!eider_in_fiber())
		return eider__not_here();
	io_uring_prep_accept(sqe_in_fiber(&op), fd, NULL, NULL, SOCK_CLOEXEC);
	return eider_await(&op.future);
}

long eider_recv(int fd, void *buf, size_t len)
{
	struct eider_op op;

	if (!eider_in_fiber())
		return eider__not_here();
	io_uring_prep_recv(sqe_in_fiber(&op), fd, buf, cut(len), 0);
	return eider_await(&op.future);
}

long eider_read(int fd, void *buf, size_t len, int64_t offset)
{
	struct eider_op op;

	if (!eider_in_fiber())
		return eider__not_here();
	io_uring_prep_read(sqe_in_fiber(&op), fd, buf, cut(len), (uint64_t)offset);
	return eider_await(&op.future);
}

long eider_send(int fd, const void *buf, size_t len)
{
	struct eider_op op;
	size_t sent = 0;

	if (!eider_in_fiber())
		return eider__not_here();
	while (sent < len) {
		long n;

		io_uring_prep_send(sqe_in_fiber(&op), fd, (const char *)buf + sent,
				   cut(len - sent), MSG_NOSIGNAL);
		n = eider_await(&op.future);
		if (n < 0)
			return n;
		sent += (size_t)n;
	}
	return (long)sent;
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
