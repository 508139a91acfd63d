/*
 * test_job.c - jobs: results, where they run, in which order, within which bounds
 *
 * No test here depends on how long something takes. What is to be in a job's way is
 * a gate: a function that stays inside until the test opens it. So "is not held up"
 * means that it ends while the gate is still shut, and a library that breaks the
 * promise makes the test wait for ever, that is, until its patience ends.
 */
#include <errno.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/sys.h"
#include "fixtures.h"

/* ---- results ---- */

HARNESS_FIBER_TEST(results)
{
	long numbers[] = { 0, 1, -1, -ECANCELED, -EIO, LONG_MAX, LONG_MIN };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		struct eider_job job;

		ck_assert_int_eq(eider_call(echo, &numbers[i]), numbers[i]);
		ck_assert_int_eq(eider_call_until(echo, &numbers[i], EIDER_NEVER),
				 numbers[i]);
		ck_assert_int_eq(eider_call_on(pool_here(), echo, &numbers[i]),
				 numbers[i]);
		ck_assert_int_eq(eider_submit(&job, echo, &numbers[i]), 0);
		ck_assert(!eider_is_done(&job.future));
		ck_assert_int_eq(eider_result(&job.future), -EINPROGRESS);
		ck_assert_int_eq(eider_await(&job.future), numbers[i]);
		ck_assert(eider_is_done(&job.future));
		ck_assert_int_eq(eider_result(&job.future), numbers[i]);
		ck_assert_int_eq(eider_await(&job.future), numbers[i]);
	}
	return 0;
}

/* What the function read and wrote is what the fiber wrote and reads. */
static long add_one_each(void *arg)
{
	unsigned char *bytes = arg;

	for (int i = 0; i < 4096; i++)
		bytes[i]++;
	return bytes[0];
}

HARNESS_FIBER_TEST(memory_is_handed_over)
{
	unsigned char bytes[4096] = { 0 };
	unsigned int rounds = harness_count(250, 20);

	for (unsigned int i = 0; i < rounds; i++) {
		ck_assert_int_eq(eider_call(add_one_each, bytes),
				 (unsigned char)(i + 1));
		for (int j = 0; j < 4096; j += 7)
			ck_assert_uint_eq(bytes[j], i + 1);
	}
	return 0;
}

static long fail_if_odd(void *arg)
{
	unsigned int n = *(unsigned int *)arg;

	return n & 1 ? -(long)n : (long)n;
}

HARNESS_FIBER_TEST(gather)
{
	struct eider_job jobs[100];
	struct {
		unsigned int n;
		char other[20];		/* a stride that is not the size */
	} args[100];

	for (unsigned int i = 0; i < 100; i++)
		args[i].n = 2 * i;
	ck_assert_int_eq(eider_submit_all(jobs, 100, fail_if_odd, args,
					  sizeof(args[0])), 100);
	ck_assert_int_eq(eider_await_jobs(jobs, 100), 0);
	for (unsigned int i = 0; i < 100; i++)
		ck_assert_int_eq(eider_result(&jobs[i].future), 2 * i);

	args[40].n = EIO | 1;
	args[20].n = EAGAIN | 1;
	ck_assert_int_eq(eider_submit_all(jobs, 100, fail_if_odd, args,
					  sizeof(args[0])), 100);
	ck_assert_int_eq(eider_await_jobs(jobs, 100), -(EAGAIN | 1));
	for (unsigned int i = 0; i < 100; i++)
		ck_assert(eider_is_done(&jobs[i].future));

	ck_assert_int_eq(eider_submit_all(jobs, 0, fail_if_odd, args, 1), 0);
	ck_assert_int_eq(eider_await_jobs(jobs, 0), 0);
	return 0;
}

/* ---- callbacks ---- */

static unsigned int called_back;
static long callback_sum;

static void add_result(struct eider_future *f)
{
	ck_assert(!eider_in_fiber());
	ck_assert(eider_is_done(f));
	callback_sum += eider_result(f);
	called_back++;
}

static void ignore(struct eider_future *f)
{
	(void)f;
}

START_TEST(callbacks_need_no_fiber)
{
	struct world w = open_world(NULL);
	long numbers[] = { 1, 20, 300, -4000 };
	struct eider_job jobs[4];

	for (int i = 0; i < 4; i++) {
		ck_assert_int_eq(eider_submit(&jobs[i], echo, &numbers[i]), 0);
		ck_assert_int_eq(eider_on_done(&jobs[i].future, add_result), 0);
		ck_assert_int_eq(eider_on_done(&jobs[i].future, ignore), -EBUSY);
	}
	ck_assert_uint_eq(called_back, 0);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_eq(called_back, 4);
	ck_assert_int_eq(callback_sum, 321 - 4000);

	/* To one that is done already: from the loop, not inline. */
	ck_assert_int_eq(eider_on_done(&jobs[1].future, add_result), 0);
	ck_assert_uint_eq(called_back, 4);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_eq(called_back, 5);
	close_world(&w);
}
END_TEST

/* ---- the memory of a job that is done is the caller's ---- */

static struct eider_job reused;
static unsigned int reuses_left, reused_runs;

