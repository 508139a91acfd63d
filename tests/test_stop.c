/*
 * test_stop.c - cancelling, deadlines, shutting down, and jobs that outlive a loop
 *
 * As in test_job.c, what is in the way is a gate that the test opens, never a time.
 * A deadline that has to pass while something is in the way passes for certain; one
 * that must not pass is an hour away.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fixtures.h"

/* A job that runs until it is cancelled. */
static long run_until_cancelled(void *arg)
{
	harness_add((unsigned int *)arg, 1);
	while (!eider_cancelled())
		harness_nap(200 * HARNESS_US);
	return 77;
}

static int64_t in_an_hour(void)
{
	return eider_after(3600 * HARNESS_S);
}

static int64_t soon(void)
{
	return eider_after(3 * HARNESS_MS);
}

static unsigned int queued_here(void)
{
	return pool_counts_of(pool_here()).queued;
}

static void submit(struct eider_job *job, eider_fn *fn, void *arg)
{
	ck_assert_int_eq(eider_submit(job, fn, arg), 0);
}

/* A worker is inside @g, with @job. */
static void occupy(struct eider_job *job, struct gate *g)
{
	submit(job, pass_gate, g);
	ck_assert(harness_wait_count(&g->inside, 1));
}

/* One worker, or transaction thread, that a gate can block. */
static const struct eider_options one_worker = {
	.size = sizeof(struct eider_options), .workers_max = 1, .txn_threads_max = 1,
};

/* ---- cancelling what no thread runs ---- */

/* Cancel the odd ones of ten that are behind a gate; @turns have passed before. */
static void cancel_behind_gate(eider_fn *holder, struct gate *gate, eider_fn *fn,
			       unsigned int *ran, int turns)
{
	struct eider_job first, jobs[10];

	submit(&first, holder, gate);
	ck_assert(harness_wait_count(&gate->inside, 1));
	ck_assert_int_eq(eider_submit_all(jobs, 10, fn, ran, 0), 10);
	while (turns--)
		eider_yield();
	for (int i = 1; i < 10; i += 2) {
		eider_cancel(&jobs[i].future);
		eider_cancel(&jobs[i].future);
	}
	for (int i = 1; i < 10; i += 2)
		ck_assert_int_eq(eider_await(&jobs[i].future), -ECANCELED);
	/* Still shut. */
	ck_assert(!eider_is_done(&first.future));
	ck_assert_uint_eq(harness_get(ran), 0);
	harness_set(&gate->open, 1);
	for (int i = 0; i < 10; i += 2)
		ck_assert_int_eq(eider_await(&jobs[i].future), 0);
	ck_assert_int_eq(eider_await(&first.future), 7);
	ck_assert_uint_eq(harness_get(ran), 5);
	for (int i = 0; i < 10; i++)
		eider_cancel(&jobs[i].future);	/* too late, and harmless */
	ck_assert_int_eq(eider_result(&jobs[0].future), 0);
	ck_assert_int_eq(eider_result(&jobs[1].future), -ECANCELED);
}

HARNESS_FIBER_TEST_WITH(cancel_before_the_hand_over, &one_worker)
{
	struct gate gate = { 0, 0 };
	unsigned int ran = 0;

	cancel_behind_gate(pass_gate, &gate, count, &ran, 0);
	return 0;
}

HARNESS_FIBER_TEST_WITH(cancel_queued, &one_worker)
{
	struct gate gate = { 0, 0 };
	unsigned int ran = 0;

	cancel_behind_gate(pass_gate, &gate, count, &ran, 3);
	return 0;
}

static long count_atomic(void *arg)
{
	return count(arg);
}
EIDER_ATOMIC(count_atomic)

HARNESS_FIBER_TEST_WITH(cancel_in_line_for_a_transaction_thread, &one_worker)
{
	struct gate gate = { 0, 0 }, again = { 0, 0 };
	unsigned int ran = 0;

	cancel_behind_gate(pass_atomic_gate, &gate, count_atomic, &ran, 0);
	ran = 0;
	cancel_behind_gate(pass_atomic_gate, &again, count_atomic, &ran, 3);
	return 0;
}

/* Placed on an idle thread and taken out again: the thread is idle as before. */
HARNESS_FIBER_TEST_WITH(a_cancelled_job_leaves_its_thread_idle, &one_worker)
{
	unsigned int rounds = harness_count(300, 50), ran = 0;
	struct eider_job job;
	long result;

	for (unsigned int i = 0; i < rounds; i++) {
		submit(&job, count_atomic, &ran);
		harness_spin(i % 8 * 5 * HARNESS_US);
		eider_cancel(&job.future);
		result = eider_await(&job.future);
		ck_assert(!result || result == -ECANCELED);
		submit(&job, count_atomic, &ran);
		ck_assert_int_eq(eider_await_until(&job.future, eider_after(
				(int64_t)(10 * HARNESS_S * harness_slow()))), 0);
		ck_assert_int_eq(eider_result(&job.future), 0);
	}
	return 0;
}

HARNESS_FIBER_TEST_WITH(cancel_in_a_context, &one_worker)
{
	struct gate gate = { 0, 0 };
	unsigned int ran = 0;
	int err = 0;

	EIDER_TXN(err, NULL, EIDER_NEVER)
		cancel_behind_gate(pass_gate, &gate, count, &ran, 3);
	return err;
}

/* A worker has taken them together with the one that it runs. */
HARNESS_FIBER_TEST_WITH(cancel_in_a_batch, &one_worker)
{
	struct gate before = { 0, 0 }, gate = { 0, 0 };
	struct eider_job first, second, jobs[20];
	unsigned int ran = 0;

	occupy(&first, &before);
	submit(&second, pass_gate, &gate);
	ck_assert_int_eq(eider_submit_all(jobs, 20, count, &ran, 0), 20);
	eider_yield();
	eider_yield();
	harness_set(&before.open, 1);
	ck_assert(harness_wait_count(&gate.inside, 1));
	ck_assert_uint_eq(queued_here(), 0);	/* they are in its hands */
	for (int i = 0; i < 20; i += 3)
		eider_cancel(&jobs[i].future);
	for (int i = 0; i < 20; i += 3)
		ck_assert_int_eq(eider_await(&jobs[i].future), -ECANCELED);
	ck_assert_uint_eq(harness_get(&ran), 0);
	harness_set(&gate.open, 1);
	ck_assert_int_eq(eider_await_jobs(jobs, 20), -ECANCELED);
	ck_assert_uint_eq(harness_get(&ran), 13);
	ck_assert_int_eq(eider_await(&first.future), 7);
	ck_assert_int_eq(eider_await(&second.future), 7);
	return 0;
}

