/*
 * test_loop.c - the loop: by hand, polled by another one, stopped, freed, several
 *
 * Also the heartbeat: while jobs block their threads, the loop goes on.
 */
#include <errno.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "harness.h"
#include "loop/loop.h"

static struct eider_executor *executor;
static struct eider_loop *loop;

static const struct eider_options polled_options = {
	.size = sizeof(polled_options),
	.polled = true,
};

static void set_up(const struct eider_options *options)
{
	ck_assert_int_eq(eider_executor_new(options, &executor), 0);
	ck_assert_int_eq(eider_loop_new(executor, options, &loop), 0);
}

static void tear_down(void)
{
	ck_assert_int_eq(eider_loop_free(loop), 0);
	eider_executor_free(executor);
}

static void start_thread(pthread_t *thread, void *(*fn)(void *), void *arg)
{
	ck_assert(!pthread_create(thread, NULL, fn, arg));
}

static long nap_ms(void *arg)
{
	harness_nap((long)(intptr_t)arg * HARNESS_MS);
	return (long)(intptr_t)arg;
}

static void *ms(long n)
{
	return (void *)(intptr_t)n;
}

static long nothing(void *arg)
{
	(void)arg;
	return 0;
}

static unsigned int count;

static long count_up(void *arg)
{
	harness_add(&count, 1);
	return (long)(intptr_t)arg;
}

static void count_done(struct eider_future *f)
{
	(void)f;
	harness_add(&count, 1);
}

static long sleep_ms(void *arg)
{
	long err = eider_sleep_until(eider_after((long)(intptr_t)arg * HARNESS_MS));

	harness_add(&count, 1);
	return err;
}

/* ---- making one ---- */

START_TEST(one_for_a_thread)
{
	struct eider_loop *second;

	ck_assert_ptr_null(eider_loop_current());
	set_up(NULL);
	ck_assert_ptr_eq(eider_loop_current(), loop);
	ck_assert_ptr_eq(eider_loop_executor(loop), executor);
	ck_assert_int_eq(eider_loop_new(executor, NULL, &second), -EBUSY);
	ck_assert_int_eq(eider_run(nothing, NULL, NULL), -EBUSY);
	ck_assert_int_eq(eider_loop_free(loop), 0);
	ck_assert_ptr_null(eider_loop_current());
	ck_assert_int_eq(eider_loop_free(NULL), 0);

	/* And another one after it. */
	ck_assert_int_eq(eider_loop_new(executor, NULL, &loop), 0);
	tear_down();
}
END_TEST

static int make_with(const struct eider_options *o)
{
	struct eider_executor *e;
	int err = eider_executor_new(o, &e);

	if (!err)
		eider_executor_free(e);
	return err;
}

START_TEST(options_are_checked)
{
	struct eider_options o = { .size = sizeof(o) };
	struct eider_loop *l;

	ck_assert_int_eq(make_with(&o), 0);
	o.size = 0;
	ck_assert_int_eq(make_with(&o), -EINVAL);
	o.size = sizeof(o) + 8;
	ck_assert_int_eq(make_with(&o), -EINVAL);
	ck_assert_int_eq(eider_run(nothing, NULL, &o), -EINVAL);
	/* Of an older header. */
	o.size = offsetof(struct eider_options, workers_max);
	ck_assert_int_eq(make_with(&o), 0);
	o.size = sizeof(o);
	o.ring_entries = 3;
	ck_assert_int_eq(make_with(&o), -EINVAL);
	o.ring_entries = 32769;
	ck_assert_int_eq(make_with(&o), -EINVAL);
	o.ring_entries = 0;
	o.stack_bytes = 16383;
	ck_assert_int_eq(make_with(&o), -EINVAL);
	o.stack_bytes = 0;
	o.free_level = 101;
	ck_assert_int_eq(make_with(&o), -EINVAL);
	o.free_level = 0;
	o.keepalive_ns = -1;
	ck_assert_int_eq(make_with(&o), -EINVAL);
	o.keepalive_ns = 0;
	o.disable = UINT64_C(1) << 63;
	ck_assert_int_eq(make_with(&o), -EINVAL);

	ck_assert_int_eq(eider_executor_new(NULL, NULL), -EINVAL);
	ck_assert_int_eq(eider_loop_new(NULL, NULL, &l), -EINVAL);
	ck_assert_int_eq(eider_run(NULL, NULL, NULL), -EINVAL);
}
END_TEST

