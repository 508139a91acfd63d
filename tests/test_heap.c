/*
 * test_heap.c - the pairing heap of deadlines (src/base/heap.h)
 *
 * Against a reference that cannot be wrong: an array, searched from end to end.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"
#include "harness.h"

static uint64_t seed = 88172645463325252u;

static uint64_t random_below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed % n;
}

/* The least deadline of those that are in, or EIDER_NEVER. */
static int64_t least(const struct eider_timer *t, size_t n)
{
	int64_t deadline = EIDER_NEVER;

	for (size_t i = 0; i < n; i++)
		if (eider__timer_pending(&t[i]) && t[i]._deadline < deadline)
			deadline = t[i]._deadline;
	return deadline;
}

static void add(struct eider__heap *h, struct eider_timer *t, int64_t deadline)
{
	t->_deadline = deadline;
	eider__heap_add(h, t);
}

START_TEST(empty)
{
	struct eider__heap h = { NULL };
	struct eider_timer t;

	memset(&t, 0, sizeof(t));
	ck_assert_ptr_null(eider__heap_first(&h));
	ck_assert(eider__heap_is_valid(&h));
	ck_assert(!eider__timer_pending(&t));
	eider__heap_remove(&h, &t);
	ck_assert(eider__heap_is_valid(&h));

	add(&h, &t, 5);
	ck_assert(eider__timer_pending(&t));
	ck_assert_ptr_eq(eider__heap_first(&h), &t);
	eider__heap_remove(&h, &t);
	eider__heap_remove(&h, &t);
	ck_assert(!eider__timer_pending(&t));
	ck_assert_ptr_null(eider__heap_first(&h));
}
END_TEST

/* All in, in some order; then all out, nearest first. */
static void sort(int64_t (*deadline_of)(size_t i))
{
	enum { N = 1000 };
	static struct eider_timer timers[N];
	struct eider__heap h = { NULL };
	int64_t last = INT64_MIN;

	memset(timers, 0, sizeof(timers));
	for (size_t i = 0; i < N; i++) {
		add(&h, &timers[i], deadline_of(i));
		ck_assert(eider__heap_is_valid(&h));
	}
	for (size_t i = 0; i < N; i++) {
		struct eider_timer *t = eider__heap_first(&h);

		ck_assert_ptr_nonnull(t);
		ck_assert(t->_deadline >= last);
		last = t->_deadline;
		eider__heap_remove(&h, t);
		ck_assert(eider__heap_is_valid(&h));
	}
	ck_assert_ptr_null(eider__heap_first(&h));
}

static int64_t ascending(size_t i)
{
	return (int64_t)i;
}

static int64_t descending(size_t i)
{
	return -(int64_t)i;
}

static int64_t same(size_t i)
{
	(void)i;
	return 7;
}

static int64_t any(size_t i)
{
	(void)i;
	return (int64_t)random_below(500);
}

static int64_t extremes(size_t i)
{
	return i % 3 ? (i % 3 == 1 ? INT64_MAX : INT64_MIN) : (int64_t)i;
}

START_TEST(sorts)
{
	sort(ascending);
	sort(descending);
	sort(same);
	sort(any);
	sort(extremes);
}
END_TEST

/* Adding and removing at random; most removed timers are not the first. */
START_TEST(random_steps)
{
	enum { N = 300 };
	static struct eider_timer timers[N];
	struct eider__heap h = { NULL };
	unsigned int steps = harness_count(100000, 5000);

	for (unsigned int step = 0; step < steps; step++) {
		struct eider_timer *t = &timers[random_below(N)];
		struct eider_timer *first;

		if (!eider__timer_pending(t))
			add(&h, t, (int64_t)random_below(1 + random_below(1000)));
		else if (random_below(4))
			eider__heap_remove(&h, t);
		else
			eider__heap_remove(&h, eider__heap_first(&h));

		first = eider__heap_first(&h);
		ck_assert(eider__heap_is_valid(&h));
		ck_assert_int_eq(first ? first->_deadline : EIDER_NEVER,
				 least(timers, N));
	}
}
END_TEST

START_TEST(the_check_sees_damage)
{
	struct eider__heap h = { NULL };
	struct eider_timer t[3];

	memset(t, 0, sizeof(t));
	for (int i = 0; i < 3; i++)
		add(&h, &t[i], i);
	ck_assert(eider__heap_is_valid(&h));
	t[2]._deadline = -1;
	ck_assert(!eider__heap_is_valid(&h));
	t[2]._deadline = 2;
	t[1]._prev = &t[1];
	ck_assert(!eider__heap_is_valid(&h));
}
END_TEST

/* On a small stack: a loop's heap may be large, and its work is done by loops. */
static void *many_at_once(void *arg)
{
	struct eider__heap h = { NULL };
	unsigned int n = harness_count(300000, 30000);
	struct eider_timer *timers = calloc(n, sizeof(*timers));
	int64_t last = INT64_MIN;

	(void)arg;
	ck_assert_ptr_nonnull(timers);
	for (unsigned int i = 0; i < n; i++)
		add(&h, &timers[i], i & 1 ? 7 : (int64_t)(n - i));
	for (unsigned int i = 0; i < n; i += 3)
		eider__heap_remove(&h, &timers[i]);
	while (eider__heap_first(&h)) {
		ck_assert(eider__heap_first(&h)->_deadline >= last);
		last = eider__heap_first(&h)->_deadline;
		eider__heap_remove(&h, eider__heap_first(&h));
	}
	free(timers);
	return NULL;
}

START_TEST(large)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 * 1024);
	ck_assert(!pthread_create(&thread, &attr, many_at_once, NULL));
	pthread_attr_destroy(&attr);
	pthread_join(thread, NULL);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("heap");
	TCase *t = harness_case(s, "heap");

	tcase_add_test(t, empty);
	tcase_add_test(t, sorts);
	tcase_add_test(t, random_steps);
	tcase_add_test(t, the_check_sees_damage);
	tcase_add_test(t, large);
	return harness_run(s);
}