/* ---- cancelling what runs ---- */

HARNESS_FIBER_TEST(cancel_running_raises_the_flag)
{
	unsigned int inside = 0;
	struct eider_job job;

	submit(&job, run_until_cancelled, &inside);
	ck_assert(harness_wait_count(&inside, 1));
	ck_assert(!eider_cancelled());
	eider_cancel(&job.future);
	eider_cancel(&job.future);
	ck_assert_int_eq(eider_await(&job.future), 77);
	eider_cancel(&job.future);
	ck_assert_int_eq(eider_result(&job.future), 77);
	return 0;
}

static long ask_cancelled(void *arg)
{
	(void)arg;
	return eider_cancelled();
}

/* The flag is the job's, not the thread's. */
HARNESS_FIBER_TEST_WITH(the_flag_is_of_one_job, &one_worker)
{
	unsigned int inside = 0;
	struct eider_job job;

	for (int i = 0; i < 20; i++) {
		submit(&job, run_until_cancelled, &inside);
		ck_assert(harness_wait_count(&inside, (unsigned int)i + 1));
		eider_cancel(&job.future);
		ck_assert_int_eq(eider_await(&job.future), 77);
		ck_assert_int_eq(eider_call(ask_cancelled, NULL), 0);
	}
	return 0;
}

/* A job with a hook: fn runs until the hook was called. */
struct hooked {
	struct eider_job job;
	unsigned int inside, calls, returned;
};

static void call_hook(struct eider_job *job)
{
	struct hooked *h = (struct hooked *)job;

	harness_add(&h->calls, 1);
}

static long run_until_hooked(void *arg)
{
	struct hooked *h = arg;

	harness_add(&h->inside, 1);
	while (!harness_get(&h->calls))
		harness_nap(200 * HARNESS_US);
	return eider_cancelled() ? 78 : -EIO;
}

static void start_hooked(struct hooked *h, eider_fn *fn, int64_t deadline)
{
	memset(h, 0, sizeof(*h));
	eider_job_init(&h->job, fn, h);
	h->job.interrupt = call_hook;
	h->job.deadline = deadline;
	ck_assert_int_eq(eider_job_start(&h->job), 0);
}

HARNESS_FIBER_TEST(the_hook_is_called_once)
{
	struct hooked h;

	start_hooked(&h, run_until_hooked, 0);
	ck_assert(harness_wait_count(&h.inside, 1));
	eider_cancel(&h.job.future);
	ck_assert_uint_eq(harness_get(&h.calls), 1);
	ck_assert_int_eq(eider_await(&h.job.future), 78);
	eider_cancel(&h.job.future);
	ck_assert_uint_eq(h.calls, 1);
	return 0;
}

static long hold_hooked(void *arg)
{
	struct hooked *h = arg;

	harness_add(&h->inside, 1);
	while (!harness_get(&h->returned))
		harness_nap(200 * HARNESS_US);
	return 79;
}

static bool has_begun_or_ended(void *arg)
{
	struct hooked *h = arg;

	return harness_get(&h->inside) || eider_is_done(&h->job.future);
}

/* Also if asked again, and if the deadline passes as well. */
HARNESS_FIBER_TEST(the_hook_is_not_repeated)
{
	struct hooked h = { .inside = 0 };

	/* If it has not begun by then it never does. */
	for (int64_t ns = 50 * HARNESS_MS; !harness_get(&h.inside); ns *= 2) {
		start_hooked(&h, hold_hooked, eider_after(ns));
		ck_assert(harness_wait_until(has_begun_or_ended, &h));
	}
	for (int i = 0; i < 5; i++)
		eider_cancel(&h.job.future);
	ck_assert_int_eq(eider_sleep_until(h.job.deadline + HARNESS_MS), 0);
	ck_assert(!eider_is_done(&h.job.future));
	ck_assert_uint_ge(harness_get(&h.calls), 1);
	harness_set(&h.returned, 1);
	ck_assert_int_eq(eider_await(&h.job.future), 79);
	ck_assert_uint_eq(h.calls, 1);
	return 0;
}

HARNESS_FIBER_TEST_WITH(no_hook_for_what_does_not_run, &one_worker)
{
	struct gate gate = { 0, 0 };
	struct eider_job first;
	struct hooked h;

	occupy(&first, &gate);
	start_hooked(&h, run_until_hooked, 0);
	eider_yield();
	eider_cancel(&h.job.future);
	ck_assert_int_eq(eider_await(&h.job.future), -ECANCELED);
	ck_assert_uint_eq(h.calls, 0);
	ck_assert_uint_eq(h.inside, 0);
	let_go(&first, &gate);
	return 0;
}

/*
 * On one thread, jobs with hooks one after another; each says that it is there. A
 * hook that came after its job had returned would find a later one there. (It may
 * come before the first line of the function: then it finds the one before.)
 */
struct racer {
	struct eider_job job;
	unsigned int number;
	bool hooked;
};

static unsigned int racer_there;

static void check_racer(struct eider_job *job)
{
	struct racer *r = (struct racer *)job;

	r->hooked = true;
	ck_assert_uint_le(harness_get(&racer_there), r->number);
	harness_nap(20 * HARNESS_US);
	ck_assert_uint_le(harness_get(&racer_there), r->number);
}

static long race(void *arg)
{
	struct racer *r = arg;

	harness_set(&racer_there, r->number);
	if (r->number % 3)
		harness_spin(r->number % 40 * HARNESS_US);
	return r->number;
}