START_TEST(rings_of_all_sizes)
{
	static const unsigned int entries[] = { 4, 5, 64, 4096, 32768 };

	for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++) {
		struct eider_options o = {
			.size = sizeof(o), .ring_entries = entries[i],
		};

		harness_in_loop(sleep_ms, ms(1), &o);
	}
}
END_TEST

/* ---- turns ---- */

START_TEST(by_hand)
{
	int64_t deadline;

	set_up(NULL);
	/* There is nothing: no sleep, or for as long as was said. */
	ck_assert_int_eq(eider_loop_turn(loop, 0), 0);
	deadline = eider_after(10 * HARNESS_MS);
	while (eider_now() < deadline)
		ck_assert_int_eq(eider_loop_turn(loop, deadline), 0);
	ck_assert_int_eq(eider_loop_run(loop), 0);

	/* A fiber that sleeps: 1 until it is over. */
	count = 0;
	ck_assert_int_eq(eider_go(sleep_ms, ms(5)), 0);
	while (eider_loop_turn(loop, EIDER_NEVER) == 1)
		ck_assert_uint_le(count, 1);
	ck_assert_uint_eq(count, 1);
	tear_down();
}
END_TEST

START_TEST(turns_run_everything)
{
	struct eider_job job;
	struct eider_op op;
	int turns = 0;

	set_up(NULL);
	count = 0;
	ck_assert_int_eq(eider_submit(&job, count_up, ms(7)), 0);
	ck_assert_int_eq(eider_on_done(&job.future, count_done), 0);
	io_uring_prep_nop(eider_sqe(&op));
	ck_assert_int_eq(eider_on_done(&op.future, count_done), 0);
	ck_assert_int_eq(eider_go(count_up, NULL), 0);
	while (eider_loop_turn(loop, EIDER_NEVER) == 1)
		turns++;
	ck_assert_uint_eq(count, 4);
	ck_assert_int_lt(turns, 100);
	ck_assert_int_eq(eider_result(&job.future), 7);
	ck_assert_int_eq(eider_result(&op.future), 0);
	tear_down();
}
END_TEST

START_TEST(run_returns_when_all_is_done)
{
	struct eider_job jobs[5];

	set_up(&polled_options);
	count = 0;
	for (long i = 0; i < 5; i++) {
		ck_assert_int_eq(eider_submit(&jobs[i], nap_ms, ms(i)), 0);
		ck_assert_int_eq(eider_go(sleep_ms, ms(i)), 0);
	}
	ck_assert_int_eq(eider_loop_run(loop), 0);
	ck_assert_uint_eq(count, 5);
	for (long i = 0; i < 5; i++)
		ck_assert_int_eq(eider_result(&jobs[i].future), i);
	tear_down();
}
END_TEST

/* ---- polled by another event loop ---- */

/* Poll, as the other one would, and turn when it says so. */
static void drive_until(unsigned int n)
{
	struct pollfd p = { .fd = eider_loop_fd(loop), .events = POLLIN };
	int timeout = (int)(20000 * harness_slow());

	ck_assert_int_ge(p.fd, 0);
	while (harness_get(&count) < n) {
		ck_assert_msg(poll(&p, 1, timeout) == 1,
			      "the descriptor does not say that a turn is due");
		ck_assert_int_ge(eider_loop_turn(loop, 0), 0);
	}
}

static long job_in_fiber(void *arg)
{
	long n = eider_call(nap_ms, arg);

	ck_assert_int_eq(n, (long)(intptr_t)arg);
	harness_add(&count, 1);
	return 0;
}

static long ping(void *arg)
{
	int *pair = arg;
	char c;

	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(eider_send(pair[1], "x", 1), 1);
		ck_assert_int_eq(eider_recv(pair[0], &c, 1), 1);
		eider_yield();
	}
	harness_add(&count, 1);
	return 0;
}