static void reuse(struct eider_future *f)
{
	ck_assert_ptr_eq(f, &reused.future);
	ck_assert_int_eq(eider_result(f), 0);
	memset(&reused, 0xa5, sizeof(reused));
	if (!reuses_left--)
		return;
	ck_assert_int_eq(eider_submit(&reused, count, &reused_runs), 0);
	ck_assert_int_eq(eider_on_done(&reused.future, reuse), 0);
}

START_TEST(reuse_in_callback)
{
	struct world w = open_world(NULL);
	unsigned int n = harness_count(2000, 100);

	reuses_left = n - 1;
	ck_assert_int_eq(eider_submit(&reused, count, &reused_runs), 0);
	ck_assert_int_eq(eider_on_done(&reused.future, reuse), 0);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_eq(reused_runs, n);
	close_world(&w);
}
END_TEST

static long reuse_heap(void *arg)
{
	unsigned int n = harness_count(500, 50), runs = 0;

	(void)arg;
	for (unsigned int i = 0; i < n; i++) {
		struct eider_job *job = malloc(sizeof(*job));

		ck_assert_int_eq(eider_submit(job, count, &runs), 0);
		ck_assert_int_eq(eider_await(&job->future), 0);
		memset(job, 0xa5, sizeof(*job));
		free(job);
	}
	return runs;
}

/* Under a sanitizer, who still looks at it is told. */
HARNESS_FIBER_TEST(free_after_await)
{
	struct eider_fiber *fibers[8];

	for (int i = 0; i < 8; i++)
		fibers[i] = start(reuse_heap, NULL);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(eider_join(fibers[i]), harness_count(500, 50));
	return 0;
}

/* ---- where a job runs ---- */

struct place {
	char thread[16];
	struct eider_thread *self;
	uint64_t context;
	bool in_fiber, has_loop;
};

static long look_around(void *arg)
{
	struct place *p = arg;

	pthread_getname_np(pthread_self(), p->thread, sizeof(p->thread));
	p->self = eider_thread_self();
	p->context = eider_txn_id();
	p->in_fiber = eider_in_fiber();
	p->has_loop = eider_loop_current() != NULL;
	return 0;
}

static long look_around_atomic(void *arg)
{
	return look_around(arg);
}
EIDER_ATOMIC(look_around_atomic)

static bool ran_on(const struct place *p, const char *prefix)
{
	return !strncmp(p->thread, prefix, strlen(prefix)) && !p->in_fiber &&
	       !p->has_loop;
}

HARNESS_FIBER_TEST(routes_outside_of_contexts)
{
	struct eider_pool *dns;
	struct place p;

	ck_assert_int_eq(eider_call(look_around, &p), 0);
	ck_assert(ran_on(&p, "worker-"));
	ck_assert_ptr_null(p.self);
	ck_assert_uint_eq(p.context, 0);

	ck_assert_int_eq(eider_call(look_around_atomic, &p), 0);
	ck_assert(ran_on(&p, "txn-"));
	ck_assert_ptr_nonnull(p.self);
	ck_assert_uint_eq(p.context, 0);

	ck_assert_int_eq(eider_pool_new(executor_here(), "dns", 2, 0, &dns), 0);
	ck_assert_int_eq(eider_call_on(dns, look_around, &p), 0);
	ck_assert(ran_on(&p, "dns-"));
	ck_assert_int_eq(eider_call_on(dns, look_around_atomic, &p), 0);
	ck_assert(ran_on(&p, "dns-"));
	ck_assert_ptr_null(p.self);
	return 0;
}

HARNESS_FIBER_TEST(routes_inside_a_context)
{
	struct eider_thread *self = NULL;
	struct eider_pool *dns;
	struct place p;
	int err = -1;

	ck_assert_int_eq(eider_pool_new(executor_here(), "dns", 1, 0, &dns), 0);
	EIDER_TXN(err, NULL, EIDER_NEVER) {
		uint64_t id = eider_txn_id();

		ck_assert_uint_ne(id, 0);
		ck_assert_int_eq(eider_call(look_around, &p), 0);
		ck_assert(ran_on(&p, "txn-"));
		ck_assert_uint_eq(p.context, id);
		self = p.self;
		ck_assert_int_eq(eider_call(look_around_atomic, &p), 0);
		ck_assert_ptr_eq(p.self, self);
		ck_assert_uint_eq(p.context, id);
		ck_assert_int_eq(eider_call_on(dns, look_around, &p), 0);
		ck_assert(ran_on(&p, "dns-"));
		EIDER_NO_TXN {
			ck_assert_int_eq(eider_call(look_around, &p), 0);
			ck_assert(ran_on(&p, "worker-"));
			ck_assert_int_eq(eider_call(look_around_atomic, &p), 0);
			ck_assert(ran_on(&p, "txn-"));
			ck_assert_ptr_ne(p.self, self);
		}
	}
	ck_assert_int_eq(err, 0);
	ck_assert_int_eq(eider_call(look_around, &p), 0);
	ck_assert(ran_on(&p, "worker-"));
	return 0;
}

static long declared_late(void *arg)
{
	return look_around(arg);
}

