/*
 * test_io.c - sends, files, moments and signals
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <liburing.h>

#include "fixtures.h"

/* ---- sockets ---- */

struct sink {
	int fd;
	size_t size, got;
	unsigned char sum;
};

static long drain(void *arg)
{
	struct sink *s = arg;
	static unsigned char buf[10000];
	long n;

	while ((n = eider_recv(s->fd, buf, sizeof(buf))) > 0) {
		for (long i = 0; i < n; i++)
			s->sum = (unsigned char)(s->sum * 31 + buf[i]);
		s->got += (size_t)n;
	}
	return n;
}

static unsigned char *make_bytes(size_t n)
{
	unsigned char *bytes = malloc(n);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = (unsigned char)(i * 2654435761u >> 20);
	return bytes;
}

static unsigned char sum_of(const unsigned char *bytes, size_t n)
{
	unsigned char sum = 0;

	for (size_t i = 0; i < n; i++)
		sum = (unsigned char)(sum * 31 + bytes[i]);
	return sum;
}

HARNESS_FIBER_TEST(sending_all)
{
	const size_t size = 3000001;
	unsigned char *bytes = make_bytes(size);
	struct eider_fiber *fiber;
	struct sink sink = { 0 };
	int fds[2];

	harness_socketpair(fds);
	sink.fd = fds[1];
	fiber = start(drain, &sink);
	ck_assert_int_eq(eider_send(fds[0], bytes, size), (long)size);
	ck_assert_int_eq(eider_send(fds[0], bytes, 0), 0);
	close(fds[0]);
	ck_assert_int_eq(eider_join(fiber), 0);
	ck_assert_uint_eq(sink.got, size);
	ck_assert_uint_eq(sink.sum, sum_of(bytes, size));
	close(fds[1]);
	free(bytes);
	return 0;
}

/* Parts of many lengths, some empty, first and last too. */
static void send_parts(unsigned int n, size_t part)
{
	unsigned char *bytes = make_bytes(n * part);
	struct iovec *iov = calloc(n, sizeof(*iov));
	struct eider_fiber *fiber;
	struct sink sink = { 0 };
	size_t at = 0;
	int fds[2];

	ck_assert_ptr_nonnull(iov);
	for (unsigned int i = 0; i < n; i++) {
		iov[i].iov_base = bytes + at;
		iov[i].iov_len = i % 3 ? 1 + i % part : 0;
		at += iov[i].iov_len;
	}
	harness_socketpair(fds);
	sink.fd = fds[1];
	fiber = start(drain, &sink);
	ck_assert_int_eq(eider_sendv_until(fds[0], iov, n, EIDER_NEVER), (long)at);
	close(fds[0]);
	ck_assert_int_eq(eider_join(fiber), 0);
	ck_assert_uint_eq(sink.got, at);
	ck_assert_uint_eq(sink.sum, sum_of(bytes, at));
	close(fds[1]);
	free(iov);
	free(bytes);
}

HARNESS_FIBER_TEST(sending_parts)
{
	struct iovec iov[1] = { 0 };
	char byte = 0;

	send_parts(1, 1);
	send_parts(2, 4096);
	send_parts(7, 10);
	send_parts(1000, 3001);
	send_parts(1024, 1024);
	ck_assert_int_eq(eider_sendv_until(-1, NULL, 1, EIDER_NEVER), -EINVAL);
	ck_assert_int_eq(eider_sendv_until(-1, iov, 0, EIDER_NEVER), -EINVAL);
	ck_assert_int_eq(eider_sendv_until(-1, iov, 1025, EIDER_NEVER), -EINVAL);
	ck_assert_int_eq(eider_sendv_until(-1, iov, 1, EIDER_NEVER), 0);
	iov[0] = (struct iovec){ &byte, 1 };
	ck_assert_int_eq(eider_sendv_until(-1, iov, 1, EIDER_NEVER), -EBADF);
	return 0;
}

/* To somebody who does not read, and to somebody who has gone. */
HARNESS_FIBER_TEST(a_peer_that_does_not_read)
{
	const size_t size = 10000000;
	unsigned char *bytes = make_bytes(size);
	struct iovec iov[2] = { { bytes, size / 2 }, { bytes, size / 2 } };
	int fds[2];

	harness_socketpair(fds);
	ck_assert_int_eq(eider_send_until(fds[0], bytes, size,
					  eider_after(5 * HARNESS_MS)), -ETIME);
	ck_assert_int_eq(eider_sendv_until(fds[0], iov, 2,
					   eider_after(5 * HARNESS_MS)), -ETIME);
	close(fds[1]);
	ck_assert_int_eq(eider_send(fds[0], bytes, 1), -EPIPE);
	iov[0] = (struct iovec){ bytes, 1 };
	ck_assert_int_eq(eider_sendv_until(fds[0], iov, 1, EIDER_NEVER), -EPIPE);
	close(fds[0]);
	free(bytes);
	return 0;
}