START_TEST(polled)
{
	int pair[2];

	set_up(&polled_options);
	count = 0;
	harness_socketpair(pair);
	ck_assert_int_ge(eider_loop_fd(loop), 0);
	for (long i = 0; i < 5; i++) {
		ck_assert_int_eq(eider_go(job_in_fiber, ms(i)), 0);
		ck_assert_int_eq(eider_go(sleep_ms, ms(3 * i)), 0);
		ck_assert_int_eq(eider_go(sleep_ms, ms(20 - i)), 0);
	}
	ck_assert_int_eq(eider_go(ping, pair), 0);
	ck_assert_int_ge(eider_loop_turn(loop, 0), 0);
	drive_until(16);
	while (eider_loop_turn(loop, 0) == 1)
		;
	close(pair[0]);
	close(pair[1]);
	tear_down();
}
END_TEST

/* What is started between turns makes a turn due. */
START_TEST(polled_and_started_between_turns)
{
	struct eider_job job;
	struct eider_op op;

	set_up(&polled_options);
	count = 0;
	ck_assert_int_ge(eider_loop_fd(loop), 0);
	ck_assert_int_eq(eider_loop_turn(loop, 0), 0);
	for (unsigned int i = 0; i < 3; i++) {
		ck_assert_int_eq(eider_go(count_up, NULL), 0);
		drive_until(3 * i + 1);
		ck_assert_int_eq(eider_submit(&job, nothing, NULL), 0);
		ck_assert_int_eq(eider_on_done(&job.future, count_done), 0);
		drive_until(3 * i + 2);
		io_uring_prep_nop(eider_sqe(&op));
		ck_assert_int_eq(eider_on_done(&op.future, count_done), 0);
		drive_until(3 * i + 3);
	}
	tear_down();
}
END_TEST

static void *spawn_slowly(void *arg)
{
	for (int i = 0; i < 50; i++) {
		harness_nap(200 * HARNESS_US);
		ck_assert_int_eq(eider_spawn_on(arg, count_up, NULL), 0);
	}
	return NULL;
}

START_TEST(polled_and_called_by_threads)
{
	pthread_t threads[2];

	set_up(&polled_options);
	count = 0;
	ck_assert_int_ge(eider_loop_fd(loop), 0);
	ck_assert_int_eq(eider_loop_turn(loop, 0), 0);
	for (int i = 0; i < 2; i++)
		start_thread(&threads[i], spawn_slowly, loop);
	drive_until(100);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	tear_down();
}
END_TEST

/*
 * Reads of an eventfd complete inside its writer: where the kernel signals another
 * eventfd for that, it does so once and then never again (DEFER_TASKRUN, 6.18).
 */
static void *write_slowly(void *arg)
{
	uint64_t one = 1;

	for (unsigned int i = 0; i < 8; i++) {
		ck_assert(harness_wait_count(&count, i));
		harness_nap(HARNESS_MS);
		ck_assert_int_eq(write(*(int *)arg, &one, sizeof(one)), sizeof(one));
	}
	return NULL;
}

static long read_often(void *arg)
{
	uint64_t n;

	for (int i = 0; i < 8; i++) {
		ck_assert_int_eq(eider_read(*(int *)arg, &n, sizeof(n), 0), sizeof(n));
		harness_add(&count, 1);
	}
	return 0;
}

START_TEST(polled_with_eventfds)
{
	int fd = eventfd(0, EFD_CLOEXEC);
	pthread_t thread;

	set_up(&polled_options);
	count = 0;
	ck_assert_int_ge(eider_loop_fd(loop), 0);
	ck_assert_int_eq(eider_go(read_often, &fd), 0);
	start_thread(&thread, write_slowly, &fd);
	drive_until(8);
	pthread_join(thread, NULL);
	tear_down();
	close(fd);
}
END_TEST

/* With nothing to do the descriptor stays silent, also after a deadline is gone. */
START_TEST(polled_and_idle)
{
	struct pollfd p = { .events = POLLIN };
	int turns = 0;

	set_up(&polled_options);
	count = 0;
	p.fd = eider_loop_fd(loop);
	ck_assert_int_eq(eider_go(sleep_ms, ms(2)), 0);
	ck_assert_int_ge(eider_loop_turn(loop, 0), 0);
	drive_until(1);
	while (poll(&p, 1, 50) == 1 && turns++ < 100)
		ck_assert_int_ge(eider_loop_turn(loop, 0), 0);
	ck_assert_int_lt(turns, 10);
	tear_down();
}
END_TEST

/* ---- stopping ---- */

static void *stop_soon(void *arg)
{
	harness_nap(5 * HARNESS_MS);
	eider_loop_stop(arg);
	return NULL;
}