HARNESS_FIBER_TEST(who_is_transactional)
{
	static struct eider_atomic late = { declared_late, "declared_late", NULL };
	struct place p;

	ck_assert(eider_is_transactional(look_around_atomic));
	ck_assert(!eider_is_transactional(look_around));
	ck_assert(!eider_is_transactional(NULL));
	ck_assert(!eider_is_transactional(declared_late));
	ck_assert_int_eq(eider_call(declared_late, &p), 0);
	ck_assert(ran_on(&p, "worker-"));
	eider_declare_atomic(&late);
	ck_assert(eider_is_transactional(declared_late));
	ck_assert_int_eq(eider_call(declared_late, &p), 0);
	ck_assert(ran_on(&p, "txn-"));
	return 0;
}

/* ---- order ---- */

static unsigned int next_number;

struct numbered {
	unsigned int number;
	unsigned int ran_as;
};

static long take_number(void *arg)
{
	((struct numbered *)arg)->ran_as = harness_add(&next_number, 1) - 1;
	return 0;
}

/* More than the batch of a lane, and of a worker; some turns in between. */
HARNESS_FIBER_TEST(one_worker_is_first_come_first_served)
{
	enum { N = 1000 };
	struct eider_job *jobs = calloc(N, sizeof(*jobs)), first;
	struct numbered *args = calloc(N, sizeof(*args));
	struct gate gate = { 0, 0 };
	struct eider_pool *one;

	next_number = 0;
	ck_assert_int_eq(eider_pool_new(executor_here(), "one", 1, 0, &one), 0);
	eider_job_init(&first, pass_gate, &gate);
	first.pool = one;
	ck_assert_int_eq(eider_job_start(&first), 0);
	for (unsigned int i = 0; i < N; i++) {
		eider_job_init(&jobs[i], take_number, &args[i]);
		jobs[i].pool = one;
		ck_assert_int_eq(eider_job_start(&jobs[i]), 0);
		if (i % 37 == 0)
			eider_yield();
		if (i == N / 2)
			harness_set(&gate.open, 1);
	}
	ck_assert_int_eq(eider_await(&first.future), 7);
	ck_assert_int_eq(eider_await_jobs(jobs, N), 0);
	for (unsigned int i = 0; i < N; i++)
		ck_assert_uint_eq(args[i].ran_as, i);
	free(jobs);
	free(args);
	return 0;
}

/* ---- elasticity ---- */

static const struct eider_options eight_workers = {
	.size = sizeof(struct eider_options), .workers_max = 8,
};

/* All eight are inside at once, and never a ninth. */
HARNESS_FIBER_TEST_WITH(grows_to_the_maximum, &eight_workers)
{
	struct eider_job jobs[20];
	struct gate gate = { 0, 0 };

	ck_assert_uint_eq(pool_counts_of(pool_here()).threads, 0);
	ck_assert_int_eq(eider_submit_all(jobs, 20, pass_gate, &gate, 0), 20);
	ck_assert(harness_wait_count(&gate.inside, 8));
	eider_sleep_until(eider_after(5 * HARNESS_MS));
	ck_assert_uint_eq(harness_get(&gate.inside), 8);
	ck_assert_uint_eq(pool_counts_of(pool_here()).threads, 8);
	ck_assert_uint_eq(pool_counts_of(pool_here()).idle, 0);
	harness_set(&gate.open, 1);
	ck_assert_int_eq(eider_await_jobs(jobs, 20), 0);
	ck_assert_uint_eq(pool_counts_of(pool_here()).queued, 0);
	return 0;
}

static bool has_no_threads(void *arg)
{
	return !pool_counts_of(arg).threads;
}

static bool is_idle(void *arg)
{
	struct eider_pool_counts c = pool_counts_of(arg);

	return c.threads && c.idle == c.threads;
}

HARNESS_FIBER_TEST_WITH(shrinks_when_idle_and_starts_again,
			HARNESS_OPTIONS(.workers_max = 8,
					.keepalive_ns = 5 * HARNESS_MS))
{
	for (int round = 0; round < 3; round++) {
		struct eider_job jobs[8];
		struct gate gate = { 0, 0 };

		ck_assert_int_eq(eider_submit_all(jobs, 8, pass_gate, &gate, 0), 8);
		ck_assert(harness_wait_count(&gate.inside, 8));
		harness_set(&gate.open, 1);
		ck_assert_int_eq(eider_await_jobs(jobs, 8), 0);
		ck_assert(harness_wait_until(has_no_threads, pool_here()));
	}
	return 0;
}

/* Workers that come and go while there is work at the same pace. */
HARNESS_FIBER_TEST_WITH(ends_and_starts_at_the_same_time,
			HARNESS_OPTIONS(.workers_max = 8,
					.keepalive_ns = 150 * HARNESS_US))
{
	unsigned int rounds = harness_count(300, 40);
	long five = 5;

	for (unsigned int i = 0; i < rounds; i++) {
		ck_assert_int_eq(eider_call(echo, &five), 5);
		eider_sleep_until(eider_after((int64_t)(i % 7) * 50 * HARNESS_US));
	}
	return 0;
}

/* One that is kept is used, rather than another started. */
HARNESS_FIBER_TEST(idle_workers_are_used)
{
	struct place p;

	ck_assert_int_eq(eider_call(look_around, &p), 0);
	for (int i = 0; i < 50; i++) {
		ck_assert(harness_wait_until(is_idle, pool_here()));
		ck_assert_int_eq(eider_call(look_around, &p), 0);
		ck_assert_uint_eq(pool_counts_of(pool_here()).threads, 1);
	}
	return 0;
}

