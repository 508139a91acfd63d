/*
 * test_fiber.c - spawn, join, cancel, bounds, and fibers for other threads
 *
 * Stacks have a test of their own, test_stack.c.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixtures.h"

/* What happened, in order. */
static char story[1000];

static void tell(const char *what)
{
	strcat(story, what);
}

/* ---- spawn, join, go, yield ---- */

static long tell_three_times(void *arg)
{
	for (int i = 0; i < 3; i++) {
		tell(arg);
		eider_yield();
	}
	return 0;
}

HARNESS_FIBER_TEST(take_turns)
{
	static char names[][2] = { "a", "b", "c" };
	struct eider_fiber *a = start(tell_three_times, names[0]);
	struct eider_fiber *b = start(tell_three_times, names[1]);

	ck_assert_int_eq(eider_go(tell_three_times, names[2]), 0);
	tell("-");		/* nothing runs before we wait */
	ck_assert_int_eq(eider_join(a), 0);
	ck_assert_int_eq(eider_join(b), 0);
	eider_yield();
	ck_assert_str_eq(story, "-abcabcabc");
	return 0;
}

HARNESS_FIBER_TEST(results)
{
	long numbers[] = { 0, 1, -1, -ECANCELED, INT64_C(1) << 40, LONG_MIN };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct eider_fiber *fiber = start(echo, &numbers[i]);

		/* Returned before the join, or during it. */
		if (i & 1)
			for (int j = 0; j < 3; j++)
				eider_yield();
		ck_assert_int_eq(eider_join(fiber), numbers[i]);
	}
	return 0;
}

static long nest(void *arg)
{
	long depth = *(long *)arg, deeper = depth - 1;
	struct eider_fiber *fiber;
	int err;

	if (!depth)
		return 0;
	err = eider_spawn(nest, &deeper, &fiber);
	return err < 0 ? err : eider_join(fiber) + 1;
}

HARNESS_FIBER_TEST(nested_joins)
{
	long depth = harness_count(2000, 50);

	ck_assert_int_eq(nest(&depth), depth);
	return 0;
}

HARNESS_FIBER_TEST(future_of_a_fiber)
{
	long number = 5;
	struct eider_fiber *fiber = start(echo, &number);
	struct eider_fiber *other = start(nothing, NULL);
	struct eider_future *fs[] = {
		eider_fiber_future(fiber), eider_fiber_future(other),
	};

	ck_assert(!eider_is_done(fs[0]));
	ck_assert_int_eq(eider_await_all(fs, 2), 0);
	ck_assert_int_eq(eider_await_any(fs, 2), 0);
	ck_assert_int_eq(eider_await_until(fs[0], 1), 0);
	ck_assert_int_eq(eider_result(fs[0]), 5);
	ck_assert_int_eq(eider_join(fiber), 5);
	ck_assert_int_eq(eider_join(other), 0);
	return 0;
}

static long join_arg(void *arg)
{
	return eider_join(arg);
}

static long sleep_for_ever(void *arg)
{
	unsigned int *asleep = arg;
	long err;

	if (asleep)
		harness_add(asleep, 1);
	err = eider_sleep_until(EIDER_NEVER);
	if (asleep)
		harness_add(asleep, -1);
	return err;
}

HARNESS_FIBER_TEST(one_joiner_only)
{
	struct eider_fiber *fiber = start(sleep_for_ever, NULL);
	struct eider_fiber *first = start(join_arg, fiber);

	eider_yield();
	ck_assert_int_eq(eider_join(fiber), -EBUSY);
	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(first), -ECANCELED);
	return 0;
}

HARNESS_FIBER_TEST(misuse)
{
	struct eider_fiber *fiber;

	ck_assert(eider_in_fiber());
	ck_assert_int_eq(eider_spawn(NULL, NULL, &fiber), -EINVAL);
	ck_assert_int_eq(eider_spawn(nothing, NULL, NULL), -EINVAL);
	ck_assert_int_eq(eider_go(NULL, NULL), -EINVAL);
	ck_assert_int_eq(eider_join(NULL), -EINVAL);
	ck_assert_int_eq(eider_block_on(eider_loop_current(), nothing, NULL),
			 -EDEADLK);
	ck_assert_int_eq(eider_block_on(NULL, nothing, NULL), -EINVAL);
	ck_assert_int_eq(eider_block_on(eider_loop_current(), NULL, NULL), -EINVAL);
	ck_assert_int_eq(eider_spawn_on(NULL, nothing, NULL), -EINVAL);
	ck_assert_int_eq(eider_spawn_on(eider_loop_current(), NULL, NULL), -EINVAL);
	eider_fiber_set_name("misuse");
	eider_fiber_set_name(NULL);
	return 0;
}

