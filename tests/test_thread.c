/*
 * test_thread.c - a transaction thread by itself
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "fixtures.h"

static struct eider_thread *make_thread(uint64_t context)
{
	struct eider_thread *t = NULL;

	ck_assert_int_eq(eider_thread_new(eider_loop_executor(eider_loop_current()),
					  context, &t), 0);
	ck_assert_ptr_nonnull(t);
	return t;
}

static void submit(struct eider_thread *t, struct eider_job *job, eider_fn *fn,
		   void *arg)
{
	eider_job_init(job, fn, arg);
	ck_assert_int_eq(eider_thread_submit(t, job), 0);
}

static long call_on(struct eider_thread *t, eider_fn *fn, void *arg)
{
	struct eider_job job;

	submit(t, &job, fn, arg);
	return eider_await(&job.future);
}

/* @t runs a job that ends when @g is opened. */
static void occupy(struct eider_thread *t, struct eider_job *job, struct gate *g)
{
	g->inside = g->open = 0;
	submit(t, job, pass_gate, g);
	ck_assert(harness_wait_count(&g->inside, 1));
}

/* ---- order ---- */

/* Not atomic: that no two run at once is what is tested. */
static unsigned int steps;

static long take_step(void *arg)
{
	unsigned int number = *(unsigned int *)arg;

	if (steps != number)
		return -EILSEQ;
	steps = number + 1;
	return number;
}

HARNESS_FIBER_TEST(strict_order)
{
	enum { N = 300 };
	struct eider_thread *t = make_thread(0);
	static struct eider_job jobs[N];
	static unsigned int numbers[N];

	for (unsigned int i = 0; i < N; i++) {
		numbers[i] = i;
		submit(t, &jobs[i], take_step, &numbers[i]);
		if (i % 70 == 0)
			eider_yield();
	}
	for (unsigned int i = 0; i < N; i++)
		ck_assert_int_eq(eider_await(&jobs[i].future), i);
	ck_assert_uint_eq(steps, N);
	eider_thread_free(t);
	return 0;
}

HARNESS_FIBER_TEST(one_after_another)
{
	struct eider_thread *t = make_thread(0), *u = make_thread(0);
	struct eider_job gated, behind;
	unsigned int ran = 0;
	struct gate g;

	occupy(t, &gated, &g);
	submit(t, &behind, count_up, &ran);
	/* Another one is not held up. */
	ck_assert_int_eq(call_on(u, count_up, &ran), 1);
	ck_assert(!eider_is_done(&behind.future));
	let_go(&gated, &g);
	ck_assert_int_eq(eider_await(&behind.future), 2);
	eider_thread_free(t);
	eider_thread_free(u);
	return 0;
}

/* ---- what is known of it ---- */

static long self_is(void *arg)
{
	return eider_thread_self() == arg;
}

static long name_is(void *arg)
{
	char name[16];

	pthread_getname_np(pthread_self(), name, sizeof(name));
	return !strcmp(name, arg);
}

HARNESS_FIBER_TEST(identity)
{
	struct eider_thread *t = make_thread(17);
	struct eider_thread *u = make_thread(UINT64_C(1) << 40);

	ck_assert_ptr_null(eider_thread_self());
	ck_assert_int_eq(call_on(t, self_is, t), 1);
	ck_assert_int_eq(call_on(u, self_is, t), 0);
	ck_assert_int_eq(eider_call(self_is, NULL), 1);		/* a worker */
	ck_assert_int_eq(call_on(t, id_of_job, NULL), 17);
	ck_assert_int_eq(call_on(u, id_of_job, NULL), INT64_C(1) << 40);
	ck_assert_int_eq(strncmp(eider_thread_name(t), "thread-", 7), 0);
	ck_assert_str_ne(eider_thread_name(t), eider_thread_name(u));
	ck_assert_int_eq(call_on(t, name_is, (char *)eider_thread_name(t)), 1);
	eider_thread_free(t);
	eider_thread_free(u);
	return 0;
}