/* ---- a slow job delays nobody ---- */

HARNESS_FIBER_TEST_WITH(quick_ones_pass_a_slow_one, HARNESS_OPTIONS(.workers_max = 2))
{
	struct gate slow = { 0, 0 };
	struct eider_job first, jobs[60];
	unsigned int done = 0;

	/* No worker runs: the first that starts takes several at once. */
	ck_assert_int_eq(eider_submit(&first, pass_gate, &slow), 0);
	ck_assert_int_eq(eider_submit_all(jobs, 60, count, &done, 0), 60);
	ck_assert(harness_wait_count(&done, 60));
	ck_assert(!eider_is_done(&first.future));
	let_go(&first, &slow);
	ck_assert_int_eq(eider_await_jobs(jobs, 60), 0);
	return 0;
}

enum { SLOW = 7, QUICK_EACH = 100 };

/*
 * While all eight are inside, slow and quick ones queue up; then they are taken in
 * batches. Seven workers get stuck in slow ones, with whatever they took beside it:
 * the eighth does it all.
 */
HARNESS_FIBER_TEST_WITH(batches_do_not_wait_behind_slow_ones, &eight_workers)
{
	struct eider_job *quick = calloc(SLOW * QUICK_EACH, sizeof(*quick));
	struct eider_job before[8], slow[SLOW];
	struct gate start_gate = { 0, 0 }, slow_gate = { 0, 0 };
	unsigned int done = 0;

	ck_assert_int_eq(eider_submit_all(before, 8, pass_gate, &start_gate, 0), 8);
	ck_assert(harness_wait_count(&start_gate.inside, 8));
	for (int i = 0; i < SLOW; i++) {
		ck_assert_int_eq(eider_submit(&slow[i], pass_gate, &slow_gate), 0);
		ck_assert_int_eq(eider_submit_all(&quick[i * QUICK_EACH], QUICK_EACH,
						  count, &done, 0), QUICK_EACH);
	}
	eider_yield();
	eider_yield();
	harness_set(&start_gate.open, 1);
	ck_assert(harness_wait_count(&done, SLOW * QUICK_EACH));
	ck_assert_int_eq(eider_await_jobs(quick, SLOW * QUICK_EACH), 0);
	for (int i = 0; i < SLOW; i++)
		ck_assert(!eider_is_done(&slow[i].future));
	harness_set(&slow_gate.open, 1);
	ck_assert_int_eq(eider_await_jobs(slow, SLOW), 0);
	ck_assert_int_eq(eider_await_jobs(before, 8), 0);
	free(quick);
	return 0;
}

static void fill_pool(struct eider_pool *pool, struct eider_job *jobs, int n,
		      struct gate *gate)
{
	for (int i = 0; i < n; i++) {
		eider_job_init(&jobs[i], pass_gate, gate);
		jobs[i].pool = pool;
		ck_assert_int_eq(eider_job_start(&jobs[i]), 0);
	}
}

/* Saturate each of two pools in turn: the other goes on. */
HARNESS_FIBER_TEST_WITH(pools_do_not_starve_each_other,
			HARNESS_OPTIONS(.workers_max = 2))
{
	struct eider_pool *pools[2] = { pool_here() };
	long five = 5;

	ck_assert_int_eq(eider_pool_new(executor_here(), "fsync", 2, 0, &pools[1]),
			 0);
	for (int i = 0; i < 2; i++) {
		struct eider_job jobs[20];
		struct gate gate = { 0, 0 };

		fill_pool(pools[i], jobs, 20, &gate);
		ck_assert(harness_wait_count(&gate.inside, 2));
		for (int j = 0; j < 20; j++)
			ck_assert_int_eq(eider_call_on(pools[!i], echo, &five), 5);
		ck_assert_uint_eq(harness_get(&gate.inside), 2);
		harness_set(&gate.open, 1);
		ck_assert_int_eq(eider_await_jobs(jobs, 20), 0);
	}
	return 0;
}

static long beat(void *arg)
{
	unsigned int *beats = arg;

	for (int i = 0; i < 50; i++) {
		eider_sleep_until(eider_after(100 * HARNESS_US));
		++*beats;
	}
	return 0;
}

/* Every thread there may be is inside a function: the loop lives on. */
HARNESS_FIBER_TEST_WITH(the_loop_lives_while_all_threads_are_held,
			HARNESS_OPTIONS(.workers_max = 8, .txn_threads_max = 4))
{
	struct gate gate = { 0, 0 }, atomic_gate = { 0, 0 };
	struct eider_job jobs[20], atomic[20];
	unsigned int beats = 0;
	int pair[2];
	char c;

	ck_assert_int_eq(eider_submit_all(jobs, 20, pass_gate, &gate, 0), 20);
	ck_assert_int_eq(eider_submit_all(atomic, 20, pass_atomic_gate, &atomic_gate,
					  0), 20);
	ck_assert(harness_wait_count(&gate.inside, 8));
	ck_assert(harness_wait_count(&atomic_gate.inside, 4));
	ck_assert_int_eq(eider_join(start(beat, &beats)), 0);
	ck_assert_uint_eq(beats, 50);
	harness_socketpair(pair);
	for (int i = 0; i < 20; i++) {
		ck_assert_int_eq(eider_send(pair[0], "x", 1), 1);
		ck_assert_int_eq(eider_recv(pair[1], &c, 1), 1);
	}
	close(pair[0]);
	close(pair[1]);
	ck_assert_uint_eq(harness_get(&gate.inside), 8);
	ck_assert_uint_eq(harness_get(&atomic_gate.inside), 4);
	harness_set(&gate.open, 1);
	harness_set(&atomic_gate.open, 1);
	ck_assert_int_eq(eider_await_jobs(jobs, 20), 0);
	ck_assert_int_eq(eider_await_jobs(atomic, 20), 0);
	return 0;
}

