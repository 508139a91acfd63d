/*
 * test_base.c - clock, error texts, lists, locks, fault injection (src/base)
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/list.h"
#include "base/lock.h"
#include "base/sys.h"
#include "harness.h"

START_TEST(clock_is_monotonic)
{
	struct timespec ts;
	int64_t before = eider_now(), last = before;

	for (int i = 0; i < 1000; i++) {
		int64_t now = eider_now();

		ck_assert(now >= last);
		last = now;
	}
	clock_gettime(CLOCK_MONOTONIC, &ts);
	ck_assert(ts.tv_sec * HARNESS_S + ts.tv_nsec >= last);
	harness_nap(10 * HARNESS_MS);
	ck_assert(eider_now() >= before + 10 * HARNESS_MS);
}
END_TEST

START_TEST(after_adds_and_saturates)
{
	int64_t now = eider_now();
	int64_t soon = eider_after(HARNESS_S);

	ck_assert(soon >= now + HARNESS_S && soon <= eider_now() + HARNESS_S);
	ck_assert(eider_after(EIDER_NEVER) == EIDER_NEVER);
	ck_assert(eider_after(EIDER_NEVER - 1) == EIDER_NEVER);
	ck_assert(eider_after(EIDER_NEVER - eider_now() - HARNESS_S) < EIDER_NEVER);
	ck_assert(eider_after(EIDER_NEVER - now) == EIDER_NEVER);

	now = eider_now();
	ck_assert(eider_after(0) >= now && eider_after(0) <= eider_now());
	ck_assert(eider_after(-1) >= now && eider_after(-1) <= eider_now());
	ck_assert(eider_after(INT64_MIN) >= now);
	ck_assert(eider_after(INT64_MIN) <= eider_now());
}
END_TEST

START_TEST(errors_have_texts)
{
	static const int ours[] = {
		EAGAIN, EBUSY, ECANCELED, ECHILD, EDEADLK, EINVAL, EMFILE, ENODATA,
		ENOMEM, ENOSYS, EOPNOTSUPP, EPERM, EPROTONOSUPPORT, ESHUTDOWN,
		ESTALE, ETIME,
	};

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++) {
		const char *text = eider_strerror(ours[i]);

		/* One text for both signs, and better than the system's. */
		ck_assert_ptr_eq(text, eider_strerror(-ours[i]));
		ck_assert_str_ne(text, strerror(ours[i]));
		ck_assert_uint_gt(strlen(text), 15);
	}
	ck_assert_str_eq(eider_strerror(ENOENT), strerror(ENOENT));
	ck_assert_str_eq(eider_strerror(-ENOENT), strerror(ENOENT));
	ck_assert_str_eq(eider_strerror(99999), "unknown error");
	ck_assert_str_eq(eider_strerror(-99999), "unknown error");
	ck_assert_ptr_nonnull(eider_strerror(0));
	ck_assert_str_eq(eider_strerror(INT32_MIN), "unknown error");
	ck_assert_str_eq(eider_strerror(INT32_MAX), "unknown error");
}
END_TEST

START_TEST(fifo)
{
	struct eider__fifo q = { NULL, NULL, 0 };
	struct eider_link links[10];

	ck_assert_ptr_null(eider__fifo_pop(&q));
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 10; i++)
			eider__fifo_push(&q, &links[i]);
		ck_assert_uint_eq(q.count, 10);
		for (int i = 0; i < 5; i++)
			ck_assert_ptr_eq(eider__fifo_pop(&q), &links[i]);
		for (int i = 0; i < 5; i++)
			eider__fifo_push(&q, &links[i]);
		for (int i = 5; i < 15; i++)
			ck_assert_ptr_eq(eider__fifo_pop(&q), &links[i % 10]);
		ck_assert_uint_eq(q.count, 0);
		ck_assert_ptr_null(eider__fifo_pop(&q));
	}
}
END_TEST

