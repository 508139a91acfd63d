/*
 * test_cancel.c - a fiber's cancellation is never lost
 *
 * Wherever it comes, early, in a wait or when that is over: one of the fiber's waits
 * says -ECANCELED, and the next does not. So each test cancels at every moment, which
 * is after 0, 1, 2, ... turns of the loop; what a fiber waits for here would never end
 * by itself.
 */
#include <errno.h>
#include <fcntl.h>
#include <liburing.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixtures.h"

enum {
	MOMENTS = 6,
	FEW = 4,
	MUCH = 10 * 1000 * 1000,
};

/* The ways in which streams receive, as in test_stream.c. */
static const uint64_t ways[] = {
	0,
	EIDER_FEATURE_BIT(EIDER_FEATURE_MULTISHOT_RECV),
	EIDER_FEATURE_BIT(EIDER_FEATURE_BUFFER_RING),
};

static const int n_ways = sizeof(ways) / sizeof(ways[0]);

#define CANCEL_STREAM_TEST(name)                                               \
	static long name##_body(void *arg);                                    \
	START_TEST(name)                                                       \
	{                                                                      \
		struct eider_options o = { .size = sizeof(o),                  \
					   .recv_buffers = FEW,                \
					   .recv_buffer_bytes = 512,           \
					   .disable = ways[_i] };              \
                                                                               \
		harness_in_loop(name##_body, NULL, &o);                        \
	}                                                                      \
	END_TEST                                                               \
	static long name##_body(__attribute__((unused)) void *arg)

static void turn(unsigned int times)
{
	while (times--)
		eider_yield();
}

/* @fiber is cancelled, and must be over soon: its result. */
static long ended(struct eider_fiber *fiber)
{
	ck_assert_int_eq(eider_await_until(eider_fiber_future(fiber),
					   eider_after(20 * HARNESS_S)), 0);
	return eider_join(fiber);
}

static long cancel_after(eider_fn *fn, void *arg, unsigned int turns)
{
	struct eider_fiber *fiber = start(fn, arg);

	turn(turns);
	eider_cancel(eider_fiber_future(fiber));
	return ended(fiber);
}

/* ---- waits that end otherwise ---- */

/* What @result stands for was told; then there is one more wait. */
static long sleep_after(long result)
{
	long next = eider_sleep_until(eider_after(20 * HARNESS_S));

	return result == -ECANCELED ? 0 : next;
}

struct caller {
	struct gate gate;
	unsigned int told;	/* how many waits said -ECANCELED */
};

static long call_gate(void *arg)
{
	struct caller *c = arg;
	long first = eider_call(pass_gate, &c->gate);
	long second = eider_sleep_until(eider_after(20 * HARNESS_S));
	long third = eider_sleep_until(eider_after(HARNESS_MS));

	c->told = (first == -ECANCELED) + (second == -ECANCELED) +
		  (third == -ECANCELED);
	return first;
}

/* The function's own result counts; the fiber learns of it in its next wait, once. */
HARNESS_FIBER_TEST(a_function_that_goes_on)
{
	struct caller c = { .told = 0 };
	struct eider_fiber *fiber = start(call_gate, &c);

	ck_assert(harness_wait_count(&c.gate.inside, 1));
	eider_cancel(eider_fiber_future(fiber));
	eider_cancel(eider_fiber_future(fiber));
	turn(3);
	__atomic_store_n(&c.gate.open, 1, __ATOMIC_RELEASE);
	ck_assert_int_eq(ended(fiber), 7);
	ck_assert_uint_eq(c.told, 1);
	return 0;
}

static long read_for_ever(void *arg)
{
	char c;
	long n;

	while ((n = eider_recv(*(int *)arg, &c, 1)) > 0)
		;
	return n;
}

/* However it and the data meet. */
HARNESS_FIBER_TEST(a_reader_whose_data_comes_just_then)
{
	for (unsigned int i = 0; i < 200; i++) {
		struct eider_fiber *fiber;
		int pair[2];

		harness_socketpair(pair);
		fiber = start(read_for_ever, &pair[0]);
		turn(1 + i % 3);
		ck_assert_int_eq(write(pair[1], "x", 1), 1);
		turn(i / 3 % MOMENTS);
		eider_cancel(eider_fiber_future(fiber));
		ck_assert_int_eq(ended(fiber), -ECANCELED);
		close(pair[0]);
		close(pair[1]);
	}
	return 0;
}

static long await_briefly(void *arg)
{
	struct eider_future *forever = arg;
	int err;

	do {
		err = eider_await_until(forever, eider_after(HARNESS_MS / 10));
	} while (err == -ETIME);
	return err ? err : eider_result(forever);
}

/* Who waits with short deadlines, again and again, is still cancelled. */
HARNESS_FIBER_TEST(short_waits_for_something_long)
{
	for (unsigned int i = 0; i < 50; i++) {
		struct eider_alarm alarm;

		ck_assert_int_eq(eider_alarm_start(&alarm, EIDER_NEVER), 0);
		ck_assert_int_eq(cancel_after(await_briefly, &alarm.future, i),
				 -ECANCELED);
		eider_cancel(&alarm.future);
		ck_assert_int_eq(eider_await(&alarm.future), -ECANCELED);
	}
	return 0;
}

static long any_for_ever(void *arg)
{
	int fd = *(int *)arg, i = 0;
	char c;

	for (;;) {
		struct eider_alarm soon;
		struct eider_op op;
		struct eider_future *both[] = { &op.future, &soon.future };
		bool told;

		io_uring_prep_recv(eider_sqe(&op), fd, &c, 1, 0);
		ck_assert_int_eq(eider_alarm_start(&soon, eider_after(HARNESS_MS / 10)),
				 0);
		ck_assert_int_ge(eider_await_any(both, 2), 0);
		told = eider_result(&soon.future) == -ECANCELED ||
		       eider_result(&op.future) == -ECANCELED;
		eider_cancel(&soon.future);
		eider_cancel(&op.future);
		while (!eider_is_done(&soon.future) || !eider_is_done(&op.future))
			eider_yield();
		if (told)
			return i;
		i++;
	}
}

HARNESS_FIBER_TEST(one_of_several)
{
	int pair[2];

	harness_socketpair(pair);
	for (unsigned int i = 0; i < 50; i++)
		ck_assert_int_ge(cancel_after(any_for_ever, &pair[0], i), 0);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* ---- calls of several waits ---- */

static long send_much(void *arg)
{
	static char much[MUCH];

	return sleep_after(eider_send(*(int *)arg, much, sizeof(much)));
}

static long send_much_until(void *arg)
{
	static char much[MUCH];

	return sleep_after(eider_send_until(*(int *)arg, much, sizeof(much),
					    eider_after(3600 * HARNESS_S)));
}

static long send_parts(void *arg)
{
	static char much[MUCH];
	struct iovec parts[] = { { much, MUCH / 2 }, { much, MUCH / 2 } };

	return sleep_after(eider_sendv_until(*(int *)arg, parts, 2, EIDER_NEVER));
}

/* To a peer that does not read. Told in the call, so the sleep after it is not. */
HARNESS_FIBER_TEST(sending)
{
	static eider_fn *const ways_to_send[] = { send_much, send_much_until,
						  send_parts };

	for (unsigned int i = 0; i < 3 * MOMENTS; i++) {
		struct eider_fiber *fiber;
		int pair[2];

		harness_socketpair(pair);
		fiber = start(ways_to_send[i % 3], &pair[0]);
		turn(i / 3);
		eider_cancel(eider_fiber_future(fiber));
		turn(50);
		/* It was told once, and now sleeps. */
		ck_assert(!eider_is_done(eider_fiber_future(fiber)));
		eider_cancel(eider_fiber_future(fiber));
		ck_assert_int_eq(ended(fiber), 0);
		close(pair[0]);
		close(pair[1]);
	}
	return 0;
}

/* ---- streams ---- */

struct pair {
	struct eider_stream stream;
	int peer;
};

static void open_pairs(struct pair *pairs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		int fds[2];

		harness_socketpair(fds);
		ck_assert_int_eq(eider_stream_init(&pairs[i].stream, fds[0]), 0);
		pairs[i].peer = fds[1];
	}
}

static void close_pairs(struct pair *pairs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		eider_stream_close(&pairs[i].stream);
		close(pairs[i].peer);
	}
}