/* ---- bounds ---- */

struct warnings {
	unsigned int full;
	char name[32];
};

static void note_full(const struct eider_warning *w, void *arg)
{
	struct warnings *noted = arg;

	if (w->kind != EIDER_POOL_FULL)
		return;
	snprintf(noted->name, sizeof(noted->name), "%s", w->name);
	harness_add(&noted->full, 1);
}

static const struct eider_options queue_of_two = {
	.size = sizeof(struct eider_options), .workers_max = 1, .queue_max = 2,
};

START_TEST(callbacks_get_eagain_at_the_bound)
{
	struct world w = open_world(&queue_of_two);
	struct warnings noted = { 0, "" };
	struct gate gate = { 0, 0 };
	struct eider_job jobs[5];

	eider_on_warning(w.executor, note_full, &noted);
	ck_assert_int_eq(eider_submit_all(jobs, 5, pass_gate, &gate, 0), 2);
	ck_assert_uint_eq(noted.full, 1);
	ck_assert_str_eq(noted.name, "worker");
	ck_assert_int_eq(eider_submit(&jobs[2], pass_gate, &gate), -EAGAIN);
	ck_assert_int_eq(eider_submit_all(&jobs[2], 3, pass_gate, &gate, 0), -EAGAIN);
	harness_set(&gate.open, 1);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert(eider_is_done(&jobs[0].future) && eider_is_done(&jobs[1].future));

	ck_assert_int_eq(eider_submit_all(jobs, 5, pass_gate, &gate, 0), 2);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_eq(gate.inside, 4);
	close_world(&w);
}
END_TEST

static char story[64];

/* A job; with one worker they run one after another. */
static long tell(void *arg)
{
	strncat(story, arg, sizeof(story) - strlen(story) - 1);
	return 0;
}

static long call_tell(void *arg)
{
	return eider_call(tell, arg);
}

HARNESS_FIBER_TEST_WITH(fibers_wait_their_turn_at_the_bound, &queue_of_two)
{
	char names[6][2] = { "a", "b", "c", "d", "e", "f" };
	struct warnings noted = { 0, "" };
	struct eider_fiber *fibers[6];
	struct gate gate = { 0, 0 };
	struct eider_job job;

	story[0] = 0;
	eider_on_warning(executor_here(), note_full, &noted);
	ck_assert_int_eq(eider_submit(&job, pass_gate, &gate), 0);
	for (int i = 0; i < 6; i++)
		fibers[i] = start(call_tell, names[i]);
	for (int i = 0; i < 5; i++)
		eider_yield();
	ck_assert_uint_ge(noted.full, 1);
	ck_assert_str_eq(noted.name, "worker");
	/* One who waits can be cancelled, and leaves no gap. */
	eider_cancel(eider_fiber_future(fibers[3]));
	ck_assert_int_eq(eider_join(fibers[3]), -ECANCELED);
	harness_set(&gate.open, 1);
	/* Comes last, although a slot may be free soon. */
	ck_assert_int_eq(eider_call(tell, (char[]){ "g" }), 0);
	for (int i = 0; i < 6; i++)
		if (i != 3)
			ck_assert_int_eq(eider_join(fibers[i]), 0);
	ck_assert_int_eq(eider_await(&job.future), 7);
	ck_assert_str_eq(story, "abcefg");
	return 0;
}

static long submit_five(void *arg)
{
	struct eider_job jobs[5];
	unsigned int done = 0;

	(void)arg;
	ck_assert_int_eq(eider_submit_all(jobs, 5, count, &done, 0), 5);
	ck_assert_int_eq(eider_await_jobs(jobs, 5), 0);
	return done;
}

/* The bound is on what is not done; a fiber waits inside submit_all. */
START_TEST(gather_waits_at_the_bound)
{
	ck_assert_int_eq(harness_in_loop(submit_five, NULL, &queue_of_two), 5);
}
END_TEST

/* ---- exactly once ---- */

enum { WINDOW = 256 };

struct cell {
	struct eider_job job;
	struct flood *flood;
	unsigned int ran;		/* by a worker, this time */
};

struct flood {
	struct cell cells[WINDOW];
	unsigned int to_start, completed;
	struct eider_loop *loop;
};

static unsigned int flood_ran;

static long run_cell(void *arg)
{
	struct cell *c = arg;

	harness_add(&c->ran, 1);
	__atomic_fetch_add(&flood_ran, 1, __ATOMIC_RELAXED);
	return 0;
}