HARNESS_FIBER_TEST(receiving_with_a_deadline)
{
	char buf[8];
	int fds[2];

	harness_socketpair(fds);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(eider_recv_until(fds[0], buf, 8,
						  eider_after(HARNESS_MS)), -ETIME);
		ck_assert_int_eq(eider_send(fds[1], "late", 4), 4);
		ck_assert_int_eq(eider_recv_until(fds[0], buf, 8, EIDER_NEVER), 4);
	}
	close(fds[1]);
	ck_assert_int_eq(eider_recv(fds[0], buf, 8), 0);
	close(fds[0]);
	return 0;
}

/* ---- files ---- */

HARNESS_FIBER_TEST(files)
{
	const char *path = harness_temp_file("file");
	const size_t size = 1000003;
	unsigned char *bytes = make_bytes(size), *back = calloc(1, size + 1);
	long fd = eider_open(path, O_CREAT | O_RDWR | O_EXCL, 0600), n;
	size_t got = 0;

	ck_assert_ptr_nonnull(back);
	ck_assert_int_ge(fd, 0);
	ck_assert(fcntl((int)fd, F_GETFD) & FD_CLOEXEC);
	ck_assert_int_eq(eider_write((int)fd, bytes, size, 0), (long)size);
	ck_assert_int_eq(eider_fsync((int)fd, false), 0);
	ck_assert_int_eq(eider_fsync((int)fd, true), 0);
	while ((n = eider_read((int)fd, back + got, size + 1 - got, (int64_t)got)) > 0)
		got += (size_t)n;
	ck_assert_int_eq(n, 0);
	ck_assert_uint_eq(got, size);
	ck_assert(!memcmp(bytes, back, size));
	ck_assert_int_eq(eider_close((int)fd), 0);
	ck_assert_int_eq(eider_close((int)fd), -EBADF);
	ck_assert_int_eq(eider_open(path, O_CREAT | O_EXCL | O_RDWR, 0600), -EEXIST);
	ck_assert_int_eq(eider_open("/no/such/file", O_RDONLY, 0), -ENOENT);
	free(bytes);
	free(back);
	return 0;
}

/* At the file's own position, which moves. */
HARNESS_FIBER_TEST(the_own_position)
{
	long fd = eider_open(harness_temp_file("file"), O_CREAT | O_RDWR, 0600);
	char buf[8] = { 0 };

	ck_assert_int_eq(eider_write((int)fd, "abc", 3, -1), 3);
	ck_assert_int_eq(eider_write((int)fd, "def", 3, -1), 3);
	ck_assert_int_eq(eider_read((int)fd, buf, 8, -1), 0);
	ck_assert_int_eq(lseek((int)fd, 1, SEEK_SET), 1);
	ck_assert_int_eq(eider_read((int)fd, buf, 2, -1), 2);
	ck_assert_int_eq(eider_read((int)fd, buf + 2, 6, -1), 3);
	ck_assert_str_eq(buf, "bcdef");
	ck_assert_int_eq(eider_write((int)fd, "x", 0, 0), 0);
	ck_assert_int_eq(eider_close((int)fd), 0);
	fd = eider_open("/dev/full", O_WRONLY, 0);
	ck_assert_int_eq(eider_write((int)fd, "x", 1, 0), -ENOSPC);
	ck_assert_int_eq(eider_close((int)fd), 0);
	return 0;
}

/* ---- moments ---- */