static long number_of_job(void *arg)
{
	uint64_t number = eider_thread_job_number();

	*(uint64_t *)arg = number;
	return number && number == eider_thread_job_number() ? 0 : -EIO;
}

/* Also of those that are taken together: each has its own, as long as it runs. */
HARNESS_FIBER_TEST(numbers)
{
	enum { N = 100 };
	struct eider_thread *t = make_thread(0);
	struct eider_job gated, jobs[N];
	uint64_t seen[N];
	struct gate g;

	ck_assert_uint_eq(eider_thread_job_number(), 0);
	occupy(t, &gated, &g);
	for (int i = 0; i < N; i++)
		submit(t, &jobs[i], number_of_job, &seen[i]);
	let_go(&gated, &g);
	for (int i = 0; i < N; i++) {
		ck_assert_int_eq(eider_await(&jobs[i].future), 0);
		for (int k = 0; k < i; k++)
			ck_assert_uint_ne(seen[k], seen[i]);
	}
	eider_thread_free(t);
	return 0;
}

/* Whatever context the fiber is in, the thread's own is what its jobs see. */
HARNESS_FIBER_TEST(context_is_its_own)
{
	struct eider_thread *t = make_thread(0);
	struct eider_txn txn;

	ck_assert_int_eq(eider_txn_enter(&txn, NULL, EIDER_NEVER), 0);
	ck_assert_int_eq(call_on(t, id_of_job, NULL), 0);
	ck_assert_int_eq(call_on(t, self_is, t), 1);
	eider_txn_leave(&txn);
	eider_thread_free(t);
	return 0;
}

static struct gate atomic_gate;

static long transfer(void *arg)
{
	(void)arg;
	return pass_gate(&atomic_gate);
}
EIDER_ATOMIC(transfer)

static void check_line(struct eider_thread *t, const char *running,
		       unsigned int queued)
{
	char expected[200], line[200], cut[20];
	int len = snprintf(expected, sizeof(expected),
			   "<transaction thread %s context=17 running=%s queued=%u>",
			   eider_thread_name(t), running, queued);

	ck_assert_int_eq(eider_thread_describe(t, line, sizeof(line)), len);
	ck_assert_str_eq(line, expected);
	ck_assert_int_eq(eider_thread_describe(t, cut, sizeof(cut)), len);
	ck_assert_str_eq(cut, "<transaction thread");
	ck_assert_int_eq(eider_thread_describe(t, NULL, 0), len);
}

HARNESS_FIBER_TEST(description)
{
	struct eider_thread *t = make_thread(17);
	struct eider_job gated, named, queued;
	unsigned int ran = 0;
	struct gate g;

	ck_assert(eider_thread_is_free(t));
	ck_assert_ptr_null(eider_thread_current(t));
	check_line(t, "nothing", 0);

	occupy(t, &gated, &g);			/* neither named nor declared */
	ck_assert(!eider_thread_is_free(t));
	ck_assert_str_eq(eider_thread_current(t), "job");
	check_line(t, "job", 0);
	submit(t, &named, transfer, NULL);
	check_line(t, "job", 1);
	submit(t, &queued, count_up, &ran);
	check_line(t, "job", 2);
	let_go(&gated, &g);

	/* The two were taken as soon as it was free, but one only runs. */
	ck_assert(harness_wait_count(&atomic_gate.inside, 1));
	ck_assert_str_eq(eider_thread_current(t), "transfer");
	check_line(t, "transfer", 1);
	let_go(&named, &atomic_gate);
	ck_assert_int_eq(eider_await(&queued.future), 1);

	eider_job_init(&named, transfer, NULL);
	named.name = "its own name";
	atomic_gate.inside = atomic_gate.open = 0;
	ck_assert_int_eq(eider_thread_submit(t, &named), 0);
	ck_assert(harness_wait_count(&atomic_gate.inside, 1));
	ck_assert_str_eq(eider_thread_current(t), "its own name");
	check_line(t, "its own name", 0);
	let_go(&named, &atomic_gate);
	ck_assert_ptr_null(eider_thread_current(t));
	ck_assert(eider_thread_is_free(t));
	check_line(t, "nothing", 0);
	eider_thread_free(t);
	return 0;
}