START_TEST(stop_wakes_a_sleeper)
{
	pthread_t thread;

	set_up(NULL);
	count = 0;
	ck_assert_int_eq(eider_go(sleep_ms, ms(200000)), 0);
	for (int i = 0; i < 5; i++) {
		start_thread(&thread, stop_soon, loop);
		ck_assert_int_eq(eider_loop_run(loop), 0);
		pthread_join(thread, NULL);
		ck_assert_uint_eq(count, 0);
	}
	tear_down();
}
END_TEST

START_TEST(stop_before_run)
{
	set_up(NULL);
	ck_assert_int_eq(eider_go(sleep_ms, ms(200000)), 0);
	for (int i = 0; i < 5; i++) {
		eider_loop_stop(loop);
		eider_loop_stop(loop);
		ck_assert_int_eq(eider_loop_run(loop), 0);
	}
	tear_down();
}
END_TEST

static unsigned int run_again;

static void *stop_often(void *arg)
{
	while (harness_get(&run_again))
		eider_loop_stop(arg);
	return NULL;
}

/* Whatever the moment, no stop is lost and none does harm. */
START_TEST(stop_races)
{
	unsigned int rounds = harness_count(2000, 100);
	pthread_t thread;

	set_up(NULL);
	run_again = 1;
	ck_assert_int_eq(eider_go(sleep_ms, ms(200000)), 0);
	start_thread(&thread, stop_often, loop);
	for (unsigned int i = 0; i < rounds; i++)
		ck_assert_int_eq(eider_loop_run(loop), 0);
	harness_set(&run_again, 0);
	pthread_join(thread, NULL);
	tear_down();
}
END_TEST

static void *misuse(void *arg)
{
	struct eider_loop *other = arg;

	ck_assert_int_eq(eider_loop_run(other), -EPERM);
	ck_assert_int_eq(eider_loop_turn(other, 0), -EPERM);
	ck_assert_int_eq(eider_loop_fd(other), -EPERM);
	ck_assert_int_eq(eider_loop_free(other), -EPERM);
	ck_assert_ptr_null(eider_loop_current());
	ck_assert_ptr_eq(eider_loop_executor(other), executor);
	return NULL;
}

static long misuse_in_fiber(void *arg)
{
	ck_assert_int_eq(eider_loop_run(arg), -EBUSY);
	ck_assert_int_eq(eider_loop_turn(arg, 0), -EBUSY);
	ck_assert_int_eq(eider_loop_free(arg), -EBUSY);
	ck_assert_int_eq(eider_executor_shutdown(executor, true, EIDER_NEVER),
			 -EDEADLK);
	return 0;
}

START_TEST(wrong_place)
{
	pthread_t thread;

	set_up(NULL);
	start_thread(&thread, misuse, loop);
	pthread_join(thread, NULL);
	ck_assert_int_eq(eider_go(misuse_in_fiber, loop), 0);
	ck_assert_int_eq(eider_loop_run(loop), 0);
	tear_down();
}
END_TEST

/* ---- freeing ---- */

/* Fibers stay where they are; their ops and jobs are ended first. */
static long wait_in_many_ways(void *arg)
{
	static unsigned int which;
	char c;

	switch (which++ % 4) {
	case 0:
		return eider_sleep_until(EIDER_NEVER);
	case 1:
		return eider_recv(*(int *)arg, &c, 1);
	case 2:
		return eider_call(nap_ms, ms(30));
	default:
		eider_yield();
		return eider_call_until(nothing, NULL, eider_after(HARNESS_S));
	}
}

START_TEST(free_with_everything_open)
{
	struct eider_options o = { .size = sizeof(o), .workers_max = 2 };
	int pair[2];

	harness_socketpair(pair);
	for (int turns = 0; turns < 4; turns++) {
		set_up(&o);
		for (int i = 0; i < 40; i++)
			ck_assert_int_eq(eider_go(wait_in_many_ways, &pair[0]), 0);
		for (int i = 0; i < turns; i++)
			ck_assert_int_eq(eider_loop_turn(loop, 0), 1);
		ck_assert_int_eq(eider_loop_free(loop), 0);
		ck_assert_int_eq(eider_executor_shutdown(executor, true,
							 EIDER_NEVER), 0);
		eider_executor_free(executor);
	}
	close(pair[0]);
	close(pair[1]);
}
END_TEST

