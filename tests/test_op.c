/*
 * test_op.c - kernel operations and the ways to wait for them (eider/op.h, future.h)
 *
 * Promises 3, 4, 18 and 21 of the design: any io_uring_prep_*() works, nothing is
 * lost and nothing is used after its last completion, misuse is an answer.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness.h"

static struct io_uring_sqe *sqe_of(struct eider_op *op)
{
	struct io_uring_sqe *sqe = eider_sqe(op);

	ck_assert_ptr_nonnull(sqe);
	return sqe;
}

/* An op that ends when somebody writes to the other end, or it is cancelled. */
static void start_recv(struct eider_op *op, int fd, char *byte)
{
	io_uring_prep_recv(sqe_of(op), fd, byte, 1, 0);
}

static void close_pair(const int pair[2])
{
	close(pair[0]);
	close(pair[1]);
}

static void start_nop(struct eider_op *op)
{
	io_uring_prep_nop(sqe_of(op));
}

static void start_bad_read(struct eider_op *op)
{
	static char buf[8];

	io_uring_prep_read(sqe_of(op), -1, buf, sizeof(buf), 0);
}

/* ---- one op, one result ---- */

HARNESS_FIBER_TEST(nop)
{
	struct eider_op op;

	for (int i = 0; i < 100; i++) {
		start_nop(&op);
		ck_assert(!eider_is_done(&op.future));
		ck_assert_int_eq(eider_result(&op.future), -EINPROGRESS);
		ck_assert_int_eq(eider_await(&op.future), 0);
		ck_assert(eider_is_done(&op.future));
		ck_assert_int_eq(eider_result(&op.future), 0);
		ck_assert_int_eq(eider_await(&op.future), 0);
	}
	return 0;
}