START_TEST(misuse_without_loop)
{
	struct eider_fiber *fiber;

	ck_assert(!eider_in_fiber());
	ck_assert_ptr_null(eider_loop_current());
	ck_assert_int_eq(eider_spawn(nothing, NULL, &fiber), -EPERM);
	ck_assert_int_eq(eider_go(nothing, NULL), -EPERM);
	ck_assert_int_eq(eider_join(NULL), -EPERM);
	eider_yield();
	eider_fiber_set_name("nobody");
}
END_TEST

/* ---- cancelling ---- */

HARNESS_FIBER_TEST(cancel_sleep)
{
	unsigned int asleep = 0;
	struct eider_fiber *fiber = start(sleep_for_ever, &asleep);

	ck_assert(harness_wait_count(&asleep, 1));
	eider_cancel(eider_fiber_future(fiber));
	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(fiber), -ECANCELED);
	return 0;
}

/* The next wait is cancelled, and only that: cleaning up can wait in peace. */
static long sleep_twice(void *arg)
{
	long first = eider_sleep_until(EIDER_NEVER);
	long second = eider_sleep_until(eider_after(2 * HARNESS_MS));

	(void)arg;
	return first == -ECANCELED && second == 0 ? 7 : -EIO;
}

HARNESS_FIBER_TEST(cancel_is_delivered_once)
{
	struct eider_fiber *before = start(sleep_twice, NULL), *during;

	/* Before it has run at all, twice. */
	eider_cancel(eider_fiber_future(before));
	eider_cancel(eider_fiber_future(before));
	ck_assert_int_eq(eider_join(before), 7);

	during = start(sleep_twice, NULL);
	eider_yield();
	eider_cancel(eider_fiber_future(during));
	ck_assert_int_eq(eider_join(during), 7);
	return 0;
}

static long compute(void *arg)
{
	(void)arg;
	eider_yield();
	eider_yield();
	return 9;
}

HARNESS_FIBER_TEST(cancel_of_one_that_never_waits)
{
	struct eider_fiber *fiber = start(compute, NULL);

	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(fiber), 9);
	return 0;
}

HARNESS_FIBER_TEST(cancel_goes_through_join)
{
	struct eider_fiber *inner = start(sleep_for_ever, NULL);
	struct eider_fiber *outer = start(join_arg, inner);

	eider_yield();
	eider_cancel(eider_fiber_future(outer));
	ck_assert_int_eq(eider_join(outer), -ECANCELED);
	return 0;
}

struct reader {
	int fd;
	int times;
};

/* Tells each cancellation; the last result. */
static long read_some(void *arg)
{
	struct reader *r = arg;
	char c;
	long n = 0;

	for (int i = 0; i < r->times; i++) {
		n = eider_recv(r->fd, &c, 1);
		if (n < 0)
			tell("c");
	}
	return n;
}

static bool story_has_begun(void *arg)
{
	(void)arg;
	return story[0];
}

HARNESS_FIBER_TEST(cancel_op)
{
	int pair[2];
	struct reader r = { 0, 2 };
	struct eider_fiber *fiber;

	harness_socketpair(pair);
	r.fd = pair[0];
	fiber = start(read_some, &r);
	eider_yield();
	eider_cancel(eider_fiber_future(fiber));
	ck_assert(harness_wait_until(story_has_begun, NULL));
	eider_sleep_until(eider_after(5 * HARNESS_MS));
	ck_assert_int_eq(write(pair[1], "x", 1), 1);
	ck_assert_int_eq(eider_join(fiber), 1);
	ck_assert_str_eq(story, "c");
	close(pair[0]);
	close(pair[1]);
	return 0;
}

static long await_two(void *arg)
{
	struct eider_fiber *a = start(sleep_for_ever, NULL);
	struct eider_fiber *b = start(sleep_for_ever, NULL);
	struct eider_future *fs[] = { eider_fiber_future(a), eider_fiber_future(b) };
	long first = eider_await_any(fs, 2);

	(void)arg;
	ck_assert_int_eq(first, 0);
	ck_assert_int_eq(eider_join(a), -ECANCELED);
	ck_assert_int_eq(eider_join(b), -ECANCELED);
	return 3;
}