/* The first of two: the alarm, then what is received. */
HARNESS_FIBER_TEST(an_alarm_among_others)
{
	struct eider_alarm alarm;
	struct io_uring_sqe *sqe;
	struct eider_op op;
	struct eider_future *fs[] = { &op.future, &alarm.future };
	int fds[2];
	char byte;

	harness_socketpair(fds);
	sqe = eider_sqe(&op);
	ck_assert_ptr_nonnull(sqe);
	io_uring_prep_recv(sqe, fds[0], &byte, 1, 0);
	ck_assert_int_eq(eider_alarm_start(&alarm, eider_after(HARNESS_MS)), 0);
	ck_assert_int_eq(eider_await_any(fs, 2), 1);
	ck_assert_int_eq(eider_result(&alarm.future), 0);
	ck_assert_int_eq(eider_alarm_start(&alarm, EIDER_NEVER), 0);
	ck_assert_int_eq(send(fds[1], "x", 1, 0), 1);
	ck_assert_int_eq(eider_await_any(fs, 2), 0);
	eider_cancel(&alarm.future);
	ck_assert(!eider_is_done(&alarm.future));
	ck_assert_int_eq(eider_await(&alarm.future), -ECANCELED);
	eider_cancel(&alarm.future);
	close(fds[0]);
	close(fds[1]);
	return 0;
}

HARNESS_FIBER_TEST(alarms_in_order)
{
	struct eider_alarm alarms[50];
	int64_t now = eider_now();

	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(eider_alarm_start(&alarms[i], now + (50 - i) *
							HARNESS_MS), 0);
	ck_assert_int_eq(eider_await(&alarms[0].future), 0);
	for (int i = 1; i < 50; i++)
		ck_assert(eider_is_done(&alarms[i].future));
	ck_assert_int_ge(eider_now(), now + 50 * HARNESS_MS);
	ck_assert_int_eq(eider_sleep_until(0), 0);
	return 0;
}

struct ring_twice {
	struct eider_alarm alarm;
	int left;
};

static void again(struct eider_future *f)
{
	struct ring_twice *r = (struct ring_twice *)f;

	ck_assert_int_eq(eider_result(f), 0);
	if (!--r->left)
		return;
	ck_assert_int_eq(eider_alarm_start(&r->alarm, eider_after(HARNESS_MS)), 0);
	ck_assert_int_eq(eider_on_done(&r->alarm.future, again), 0);
}

/* Without a fiber it keeps the loop going. */
START_TEST(an_alarm_with_a_callback)
{
	struct world w = open_world(NULL);
	struct ring_twice r = { .left = 2 };

	ck_assert_int_eq(eider_alarm_start(&r.alarm, eider_after(HARNESS_MS)), 0);
	ck_assert_int_eq(eider_on_done(&r.alarm.future, again), 0);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_int_eq(r.left, 0);
	/* One that nobody waits for, and that the loop does not live to see. */
	ck_assert_int_eq(eider_alarm_start(&r.alarm, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_loop_turn(w.loop, 0), 1);
	close_world(&w);
}
END_TEST

/* ---- signals ---- */

static int open_signals(void)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGUSR1);
	fd = eider_signal_open(&set);
	ck_assert_int_ge(fd, 0);
	return fd;
}

static long hear_signals(void *arg)
{
	int fd = *(int *)arg;

	ck_assert_int_eq(eider_signal_next(fd), SIGTERM);
	ck_assert(!kill(getpid(), SIGUSR1));
	ck_assert_int_eq(eider_signal_next(fd), SIGUSR1);
	ck_assert(!kill(getpid(), SIGUSR1));
	ck_assert(!kill(getpid(), SIGTERM));
	ck_assert_int_eq(eider_signal_next(fd) + eider_signal_next(fd),
			 SIGUSR1 + SIGTERM);
	return 0;
}

static void *send_soon(void *arg)
{
	(void)arg;
	harness_nap(5 * HARNESS_MS);
	ck_assert(!kill(getpid(), SIGTERM));
	return NULL;
}

/* To the process, from elsewhere and from here, while a worker is there too. */
static long hear_signals_from_elsewhere(void *arg)
{
	pthread_t thread;
	long result;

	ck_assert_int_eq(eider_call(nothing, NULL), 0);
	ck_assert(!pthread_create(&thread, NULL, send_soon, NULL));
	result = hear_signals(arg);
	pthread_join(thread, NULL);
	return result;
}

START_TEST(signals)
{
	int fd = open_signals();

	harness_in_loop(hear_signals_from_elsewhere, &fd, NULL);
	close(fd);
}
END_TEST

static long wait_for_signal(void *arg)
{
	return eider_signal_next(*(int *)arg);
}