/* Queued is not free, though it may not have begun. */
HARNESS_FIBER_TEST(free_or_not)
{
	struct eider_thread *t = make_thread(0);
	unsigned int ran = 0;
	struct eider_job job;

	for (unsigned int i = 1; i <= harness_count(500, 100); i++) {
		submit(t, &job, count_up, &ran);
		if (eider_thread_is_free(t))
			ck_assert_uint_eq(harness_get(&ran), i);
		ck_assert_int_eq(eider_await(&job.future), i);
		ck_assert(eider_thread_is_free(t));
		ck_assert_ptr_null(eider_thread_current(t));
	}
	eider_thread_free(t);
	return 0;
}

struct stated {
	struct eider_thread *thread;
	void *set, *seen;
};

static long use_state(void *arg)
{
	struct stated *s = arg;

	s->seen = eider_thread_state(s->thread);
	eider_thread_set_state(s->thread, s->set);
	return 0;
}

HARNESS_FIBER_TEST(state)
{
	struct eider_thread *t = make_thread(0), *u = make_thread(0);
	int a, b;
	struct stated s = { t, &a, &s };

	ck_assert_int_eq(call_on(t, use_state, &s), 0);
	ck_assert_ptr_null(s.seen);
	s.set = &b;
	ck_assert_int_eq(call_on(u, use_state, &s), 0);		/* not its own */
	ck_assert_ptr_null(s.seen);
	eider_thread_set_state(t, &b);
	ck_assert_ptr_null(eider_thread_state(t));
	ck_assert_int_eq(call_on(t, use_state, &s), 0);
	ck_assert_ptr_eq(s.seen, &a);
	ck_assert_int_eq(call_on(t, use_state, &s), 0);
	ck_assert_ptr_eq(s.seen, &b);
	ck_assert_ptr_null(eider_thread_state(NULL));
	eider_thread_set_state(NULL, &a);
	eider_thread_free(t);
	eider_thread_free(u);
	return 0;
}

/* ---- cancel and deadline ---- */

static long until_cancelled(void *arg)
{
	harness_add((unsigned int *)arg, 1);
	while (!eider_cancelled())
		harness_nap(HARNESS_MS / 10);
	return -EINTR;
}

HARNESS_FIBER_TEST(cancel)
{
	struct eider_thread *t = make_thread(0);
	struct eider_job running, queued, late, last;
	unsigned int begun = 0, ran = 0;

	submit(t, &running, until_cancelled, &begun);
	ck_assert(harness_wait_count(&begun, 1));
	submit(t, &queued, count_up, &ran);
	eider_job_init(&late, count_up, &ran);
	late.deadline = eider_after(2 * HARNESS_MS);
	ck_assert_int_eq(eider_thread_submit(t, &late), 0);
	submit(t, &last, count_up, &ran);
	eider_cancel(&queued.future);
	ck_assert_int_eq(eider_await(&queued.future), -ECANCELED);
	ck_assert_int_eq(eider_await(&late.future), -ETIME);
	ck_assert(!eider_is_done(&running.future));
	ck_assert_uint_eq(harness_get(&ran), 0);
	eider_cancel(&running.future);
	ck_assert_int_eq(eider_await(&running.future), -EINTR);
	ck_assert_int_eq(eider_await(&last.future), 1);
	eider_thread_free(t);
	return 0;
}

/* @t has taken four jobs together, and is in the first of them, in @g. */
static void have_taken(struct eider_thread *t, struct eider_job *jobs, struct gate *g,
		       unsigned int *ran)
{
	struct eider_job first;
	struct gate before;

	occupy(t, &first, &before);
	submit(t, &jobs[0], pass_gate, g);
	for (int i = 1; i < 4; i++)
		submit(t, &jobs[i], count_up, ran);
	let_go(&first, &before);
	ck_assert(harness_wait_count(&g->inside, 1));
}