HARNESS_FIBER_TEST(cancel_any)
{
	struct eider_fiber *fiber = start(await_two, NULL);

	eider_yield();
	eider_yield();
	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(fiber), 3);
	return 0;
}

/* Cancelled and woken at the same time: one of both, and nothing twice. */
HARNESS_FIBER_TEST(cancel_races)
{
	unsigned int rounds = harness_count(2000, 200);

	for (unsigned int i = 0; i < rounds; i++) {
		int pair[2];
		struct reader r = { 0, 1 };
		struct eider_fiber *fiber;
		long n;

		harness_socketpair(pair);
		r.fd = pair[0];
		fiber = start(read_some, &r);
		eider_yield();
		ck_assert_int_eq(write(pair[1], "x", 1), 1);
		if (i % 3 == 1)
			eider_yield();
		eider_cancel(eider_fiber_future(fiber));
		n = eider_join(fiber);
		ck_assert(n == 1 || n == -ECANCELED);
		story[0] = 0;
		close(pair[0]);
		close(pair[1]);
	}
	return 0;
}

/*
 * Cancelled when the wait is over but for the fiber's turn: the next wait gets it. Both
 * timers fire in one turn of the loop, for it was kept busy until then; so the first
 * fiber runs when the other is already to run.
 */
struct late_cancel {
	struct eider_fiber *fiber;
	struct eider_alarm alarm;	/* for ever */
	int64_t at;
};

static long cancel_late(void *arg)
{
	struct late_cancel *c = arg;

	ck_assert_int_eq(eider_sleep_until(c->at - 1), 0);
	eider_cancel(eider_fiber_future(c->fiber));
	return 0;
}

static long sleep_and_sleep(void *arg)
{
	struct late_cancel *c = arg;

	ck_assert_int_eq(eider_sleep_until(c->at), 0);
	return eider_sleep_until(eider_after(20 * HARNESS_S));
}