HARNESS_FIBER_TEST_WITH(the_hook_never_comes_late, &one_worker)
{
	unsigned int rounds = harness_count(600, 60), hooked = 0;
	struct racer racers[4];

	for (unsigned int i = 0; i < rounds; i++) {
		for (unsigned int j = 0; j < 4; j++) {
			struct racer *r = &racers[j];

			eider_job_init(&r->job, race, r);
			r->job.interrupt = check_racer;
			r->number = i * 4 + j + 1;
			r->hooked = false;
			ck_assert_int_eq(eider_job_start(&r->job), 0);
		}
		eider_yield();
		harness_spin(i % 100 * HARNESS_US);
		for (unsigned int j = 0; j < 4; j++)
			eider_cancel(&racers[j].job.future);
		for (unsigned int j = 0; j < 4; j++) {
			long result = eider_await(&racers[j].job.future);

			ck_assert(result == racers[j].number ||
				  (result == -ECANCELED && !racers[j].hooked));
			hooked += racers[j].hooked;
		}
	}
	return hooked;
}

/* ---- deadlines ---- */

static long call_until(void *arg)
{
	return eider_call_until(count, arg, soon());
}

HARNESS_FIBER_TEST_WITH(a_deadline_passes_in_the_queue, &one_worker)
{
	struct gate gate = { 0, 0 };
	struct eider_job first, job;
	unsigned int ran = 0;

	occupy(&first, &gate);
	ck_assert_int_eq(call_until(&ran), -ETIME);
	ck_assert_int_eq(eider_call_until(count, &ran, 1), -ETIME);
	eider_job_init(&job, count_atomic, &ran);
	job.pool = pool_here();
	job.deadline = soon();
	ck_assert_int_eq(eider_job_start(&job), 0);
	ck_assert_int_eq(eider_await(&job.future), -ETIME);
	ck_assert(!eider_is_done(&first.future));
	let_go(&first, &gate);
	ck_assert_int_eq(eider_call(ask_cancelled, NULL), 0);
	ck_assert_uint_eq(ran, 0);
	return 0;
}

/*
 * The loop is held up, so it cannot take the job out in time; and then the worker
 * gets to it. It must not run all the same.
 */
HARNESS_FIBER_TEST_WITH(a_deadline_passes_while_the_loop_is_held, &one_worker)
{
	struct gate gate = { 0, 0 };
	struct eider_job first, job, after;
	unsigned int ran = 0, after_ran = 0;

	occupy(&first, &gate);
	eider_job_init(&job, count, &ran);
	job.deadline = eider_after(20 * HARNESS_MS);
	ck_assert_int_eq(eider_job_start(&job), 0);
	submit(&after, count, &after_ran);
	eider_yield();
	eider_yield();
	harness_spin(job.deadline - eider_now() + HARNESS_MS);
	harness_set(&gate.open, 1);
	while (!harness_get(&after_ran))	/* without a turn of the loop */
		harness_nap(100 * HARNESS_US);
	ck_assert_int_eq(eider_await(&job.future), -ETIME);
	ck_assert_uint_eq(ran, 0);
	ck_assert_int_eq(eider_await(&first.future), 7);
	ck_assert_int_eq(eider_await(&after.future), 0);
	return 0;
}

HARNESS_FIBER_TEST(a_deadline_that_has_passed)
{
	unsigned int ran = 0;

	for (int i = 0; i < 50; i++) {
		ck_assert_int_eq(eider_call_until(count, &ran, eider_now()), -ETIME);
		ck_assert_int_eq(eider_call_until(count_atomic, &ran, 1), -ETIME);
	}
	ck_assert_uint_eq(ran, 0);
	return 0;
}

/* Waiting for a place in the queue is queueing too. */
HARNESS_FIBER_TEST_WITH(a_deadline_passes_at_a_full_queue,
			HARNESS_OPTIONS(.workers_max = 1,
					.txn_threads_max = 1,
					.queue_max = 1))
{
	struct gate gate = { 0, 0 };
	struct eider_fiber *fiber;
	struct eider_job first;
	unsigned int ran = 0;
	bool in_time;

	occupy(&first, &gate);
	fiber = start(call_until, &ran);
	in_time = !eider_await_until(eider_fiber_future(fiber), eider_after(
				     (int64_t)(10 * HARNESS_S * harness_slow())));
	harness_set(&gate.open, 1);
	ck_assert(in_time);
	ck_assert_int_eq(eider_join(fiber), -ETIME);
	ck_assert_int_eq(eider_await(&first.future), 7);
	/* The place it waited for is not lost. */
	ck_assert_int_eq(eider_call(ask_cancelled, NULL), 0);
	ck_assert_uint_eq(ran, 0);
	return 0;
}

HARNESS_FIBER_TEST(a_deadline_passes_while_running)
{
	unsigned int inside = 0;
	struct hooked h;

	/*
	 * If it has not begun by then it never does: rare, and as good. So try until
	 * it has.
	 */
	for (int64_t ms = 5; !inside; ms *= 2) {
		long result = eider_call_until(run_until_cancelled, &inside,
					       eider_after(ms * HARNESS_MS));

		ck_assert_int_eq(result, inside ? 77 : -ETIME);
	}
	for (int64_t ms = 5; ms < HARNESS_S; ms *= 2) {
		start_hooked(&h, run_until_hooked, eider_after(ms * HARNESS_MS));
		if (eider_await(&h.job.future) != -ETIME)
			break;
	}
	ck_assert_int_eq(eider_result(&h.job.future), 78);
	ck_assert_uint_eq(h.calls, 1);
	return 0;
}

HARNESS_FIBER_TEST(a_deadline_that_does_not_pass)
{
	unsigned int ran = 0, n = harness_count(300, 30);

	for (unsigned int i = 0; i < n; i++) {
		ck_assert_int_eq(eider_call_until(count, &ran, in_an_hour()), 0);
		ck_assert_int_eq(eider_call_until(count, &ran, EIDER_NEVER), 0);
	}
	ck_assert_uint_eq(ran, 2 * n);
	return 0;
}

/* Done and past its deadline at about the same time: one of both, once. */
HARNESS_FIBER_TEST(deadlines_race_with_results)
{
	unsigned int n = harness_count(600, 60), ran = 0, done = 0;

	for (unsigned int i = 0; i < n; i++) {
		long result = eider_call_until(count, &ran, eider_after(
						       i % 50 * HARNESS_US));

		ck_assert(!result || result == -ETIME);
		done += !result;
		ck_assert_uint_eq(ran, done);
	}
	return 0;
}

/* ---- cancelling a fiber that waits for a job ---- */

static long call_count(void *arg)
{
	return eider_call(count, arg);
}

static long call_until_cancelled(void *arg)
{
	return eider_call(run_until_cancelled, arg);
}