/* Also those that the thread took together, and has not come to. */
HARNESS_FIBER_TEST(cancel_what_was_taken)
{
	struct eider_thread *t = make_thread(0);
	struct eider_job jobs[4];
	struct gate g = { 0, 0 };
	unsigned int ran = 0;

	have_taken(t, jobs, &g, &ran);
	eider_cancel(&jobs[2].future);
	ck_assert_int_eq(eider_await(&jobs[2].future), -ECANCELED);
	ck_assert(!eider_thread_is_free(t));
	let_go(&jobs[0], &g);
	ck_assert_int_eq(eider_await(&jobs[1].future), 1);
	ck_assert_int_eq(eider_await(&jobs[3].future), 2);
	eider_thread_free(t);
	return 0;
}

/* ---- the end ---- */

HARNESS_FIBER_TEST(shut_down)
{
	struct eider_thread *t = make_thread(0);
	struct eider_job gated, queued[3], late;
	unsigned int ran = 0;
	struct gate g;

	occupy(t, &gated, &g);
	for (int i = 0; i < 3; i++)
		submit(t, &queued[i], count_up, &ran);
	ck_assert_int_eq(eider_thread_shutdown(t), 0);		/* does not sleep */
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_await(&queued[i].future), -ECANCELED);
	eider_job_init(&late, count_up, &ran);
	ck_assert_int_eq(eider_thread_submit(t, &late), -ESHUTDOWN);
	ck_assert(!eider_is_done(&gated.future));
	ck_assert(!eider_thread_is_free(t));
	let_go(&gated, &g);			/* the current one ends */
	ck_assert_int_eq(eider_thread_submit(t, &late), -ESHUTDOWN);
	ck_assert_int_eq(eider_thread_shutdown(t), 0);
	ck_assert_uint_eq(ran, 0);
	ck_assert(eider_thread_is_free(t));
	eider_thread_free(t);
	return 0;
}

/* What it took together with the one that runs is not begun any more either. */
HARNESS_FIBER_TEST(shut_down_with_some_taken)
{
	struct eider_thread *t = make_thread(0);
	struct eider_job jobs[4];
	struct gate g = { 0, 0 };
	unsigned int ran = 0;

	have_taken(t, jobs, &g, &ran);
	ck_assert_int_eq(eider_thread_shutdown(t), 0);
	for (int i = 1; i < 4; i++)
		ck_assert_int_eq(eider_await(&jobs[i].future), -ECANCELED);
	let_go(&jobs[0], &g);
	ck_assert_uint_eq(ran, 0);
	eider_thread_free(t);
	return 0;
}

HARNESS_FIBER_TEST(free_while_it_runs)
{
	int before = harness_threads();
	struct eider_thread *t = make_thread(0);
	struct eider_job gated, queued;
	unsigned int ran = 0;
	struct gate g;

	occupy(t, &gated, &g);
	submit(t, &queued, count_up, &ran);
	eider_thread_free(t);
	ck_assert_int_eq(eider_await(&queued.future), -ECANCELED);
	ck_assert(!eider_is_done(&gated.future));
	harness_set(&g.open, 1);
	ck_assert(wait_for_threads(before));	/* it is all gone */
	ck_assert_int_eq(eider_await(&gated.future), 7);
	ck_assert_uint_eq(ran, 0);
	return 0;
}

static long free_it(void *arg)
{
	eider_thread_free(arg);
	return 5;
}

HARNESS_FIBER_TEST(free_by_its_own_job)
{
	struct eider_thread *t = make_thread(0);

	ck_assert_int_eq(call_on(t, free_it, t), 5);
	eider_thread_free(NULL);
	return 0;
}