static void say(const struct pair *p)
{
	ck_assert_int_eq(send(p->peer, "x", 1, MSG_NOSIGNAL), 1);
}

static long peek(void *arg)
{
	struct pair *p = arg;
	const char *data;

	return eider_stream_peek(&p->stream, &data, EIDER_NEVER);
}

/* All the loop's buffers are in use: the next one waits, for data and for a buffer. */
static void take_buffers(struct pair *pairs)
{
	for (unsigned int i = 0; i < FEW; i++) {
		say(&pairs[i]);
		ck_assert_int_eq(peek(&pairs[i]), 1);
	}
}

CANCEL_STREAM_TEST(waiting_for_a_buffer)
{
	struct pair pairs[FEW + 1];

	open_pairs(pairs, FEW + 1);
	take_buffers(pairs);
	for (unsigned int i = 0; i < 2 * MOMENTS; i++) {
		if (i == MOMENTS)
			say(&pairs[FEW]);
		ck_assert_int_eq(cancel_after(peek, &pairs[FEW], i % MOMENTS),
				 -ECANCELED);
	}
	eider_stream_consume(&pairs[0].stream, 1);
	ck_assert_int_eq(peek(&pairs[FEW]), 1);
	close_pairs(pairs, FEW + 1);
	return 0;
}