HARNESS_FIBER_TEST_WITH(cancel_a_fiber_that_calls, &one_worker)
{
	struct gate gate = { 0, 0 };
	unsigned int ran = 0, inside = 0;
	struct eider_fiber *fiber;
	struct eider_job first;

	fiber = start(call_until_cancelled, &inside);
	ck_assert(harness_wait_count(&inside, 1));
	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(fiber), 77);

	occupy(&first, &gate);
	for (int turns = 0; turns < 4; turns++) {
		fiber = start(call_count, &ran);
		for (int i = 0; i < turns; i++)
			eider_yield();
		eider_cancel(eider_fiber_future(fiber));
		ck_assert_int_eq(eider_join(fiber), -ECANCELED);
	}
	ck_assert(!eider_is_done(&first.future));
	let_go(&first, &gate);
	ck_assert_int_eq(eider_call(ask_cancelled, NULL), 0);
	ck_assert_uint_eq(ran, 0);
	return 0;
}

/* Cancelled at any moment of its life: it ran, or it did not, and says which. */
static long cancel_anywhere(void *arg)
{
	unsigned int rounds = harness_count(1000, 100), ran = 0, done = 0;

	(void)arg;
	for (unsigned int i = 0; i < rounds; i++) {
		struct eider_job jobs[5];

		ck_assert_int_eq(eider_submit_all(jobs, 5, count, &ran, 0), 5);
		if (i & 1)
			eider_yield();
		if (i & 2)
			harness_spin(i % 60 * HARNESS_US);
		for (int j = 0; j < 5; j++)
			eider_cancel(&jobs[(i + 3 * j) % 5].future);
		for (int j = 0; j < 5; j++) {
			long result = eider_await(&jobs[j].future);

			ck_assert(!result || result == -ECANCELED);
			done += !result;
		}
		ck_assert_uint_eq(harness_get(&ran), done);
	}
	return 0;
}

START_TEST(cancel_at_any_moment)
{
	struct eider_options o = one_worker;

	harness_in_loop(cancel_anywhere, NULL, &o);
	o.workers_max = 3;
	harness_in_loop(cancel_anywhere, NULL, &o);
}
END_TEST

/* ---- shutdown ---- */

/* Have what was started handed over. */
static void turn(const struct world *w)
{
	ck_assert_int_ge(eider_loop_turn(w->loop, 0), 0);
}

/* A worker and a transaction thread are inside @g. */
static void occupy_both(const struct world *w, struct eider_job *first,
			struct eider_job *second, struct gate *g)
{
	submit(first, pass_gate, g);
	submit(second, pass_atomic_gate, g);
	turn(w);
	ck_assert(harness_wait_count(&g->inside, 2));
}

/* What refuses after a shutdown, refuses. */
static void check_refusals(const struct world *w)
{
	struct eider_txn_pool *txn_pool;
	struct eider_thread *thread;
	struct eider_pool *pool;
	unsigned int n = 0;
	struct eider_job job;

	ck_assert_int_eq(eider_submit(&job, count, &n), -ESHUTDOWN);
	ck_assert_int_eq(eider_submit(&job, count_atomic, &n), -ESHUTDOWN);
	ck_assert_int_eq(eider_submit_all(&job, 1, count, &n, 0), -ESHUTDOWN);
	ck_assert_int_eq(eider_pool_new(w->executor, "x", 1, 0, &pool), -ESHUTDOWN);
	ck_assert_int_eq(eider_txn_pool_new(w->executor, NULL, &txn_pool),
			 -ESHUTDOWN);
	ck_assert_int_eq(eider_thread_new(w->executor, 0, &thread), -ESHUTDOWN);
	ck_assert_uint_eq(n, 0);
}

static void *open_soon(void *arg)
{
	struct gate *gate = arg;

	harness_nap(5 * HARNESS_MS);
	harness_set(&gate->open, 1);
	return NULL;
}

/* Behind a gate, 200 of each sort; nobody turns the loop meanwhile. */
START_TEST(shutdown_waits_for_all)
{
	struct world w = open_world(&one_worker);
	struct eider_job *jobs = calloc(400, sizeof(*jobs)), first, second;
	struct gate gate = { 0, 0 };
	unsigned int ran = 0;
	pthread_t thread;

	occupy_both(&w, &first, &second, &gate);
	ck_assert_int_eq(eider_submit_all(jobs, 200, count, &ran, 0), 200);
	ck_assert_int_eq(eider_submit_all(jobs + 200, 200, count_atomic, &ran, 0),
			 200);
	turn(&w);
	ck_assert(!pthread_create(&thread, NULL, open_soon, &gate));
	ck_assert_int_eq(eider_executor_shutdown(w.executor, true, EIDER_NEVER), 0);
	ck_assert_uint_eq(ran, 400);
	check_refusals(&w);
	pthread_join(thread, NULL);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	for (int i = 0; i < 400; i++)
		ck_assert_int_eq(eider_result(&jobs[i].future), 0);
	ck_assert_int_eq(eider_result(&first.future), 7);
	ck_assert_int_eq(eider_result(&second.future), 7);
	ck_assert_int_eq(eider_executor_shutdown(w.executor, true, EIDER_NEVER), 0);
	close_world(&w);
	free(jobs);
}
END_TEST