HARNESS_FIBER_TEST(many_come_and_go)
{
	int before = harness_threads();
	struct eider_thread *t[8];

	for (unsigned int i = 0; i < harness_count(20, 5); i++) {
		for (int j = 0; j < 8; j++)
			t[j] = make_thread(j);
		for (int j = 0; j < 8; j++)
			ck_assert_int_eq(call_on(t[j], id_of_job, NULL), j);
		for (int j = 0; j < 8; j++)
			eider_thread_free(t[j]);
	}
	ck_assert(wait_for_threads(before));
	return 0;
}

/* Threads of a pool belong to it. */
HARNESS_FIBER_TEST(not_a_pools)
{
	struct eider_txn_pool *pool =
		eider_executor_txn_pool(eider_loop_executor(eider_loop_current()));
	struct eider_thread *t;

	ck_assert_int_eq(eider_txn_pool_get_thread(pool, 0, &t), 0);
	ck_assert_int_eq(eider_thread_shutdown(t), -EPERM);
	eider_thread_free(t);
	ck_assert_int_eq(call_on(t, self_is, t), 1);
	eider_txn_pool_put_thread(pool, t);
	return 0;
}

HARNESS_FIBER_TEST(misuse)
{
	struct eider_executor *e = eider_loop_executor(eider_loop_current()), *other;
	struct eider_thread *t = NULL;
	struct eider_job job;

	ck_assert_int_eq(eider_thread_new(NULL, 0, &t), -EINVAL);
	ck_assert_int_eq(eider_thread_new(e, 0, NULL), -EINVAL);
	ck_assert_int_eq(eider_executor_new(NULL, &other), 0);
	ck_assert_int_eq(eider_thread_new(other, 0, &t), 0);
	eider_job_init(&job, id_of_job, NULL);
	ck_assert_int_eq(eider_thread_submit(t, &job), -EINVAL);
	ck_assert_int_eq(eider_thread_submit(NULL, &job), -EINVAL);
	eider_thread_free(t);
	t = make_thread(0);
	ck_assert_int_eq(eider_thread_submit(t, NULL), -EINVAL);
	eider_job_init(&job, NULL, NULL);
	ck_assert_int_eq(eider_thread_submit(t, &job), -EINVAL);
	eider_thread_free(t);
	eider_executor_free(other);
	return 0;
}

START_TEST(outside_of_a_loop)
{
	struct eider_executor *e;
	struct eider_thread *t, *late = NULL;
	struct eider_job job;

	ck_assert_int_eq(eider_executor_new(NULL, &e), 0);
	ck_assert_int_eq(eider_thread_new(e, 3, &t), 0);
	eider_job_init(&job, id_of_job, NULL);
	ck_assert_int_eq(eider_thread_submit(t, &job), -EPERM);
	ck_assert(eider_thread_is_free(t));
	ck_assert_int_eq(eider_executor_shutdown(e, true, EIDER_NEVER), 0);
	ck_assert_int_eq(eider_thread_new(e, 0, &late), -ESHUTDOWN);
	ck_assert_ptr_null(late);
	eider_thread_free(t);
	eider_executor_free(e);
}
END_TEST

/* ---- things fail ---- */

HARNESS_FIBER_TEST(when_things_fail)
{
	struct eider_executor *e = eider_loop_executor(eider_loop_current());
	int before = harness_threads(), err = -1;
	struct eider_thread *t = NULL;
	unsigned int failures = 0;
	uint64_t hits = 1;

	for (uint64_t n = 1; hits; n++) {
		eider__fault_arm(n, 0);
		err = eider_thread_new(e, 9, &t);
		hits = eider__fault_hits();
		eider__fault_arm(0, 0);
		ck_assert_uint_lt(n, 100);
		if (err < 0) {
			ck_assert(err == -ENOMEM || err == -EAGAIN ||
				  err == -EMFILE);
			ck_assert_ptr_null(t);
			failures++;
			continue;
		}
		/* It was made, with something that is not needed failing or not. */
		ck_assert_int_eq(call_on(t, id_of_job, NULL), 9);
		eider_thread_free(t);
		t = NULL;
	}
	ck_assert_uint_ge(failures, 3);
	ck_assert(wait_for_threads(before));
	return 0;
}