START_TEST(circle)
{
	struct eider_node head, nodes[4];
	int n = 0;

	eider__node_init(&head);
	memset(nodes, 0, sizeof(nodes));
	ck_assert(eider__node_alone(&head));
	ck_assert(eider__node_alone(&nodes[0]));
	ck_assert_ptr_null(eider__node_first(&head));
	eider__node_remove(&nodes[0]);		/* zeroed: harmless */

	for (int i = 0; i < 4; i++)
		eider__node_append(&head, &nodes[i]);
	eider__node_each(node, &head)
		ck_assert_ptr_eq(node, &nodes[n++]);
	ck_assert_int_eq(n, 4);
	ck_assert(!eider__node_alone(&nodes[2]));

	eider__node_remove(&nodes[2]);
	eider__node_remove(&nodes[2]);		/* twice: harmless */
	eider__node_remove(&nodes[0]);
	ck_assert_ptr_eq(eider__node_first(&head), &nodes[1]);
	ck_assert_ptr_eq(nodes[1].next, &nodes[3]);
	eider__node_remove(&nodes[1]);
	eider__node_remove(&nodes[3]);
	ck_assert_ptr_null(eider__node_first(&head));
	ck_assert(eider__node_alone(&head));
}
END_TEST

static struct eider__lock lock;
static struct eider__cond cond;
static unsigned int turn;

static void *answer(void *arg)
{
	(void)arg;
	eider__lock_take(&lock);
	while (turn != 1)
		eider__cond_wait(&cond, &lock, EIDER_NEVER);
	turn = 2;
	eider__cond_wake_all(&cond);
	eider__lock_give(&lock);
	return NULL;
}

START_TEST(lock_and_condition)
{
	pthread_t thread;
	int64_t deadline;

	eider__lock_init(&lock);
	eider__cond_init(&cond);
	ck_assert(!pthread_create(&thread, NULL, answer, NULL));
	eider__lock_take(&lock);
	turn = 1;
	eider__cond_wake(&cond);
	while (turn != 2)
		eider__cond_wait(&cond, &lock, eider_after(60 * HARNESS_S));

	/* Nobody wakes this one: it must not be early, and must say so. */
	deadline = eider_after(20 * HARNESS_MS);
	while (eider__cond_wait(&cond, &lock, deadline))
		;
	ck_assert(eider_now() >= deadline);
	ck_assert(!eider__cond_wait(&cond, &lock, eider_now() - HARNESS_S));
	eider__lock_give(&lock);
	pthread_join(thread, NULL);
	eider__cond_release(&cond);
	eider__lock_release(&lock);
}
END_TEST

START_TEST(allocation_is_zeroed_and_aligned)
{
	char *p = eider__alloc(1000), *q = eider__alloc_aligned(64, 1000);
	char *s = eider__strdup("text");

	ck_assert(p && q && s);
	for (int i = 0; i < 1000; i++)
		ck_assert(!p[i] && !q[i]);
	ck_assert_uint_eq((uintptr_t)q % 64, 0);
	ck_assert_str_eq(s, "text");
	eider__free(p);
	eider__free(q);
	eider__free(s);
	eider__free(NULL);
}
END_TEST

/* Exactly the n-th fails, and as many after it as were asked for. */
START_TEST(faults_hit_where_they_should)
{
	for (uint64_t n = 1; n <= 5; n++) {
		eider__fault_arm(n, 1);
		for (uint64_t i = 1; i <= 8; i++) {
			void *p = eider__alloc(8);

			ck_assert_int_eq(!p, i == n || i == n + 1);
			eider__free(p);
		}
		ck_assert_uint_eq(eider__fault_asked(), 8);
		ck_assert_uint_eq(eider__fault_hits(), 2);
	}
	eider__fault_arm(0, 0);
	for (int i = 0; i < 5; i++)
		ck_assert(!eider__fault());
	ck_assert_uint_eq(eider__fault_hits(), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("base");
	TCase *t = harness_case(s, "base");

	tcase_add_test(t, clock_is_monotonic);
	tcase_add_test(t, after_adds_and_saturates);
	tcase_add_test(t, errors_have_texts);
	tcase_add_test(t, fifo);
	tcase_add_test(t, circle);
	tcase_add_test(t, lock_and_condition);
	tcase_add_test(t, allocation_is_zeroed_and_aligned);
	tcase_add_test(t, faults_hit_where_they_should);
	return harness_run(s);
}