/* What was not waited for any more is not cancelled in its place. */
static long wait_and_sleep(void *arg)
{
	struct late_cancel *c = arg;
	long result;

	ck_assert_int_eq(eider_alarm_start(&c->alarm, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_await_until(&c->alarm.future, c->at), -ETIME);
	result = eider_sleep_until(eider_after(20 * HARNESS_S));
	ck_assert(!eider_is_done(&c->alarm.future));
	eider_cancel(&c->alarm.future);
	ck_assert_int_eq(eider_await(&c->alarm.future), -ECANCELED);
	return result;
}

static long any_and_sleep(void *arg)
{
	struct late_cancel *c = arg;
	struct eider_alarm soon;
	struct eider_future *both[] = { &soon.future, &c->alarm.future };
	long result;

	ck_assert_int_eq(eider_alarm_start(&soon, c->at), 0);
	ck_assert_int_eq(eider_alarm_start(&c->alarm, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_await_any(both, 2), 0);
	ck_assert_int_eq(eider_result(&soon.future), 0);
	result = eider_sleep_until(eider_after(20 * HARNESS_S));
	eider_cancel(&c->alarm.future);
	ck_assert_int_eq(eider_await(&c->alarm.future), -ECANCELED);
	return result;
}

HARNESS_FIBER_TEST_WITH(cancel_of_what_is_ready,
			HARNESS_OPTIONS(.loop_stall_ns = EIDER_NEVER))
{
	static eider_fn *const waits[] = { sleep_and_sleep, wait_and_sleep,
					   any_and_sleep };

	for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		/* Long enough for both to be asleep before it is over. */
		struct late_cancel c = {
			.at = eider_after((int64_t)(100 * HARNESS_MS * harness_slow())),
		};
		struct eider_fiber *canceller = start(cancel_late, &c);

		c.fiber = start(waits[i], &c);
		eider_yield();
		eider_yield();
		harness_spin(c.at + HARNESS_MS - eider_now());
		ck_assert_int_eq(eider_join(c.fiber), -ECANCELED);
		ck_assert_int_eq(eider_join(canceller), 0);
	}
	return 0;
}

/* ---- sleeping ---- */

struct alarm_clock {
	int64_t deadline;
	int64_t *last;
};

static long check_order(void *arg)
{
	struct alarm_clock *a = arg;

	ck_assert_int_eq(eider_sleep_until(a->deadline), 0);
	ck_assert(eider_now() >= a->deadline);
	/* Those that are late together wake in the order of their deadlines. */
	ck_assert(a->deadline >= *a->last);
	*a->last = a->deadline;
	return 0;
}

HARNESS_FIBER_TEST(sleepers_wake_in_order)
{
	enum { N = 300 };
	struct alarm_clock clocks[N];
	struct eider_fiber *fibers[N];
	int64_t last = 0, begin = eider_after(2 * HARNESS_MS);

	for (int i = 0; i < N; i++) {
		clocks[i].deadline = begin + (i * 7919 % N) * 50 * HARNESS_US;
		clocks[i].last = &last;
		fibers[i] = start(check_order, &clocks[i]);
	}
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	ck_assert_int_eq(eider_sleep_until(0), 0);
	ck_assert_int_eq(eider_sleep_until(-5), 0);
	return 0;
}

/* ---- at fibers_max ---- */

static struct eider_options four_fibers = {
	.size = sizeof(struct eider_options), .fibers_max = 4,
};

static void spawn_in_callback(struct eider_future *f)
{
	struct eider_fiber *fiber;

	(void)f;
	ck_assert_int_eq(eider_spawn(nothing, NULL, &fiber), -EAGAIN);
	ck_assert_int_eq(eider_go(nothing, NULL), -EAGAIN);
	tell("callback ");
}

static long tell_name(void *arg)
{
	tell(arg);
	return 0;
}

static long spawn_and_tell(void *arg)
{
	/* There is no place: this waits, behind those that asked before. */
	ck_assert_int_eq(eider_go(tell_name, arg), 0);
	return 0;
}

HARNESS_FIBER_TEST_WITH(fibers_wait_for_a_place, &four_fibers)
{
	static char names[][2] = { "1", "2" };
	struct eider_fiber *a = start(spawn_and_tell, names[0]);
	struct eider_fiber *b = start(spawn_and_tell, names[1]);
	struct eider_fiber *c = start(sleep_for_ever, NULL);
	struct eider_future *f = eider_fiber_future(c);

	ck_assert_int_eq(eider_on_done(f, spawn_in_callback), 0);
	eider_yield();
	ck_assert_str_eq(story, "");
	/* A place becomes free, and goes to the first; his own to the second. */
	eider_cancel(f);
	ck_assert_int_eq(eider_join(a), 0);
	ck_assert_int_eq(eider_join(b), 0);
	ck_assert_int_eq(eider_join(c), -ECANCELED);
	for (int i = 0; i < 5; i++)
		eider_yield();
	ck_assert_str_eq(story, "callback 12");
	ck_assert_int_eq(eider_join(start(nothing, NULL)), 0);
	return 0;
}

static long try_to_spawn(void *arg)
{
	(void)arg;
	return eider_go(nothing, NULL);
}

HARNESS_FIBER_TEST_WITH(waiting_for_a_place_can_be_cancelled, &four_fibers)
{
	struct eider_fiber *fibers[3];

	fibers[0] = start(sleep_for_ever, NULL);
	fibers[1] = start(sleep_for_ever, NULL);
	fibers[2] = start(try_to_spawn, NULL);
	eider_yield();
	eider_cancel(eider_fiber_future(fibers[2]));
	ck_assert_int_eq(eider_join(fibers[2]), -ECANCELED);
	for (int i = 0; i < 2; i++) {
		eider_cancel(eider_fiber_future(fibers[i]));
		ck_assert_int_eq(eider_join(fibers[i]), -ECANCELED);
	}
	for (int i = 0; i < 3; i++)
		fibers[i] = start(nothing, NULL);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	return 0;
}

static unsigned int ran;

static long count_run(void *arg)
{
	(void)arg;
	eider_yield();
	ran++;
	return 0;
}

static long spawn_too_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 1000; i++)
		ck_assert_int_eq(eider_go(count_run, NULL), 0);
	return 0;
}

/* Those from outside wait as well, and none is dropped. */
static void *spawn_from_outside(void *arg)
{
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(eider_spawn_on(arg, count_run, NULL), 0);
	return NULL;
}

static long spawn_from_both_sides(void *arg)
{
	pthread_t thread;

	(void)arg;
	ran = 0;
	ck_assert(!pthread_create(&thread, NULL, spawn_from_outside,
				  eider_loop_current()));
	ck_assert_int_eq(eider_join(start(spawn_too_many, NULL)), 0);
	ck_assert(harness_wait_count(&ran, 1050));
	pthread_join(thread, NULL);
	return 0;
}