/* What a thread asked for and has not become a fiber yet. */
static void *block_and_note(void *arg)
{
	long result = eider_block_on(loop, nothing, NULL);

	*(long *)arg = result;
	return NULL;
}

static unsigned int requests_taken(void)
{
	unsigned int n = 0;

	eider__node_each(node, &loop->requests)
		n += node != NULL;
	return n;
}

START_TEST(free_with_requests_waiting)
{
	struct eider_options o = { .size = sizeof(o), .fibers_max = 1 };
	pthread_t thread;
	long result = 1;

	set_up(&o);
	ck_assert_int_eq(eider_go(sleep_ms, ms(200000)), 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_spawn_on(loop, nothing, NULL), 0);
	start_thread(&thread, block_and_note, &result);
	while (requests_taken() < 4)
		ck_assert_int_eq(eider_loop_turn(loop, eider_after(HARNESS_MS)), 1);
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(eider_loop_turn(loop, eider_after(HARNESS_MS)), 1);
	tear_down();
	pthread_join(thread, NULL);
	ck_assert_int_eq(result, -ESHUTDOWN);
}
END_TEST

/* ---- eider_run() ---- */

static long return_arg(void *arg)
{
	return (long)(intptr_t)arg;
}

START_TEST(run_gives_mains_result)
{
	ck_assert_int_eq(eider_run(return_arg, ms(0), NULL), 0);
	ck_assert_int_eq(eider_run(return_arg, ms(77), NULL), 77);
	ck_assert_int_eq(eider_run(return_arg, ms(-77), NULL), -77);
}
END_TEST

/* Main has returned; a fiber, a job and an op are still at it. */
static struct eider_op left_op;
static struct eider_job left_job;

static long leave_things_behind(void *arg)
{
	static struct __kernel_timespec ts = { 0, 20 * 1000000 };

	(void)arg;
	io_uring_prep_timeout(eider_sqe(&left_op), &ts, 0, 0);
	ck_assert_int_eq(eider_submit(&left_job, nap_ms, ms(10)), 0);
	return eider_go(sleep_ms, ms(30));
}

START_TEST(run_waits_for_all)
{
	count = 0;
	ck_assert_int_eq(eider_run(leave_things_behind, NULL, NULL), 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(eider_result(&left_job.future), 10);
	ck_assert_int_eq(eider_result(&left_op.future), -ETIME);
}
END_TEST

enum {
	LOOPS = 4,
};

static struct eider_loop *loops[LOOPS];
static unsigned int mains, there, hops;

static long hop(void *arg)
{
	unsigned int n = harness_add(&hops, 1);

	(void)arg;
	if (n < 400)
		ck_assert_int_eq(eider_spawn_on(loops[n % LOOPS], hop, NULL), 0);
	return 0;
}

static long one_of_many(void *arg)
{
	unsigned int me = harness_add(&mains, 1) - 1;

	(void)arg;
	loops[me] = eider_loop_current();
	harness_add(&there, 1);
	ck_assert_int_eq(eider_call(nap_ms, ms(1)), 1);
	/* Nobody goes before all are there, or while something hops. */
	ck_assert(harness_wait_count(&there, LOOPS));
	eider_sleep_until(eider_after(5 * HARNESS_MS));
	if (!me)
		ck_assert_int_eq(hop(NULL), 0);
	ck_assert(harness_wait_count(&hops, 400));
	eider_sleep_until(eider_after(5 * HARNESS_MS));
	return me ? 0 : 5;
}

START_TEST(run_several)
{
	struct eider_options o = { .size = sizeof(o), .loops = LOOPS };
	long result;

	mains = there = hops = 0;
	result = eider_run(one_of_many, NULL, &o);
	ck_assert(result == 0 || result == 5);
	ck_assert_uint_eq(mains, LOOPS);
	for (int i = 0; i < LOOPS; i++)
		for (int j = 0; j < i; j++)
			ck_assert_ptr_ne(loops[i], loops[j]);
}
END_TEST

static long fail_on_one(void *arg)
{
	(void)arg;
	return harness_add(&mains, 1) == LOOPS - 1 ? -EIO : 3;
}

START_TEST(run_several_gives_an_error)
{
	struct eider_options o = { .size = sizeof(o), .loops = LOOPS };

	mains = 0;
	ck_assert_int_eq(eider_run(fail_on_one, NULL, &o), -EIO);
}
END_TEST

/* ---- the heartbeat ---- */

static unsigned int released;

static long block_until_released(void *arg)
{
	(void)arg;
	while (!harness_get(&released))
		harness_nap(HARNESS_MS);
	return 1;
}

/* The jobs end when the loop has been at it for long: were it blocked, never. */
HARNESS_FIBER_TEST(the_loop_goes_on_while_jobs_block)
{
	struct eider_job jobs[4];

	released = 0;
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(eider_submit(&jobs[i], block_until_released, NULL),
				 0);
	for (int beats = 0; beats < 100; beats++)
		ck_assert_int_eq(eider_sleep_until(eider_after(HARNESS_MS)), 0);
	for (int i = 0; i < 4; i++)
		ck_assert(!eider_is_done(&jobs[i].future));
	harness_set(&released, 1);
	ck_assert_int_eq(eider_await_jobs(jobs, 4), 0);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(eider_result(&jobs[i].future), 1);
	return 0;
}

/* Nothing to do costs nothing: promise 13. */
HARNESS_FIBER_TEST(idle_uses_no_cpu)
{
	int64_t before;

	ck_assert_int_eq(eider_call(nap_ms, ms(1)), 1);
	eider_sleep_until(eider_after(50 * HARNESS_MS));
	before = harness_cpu();
	eider_sleep_until(eider_after(1000 * HARNESS_MS));
	ck_assert(harness_cpu() - before < (int64_t)(300 * HARNESS_MS));
	return 0;
}

/* What the scheduler was asked for, for this thread: the kernel's struct, in part. */
static long slice_here(void *arg)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = { .size = sizeof(a) };

	(void)arg;
	ck_assert_int_eq(syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0), 0);
	return (long)a.runtime;
}