static void end_cell(struct eider_future *f);

static void start_cell(struct cell *c)
{
	c->ran = 0;
	if (eider_submit(&c->job, run_cell, c) ||
	    eider_on_done(&c->job.future, end_cell))
		ck_abort_msg("a job was not accepted");
	c->flood->to_start--;
}

static void end_cell(struct eider_future *f)
{
	struct cell *c = (struct cell *)f;	/* the first member of its first */

	if (eider_loop_current() != c->flood->loop || eider_result(f) ||
	    harness_get(&c->ran) != 1)
		ck_abort_msg("a job ran %u times", harness_get(&c->ran));
	c->flood->completed++;
	if (c->flood->to_start)
		start_cell(c);
}

static bool flood_is_over(void *arg)
{
	return !((struct flood *)arg)->to_start;
}

static long run_flood(void *arg)
{
	struct flood *flood = calloc(1, sizeof(*flood));

	flood->to_start = *(unsigned int *)arg;
	flood->loop = eider_loop_current();
	for (int i = 0; i < WINDOW; i++) {
		flood->cells[i].flood = flood;
		start_cell(&flood->cells[i]);
	}
	ck_assert(harness_wait_until(flood_is_over, flood));
	while (flood->completed < *(unsigned int *)arg)
		eider_sleep_until(eider_after(HARNESS_MS));
	ck_assert_uint_eq(flood->completed, *(unsigned int *)arg);
	free(flood);
	return 0;
}

START_TEST(three_loops_share_an_executor)
{
	struct eider_options o = { .size = sizeof(o), .loops = 3 };
	unsigned int n = harness_count(40000, 4000);

	flood_ran = 0;
	harness_in_loop(run_flood, &n, &o);
	ck_assert_uint_eq(flood_ran, 3 * n);
}
END_TEST

/* Have the plain form of delivery, whatever the environment says. */
static void deliver_each(void)
{
	setenv("EIDER_DELIVERY", "each", 1);
}

static long overflow(void *arg)
{
	unsigned int n = *(unsigned int *)arg, done = 0;
	struct eider_job *jobs = calloc(n, sizeof(*jobs));
	int64_t end = eider_after(20 * HARNESS_MS);

	ck_assert_int_eq(eider_submit_all(jobs, n, count, &done, 0), n);
	/* 16 completions fit: let more come than that, and nobody reaps. */
	while (harness_get(&done) < 500 && eider_now() < end)
		;
	ck_assert_int_eq(eider_await_jobs(jobs, n), 0);
	ck_assert_uint_eq(harness_get(&done), n);
	free(jobs);
	return 0;
}

START_TEST(a_full_ring_loses_nothing)
{
	struct eider_options o = { .size = sizeof(o), .ring_entries = 4 };
	unsigned int n = harness_count(10000, 1000);

	harness_in_loop(overflow, &n, &o);
	deliver_each();
	harness_in_loop(overflow, &n, &o);
}
END_TEST

/* ---- no thread to be had ---- */

/* With the @n-th thing that can fail failing: the result. True if it did fail. */
static bool call_with_fault(uint64_t n, long *ret_result)
{
	struct world w = open_world(NULL);
	unsigned int ran = 0;
	struct eider_job job;
	bool hit;

	ck_assert_int_eq(eider_submit(&job, count, &ran), 0);
	eider__fault_arm(n, 0);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	hit = eider__fault_hits();
	eider__fault_arm(0, 0);
	ck_assert(eider_is_done(&job.future));
	*ret_result = eider_result(&job.future);
	ck_assert_uint_eq(ran, *ret_result == 0);
	close_world(&w);
	return hit;
}

START_TEST(no_worker_at_all)
{
	bool no_memory = false, no_thread = false, hit = true;
	long result;

	for (uint64_t n = 1; hit; n++) {
		hit = call_with_fault(n, &result);
		no_memory |= result == -ENOMEM;
		no_thread |= result == -EAGAIN;
		ck_assert_msg(!result || result == -ENOMEM || result == -EAGAIN,
			      "fault %lu: %ld", (unsigned long)n, result);
		ck_assert(hit || !result);
	}
	ck_assert(no_memory && no_thread);
}
END_TEST

/* Growing fails; the worker there is does the work. */
HARNESS_FIBER_TEST(no_more_workers)
{
	struct gate gate = { 0, 0 };
	struct eider_job first, jobs[20];
	unsigned int done = 0;

	ck_assert_int_eq(eider_submit(&first, pass_gate, &gate), 0);
	ck_assert(harness_wait_count(&gate.inside, 1));
	eider__fault_arm(1, UINT64_MAX / 2);
	ck_assert_int_eq(eider_submit_all(jobs, 20, count, &done, 0), 20);
	eider_yield();		/* the hand-over */
	eider_yield();
	ck_assert_uint_ge(eider__fault_hits(), 1);
	eider__fault_arm(0, 0);
	ck_assert_uint_eq(pool_counts_of(pool_here()).threads, 1);
	let_go(&first, &gate);
	ck_assert_int_eq(eider_await_jobs(jobs, 20), 0);
	ck_assert_uint_eq(done, 20);
	return 0;
}

/* ---- misuse ---- */