static long cancel_signals(void *arg)
{
	struct eider_fiber *fiber = start(wait_for_signal, arg);
	struct eider_signal s;

	yield_often();
	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(fiber), -ECANCELED);
	ck_assert_int_eq(eider_signal_start(&s, *(int *)arg), 0);
	ck_assert_int_eq(eider_await_until(&s.op.future, eider_after(HARNESS_MS)),
			 -ETIME);
	eider_cancel(&s.op.future);
	ck_assert_int_eq(eider_await(&s.op.future), -ECANCELED);
	ck_assert_int_eq(eider_signal_start(&s, *(int *)arg), 0);
	ck_assert(!kill(getpid(), SIGTERM));
	ck_assert_int_gt(eider_await(&s.op.future), 0);
	ck_assert_uint_eq(s.info.ssi_signo, SIGTERM);
	ck_assert_uint_eq(s.info.ssi_pid, (uint32_t)getpid());
	return 0;
}

START_TEST(signals_cancelled)
{
	int fd = open_signals();

	harness_in_loop(cancel_signals, &fd, NULL);
	close(fd);
}
END_TEST

enum { HEARING = 3, CALLS = 60 };

/* Of those with numbers, how often each was heard; and who still hears. */
static unsigned int heard[CALLS], in_turn;

/* The last HEARING calls have the number CALLS: one for each, as it then leaves. */
static long hear_calls(void *arg)
{
	int fd = *(int *)arg, number = 0;

	if (harness_add(&in_turn, 1) == HEARING)
		for (int i = 0; i < CALLS + HEARING; i++) {
			union sigval value = { .sival_int = i < CALLS ? i : CALLS };

			ck_assert(!sigqueue(getpid(), SIGRTMIN, value));
		}
	while (number < CALLS) {
		struct eider_signal s;

		ck_assert_int_eq(eider_signal_start(&s, fd), 0);
		ck_assert_int_gt(eider_await(&s.op.future), 0);
		ck_assert_int_eq((int)s.info.ssi_signo, SIGRTMIN);
		number = s.info.ssi_int;
		ck_assert(number >= 0 && number <= CALLS);
		if (number < CALLS)
			harness_add(&heard[number], 1);
	}
	return 0;
}

/* On one descriptor: each call is heard by one of them, and all of them hear. */
START_TEST(signals_on_several_loops)
{
	sigset_t set;
	int fd;

	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	fd = eider_signal_open(&set);
	ck_assert_int_ge(fd, 0);
	harness_in_loop(hear_calls, &fd, HARNESS_OPTIONS(.loops = HEARING));
	for (int i = 0; i < CALLS; i++)
		ck_assert_msg(heard[i] == 1, "call %d: %u times", i, heard[i]);
	close(fd);
}
END_TEST

START_TEST(nowhere)
{
	char c = 0;
	struct iovec iov = { &c, 1 };
	struct eider_alarm alarm;
	struct eider_signal s;

	ck_assert_int_eq(eider_alarm_start(&alarm, 0), -EPERM);
	ck_assert_int_eq(eider_sleep_until(0), -EPERM);
	ck_assert_int_eq(eider_signal_start(&s, 0), -EPERM);
	ck_assert_int_eq(eider_signal_next(0), -EPERM);
	ck_assert_int_eq(eider_signal_open(NULL), -EINVAL);
	ck_assert_int_eq(eider_accept(0), -EPERM);
	ck_assert_int_eq(eider_recv(0, &c, 1), -EPERM);
	ck_assert_int_eq(eider_send(0, "x", 1), -EPERM);
	ck_assert_int_eq(eider_sendv_until(0, &iov, 1, 0), -EPERM);
	ck_assert_int_eq(eider_open("/", O_RDONLY, 0), -EPERM);
	ck_assert_int_eq(eider_close(-1), -EPERM);
	ck_assert_int_eq(eider_read(0, &c, 1, 0), -EPERM);
	ck_assert_int_eq(eider_write(0, "x", 1, 0), -EPERM);
	ck_assert_int_eq(eider_fsync(0, false), -EPERM);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("io");
	TCase *t = harness_case(s, "sockets");

	tcase_add_test(t, sending_all);
	tcase_add_test(t, sending_parts);
	tcase_add_test(t, a_peer_that_does_not_read);
	tcase_add_test(t, receiving_with_a_deadline);
	t = harness_case(s, "files");
	tcase_add_test(t, files);
	tcase_add_test(t, the_own_position);
	t = harness_case(s, "moments");
	tcase_add_test(t, an_alarm_among_others);
	tcase_add_test(t, alarms_in_order);
	tcase_add_test(t, an_alarm_with_a_callback);
	t = harness_case(s, "signals");
	tcase_add_test(t, signals);
	tcase_add_test(t, signals_cancelled);
	tcase_add_test(t, signals_on_several_loops);
	tcase_add_test(t, nowhere);
	return harness_run(s);
}