/* On a kernel that does not listen (before 6.12) it says 0, or its own. */
static long compare_slices(void *arg)
{
	long before = *(long *)arg, asked = slice_here(NULL);

	ck_assert(asked == 200000 || asked == before);
	if (asked != before)
		ck_assert_int_ne(eider_call(slice_here, NULL), asked);
	return 0;
}

START_TEST(short_slices_are_the_loops_own)
{
	long before = slice_here(NULL);

	harness_in_loop(compare_slices, &before, HARNESS_OPTIONS(.slice_ns = 200000));
}
END_TEST

static void add_turning(Suite *s)
{
	TCase *t = harness_case(s, "new");

	tcase_add_test(t, one_for_a_thread);
	tcase_add_test(t, options_are_checked);
	tcase_add_test(t, rings_of_all_sizes);
	tcase_add_test(t, short_slices_are_the_loops_own);
	t = harness_case(s, "turn");
	tcase_add_test(t, by_hand);
	tcase_add_test(t, turns_run_everything);
	tcase_add_test(t, run_returns_when_all_is_done);
	t = harness_case(s, "polled");
	tcase_add_test(t, polled);
	tcase_add_test(t, polled_and_started_between_turns);
	tcase_add_test(t, polled_and_called_by_threads);
	tcase_add_test(t, polled_with_eventfds);
	tcase_add_test(t, polled_and_idle);
}

static void add_ending(Suite *s)
{
	TCase *t = harness_case(s, "stop");

	tcase_add_test(t, stop_wakes_a_sleeper);
	tcase_add_test(t, stop_before_run);
	tcase_add_test(t, stop_races);
	tcase_add_test(t, wrong_place);
	t = harness_case(s, "free");
	tcase_add_test(t, free_with_everything_open);
	tcase_add_test(t, free_with_requests_waiting);
}

static void add_run(Suite *s)
{
	TCase *t = harness_case(s, "run");

	tcase_add_test(t, run_gives_mains_result);
	tcase_add_test(t, run_waits_for_all);
	tcase_add_test(t, run_several);
	tcase_add_test(t, run_several_gives_an_error);
	t = harness_case(s, "heartbeat");
	tcase_add_test(t, the_loop_goes_on_while_jobs_block);
	tcase_add_test(t, idle_uses_no_cpu);
}

int main(void)
{
	Suite *s = suite_create("loop");

	add_turning(s);
	add_ending(s);
	add_run(s);
	return harness_run(s);
}