HARNESS_FIBER_TEST(files)
{
	static char out[100000], in[100000];
	int fd = open(harness_temp_file("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	for (size_t i = 0; i < sizeof(out); i++)
		out[i] = (char)(i * 7);
	ck_assert_int_eq(eider_write(fd, out, sizeof(out), 0), sizeof(out));
	ck_assert_int_eq(eider_read(fd, in, sizeof(in), 0), sizeof(in));
	ck_assert(!memcmp(in, out, sizeof(in)));
	ck_assert_int_eq(eider_read(fd, in, 10, 50), 10);
	ck_assert(!memcmp(in, out + 50, 10));
	ck_assert_int_eq(eider_read(fd, in, 10, sizeof(out)), 0);

	/* The file's own position. */
	ck_assert_int_eq(eider_write(fd, "abcdef", 6, -1), 6);
	ck_assert_int_eq(eider_read(fd, in, 10, -1), 10);
	ck_assert(!memcmp(in, out + 6, 10));
	ck_assert_int_eq(eider_read(fd, in, 6, 0), 6);
	ck_assert(!memcmp(in, "abcdef", 6));
	ck_assert_int_eq(eider_write(fd, "", 0, 0), 0);
	close(fd);

	ck_assert_int_eq(eider_read(-1, in, 1, 0), -EBADF);
	ck_assert_int_eq(eider_write(-1, in, 1, 0), -EBADF);
	return 0;
}

static long send_hello(void *arg)
{
	return eider_send(*(int *)arg, "hello", 5);
}

HARNESS_FIBER_TEST(sockets)
{
	struct eider_fiber *fiber;
	char buf[16] = "";	/* Valgrind does not see the kernel write */
	int pair[2];

	harness_socketpair(pair);
	ck_assert_int_eq(eider_spawn(send_hello, &pair[1], &fiber), 0);
	ck_assert_int_eq(eider_recv(pair[0], buf, sizeof(buf)), 5);
	ck_assert(!memcmp(buf, "hello", 5));
	ck_assert_int_eq(eider_join(fiber), 5);

	close(pair[1]);
	ck_assert_int_eq(eider_recv(pair[0], buf, sizeof(buf)), 0);
	/* An error, not a signal. */
	signal(SIGPIPE, SIG_DFL);
	ck_assert_int_eq(eider_send(pair[0], "x", 1), -EPIPE);
	signal(SIGPIPE, SIG_IGN);
	close(pair[0]);
	ck_assert_int_eq(eider_recv(-1, buf, sizeof(buf)), -EBADF);
	ck_assert_int_eq(eider_send(-1, buf, sizeof(buf)), -EBADF);
	ck_assert_int_eq(eider_accept(-1), -EBADF);
	return 0;
}

enum {
	LONG_SEND = 4 << 20,
};

static char long_message[LONG_SEND];

static void write_long_message(void)
{
	for (size_t i = 0; i < LONG_SEND; i++)
		long_message[i] = (char)(i * 13);
}

static long receive_slowly(void *arg)
{
	static char buf[30001];
	size_t have = 0;
	long n;

	while ((n = eider_read(*(int *)arg, buf, sizeof(buf), -1)) > 0) {
		for (long i = 0; i < n; i++)
			if (buf[i] != (char)((have + (size_t)i) * 13))
				return -EIO;
		have += (size_t)n;
	}
	return n < 0 ? n : (long)have;
}

HARNESS_FIBER_TEST(send_goes_on_until_all_is_out)
{
	struct eider_fiber *fiber;
	int pair[2];

	harness_socketpair(pair);
	write_long_message();
	ck_assert_int_eq(eider_spawn(receive_slowly, &pair[0], &fiber), 0);
	ck_assert_int_eq(eider_send(pair[1], long_message, LONG_SEND), LONG_SEND);
	shutdown(pair[1], SHUT_WR);
	ck_assert_int_eq(eider_join(fiber), LONG_SEND);
	close_pair(pair);
	return 0;
}

/* A pipe takes as much as there is room for. */
HARNESS_FIBER_TEST(write_goes_on_until_all_is_out)
{
	struct eider_fiber *fiber;
	int ends[2];

	ck_assert(!pipe2(ends, O_CLOEXEC));
	write_long_message();
	ck_assert_int_eq(eider_spawn(receive_slowly, &ends[0], &fiber), 0);
	ck_assert_int_eq(eider_write(ends[1], long_message, LONG_SEND, -1), LONG_SEND);
	close(ends[1]);
	ck_assert_int_eq(eider_join(fiber), LONG_SEND);
	close(ends[0]);
	return 0;
}

/* Some of it fits, and then no more: the error is what counts. */
HARNESS_FIBER_TEST(write_beyond_the_limit)
{
	int fd = open(harness_temp_file("limit"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct rlimit before, limit;
	long n;

	ck_assert_int_ge(fd, 0);
	signal(SIGXFSZ, SIG_IGN);
	ck_assert(!getrlimit(RLIMIT_FSIZE, &before));
	limit = before;
	limit.rlim_cur = 10000;
	ck_assert(!setrlimit(RLIMIT_FSIZE, &limit));
	write_long_message();
	n = eider_write(fd, long_message, 20000, 3000);
	ck_assert(!setrlimit(RLIMIT_FSIZE, &before));
	signal(SIGXFSZ, SIG_DFL);
	ck_assert_int_eq(n, -EFBIG);
	ck_assert_int_eq(lseek(fd, 0, SEEK_END), 10000);
	close(fd);
	return 0;
}

HARNESS_FIBER_TEST(accepts)
{
	uint16_t port;
	int listener = harness_listen(&port);
	int client = harness_connect(port);
	long fd = eider_accept(listener);
	char c;

	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl((int)fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(eider_send(client, "x", 1), 1);
	ck_assert_int_eq(eider_recv((int)fd, &c, 1), 1);
	close((int)fd);
	close(client);
	close(listener);
	return 0;
}

/* A pipe that is empty: the read waits until another fiber writes. */
static long write_later(void *arg)
{
	eider_sleep_until(eider_after(5 * HARNESS_MS));
	return write(*(int *)arg, "x", 1);
}

HARNESS_FIBER_TEST(pipes)
{
	struct eider_op op;
	struct eider_fiber *fiber;
	int fds[2];
	char c = 0;

	ck_assert(!pipe2(fds, O_CLOEXEC));
	io_uring_prep_read(sqe_of(&op), fds[0], &c, 1, 0);
	ck_assert_int_eq(eider_spawn(write_later, &fds[1], &fiber), 0);
	ck_assert_int_eq(eider_await(&op.future), 1);
	ck_assert_int_eq(c, 'x');
	ck_assert_int_eq(eider_join(fiber), 1);
	close_pair(fds);
	return 0;
}

HARNESS_FIBER_TEST(links)
{
	struct eider_op ops[2];
	struct io_uring_sqe *sqe;
	char buf[6] = "";
	int fds[2];

	ck_assert(!pipe2(fds, O_CLOEXEC));
	for (int i = 0; i < 200; i++) {
		ck_assert_int_eq(eider_sqe_reserve(2), 0);
		sqe = sqe_of(&ops[0]);
		io_uring_prep_write(sqe, fds[1], "hello", 5, 0);
		sqe->flags |= IOSQE_IO_LINK;
		io_uring_prep_read(sqe_of(&ops[1]), fds[0], buf, 5, 0);
		ck_assert_int_eq(eider_await(&ops[1].future), 5);
		ck_assert_int_eq(eider_await(&ops[0].future), 5);
		ck_assert_str_eq(buf, "hello");
	}
	/* The first fails: the second is not done. */
	ck_assert_int_eq(eider_sqe_reserve(2), 0);
	sqe = sqe_of(&ops[0]);
	io_uring_prep_write(sqe, -1, "hello", 5, 0);
	sqe->flags |= IOSQE_IO_LINK;
	io_uring_prep_read(sqe_of(&ops[1]), fds[0], buf, 5, 0);
	ck_assert_int_eq(eider_await(&ops[0].future), -EBADF);
	ck_assert_int_eq(eider_await(&ops[1].future), -ECANCELED);
	close_pair(fds);
	return 0;
}

/* ---- deadlines and cancelling ---- */

HARNESS_FIBER_TEST(deadline_passes)
{
	struct eider_op op;
	int pair[2];
	char c;

	harness_socketpair(pair);
	for (int i = 0; i < 5; i++) {
		int64_t deadline = eider_after(i * 5 * HARNESS_MS);
		struct io_uring_sqe *sqe = eider_sqe_deadline(&op, deadline);

		ck_assert_ptr_nonnull(sqe);
		io_uring_prep_recv(sqe, pair[0], &c, 1, 0);
		ck_assert_int_eq(eider_await(&op.future), -ETIME);
		ck_assert(eider_now() >= deadline);
	}
	/* It took nothing with it. */
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(eider_recv(pair[0], &c, 1), 1);
	close_pair(pair);
	return 0;
}

HARNESS_FIBER_TEST(deadline_is_early_enough)
{
	int64_t deadlines[] = { EIDER_NEVER, eider_after(3600 * HARNESS_S) };
	struct eider_op op;
	int pair[2];
	char c;

	harness_socketpair(pair);
	for (int i = 0; i < 100; i++) {
		struct io_uring_sqe *sqe = eider_sqe_deadline(&op, deadlines[i % 2]);

		ck_assert_ptr_nonnull(sqe);
		io_uring_prep_recv(sqe, pair[0], &c, 1, 0);
		ck_assert_int_eq(write(pair[1], "x", 1), 1);
		ck_assert_int_eq(eider_await(&op.future), 1);
	}
	close_pair(pair);
	return 0;
}

HARNESS_FIBER_TEST(cancels)
{
	struct eider_op op;
	int64_t deadline, ns = HARNESS_MS;
	long result;
	bool in_time;
	int pair[2];
	char c;

	harness_socketpair(pair);
	start_recv(&op, pair[0], &c);
	eider_cancel(&op.future);		/* not even submitted yet */
	ck_assert_int_eq(eider_await(&op.future), -ECANCELED);

	start_recv(&op, pair[0], &c);
	eider_yield();
	for (int i = 0; i < 10; i++)
		eider_cancel(&op.future);
	ck_assert_int_eq(eider_await(&op.future), -ECANCELED);
	eider_cancel(&op.future);		/* too late */
	ck_assert_int_eq(eider_result(&op.future), -ECANCELED);

	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	start_recv(&op, pair[0], &c);
	ck_assert_int_eq(eider_await(&op.future), 1);
	eider_cancel(&op.future);
	ck_assert_int_eq(eider_result(&op.future), 1);

	/* It outranks the deadline that passes meanwhile, if it does not come later. */
	do {
		deadline = eider_after(ns *= 2);
		io_uring_prep_recv(eider_sqe_deadline(&op, deadline), pair[0], &c, 1,
				   0);
		eider_yield();
		eider_cancel(&op.future);
		in_time = eider_now() < deadline;
		harness_spin(deadline - eider_now() + HARNESS_MS);
		result = eider_await(&op.future);
	} while (!in_time);
	ck_assert_int_eq(result, -ECANCELED);
	close_pair(pair);
	return 0;
}

/*
 * The request to cancel names the op by its address: it must be over before the op
 * is used again, or it would hit the next use.
 */
HARNESS_FIBER_TEST(cancel_does_not_hit_the_next_use)
{
	unsigned int rounds = harness_count(3000, 200);
	struct eider_op op;
	int pair[2];
	char c;

	harness_socketpair(pair);
	for (unsigned int i = 0; i < rounds; i++) {
		long n;

		start_recv(&op, pair[0], &c);
		if (i & 1)
			eider_yield();
		if (i & 2)
			ck_assert_int_eq(write(pair[1], "x", 1), 1);
		eider_cancel(&op.future);
		n = eider_await(&op.future);
		ck_assert(n == -ECANCELED || (n == 1 && (i & 2)));

		if (n < 0 && !(i & 2))
			ck_assert_int_eq(write(pair[1], "x", 1), 1);
		if (n < 0) {
			start_recv(&op, pair[0], &c);
			ck_assert_int_eq(eider_await(&op.future), 1);
		}
	}
	close_pair(pair);
	return 0;
}

/* ---- waiting ---- */

HARNESS_FIBER_TEST(await_until)
{
	int64_t deadline = eider_after(10 * HARNESS_MS);
	struct eider_op op;
	int pair[2];
	char c;

	harness_socketpair(pair);
	start_recv(&op, pair[0], &c);
	ck_assert_int_eq(eider_await_until(&op.future, deadline), -ETIME);
	ck_assert(eider_now() >= deadline);
	ck_assert(!eider_is_done(&op.future));
	ck_assert_int_eq(eider_await_until(&op.future, 1), -ETIME);
	ck_assert_int_eq(eider_await_until(&op.future, eider_now()), -ETIME);

	/* The op went on all the while. */
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(eider_await_until(&op.future, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_result(&op.future), 1);
	ck_assert_int_eq(eider_await_until(&op.future, 1), 0);
	ck_assert_int_eq(eider_await(&op.future), 1);
	close_pair(pair);
	return 0;
}

/* The deadline and the end at about the same time, in any order. */
HARNESS_FIBER_TEST(await_until_races)
{
	unsigned int rounds = harness_count(3000, 300);
	struct eider_op op;

	for (unsigned int i = 0; i < rounds; i++) {
		struct __kernel_timespec ts = { 0, (i % 50) * 2000 };
		int64_t deadline = eider_after((i % 47) * 2000);
		int waited;

		io_uring_prep_timeout(sqe_of(&op), &ts, 0, 0);
		waited = eider_await_until(&op.future, deadline);
		ck_assert(waited == 0 || waited == -ETIME);
		ck_assert_int_eq(eider_await(&op.future), -ETIME);
	}
	return 0;
}

HARNESS_FIBER_TEST(await_all)
{
	struct eider_op ops[6];
	struct eider_future *fs[6];
	int pair[2];
	char c;

	harness_socketpair(pair);
	for (int i = 0; i < 6; i++)
		fs[i] = &ops[i].future;
	start_recv(&ops[0], pair[0], &c);
	for (int i = 1; i < 6; i++)
		start_nop(&ops[i]);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(eider_await_all(fs, 6), 0);
	ck_assert_int_eq(eider_await_all(fs, 6), 0);
	ck_assert_int_eq(eider_await_all(fs, 0), 0);

	/* The first in the order of the array, not of time; and all are done. */
	start_recv(&ops[0], pair[0], &c);
	io_uring_prep_recv(eider_sqe_deadline(&ops[1], eider_after(5 * HARNESS_MS)),
			   pair[0], &c, 1, 0);
	start_bad_read(&ops[2]);
	for (int i = 3; i < 6; i++)
		start_nop(&ops[i]);
	eider_cancel(&ops[0].future);
	ck_assert_int_eq(eider_await_all(fs + 1, 5), -ETIME);
	ck_assert_int_eq(eider_await_all(fs, 6), -ECANCELED);
	for (int i = 0; i < 6; i++)
		ck_assert(eider_is_done(fs[i]));
	ck_assert_int_eq(eider_result(fs[2]), -EBADF);
	close_pair(pair);
	return 0;
}

enum {
	PAIRS = 40,
};

HARNESS_FIBER_TEST(await_any)
{
	struct eider_op ops[PAIRS];
	struct eider_future *fs[PAIRS] = { NULL };
	int pairs[PAIRS][2];
	char c[PAIRS];

	ck_assert_int_eq(eider_await_any(fs, 0), -EINVAL);
	for (int i = 0; i < PAIRS; i++) {
		harness_socketpair(pairs[i]);
		start_recv(&ops[i], pairs[i][0], &c[i]);
		fs[i] = &ops[i].future;
	}
	for (int i = PAIRS - 1; i >= 0; i--) {
		ck_assert_int_eq(write(pairs[i][1], "x", 1), 1);
		ck_assert_int_eq(eider_await_any(fs, (size_t)i + 1), i);
		ck_assert_int_eq(eider_await_any(fs, PAIRS), i);
		/* The others go on, and nobody waits for them any more. */
		if (i)
			ck_assert_int_eq(eider_await_until(fs[0], 1), -ETIME);
	}
	ck_assert_int_eq(eider_await_all(fs, PAIRS), 0);

	/* Twice the same: there can be one waiter only. */
	start_recv(&ops[0], pairs[0][0], &c[0]);
	fs[1] = fs[0];
	ck_assert_int_eq(eider_await_any(fs, 2), -EBUSY);
	eider_cancel(fs[0]);
	ck_assert_int_eq(eider_await(fs[0]), -ECANCELED);
	for (int i = 0; i < PAIRS; i++)
		close_pair(pairs[i]);
	return 0;
}

/* ---- callbacks ---- */

struct chain {
	struct eider_op op;
	unsigned int left;
	bool inside;
	unsigned int *done;
};

static void go_on(struct eider_future *f)
{
	struct chain *chain = (struct chain *)f;
	struct eider_executor *executor = eider_loop_executor(eider_loop_current());

	ck_assert(executor && !chain->inside && !eider_in_fiber());
	ck_assert_int_eq(eider_result(f), 0);
	if (!chain->left--) {
		harness_add(chain->done, 1);
		free(chain);
		return;
	}
	chain->inside = true;
	start_nop(&chain->op);
	ck_assert_int_eq(eider_on_done(&chain->op.future, go_on), 0);
	chain->inside = false;
}

HARNESS_FIBER_TEST(callbacks)
{
	unsigned int done = 0;

	for (unsigned int i = 0; i < 20; i++) {
		struct chain *chain = calloc(1, sizeof(*chain));

		ck_assert_ptr_nonnull(chain);
		chain->left = 50 * i;
		chain->done = &done;
		start_nop(&chain->op);
		ck_assert_int_eq(eider_on_done(&chain->op.future, go_on), 0);
	}
	ck_assert(harness_wait_count(&done, 20));
	return 0;
}

static unsigned int called;

static void count_call(struct eider_future *f)
{
	ck_assert(eider_is_done(f));
	called++;
}

HARNESS_FIBER_TEST(callback_of_one_that_is_done)
{
	struct eider_op op;

	start_nop(&op);
	ck_assert_int_eq(eider_await(&op.future), 0);
	called = 0;
	ck_assert_int_eq(eider_on_done(&op.future, count_call), 0);
	ck_assert_uint_eq(called, 0);		/* not inline */
	ck_assert_int_eq(eider_on_done(&op.future, count_call), -EBUSY);
	eider_yield();
	ck_assert_uint_eq(called, 1);
	ck_assert_int_eq(eider_result(&op.future), 0);
	ck_assert_int_eq(eider_on_done(&op.future, count_call), 0);
	eider_yield();
	ck_assert_uint_eq(called, 2);
	return 0;
}

static long await_arg(void *arg)
{
	return eider_await(arg);
}

HARNESS_FIBER_TEST(one_waiter_only)
{
	struct eider_op op;
	struct eider_future *f = &op.future;
	struct eider_fiber *fiber;
	int pair[2];
	char c;

	harness_socketpair(pair);
	start_recv(&op, pair[0], &c);
	ck_assert_int_eq(eider_spawn(await_arg, f, &fiber), 0);
	eider_yield();
	ck_assert_int_eq(eider_await(f), -EBUSY);
	ck_assert_int_eq(eider_await_until(f, eider_after(HARNESS_S)), -EBUSY);
	ck_assert_int_eq(eider_await_any(&f, 1), -EBUSY);
	ck_assert_int_eq(eider_await_all(&f, 1), -EBUSY);
	ck_assert_int_eq(eider_on_done(f, count_call), -EBUSY);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(eider_join(fiber), 1);

	called = 0;
	start_recv(&op, pair[0], &c);
	ck_assert_int_eq(eider_on_done(f, NULL), -EINVAL);
	ck_assert_int_eq(eider_on_done(f, count_call), 0);
	ck_assert_int_eq(eider_on_done(f, count_call), -EBUSY);
	ck_assert_int_eq(eider_await(f), -EBUSY);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	while (!called)
		eider_yield();
	ck_assert_int_eq(eider_await(f), 1);
	close_pair(pair);
	return 0;
}

/* ---- bounds ---- */

static long start_many(void *arg)
{
	unsigned int n = harness_count(2000, 500), full = 0;
	struct eider_op *ops = calloc(n, sizeof(*ops));

	ck_assert_ptr_nonnull(ops);
	for (unsigned int i = 0; i < n; i++) {
		struct io_uring_sqe *sqe;

		while (!(sqe = eider_sqe(&ops[i]))) {
			full++;
			eider_yield();
		}
		io_uring_prep_nop(sqe);
	}
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(eider_await(&ops[i].future), 0);
	free(ops);
	*(unsigned int *)arg = full;
	return 0;
}

START_TEST(small_queue)
{
	struct eider_options o = { .size = sizeof(o), .ring_entries = 4 };
	unsigned int full;

	harness_in_loop(start_many, &full, &o);
}
END_TEST

HARNESS_FIBER_TEST_WITH(reserves, HARNESS_OPTIONS(.ring_entries = 4))
{
	struct eider_op op[4];

	ck_assert_int_eq(eider_sqe_reserve(0), 0);
	ck_assert_int_eq(eider_sqe_reserve(4), 0);
	ck_assert_int_eq(eider_sqe_reserve(5), -EINVAL);
	for (int i = 0; i < 3; i++)
		start_nop(&op[i]);
	/* Makes room by giving the three to the kernel. */
	ck_assert_int_eq(eider_sqe_reserve(2), 0);
	start_nop(&op[3]);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(eider_await(&op[i].future), 0);
	return 0;
}

static long ping(void *arg)
{
	int *pair = arg;
	char c;

	for (int i = 0; i < 20; i++)
		if (eider_send(pair[1], "x", 1) != 1 ||
		    eider_recv(pair[0], &c, 1) != 1)
			return -EIO;
	return 0;
}

HARNESS_FIBER_TEST_WITH(small_queue_many_fibers, HARNESS_OPTIONS(.ring_entries = 4))
{
	struct eider_fiber *fibers[100];
	int pairs[100][2];

	for (int i = 0; i < 100; i++) {
		harness_socketpair(pairs[i]);
		ck_assert_int_eq(eider_spawn(ping, pairs[i], &fibers[i]), 0);
	}
	for (int i = 0; i < 100; i++) {
		ck_assert_int_eq(eider_join(fibers[i]), 0);
		close_pair(pairs[i]);
	}
	return 0;
}

/* Cancelling needs an entry too: where there is none it is tried again. */
HARNESS_FIBER_TEST_WITH(small_queue_many_cancels, HARNESS_OPTIONS(.ring_entries = 4))
{
	enum { N = 60 };
	struct eider_op ops[N];
	char c[N];
	int pair[2];

	harness_socketpair(pair);
	for (int i = 0; i < N; i++)
		start_recv(&ops[i], pair[0], &c[i]);
	eider_yield();
	for (int i = 0; i < N; i++)
		eider_cancel(&ops[i].future);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(eider_await(&ops[i].future), -ECANCELED);
	close_pair(pair);
	return 0;
}

/* ---- multishot ---- */

/* False, and the op is over, if this kernel has not what @op asks for. */
static bool has_started(struct eider_op *op)
{
	eider_sleep_until(eider_after(HARNESS_MS));
	return !(eider_is_done(&op->future) && eider_result(&op->future) == -EINVAL);
}

/* Cancel, and count what is still to come; each is closed if it is a descriptor. */
static long drain(struct eider_op *op, bool descriptors)
{
	long res, n = 0;

	eider_cancel(&op->future);
	while ((res = eider_next(op)) >= 0) {
		n++;
		if (descriptors)
			close((int)res);
		if (!(op->flags & IORING_CQE_F_MORE))
			break;
	}
	ck_assert(eider_is_done(&op->future));
	ck_assert(!(op->flags & IORING_CQE_F_MORE));
	ck_assert(res >= 0 || res == -ECANCELED);
	ck_assert_int_eq(eider_next(op), -ENODATA);
	ck_assert_int_eq(eider_next_now(op), -ENODATA);
	return n;
}

static void start_poll(struct eider_op *op, int fd)
{
	io_uring_prep_poll_multishot(sqe_of(op), fd, POLLIN);
}

static long write_numbers(void *arg)
{
	uint64_t one = 1;

	for (int i = 0; i < 5; i++) {
		eider_sleep_until(eider_after(HARNESS_MS));
		ck_assert_int_eq(write(*(int *)arg, &one, sizeof(one)), sizeof(one));
	}
	return 0;
}

HARNESS_FIBER_TEST(poll_multishot)
{
	struct eider_fiber *fiber;
	struct eider_op op;
	uint64_t count, sum = 0;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	start_poll(&op, fd);
	if (!has_started(&op))
		goto out;
	ck_assert_int_eq(eider_next_now(&op), -EAGAIN);
	ck_assert_int_eq(eider_spawn(write_numbers, &fd, &fiber), 0);
	while (sum < 5) {
		ck_assert_int_eq(eider_next(&op) & POLLIN, POLLIN);
		ck_assert(op.flags & IORING_CQE_F_MORE);
		ck_assert(!eider_is_done(&op.future));
		if (read(fd, &count, sizeof(count)) > 0)
			sum += count;
	}
	ck_assert_int_eq(eider_join(fiber), 0);
	drain(&op, false);
out:
	close(fd);
	return 0;
}

/* A plain op can be read so as well: one result, and no more. */
HARNESS_FIBER_TEST(next_of_a_plain_op)
{
	struct eider_op op;

	start_nop(&op);
	ck_assert_int_eq(eider_next_now(&op), -EAGAIN);
	ck_assert_int_eq(eider_next(&op), 0);
	ck_assert(eider_is_done(&op.future));
	ck_assert_int_eq(eider_next(&op), -ENODATA);
	start_bad_read(&op);
	ck_assert_int_eq(eider_next(&op), -EBADF);
	ck_assert_int_eq(eider_next(&op), -ENODATA);
	return 0;
}

enum {
	CLIENTS = 60,
};

static void start_accepts(struct eider_op *op, int listener)
{
	io_uring_prep_multishot_accept(sqe_of(op), listener, NULL, NULL,
				       SOCK_CLOEXEC);
}

/*
 * Half is read as it comes; the rest is on its way when the op is cancelled. Any of
 * them may be the last that the kernel makes: where it has no room for more results.
 */
static void accept_and_lose_none(void)
{
	int clients[CLIENTS], listener;
	struct eider_op op;
	uint16_t port;

	listener = harness_listen(&port);
	start_accepts(&op, listener);
	if (!has_started(&op)) {
		close(listener);
		return;
	}
	for (int i = 0; i < CLIENTS; i++)
		clients[i] = harness_connect(port);
	for (int i = 0; i < CLIENTS / 2; i++) {
		long fd = eider_next(&op);

		ck_assert_int_ge(fd, 0);
		close((int)fd);
		if (!(op.flags & IORING_CQE_F_MORE)) {
			ck_assert(eider_is_done(&op.future));
			start_accepts(&op, listener);
		}
	}
	eider_sleep_until(eider_after(5 * HARNESS_MS));
	/* The fixture finds those that are lost: they are open descriptors. */
	ck_assert_int_le(drain(&op, true), CLIENTS / 2);
	for (int i = 0; i < CLIENTS; i++)
		close(clients[i]);
	close(listener);
}

HARNESS_FIBER_TEST(accept_multishot_loses_none)
{
	accept_and_lose_none();
	return 0;
}

HARNESS_FIBER_TEST_WITH(accept_multishot_in_a_small_ring,
			HARNESS_OPTIONS(.ring_entries = 4))
{
	for (int i = 0; i < 10; i++)
		accept_and_lose_none();
	return 0;
}

HARNESS_FIBER_TEST(recv_multishot)
{
	enum { BUFFERS = 8, BYTES = 16, GROUP = 7 };
	static char buffers[BUFFERS][BYTES];
	struct io_uring_sqe *sqe;
	struct eider_op op;
	int pair[2], n = 0;
	long res;

	harness_socketpair(pair);
	io_uring_prep_provide_buffers(sqe_of(&op), buffers, BYTES, BUFFERS, GROUP,
				      0);
	ck_assert_int_ge(eider_await(&op.future), 0);
	sqe = sqe_of(&op);
	io_uring_prep_recv_multishot(sqe, pair[0], NULL, 0, 0);
	sqe->flags |= IOSQE_BUFFER_SELECT;
	sqe->buf_group = GROUP;
	if (!has_started(&op)) {
		close_pair(pair);
		return 0;
	}
	for (int i = 0; i < BUFFERS; i++) {
		ck_assert_int_eq(eider_send(pair[1], "0123456789", 10), 10);
		res = eider_next(&op);
		ck_assert_int_eq(res, 10);
		ck_assert(op.flags & IORING_CQE_F_BUFFER);
		n = op.flags >> IORING_CQE_BUFFER_SHIFT;
		ck_assert_int_lt(n, BUFFERS);
		ck_assert(!memcmp(buffers[n], "0123456789", 10));
	}
	/* No buffer is left: that ends it. */
	ck_assert_int_eq(eider_send(pair[1], "x", 1), 1);
	ck_assert_int_eq(eider_next(&op), -ENOBUFS);
	ck_assert(eider_is_done(&op.future) && !(op.flags & IORING_CQE_F_MORE));
	ck_assert_int_eq(eider_next(&op), -ENODATA);
	close_pair(pair);
	return 0;
}

/* Nobody reads on: the op is ended for him, and what came is still there. */
HARNESS_FIBER_TEST(backlog_is_bounded)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	unsigned int results = 0;
	struct eider_op op;
	uint64_t one = 1;
	long res;

	start_poll(&op, fd);
	if (!has_started(&op)) {
		close(fd);
		return 0;
	}
	for (int i = 0; i < 1000000 && !eider_is_done(&op.future); i++) {
		ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
		eider_yield();
	}
	ck_assert(eider_is_done(&op.future));
	while ((res = eider_next(&op)) > 0) {
		ck_assert(op.flags & IORING_CQE_F_MORE);
		results++;
	}
	ck_assert_int_eq(res, -ECANCELED);
	ck_assert_int_eq(eider_next(&op), -ENODATA);
	ck_assert_uint_gt(results, 1024);
	ck_assert_uint_lt(results, 2048);
	close(fd);
	return 0;
}

static long next_arg(void *arg)
{
	return eider_next(arg);
}

HARNESS_FIBER_TEST(one_reader_only)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	struct eider_fiber *fiber;
	struct eider_op op;
	uint64_t one = 1;

	start_poll(&op, fd);
	if (!has_started(&op)) {
		close(fd);
		return 0;
	}
	ck_assert_int_eq(eider_spawn(next_arg, &op, &fiber), 0);
	eider_yield();
	ck_assert_int_eq(eider_next(&op), -EBUSY);
	ck_assert_int_eq(eider_await(&op.future), -EBUSY);
	ck_assert_int_eq(write(fd, &one, sizeof(one)), sizeof(one));
	ck_assert_int_gt(eider_join(fiber), 0);
	drain(&op, false);
	close(fd);
	return 0;
}

/* Two completions: the result, and later that the buffer is free. */
HARNESS_FIBER_TEST(send_zero_copy)
{
	static char out[20000], in[20000];
	struct eider_op op;
	int listener, client, fd;
	uint16_t port;
	long n, have = 0;

	listener = harness_listen(&port);
	client = harness_connect(port);
	fd = (int)eider_accept(listener);
	ck_assert_int_ge(fd, 0);
	memset(out, 'z', sizeof(out));
	for (int i = 0; i < 10; i++) {
		io_uring_prep_send_zc(sqe_of(&op), client, out, sizeof(out), 0, 0);
		n = eider_await(&op.future);
		if (n == -EINVAL || n == -EOPNOTSUPP)
			break;		/* this kernel has it not */
		ck_assert_int_gt(n, 0);
		for (have = 0; have < n;) {
			long got = eider_recv(fd, in + have, (size_t)(n - have));

			ck_assert_int_gt(got, 0);
			have += got;
		}
		ck_assert(!memcmp(in, out, (size_t)n));
	}
	close(fd);
	close(client);
	close(listener);
	return 0;
}

/* ---- misuse ---- */

static void refuse_outside_of_fibers(struct eider_future *f)
{
	char c;

	ck_assert_int_eq(eider_await(f), -EPERM);
	ck_assert_int_eq(eider_await_until(f, EIDER_NEVER), -EPERM);
	ck_assert_int_eq(eider_await_all(&f, 1), -EPERM);
	ck_assert_int_eq(eider_await_any(&f, 1), -EPERM);
	ck_assert_int_eq(eider_sleep_until(EIDER_NEVER), -EPERM);
	ck_assert_int_eq(eider_recv(0, &c, 1), -EPERM);
	ck_assert_int_eq(eider_send(0, &c, 1), -EPERM);
	ck_assert_int_eq(eider_read(0, &c, 1, 0), -EPERM);
	ck_assert_int_eq(eider_write(0, &c, 1, 0), -EPERM);
	ck_assert_int_eq(eider_accept(0), -EPERM);
	ck_assert_int_eq(eider_next((struct eider_op *)f), -EPERM);
}

static void in_callback(struct eider_future *f)
{
	struct eider_loop *loop = eider_loop_current();

	ck_assert(!eider_in_fiber());
	refuse_outside_of_fibers(f);
	ck_assert_int_eq(eider_loop_run(loop), -EBUSY);
	ck_assert_int_eq(eider_loop_turn(loop, 0), -EBUSY);
	ck_assert_int_eq(eider_loop_free(loop), -EBUSY);
	ck_assert_int_eq(eider_block_on(loop, await_arg, NULL), -EDEADLK);
	called++;
}

HARNESS_FIBER_TEST(misuse_in_callback)
{
	struct eider_op op;

	called = 0;
	start_nop(&op);
	ck_assert_int_eq(eider_on_done(&op.future, in_callback), 0);
	ck_assert(harness_wait_count(&called, 1));
	return 0;
}

static void *on_another_thread(void *arg)
{
	struct eider_op *op = arg, mine;

	refuse_outside_of_fibers(&op->future);
	ck_assert_ptr_null(eider_sqe(&mine));
	ck_assert_ptr_null(eider_sqe_deadline(&mine, EIDER_NEVER));
	ck_assert_int_eq(eider_sqe_reserve(1), -EPERM);
	ck_assert_int_eq(eider_next_now(op), -EPERM);
	ck_assert_int_eq(eider_on_done(&op->future, count_call), -EPERM);
	eider_cancel(&op->future);	/* harmless */
	return NULL;
}

HARNESS_FIBER_TEST(misuse_on_another_thread)
{
	struct eider_op op;
	pthread_t thread;
	int pair[2];
	char c;

	harness_socketpair(pair);
	start_recv(&op, pair[0], &c);
	ck_assert(!pthread_create(&thread, NULL, on_another_thread, &op));
	pthread_join(thread, NULL);
	ck_assert_int_eq(eider_await_until(&op.future, eider_after(HARNESS_MS)),
			 -ETIME);
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(eider_await(&op.future), 1);
	close_pair(pair);
	return 0;
}

static long await_foreign(void *arg)
{
	ck_assert_int_eq(eider_await(arg), -EPERM);
	ck_assert_int_eq(eider_await_until(arg, EIDER_NEVER), -EPERM);
	ck_assert_int_eq(eider_on_done(arg, count_call), -EPERM);
	return 0;
}

static void *run_other_loop(void *arg)
{
	harness_in_loop(await_foreign, arg, NULL);
	return NULL;
}

HARNESS_FIBER_TEST(misuse_of_another_loops_future)
{
	struct eider_op op;
	pthread_t thread;
	int pair[2];
	char c;

	harness_socketpair(pair);
	start_recv(&op, pair[0], &c);
	ck_assert(!pthread_create(&thread, NULL, run_other_loop, &op.future));
	pthread_join(thread, NULL);
	eider_cancel(&op.future);
	ck_assert_int_eq(eider_await(&op.future), -ECANCELED);
	close_pair(pair);
	return 0;
}

/* A future that was never started belongs to no loop. */
HARNESS_FIBER_TEST(misuse_of_zeroed_future)
{
	struct eider_future f;

	memset(&f, 0, sizeof(f));
	ck_assert(!eider_is_done(&f));
	ck_assert_int_eq(eider_result(&f), -EINPROGRESS);
	ck_assert_int_eq(eider_await(&f), -EPERM);
	ck_assert_int_eq(eider_on_done(&f, count_call), -EPERM);
	eider_cancel(&f);
	return 0;
}

static void add_one_result(Suite *s)
{
	TCase *t = harness_case(s, "op");

	tcase_add_test(t, nop);
	tcase_add_test(t, files);
	tcase_add_test(t, sockets);
	tcase_add_test(t, send_goes_on_until_all_is_out);
	tcase_add_test(t, write_goes_on_until_all_is_out);
	tcase_add_test(t, write_beyond_the_limit);
	tcase_add_test(t, accepts);
	tcase_add_test(t, pipes);
	tcase_add_test(t, links);
	t = harness_case(s, "cancel");
	tcase_add_test(t, deadline_passes);
	tcase_add_test(t, deadline_is_early_enough);
	tcase_add_test(t, cancels);
	tcase_add_test(t, cancel_does_not_hit_the_next_use);
	t = harness_case(s, "bounds");
	tcase_add_test(t, small_queue);
	tcase_add_test(t, reserves);
	tcase_add_test(t, small_queue_many_fibers);
	tcase_add_test(t, small_queue_many_cancels);
}

static void add_waiting(Suite *s)
{
	TCase *t = harness_case(s, "await");

	tcase_add_test(t, await_until);
	tcase_add_test(t, await_until_races);
	tcase_add_test(t, await_all);
	tcase_add_test(t, await_any);
	t = harness_case(s, "callback");
	tcase_add_test(t, callbacks);
	tcase_add_test(t, callback_of_one_that_is_done);
	tcase_add_test(t, one_waiter_only);
	t = harness_case(s, "misuse");
	tcase_add_test(t, misuse_in_callback);
	tcase_add_test(t, misuse_on_another_thread);
	tcase_add_test(t, misuse_of_another_loops_future);
	tcase_add_test(t, misuse_of_zeroed_future);
}

static void add_multishot(Suite *s)
{
	TCase *t = harness_case(s, "multishot");

	tcase_add_test(t, poll_multishot);
	tcase_add_test(t, next_of_a_plain_op);
	tcase_add_test(t, accept_multishot_loses_none);
	tcase_add_test(t, accept_multishot_in_a_small_ring);
	tcase_add_test(t, recv_multishot);
	tcase_add_test(t, backlog_is_bounded);
	tcase_add_test(t, one_reader_only);
	tcase_add_test(t, send_zero_copy);
}

int main(void)
{
	Suite *s = suite_create("op");

	add_one_result(s);
	add_waiting(s);
	add_multishot(s);
	return harness_run(s);
}