START_TEST(shutdown_without_waiting)
{
	struct world w = open_world(&one_worker);
	struct eider_job first, second, jobs[100];
	struct gate gate = { 0, 0 };
	unsigned int ran = 0;
	pthread_t thread;

	occupy_both(&w, &first, &second, &gate);
	ck_assert_int_eq(eider_submit_all(jobs, 50, count, &ran, 0), 50);
	ck_assert_int_eq(eider_submit_all(jobs + 50, 50, count_atomic, &ran, 0), 50);
	turn(&w);
	ck_assert_int_eq(eider_executor_shutdown(w.executor, false, 0), -ETIME);
	check_refusals(&w);
	ck_assert(!pthread_create(&thread, NULL, open_soon, &gate));
	ck_assert_int_eq(eider_executor_shutdown(w.executor, false, EIDER_NEVER), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_eq(ran, 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(eider_result(&jobs[i].future), -ECANCELED);
	ck_assert_int_eq(eider_result(&first.future), 7);
	ck_assert_int_eq(eider_result(&second.future), 7);
	close_world(&w);
}
END_TEST

/* In a worker's batch: queued all the same. */
START_TEST(shutdown_takes_batches_back)
{
	struct world w = open_world(&one_worker);
	struct gate before = { 0, 0 }, gate = { 0, 0 };
	struct eider_job first, second, jobs[20];
	unsigned int ran = 0;

	submit(&first, pass_gate, &before);
	turn(&w);
	ck_assert(harness_wait_count(&before.inside, 1));
	submit(&second, pass_gate, &gate);
	ck_assert_int_eq(eider_submit_all(jobs, 20, count, &ran, 0), 20);
	turn(&w);
	harness_set(&before.open, 1);
	ck_assert(harness_wait_count(&gate.inside, 1));
	ck_assert_int_eq(eider_executor_shutdown(w.executor, false, 0), -ETIME);
	harness_set(&gate.open, 1);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_eq(ran, 0);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(eider_result(&jobs[i].future), -ECANCELED);
	close_world(&w);
}
END_TEST

struct said {
	unsigned int running;		/* STILL_RUNNING */
	unsigned int named;		/* of them, those called "tenacious" */
	int64_t age_max;
};

static void note_running(const struct eider_warning *w, void *arg)
{
	struct said *said = arg;

	if (w->kind != EIDER_STILL_RUNNING)
		return;
	said->named += w->name && !strcmp(w->name, "tenacious") &&
		       w->fn == pass_gate && !strncmp(w->thread, "worker-", 7);
	if (w->age_ns > said->age_max)
		said->age_max = w->age_ns;
	said->running++;
}

/* Ten inside, without the watchdog if @limit is EIDER_NEVER. */
static void shut_down_ten(int64_t limit)
{
	struct eider_options o = { .size = sizeof(o), .workers_max = 10,
				   .slow_job_ns = limit, .loop_stall_ns = limit };
	int64_t begin = eider_now();
	struct world w = open_world(&o);
	struct said said = { 0, 0, 0 };
	struct gate gate = { 0, 0 };
	struct eider_job jobs[10];

	eider_on_warning(w.executor, note_running, &said);
	for (int i = 0; i < 10; i++) {
		eider_job_init(&jobs[i], pass_gate, &gate);
		jobs[i].name = "tenacious";
		ck_assert_int_eq(eider_job_start(&jobs[i]), 0);
	}
	turn(&w);
	ck_assert(harness_wait_count(&gate.inside, 10));
	ck_assert_int_eq(eider_executor_shutdown(w.executor, true, soon()), -ETIME);
	ck_assert_uint_eq(said.running, 10);
	ck_assert_uint_eq(said.named, 10);
	ck_assert_int_le(said.age_max, eider_now() - begin);
	harness_set(&gate.open, 1);
	ck_assert_int_eq(eider_executor_shutdown(w.executor, true, EIDER_NEVER), 0);
	ck_assert_uint_eq(said.running, 10);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(eider_result(&jobs[i].future), 7);
	close_world(&w);
}

START_TEST(shutdown_reports_who_is_late)
{
	shut_down_ten(3600 * HARNESS_S);
}
END_TEST

/* Without limits nobody looks at ages; then none may be made up. */
START_TEST(shutdown_reports_without_a_watchdog)
{
	shut_down_ten(EIDER_NEVER);
}
END_TEST

static long shut_down_here(void *arg)
{
	return eider_executor_shutdown(arg, true, EIDER_NEVER);
}

static long shut_down_atomic(void *arg)
{
	return shut_down_here(arg);
}
EIDER_ATOMIC(shut_down_atomic)

static struct eider_executor *callbacks_executor;
static long callbacks_answer;

static void shut_down_in_callback(struct eider_future *f)
{
	(void)f;
	callbacks_answer = eider_executor_shutdown(callbacks_executor, true,
						   EIDER_NEVER);
}

HARNESS_FIBER_TEST(shutdown_would_wait_for_itself)
{
	struct eider_executor *e = executor_here();
	unsigned int n = 0;
	struct eider_job job;

	ck_assert_int_eq(shut_down_here(e), -EDEADLK);
	ck_assert_int_eq(eider_call(shut_down_here, e), -EDEADLK);
	ck_assert_int_eq(eider_call(shut_down_atomic, e), -EDEADLK);
	callbacks_executor = e;
	submit(&job, count, &n);
	ck_assert_int_eq(eider_on_done(&job.future, shut_down_in_callback), 0);
	while (!callbacks_answer)
		eider_yield();
	ck_assert_int_eq(callbacks_answer, -EDEADLK);
	/* And nothing has happened. */
	ck_assert_int_eq(eider_call(count, &n), 0);
	ck_assert_uint_eq(n, 2);
	return 0;
}

static long shut_down_at_once(void *arg)
{
	return eider_executor_shutdown(arg, false, 0);
}

static long shut_down_for_ever(void *arg)
{
	return eider_executor_shutdown(arg, false, EIDER_NEVER);
}

/* A job cannot see its own thread end; without waiting it may still say "stop". */
/* A context that only the thread which waits can leave: it turns its loop. */
static long hold_context(void *arg)
{
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	harness_add((unsigned int *)arg, 1);
	ck_assert_int_eq(eider_sleep_until(eider_after(20 * HARNESS_MS)), 0);
	eider_txn_leave(&txn);
	harness_add((unsigned int *)arg, 1);
	return 0;
}

START_TEST(shutdown_turns_ones_own_loop)
{
	struct world w = open_world(NULL);
	unsigned int steps = 0;

	ck_assert_int_eq(eider_go(hold_context, &steps), 0);
	while (!harness_get(&steps))
		ck_assert_int_ge(eider_loop_turn(w.loop, eider_after(HARNESS_MS)), 0);
	if (_i)
		ck_assert_int_eq(eider_txn_pool_shutdown(
			eider_executor_txn_pool(w.executor), true, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_executor_shutdown(w.executor, true, EIDER_NEVER), 0);
	ck_assert_uint_eq(steps, 2);
	close_world(&w);
}
END_TEST

HARNESS_FIBER_TEST(shutdown_from_inside)
{
	struct eider_executor *e = executor_here();
	unsigned int n = 0;

	ck_assert_int_eq(eider_call(shut_down_for_ever, e), -EDEADLK);
	ck_assert_int_eq(eider_call(shut_down_at_once, e), -ETIME);
	ck_assert_int_eq(eider_call(count, &n), -ESHUTDOWN);
	ck_assert_int_eq(eider_executor_shutdown(e, false, EIDER_NEVER), 0);
	ck_assert_uint_eq(n, 0);
	return 0;
}

START_TEST(shutdown_of_nothing)
{
	struct world w = open_world(NULL);

	ck_assert_int_eq(eider_executor_shutdown(NULL, true, 0), -EINVAL);
	ck_assert_int_eq(eider_executor_shutdown(w.executor, true, 0), 0);
	check_refusals(&w);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	close_world(&w);
}
END_TEST

/* Accepted, and not even handed over: they still end, once each. */
START_TEST(shutdown_before_the_hand_over)
{
	for (int wait = 0; wait < 2; wait++) {
		struct world w = open_world(NULL);
		struct eider_job jobs[30];
		unsigned int ran = 0, ok = 0;

		ck_assert_int_eq(eider_submit_all(jobs, 30, count, &ran, 0), 30);
		ck_assert_int_eq(eider_executor_shutdown(w.executor, wait,
							 EIDER_NEVER), 0);
		ck_assert_int_eq(eider_loop_run(w.loop), 0);
		for (int i = 0; i < 30; i++) {
			long result = eider_result(&jobs[i].future);

			ck_assert(!result || result == -ECANCELED);
			ok += !result;
		}
		ck_assert_uint_eq(ran, ok);
		close_world(&w);
	}
}
END_TEST

/* ---- shutdown at any moment ---- */

enum { CROWD_JOBS = 64, CROWD_LOOPS = 2 };

struct crowd {
	struct eider_executor *executor;
	pthread_t thread;
	unsigned int up;		/* jobs it has seen done */
	unsigned int accepted, done, ok, canceled, other;
	struct eider_job jobs[CROWD_JOBS];
};

static unsigned int crowd_ran;

static struct crowd *crowd_here;	/* by loop, found by the job's address */

static void start_in_crowd(struct crowd *c, struct eider_job *job);

static void end_in_crowd(struct eider_future *f)
{
	struct eider_job *job = (struct eider_job *)f;
	struct crowd *c = crowd_here;

	while (job < c->jobs || job >= c->jobs + CROWD_JOBS)
		c++;
	c->done++;
	c->ok += eider_result(f) == 0;
	c->canceled += eider_result(f) == -ECANCELED;
	harness_add(&c->up, 1);
	start_in_crowd(c, job);
}

static void start_in_crowd(struct crowd *c, struct eider_job *job)
{
	bool atomic = (job - c->jobs) % 8 == 0;
	int err = eider_submit(job, atomic ? count_atomic : count, &crowd_ran);

	if (!err) {
		c->accepted++;
		err = eider_on_done(&job->future, end_in_crowd);
	}
	c->other += err && err != -ESHUTDOWN;
}

static void *run_crowd(void *arg)
{
	struct crowd *c = arg;
	struct eider_loop *loop = NULL;

	c->other = !!eider_loop_new(c->executor, NULL, &loop);
	if (!loop)
		return NULL;
	for (int i = 0; i < CROWD_JOBS; i++)
		start_in_crowd(c, &c->jobs[i]);
	c->other += !!eider_loop_run(loop);
	c->other += !!eider_loop_free(loop);
	return NULL;
}

static void shut_crowd_down(unsigned int round)
{
	struct eider_options o = { .size = sizeof(o), .workers_max = 3,
				   .txn_threads_max = 2 };
	struct crowd *crowd = calloc(CROWD_LOOPS, sizeof(*crowd));
	struct eider_executor *executor;
	unsigned int ok = 0;

	crowd_ran = 0;
	crowd_here = crowd;
	ck_assert_int_eq(eider_executor_new(&o, &executor), 0);
	for (int i = 0; i < CROWD_LOOPS; i++) {
		crowd[i].executor = executor;
		ck_assert(!pthread_create(&crowd[i].thread, NULL, run_crowd,
					  &crowd[i]));
	}
	for (int i = 0; i < CROWD_LOOPS; i++)
		ck_assert(harness_wait_count(&crowd[i].up, 1 + round * 13 % 400));
	ck_assert_int_eq(eider_executor_shutdown(executor, round & 1, EIDER_NEVER),
			 0);
	for (int i = 0; i < CROWD_LOOPS; i++) {
		const struct crowd *c = &crowd[i];

		pthread_join(c->thread, NULL);
		ck_assert_uint_eq(c->other, 0);
		ck_assert_uint_eq(c->accepted, c->done);
		ck_assert_uint_eq(c->done, c->ok + c->canceled);
		ok += c->ok;
	}
	ck_assert_uint_eq(crowd_ran, ok);
	eider_executor_free(executor);
	free(crowd);
}

START_TEST(shutdown_at_any_moment)
{
	unsigned int rounds = harness_count(60, 12);

	for (unsigned int i = 0; i < rounds; i++)
		shut_crowd_down(i);
}
END_TEST

/* ---- jobs that outlive their loop ---- */

/* Is a loop freed only when its jobs have returned? (The plain form of delivery.) */
static bool free_waits(void)
{
	return harness_delivery() == EIDER_DELIVERY_EACH;
}

struct survivor {
	struct gate gate;
	bool stop_early;		/* return as soon as cancelled */
	unsigned int cancelled, returned;
};

static long survive(void *arg)
{
	struct survivor *s = arg;

	harness_add(&s->gate.inside, 1);
	while (!eider_cancelled())
		harness_nap(100 * HARNESS_US);
	harness_add(&s->cancelled, 1);
	while (!s->stop_early && !harness_get(&s->gate.open))
		harness_nap(100 * HARNESS_US);
	harness_add(&s->returned, 1);
	return 0;
}

static long survive_atomic(void *arg)
{
	return survive(arg);
}
EIDER_ATOMIC(survive_atomic)

/* Their jobs are on the stacks of fibers: kept until the functions have returned. */
static long call_survive(void *arg)
{
	return eider_call(survive, arg);
}

static long call_survive_atomic(void *arg)
{
	return eider_call(survive_atomic, arg);
}

static long call_survive_in_context(void *arg)
{
	int err = 0;

	EIDER_TXN(err, NULL, EIDER_NEVER)
		eider_call(survive, arg);
	return err;
}

static unsigned int survivors_queued;

static long call_behind(void *arg)
{
	(void)arg;
	return eider_call(count, &survivors_queued);
}

static const struct eider_options two_of_each = {
	.size = sizeof(struct eider_options), .workers_max = 2, .txn_threads_max = 2,
};

/* Two workers, and both transaction threads, inside; more behind each. */
static struct world make_survivors(struct survivor *s)
{
	struct world w = open_world(&two_of_each);

	memset(s, 0, sizeof(*s));
	s->stop_early = free_waits();
	survivors_queued = 0;
	ck_assert_int_eq(eider_go(call_survive, s), 0);
	ck_assert_int_eq(eider_go(call_survive, s), 0);
	ck_assert_int_eq(eider_go(call_survive_in_context, s), 0);
	ck_assert_int_eq(eider_go(call_survive_atomic, s), 0);
	while (harness_get(&s->gate.inside) < 4)
		ck_assert_int_eq(eider_loop_turn(w.loop, soon()), 1);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(eider_go(call_behind, NULL), 0);
	ck_assert_int_eq(eider_go(call_survive_atomic, s), 0);
	turn(&w);
	turn(&w);
	return w;
}

static void check_survivors(struct survivor *s)
{
	ck_assert(harness_wait_count(&s->cancelled, 4));
	ck_assert_uint_eq(survivors_queued, 0);
	harness_set(&s->gate.open, 1);
	ck_assert(harness_wait_count(&s->returned, 4));
	ck_assert_uint_eq(s->gate.inside, 4);
}

START_TEST(a_loop_is_freed_before_its_jobs)
{
	static struct survivor s;
	struct world w = make_survivors(&s);

	ck_assert_int_eq(eider_loop_free(w.loop), 0);
	ck_assert_ptr_null(eider_loop_current());
	check_survivors(&s);
	eider_executor_free(w.executor);
}
END_TEST

START_TEST(all_is_freed_before_the_jobs)
{
	static struct survivor s;
	struct world w = make_survivors(&s);

	close_world(&w);
	check_survivors(&s);
}
END_TEST

/* The executor and its other loop go on; its workers are needed. */
START_TEST(the_executor_goes_on)
{
	static struct survivor s;
	struct world w = make_survivors(&s);
	unsigned int ran = 0;

	ck_assert_int_eq(eider_loop_free(w.loop), 0);
	check_survivors(&s);
	ck_assert_int_eq(eider_loop_new(w.executor, NULL, &w.loop), 0);
	ck_assert_int_eq(eider_block_on(w.loop, call_count, &ran), 0);
	ck_assert_uint_eq(ran, 1);
	close_world(&w);
}
END_TEST

/* At whatever point a worker is: it has just taken one, or is about to begin it. */
START_TEST(freeing_a_loop_stops_every_job)
{
	unsigned int rounds = harness_count(200, 30);

	for (unsigned int i = 0; i < rounds; i++) {
		static struct eider_job jobs[4];
		static unsigned int inside;
		struct world w = open_world(&two_of_each);

		ck_assert_int_eq(eider_submit_all(jobs, 4, run_until_cancelled,
						  &inside, 0), 4);
		turn(&w);
		harness_spin(i % 40 * 2 * HARNESS_US);
		ck_assert_int_eq(eider_loop_free(w.loop), 0);
		ck_assert_int_eq(eider_executor_shutdown(w.executor, true, eider_after(
				(int64_t)(10 * HARNESS_S * harness_slow()))), 0);
		eider_executor_free(w.executor);
	}
}
END_TEST

/* With the hook a job that hears nothing of flags stops, too; no lock is held. */
static struct eider_pool *hooks_pool;

static void count_in_hook(struct eider_job *job)
{
	struct eider_txn_pool_counts txn_counts;
	struct eider_pool_counts counts;

	eider_pool_count(hooks_pool, &counts);
	eider_txn_pool_count(eider_executor_txn_pool(
			eider_loop_executor(eider_loop_current())), &txn_counts);
	call_hook(job);
}

static void free_with_hook(eider_fn *fn)
{
	static struct hooked h;
	struct world w = open_world(&two_of_each);

	hooks_pool = eider_executor_pool(w.executor);
	memset(&h, 0, sizeof(h));
	eider_job_init(&h.job, fn, &h);
	h.job.interrupt = count_in_hook;
	ck_assert_int_eq(eider_job_start(&h.job), 0);
	turn(&w);
	ck_assert(harness_wait_count(&h.inside, 1));
	ck_assert_int_eq(eider_loop_free(w.loop), 0);
	ck_assert_uint_eq(harness_get(&h.calls), 1);
	ck_assert_int_eq(eider_executor_shutdown(w.executor, true, EIDER_NEVER), 0);
	eider_executor_free(w.executor);
}

static long run_until_hooked_atomic(void *arg)
{
	return run_until_hooked(arg);
}
EIDER_ATOMIC(run_until_hooked_atomic)

START_TEST(freeing_a_loop_calls_hooks)
{
	free_with_hook(run_until_hooked);
	free_with_hook(run_until_hooked_atomic);
}
END_TEST

/* A loop that goes takes its own jobs out, and nobody else's. */
struct leaver {
	struct eider_executor *executor;
	unsigned int ran, left;
};

static void *leave(void *arg)
{
	struct leaver *l = arg;
	struct eider_job *jobs = calloc(100, sizeof(*jobs));
	struct world w = { .executor = l->executor };

	if (eider_loop_new(w.executor, NULL, &w.loop) ||
	    eider_submit_all(jobs, 100, count, &l->ran, 0) != 100)
		return NULL;
	eider_loop_turn(w.loop, 0);
	if (!eider_loop_free(w.loop))
		harness_set(&l->left, 1);
	free(jobs);
	return NULL;
}

START_TEST(others_stay)
{
	struct world w = open_world(&one_worker);
	struct leaver l = { .executor = w.executor };
	struct gate gate = { 0, 0 };
	struct eider_job first, jobs[100];
	unsigned int ran = 0;
	pthread_t thread;

	submit(&first, pass_gate, &gate);
	turn(&w);
	ck_assert(harness_wait_count(&gate.inside, 1));
	ck_assert_int_eq(eider_submit_all(jobs, 50, count, &ran, 0), 50);
	turn(&w);
	ck_assert(!pthread_create(&thread, NULL, leave, &l));
	ck_assert(harness_wait_count(&l.left, 1));
	pthread_join(thread, NULL);
	ck_assert_int_eq(eider_submit_all(&jobs[50], 50, count, &ran, 0), 50);
	harness_set(&gate.open, 1);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_eq(ran, 100);
	ck_assert_uint_eq(l.ran, 0);
	close_world(&w);
}
END_TEST

/* Also while jobs come back. */
START_TEST(free_at_any_moment)
{
	unsigned int rounds = harness_count(150, 20);

	for (unsigned int i = 0; i < rounds; i++) {
		static struct eider_job jobs[50];
		static unsigned int ran;
		struct world w = open_world(&two_of_each);

		ck_assert_int_eq(eider_submit_all(jobs, 50, i % 3 ? count :
						  count_atomic, &ran, 0), 50);
		turn(&w);
		harness_spin(i % 30 * 5 * HARNESS_US);
		close_world(&w);
	}
}
END_TEST

static struct gate left_gate;

static long leave_one_running(void *arg)
{
	static struct eider_job job;

	(void)arg;
	eider_on_warning(executor_here(), note_running, arg);
	eider_job_init(&job, pass_gate, &left_gate);
	job.name = "tenacious";
	ck_assert_int_eq(eider_job_start(&job), 0);
	ck_assert(harness_wait_count(&left_gate.inside, 1));
	eider_loop_stop(eider_loop_current());
	return 5;
}

START_TEST(run_gives_up_at_shutdown_ns)
{
	struct eider_options o = { .size = sizeof(o),
				   .shutdown_ns = 5 * HARNESS_MS };
	struct said said = { 0, 0, 0 };
	pthread_t thread;

	if (free_waits()) {
		ck_assert(!pthread_create(&thread, NULL, open_soon, &left_gate));
		ck_assert_int_ge(eider_run(leave_one_running, &said, &o), -ETIME);
		pthread_join(thread, NULL);
		return;
	}
	ck_assert_int_eq(eider_run(leave_one_running, &said, &o), -ETIME);
	ck_assert_uint_eq(said.running, 1);
	ck_assert_uint_eq(said.named, 1);
	harness_set(&left_gate.open, 1);
}
END_TEST

/* Without eider_loop_stop() it waits for what main started. */
static long start_and_return(void *arg)
{
	static struct eider_job jobs[20];

	ck_assert_int_eq(eider_submit_all(jobs, 20, count, arg, 0), 20);
	return 6;
}

START_TEST(run_waits_for_what_main_started)
{
	struct eider_options o = { .size = sizeof(o), .shutdown_ns = 1 };
	unsigned int ran = 0;
	long result = eider_run(start_and_return, &ran, &o);

	/* The threads may or may not have ended within a nanosecond. */
	ck_assert(result == 6 || result == -ETIME);
	ck_assert_uint_eq(ran, 20);
}
END_TEST

static void add_cancel(Suite *s)
{
	TCase *t = harness_case(s, "cancel");

	tcase_add_test(t, cancel_before_the_hand_over);
	tcase_add_test(t, cancel_queued);
	tcase_add_test(t, cancel_in_line_for_a_transaction_thread);
	tcase_add_test(t, a_cancelled_job_leaves_its_thread_idle);
	tcase_add_test(t, cancel_in_a_context);
	tcase_add_test(t, cancel_in_a_batch);
	tcase_add_test(t, cancel_a_fiber_that_calls);
	tcase_add_test(t, cancel_at_any_moment);
	t = harness_case(s, "running");
	tcase_add_test(t, cancel_running_raises_the_flag);
	tcase_add_test(t, the_flag_is_of_one_job);
	tcase_add_test(t, the_hook_is_called_once);
	tcase_add_test(t, the_hook_is_not_repeated);
	tcase_add_test(t, no_hook_for_what_does_not_run);
	tcase_add_test(t, the_hook_never_comes_late);
}

static void add_deadlines(Suite *s)
{
	TCase *t = harness_case(s, "deadlines");

	tcase_add_test(t, a_deadline_passes_in_the_queue);
	tcase_add_test(t, a_deadline_passes_while_the_loop_is_held);
	tcase_add_test(t, a_deadline_that_has_passed);
	tcase_add_test(t, a_deadline_passes_at_a_full_queue);
	tcase_add_test(t, a_deadline_passes_while_running);
	tcase_add_test(t, a_deadline_that_does_not_pass);
	tcase_add_test(t, deadlines_race_with_results);
}

static void add_shutdown(Suite *s)
{
	TCase *t = harness_case(s, "shutdown");

	tcase_add_test(t, shutdown_waits_for_all);
	tcase_add_test(t, shutdown_without_waiting);
	tcase_add_test(t, shutdown_takes_batches_back);
	tcase_add_test(t, shutdown_reports_who_is_late);
	tcase_add_test(t, shutdown_reports_without_a_watchdog);
	tcase_add_test(t, shutdown_would_wait_for_itself);
	tcase_add_test(t, shutdown_from_inside);
	tcase_add_loop_test(t, shutdown_turns_ones_own_loop, 0, 2);
	tcase_add_test(t, shutdown_of_nothing);
	tcase_add_test(t, shutdown_before_the_hand_over);
	tcase_add_test(t, shutdown_at_any_moment);
}

static void add_free(Suite *s)
{
	TCase *t = harness_case(s, "free");

	tcase_add_test(t, a_loop_is_freed_before_its_jobs);
	tcase_add_test(t, all_is_freed_before_the_jobs);
	tcase_add_test(t, the_executor_goes_on);
	tcase_add_test(t, freeing_a_loop_stops_every_job);
	tcase_add_test(t, freeing_a_loop_calls_hooks);
	tcase_add_test(t, others_stay);
	tcase_add_test(t, free_at_any_moment);
	tcase_add_test(t, run_gives_up_at_shutdown_ns);
	tcase_add_test(t, run_waits_for_what_main_started);
}

int main(void)
{
	Suite *s = suite_create("stop");

	add_cancel(s);
	add_deadlines(s);
	add_shutdown(s);
	add_free(s);
	return harness_run(s);
}