/* ---- several loops ---- */

static struct eider_thread *shared;
static unsigned int submitted, waiting_loops, finished_loops, shared_count;
static struct gate shared_gate;

static long add_unsafely(void *arg)
{
	unsigned int n = shared_count;

	(void)arg;
	if (n % 16 == 0)
		harness_nap(1000);
	shared_count = n + 1;
	return eider_txn_id() == 4 ? 1 : -EPROTO;
}

static struct eider_thread *get_shared(void)
{
	static unsigned int first;

	if (harness_add(&first, 1) == 1)
		harness_set(&shared, make_thread(4));
	while (!harness_get(&shared))
		eider_sleep_until(eider_after(HARNESS_MS));
	return harness_get(&shared);
}

HARNESS_FIBER_TEST_WITH(two_loops, HARNESS_OPTIONS(.loops = 2))
{
	enum { N = 100 };
	struct eider_thread *t = get_shared();
	struct eider_job jobs[N];

	for (int i = 0; i < N; i++)
		submit(t, &jobs[i], add_unsafely, NULL);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(eider_await(&jobs[i].future), 1);
	if (harness_add(&finished_loops, 1) == 2) {
		ck_assert_uint_eq(shared_count, 2 * N);
		eider_thread_free(t);
	}
	return 0;
}

/* One loop's job runs and the other's is queued when it is shut down. */
HARNESS_FIBER_TEST_WITH(two_loops_and_the_end, HARNESS_OPTIONS(.loops = 2))
{
	struct eider_thread *t = get_shared();
	unsigned int me = harness_add(&waiting_loops, 1);
	struct eider_job job;
	unsigned int ran = 0;

	if (me == 1) {
		submit(t, &job, pass_gate, &shared_gate);
		ck_assert(harness_wait_count(&submitted, 1));
		ck_assert_int_eq(eider_thread_shutdown(t), 0);
		ck_assert(harness_wait_count(&finished_loops, 1));
		let_go(&job, &shared_gate);
		eider_thread_free(t);
		return 0;
	}
	ck_assert(harness_wait_count(&shared_gate.inside, 1));
	submit(t, &job, count_up, &ran);
	harness_add(&submitted, 1);
	ck_assert_int_eq(eider_await(&job.future), -ECANCELED);
	ck_assert_uint_eq(ran, 0);
	harness_add(&finished_loops, 1);
	return 0;
}

static Suite *make_suite(void)
{
	Suite *s = suite_create("thread");
	TCase *t = harness_case(s, "order");

	tcase_add_test(t, strict_order);
	tcase_add_test(t, one_after_another);

	t = harness_case(s, "known");
	tcase_add_test(t, identity);
	tcase_add_test(t, numbers);
	tcase_add_test(t, context_is_its_own);
	tcase_add_test(t, description);
	tcase_add_test(t, free_or_not);
	tcase_add_test(t, state);

	t = harness_case(s, "cancel");
	tcase_add_test(t, cancel);
	tcase_add_test(t, cancel_what_was_taken);

	t = harness_case(s, "end");
	tcase_add_test(t, shut_down);
	tcase_add_test(t, shut_down_with_some_taken);
	tcase_add_test(t, free_while_it_runs);
	tcase_add_test(t, free_by_its_own_job);
	tcase_add_test(t, many_come_and_go);
	tcase_add_test(t, not_a_pools);
	tcase_add_test(t, misuse);
	tcase_add_test(t, outside_of_a_loop);

	t = harness_case(s, "faults");
	tcase_add_test(t, when_things_fail);

	t = harness_case(s, "loops");
	tcase_add_test(t, two_loops);
	tcase_add_test(t, two_loops_and_the_end);
	return s;
}

int main(void)
{
	return harness_run(make_suite());
}