static long peek_and_sleep(void *arg)
{
	long n = peek(arg);

	return n == 1 && eider_sleep_until(eider_after(20 * HARNESS_S)) == -ECANCELED ?
		       1 : n;
}

/* Data, or being cancelled, which is then for the fiber's next wait; nobody else's. */
CANCEL_STREAM_TEST(data_that_comes_just_then)
{
	for (unsigned int i = 0; i < 60; i++) {
		struct eider_fiber *fiber;
		const char *data;
		struct pair p;
		long n;

		open_pairs(&p, 1);
		fiber = start(peek_and_sleep, &p);
		turn(i % 2 ? 1 : 20);
		say(&p);
		turn(i / 2 % MOMENTS);
		eider_cancel(eider_fiber_future(fiber));
		n = ended(fiber);
		ck_assert(n == 1 || n == -ECANCELED);
		ck_assert_int_eq(peek(&p), 1);
		eider_stream_consume(&p.stream, 1);
		ck_assert_int_eq(eider_stream_peek(&p.stream, &data,
						   eider_after(HARNESS_MS)), -ETIME);
		/* And it goes on receiving. */
		say(&p);
		ck_assert_int_eq(peek(&p), 1);
		eider_stream_consume(&p.stream, 1);
		ck_assert_int_eq(cancel_after(peek, &p, i % MOMENTS), -ECANCELED);
		close_pairs(&p, 1);
	}
	return 0;
}

static void check_that_it_is_closed(const struct pair *p)
{
	char c;

	ck_assert_int_eq(recv(p->peer, &c, 1, MSG_DONTWAIT), 0);
}

/* The peer has sent something or not: in line for a buffer, or not even there. */
CANCEL_STREAM_TEST(closing_under_who_waits_for_a_buffer)
{
	for (unsigned int i = 0; i < 2 * MOMENTS; i++) {
		struct pair pairs[FEW + 1];
		struct eider_fiber *fiber;

		open_pairs(pairs, FEW + 1);
		take_buffers(pairs);
		if (i % 2)
			say(&pairs[FEW]);
		fiber = start(peek, &pairs[FEW]);
		turn(i / 2 < MOMENTS - 1 ? i / 2 + 1 : 50);
		eider_stream_close(&pairs[FEW].stream);
		/* Nobody needs it any more. */
		memset(&pairs[FEW].stream, 0xee, sizeof(pairs[FEW].stream));
		ck_assert_int_eq(ended(fiber), -ECANCELED);
		if (i % 2 == 0)
			check_that_it_is_closed(&pairs[FEW]);
		close(pairs[FEW].peer);
		close_pairs(pairs, FEW);
	}
	return 0;
}

/* ---- what must not be cancelled ---- */

static long close_queue(void *arg)
{
	eider_cancel(eider_fiber_future(eider_fiber_self()));
	ck_assert_int_eq(eider_close(*(int *)arg), 0);
	return eider_sleep_until(eider_after(20 * HARNESS_S));
}

/* A file with something to flush, which the kernel closes on a thread of its own. */
static int open_queue(void)
{
	char name[64];
	int queue;

	snprintf(name, sizeof(name), "/eider-cancel-%d", (int)getpid());
	queue = (int)mq_open(name, O_CREAT | O_RDWR, 0600, NULL);
	mq_unlink(name);
	return queue;
}

HARNESS_FIBER_TEST(closing_a_file)
{
	for (int i = 0; i < 20; i++) {
		int queue = open_queue();

		ck_assert_int_ge(queue, 0);
		ck_assert_int_eq(ended(start(close_queue, &queue)), -ECANCELED);
		ck_assert_int_eq(fcntl(queue, F_GETFD), -1);
	}
	return 0;
}

int main(void)
{
	Suite *s = suite_create("cancel");
	TCase *t = harness_case(s, "late");
	int queue;

	tcase_add_test(t, a_function_that_goes_on);
	tcase_add_test(t, a_reader_whose_data_comes_just_then);
	tcase_add_test(t, short_waits_for_something_long);
	tcase_add_test(t, one_of_several);
	t = harness_case(s, "several waits");
	tcase_add_test(t, sending);
	t = harness_case(s, "streams");
	tcase_add_loop_test(t, waiting_for_a_buffer, 0, n_ways);
	tcase_add_loop_test(t, data_that_comes_just_then, 0, n_ways);
	tcase_add_loop_test(t, closing_under_who_waits_for_a_buffer, 0, n_ways);
	t = harness_case(s, "not");
	queue = open_queue();
	if (queue < 0) {
		perror("closing_a_file is left out: mq_open");
	} else {
		close(queue);
		tcase_add_test(t, closing_a_file);
	}
	return harness_run(s);
}