/* Every way to start or await, each with the same answer. */
static bool all_answer(int err)
{
	struct eider_job job;
	unsigned int n = 0;

	eider_job_init(&job, count, &n);
	return eider_call(count, &n) == err &&
	       eider_call_until(count, &n, EIDER_NEVER) == err &&
	       eider_job_start(&job) == err && eider_submit(&job, count, &n) == err &&
	       eider_submit_all(&job, 1, count, &n, 0) == err &&
	       eider_await_jobs(&job, 1) == err && !n;
}

START_TEST(off_loop)
{
	struct eider_executor *executor;
	unsigned int n = 0;

	ck_assert(all_answer(-EPERM));
	ck_assert(!eider_cancelled());
	ck_assert_int_eq(eider_executor_new(NULL, &executor), 0);
	ck_assert(all_answer(-EPERM));
	ck_assert_int_eq(eider_call_on(eider_executor_pool(executor), count, &n),
			 -EPERM);
	eider_executor_free(executor);
	eider_executor_free(NULL);
}
END_TEST

static long submit_from_a_job(void *arg)
{
	(void)arg;
	return all_answer(-EPERM);
}

static long submit_from_an_atomic_job(void *arg)
{
	return submit_from_a_job(arg);
}
EIDER_ATOMIC(submit_from_an_atomic_job)

HARNESS_FIBER_TEST(inside_a_job)
{
	ck_assert_int_eq(eider_call(submit_from_a_job, NULL), 1);
	ck_assert_int_eq(eider_call(submit_from_an_atomic_job, NULL), 1);
	return 0;
}

static void call_in_callback(struct eider_future *f)
{
	long five = 5;

	(void)f;
	ck_assert_int_eq(eider_call(echo, &five), -EPERM);
	ck_assert_int_eq(eider_await(f), -EPERM);
	called_back = 77;
}

START_TEST(in_a_callback)
{
	struct world w = open_world(NULL);
	long five = 5;
	struct eider_job job;

	ck_assert_int_eq(eider_submit(&job, echo, &five), 0);
	ck_assert_int_eq(eider_on_done(&job.future, call_in_callback), 0);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_eq(called_back, 77);
	close_world(&w);
}
END_TEST

HARNESS_FIBER_TEST(bad_arguments)
{
	struct eider_executor *other;
	struct eider_pool *pool;
	struct eider_job job;
	unsigned int n = 0;

	ck_assert_int_eq(eider_call(NULL, &n), -EINVAL);
	ck_assert_int_eq(eider_call_until(NULL, &n, EIDER_NEVER), -EINVAL);
	ck_assert_int_eq(eider_call_on(NULL, count, &n), -EINVAL);
	ck_assert_int_eq(eider_call_on(pool_here(), NULL, &n), -EINVAL);
	ck_assert_int_eq(eider_submit(NULL, count, &n), -EINVAL);
	ck_assert_int_eq(eider_submit(&job, NULL, &n), -EINVAL);
	ck_assert_int_eq(eider_job_start(NULL), -EINVAL);
	ck_assert_int_eq(eider_submit_all(&job, 1, NULL, &n, 0), -EINVAL);

	ck_assert_int_eq(eider_executor_new(NULL, &other), 0);
	ck_assert_int_eq(eider_call_on(eider_executor_pool(other), count, &n),
			 -EINVAL);
	ck_assert_int_eq(eider_pool_new(other, "x", 1, 0, &pool), 0);
	ck_assert_int_eq(eider_call_on(pool, count, &n), -EINVAL);
	eider_executor_free(other);
	ck_assert_uint_eq(n, 0);
	return 0;
}

START_TEST(bad_pools)
{
	struct eider_executor *e;
	struct eider_pool *pool = NULL;
	int err = 0;

	ck_assert_int_eq(eider_executor_new(NULL, &e), 0);
	ck_assert_int_eq(eider_executor_new(NULL, NULL), -EINVAL);
	ck_assert_int_eq(eider_pool_new(NULL, "x", 1, 0, &pool), -EINVAL);
	ck_assert_int_eq(eider_pool_new(e, NULL, 1, 0, &pool), -EINVAL);
	ck_assert_int_eq(eider_pool_new(e, "", 1, 0, &pool), -EINVAL);
	ck_assert_int_eq(eider_pool_new(e, "x", 0, 0, &pool), -EINVAL);
	ck_assert_int_eq(eider_pool_new(e, "x", 4097, 0, &pool), -EINVAL);
	ck_assert_int_eq(eider_pool_new(e, "x", 1, 0, NULL), -EINVAL);
	ck_assert_ptr_null(pool);
	for (int i = 0; i < 32; i++)
		ck_assert_int_eq(eider_pool_new(e, "a name that is too long to keep",
						4096, 1, &pool), 0);
	err = eider_pool_new(e, "x", 1, 0, &pool);
	ck_assert_int_eq(err, -EAGAIN);
	eider_executor_free(e);
}
END_TEST

static void refuse(struct eider_options o)
{
	struct eider_executor *e = NULL;

	if (!o.size)
		o.size = sizeof(o);
	ck_assert_int_eq(eider_executor_new(&o, &e), -EINVAL);
	ck_assert_ptr_null(e);
	ck_assert_int_eq(eider_run(echo, NULL, &o), -EINVAL);
}