START_TEST(none_is_dropped)
{
	harness_in_loop(spawn_from_both_sides, NULL, &four_fibers);
	ck_assert_uint_eq(ran, 1050);
}
END_TEST

/* ---- from other threads ---- */

static unsigned int arrived;

static long arrive(void *arg)
{
	ck_assert_ptr_eq(eider_loop_current(), arg);
	ck_assert(eider_in_fiber());
	harness_add(&arrived, 1);
	return 0;
}

static void *spawn_many_on(void *arg)
{
	unsigned int n = harness_count(2000, 100);

	for (unsigned int i = 0; i < n; i++) {
		ck_assert_int_eq(eider_spawn_on(arg, arrive, arg), 0);
		if (i % 64 == 0)
			harness_nap(HARNESS_US * 200);	/* let the loop sleep */
	}
	return NULL;
}

HARNESS_FIBER_TEST(spawn_on)
{
	unsigned int n = harness_count(2000, 100);
	struct eider_loop *loop = eider_loop_current();
	pthread_t threads[4];

	arrived = 0;
	for (int i = 0; i < 4; i++)
		ck_assert(!pthread_create(&threads[i], NULL, spawn_many_on, loop));
	ck_assert_int_eq(eider_spawn_on(loop, arrive, loop), 0);
	ck_assert(harness_wait_count(&arrived, 4 * n + 1));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

static long sleep_and_echo(void *arg)
{
	ck_assert_int_eq(eider_sleep_until(eider_after(HARNESS_MS)), 0);
	return *(long *)arg;
}

struct blocker {
	struct eider_loop *loop;
	unsigned int *done;
};

static void *block_on_it(void *arg)
{
	struct blocker *b = arg;

	for (long i = -3; i < 20; i++) {
		ck_assert_int_eq(eider_block_on(b->loop, echo, &i), i);
		ck_assert_int_eq(eider_block_on(b->loop, sleep_and_echo, &i), i);
	}
	harness_add(b->done, 1);
	return NULL;
}

HARNESS_FIBER_TEST(block_on_from_other_threads)
{
	unsigned int done = 0;
	struct blocker b = { eider_loop_current(), &done };
	pthread_t threads[4];

	for (int i = 0; i < 4; i++)
		ck_assert(!pthread_create(&threads[i], NULL, block_on_it, &b));
	ck_assert(harness_wait_count(&done, 4));
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	return 0;
}

START_TEST(block_on_the_own_thread)
{
	struct world w = open_world(NULL);
	long number = 42;

	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(eider_block_on(w.loop, echo, &number), 42);
		ck_assert_int_eq(eider_block_on(w.loop, sleep_and_echo, &number), 42);
	}
	close_world(&w);
}
END_TEST

static void add_life(Suite *s)
{
	TCase *t = harness_case(s, "life");

	tcase_add_test(t, take_turns);
	tcase_add_test(t, results);
	tcase_add_test(t, nested_joins);
	tcase_add_test(t, future_of_a_fiber);
	tcase_add_test(t, one_joiner_only);
	tcase_add_test(t, misuse);
	tcase_add_test(t, misuse_without_loop);
	tcase_add_test(t, sleepers_wake_in_order);
}

static void add_cancel(Suite *s)
{
	TCase *t = harness_case(s, "cancel");

	tcase_add_test(t, cancel_sleep);
	tcase_add_test(t, cancel_is_delivered_once);
	tcase_add_test(t, cancel_of_one_that_never_waits);
	tcase_add_test(t, cancel_goes_through_join);
	tcase_add_test(t, cancel_op);
	tcase_add_test(t, cancel_any);
	tcase_add_test(t, cancel_races);
	tcase_add_test(t, cancel_of_what_is_ready);
}

static void add_bounds_and_threads(Suite *s)
{
	TCase *t = harness_case(s, "bounds");

	tcase_add_test(t, fibers_wait_for_a_place);
	tcase_add_test(t, waiting_for_a_place_can_be_cancelled);
	tcase_add_test(t, none_is_dropped);
	t = harness_case(s, "remote");
	tcase_add_test(t, spawn_on);
	tcase_add_test(t, block_on_from_other_threads);
	tcase_add_test(t, block_on_the_own_thread);
}

int main(void)
{
	Suite *s = suite_create("fiber");

	add_life(s);
	add_cancel(s);
	add_bounds_and_threads(s);
	return harness_run(s);
}