START_TEST(options_out_of_range)
{
	refuse((struct eider_options){ .size = 4 });
	refuse((struct eider_options){ .size = sizeof(struct eider_options) + 1 });
	refuse((struct eider_options){ .ring_entries = 3 });
	refuse((struct eider_options){ .ring_entries = 32769 });
	refuse((struct eider_options){ .workers_max = 4097 });
	refuse((struct eider_options){ .free_level = 101 });
	refuse((struct eider_options){ .keepalive_ns = -1 });
	refuse((struct eider_options){ .slow_job_ns = -1 });
	refuse((struct eider_options){ .loop_stall_ns = -1 });
	refuse((struct eider_options){ .stack_bytes = 4096 });
	refuse((struct eider_options){ .disable = UINT64_C(1) << 63 });
}
END_TEST

/* In the child; libcheck's assertions are of no use there. */
static void expect(bool what)
{
	if (!what)
		abort();
}

static void use_after_fork(void *arg)
{
	struct eider_executor *executor = arg;
	struct eider_loop *loop;
	unsigned int n = 0;

	expect(all_answer(-ECHILD));
	expect(eider_call_on(eider_executor_pool(executor), count, &n) == -ECHILD);
	expect(eider_loop_new(executor, NULL, &loop) == -ECHILD);
	expect(eider_executor_shutdown(executor, true, EIDER_NEVER) == -ECHILD);
	expect(eider_executor_shutdown(executor, false, 0) == -ECHILD);
	eider_executor_free(executor);
	expect(!eider_in_fiber() && !eider_loop_current() && !n);
}

HARNESS_FIBER_TEST(in_a_forked_child)
{
	char output[512];
	long five = 5;
	int status;

	ck_assert_int_eq(eider_call(echo, &five), 5);	/* there is a worker */
	status = harness_in_child(use_after_fork, executor_here(), output,
				  sizeof(output));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "status %x: %s",
		      (unsigned int)status, output);
	ck_assert_int_eq(eider_call(echo, &five), 5);
	return 0;
}

static long forget_fork(void *arg)
{
	return eider_call(echo, arg);
}

static void run_after_fork(void *arg)
{
	expect(eider_run(forget_fork, arg, NULL) == 5);
}

/* What a child makes itself is its own. */
START_TEST(a_forked_child_can_start_anew)
{
	char output[512];
	long five = 5;
	int status;

	ck_assert_int_eq(harness_in_loop(forget_fork, &five, NULL), 5);
	status = harness_in_child(run_after_fork, &five, output, sizeof(output));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "status %x: %s",
		      (unsigned int)status, output);
}
END_TEST

static void add_results_and_routes(Suite *s)
{
	TCase *t = harness_case(s, "results");

	tcase_add_test(t, results);
	tcase_add_test(t, memory_is_handed_over);
	tcase_add_test(t, gather);
	tcase_add_test(t, callbacks_need_no_fiber);
	tcase_add_test(t, reuse_in_callback);
	tcase_add_test(t, free_after_await);
	t = harness_case(s, "routes");
	tcase_add_test(t, routes_outside_of_contexts);
	tcase_add_test(t, routes_inside_a_context);
	tcase_add_test(t, who_is_transactional);
}

static void add_workers(Suite *s)
{
	TCase *t = harness_case(s, "workers");

	tcase_add_test(t, one_worker_is_first_come_first_served);
	tcase_add_test(t, grows_to_the_maximum);
	tcase_add_test(t, shrinks_when_idle_and_starts_again);
	tcase_add_test(t, ends_and_starts_at_the_same_time);
	tcase_add_test(t, idle_workers_are_used);
	t = harness_case(s, "slow");
	tcase_add_test(t, quick_ones_pass_a_slow_one);
	tcase_add_test(t, batches_do_not_wait_behind_slow_ones);
	tcase_add_test(t, pools_do_not_starve_each_other);
	tcase_add_test(t, the_loop_lives_while_all_threads_are_held);
}

static void add_bounds(Suite *s)
{
	TCase *t = harness_case(s, "bounds");

	tcase_add_test(t, callbacks_get_eagain_at_the_bound);
	tcase_add_test(t, fibers_wait_their_turn_at_the_bound);
	tcase_add_test(t, gather_waits_at_the_bound);
	t = harness_case(s, "once");
	tcase_add_test(t, three_loops_share_an_executor);
	tcase_add_test(t, a_full_ring_loses_nothing);
	tcase_add_test(t, no_worker_at_all);
	tcase_add_test(t, no_more_workers);
}

static void add_misuse(Suite *s)
{
	TCase *t = harness_case(s, "misuse");

	tcase_add_test(t, off_loop);
	tcase_add_test(t, inside_a_job);
	tcase_add_test(t, in_a_callback);
	tcase_add_test(t, bad_arguments);
	tcase_add_test(t, bad_pools);
	tcase_add_test(t, options_out_of_range);
	tcase_add_test(t, in_a_forked_child);
	tcase_add_test(t, a_forked_child_can_start_anew);
}

int main(void)
{
	Suite *s = suite_create("job");

	add_results_and_routes(s);
	add_workers(s);
	add_bounds(s);
	add_misuse(s);
	return harness_run(s);
}
