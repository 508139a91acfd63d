/*
 * test_batch.c - who has a job of a batch (src/executor/batch.h)
 *
 * With both ways to agree, as far as the kernel has them. What no test on x86 is sure
 * to notice, a missing barrier, is what tests/model/raid.pml is for.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/sys.h"
#include "executor/batch.h"
#include "harness.h"

static struct eider_job jobs[EIDER__BATCH_MAX];

static bool has_barriers(void)
{
	return eider__barrier_prepare() == 0;
}

static void fill_locked(struct eider__batch *b, unsigned int n, bool lopsided)
{
	for (unsigned int i = 0; i < n; i++)
		eider__store_relaxed(&b->jobs[i], &jobs[i]);
	eider__batch_fill_locked(b, n, lopsided);
}

/* A batch with @n of them. False if there is no such way to agree here. */
static bool set_up(struct eider__batch *b, struct eider__lock *lock, int lopsided,
		   unsigned int n)
{
	if (lopsided && !has_barriers())
		return false;
	memset(b, 0, sizeof(*b));
	eider__lock_init(lock);
	eider__batch_init(b, lock);
	fill_locked(b, n, lopsided);
	return true;
}

static unsigned int raid(struct eider__batch *b, struct eider_job **to, bool half)
{
	unsigned int n;

	eider__lock_take(b->lock);
	n = eider__batch_raid_locked(b, to, half);
	eider__lock_give(b->lock);
	return n;
}

START_TEST(claims_in_order)
{
	struct eider__batch b;
	struct eider__lock lock;

	if (!set_up(&b, &lock, _i, 32))
		return;
	for (unsigned int i = 0; i < 32; i++) {
		eider__batch_prefetch(&b, i + 8);
		ck_assert_uint_eq(eider__batch_left(&b), 32 - i);
		ck_assert_ptr_eq(eider__batch_claim(&b, i), &jobs[i]);
		ck_assert_ptr_null(b.jobs[i]);
		ck_assert(!_i || b.begun == i + 1);
	}
	ck_assert_uint_eq(eider__batch_left(&b), 0);
	fill_locked(&b, 1, _i);
	ck_assert_uint_eq(eider__batch_left(&b), 1);
	ck_assert_ptr_eq(eider__batch_claim(&b, 0), &jobs[0]);
	eider__lock_release(&lock);
}
END_TEST

/* The last half, and half of what is left then, down to nothing; in their order. */
START_TEST(raids_take_the_last_half)
{
	struct eider_job *taken[EIDER__BATCH_MAX];
	struct eider__batch b;
	struct eider__lock lock;
	unsigned int left = 20;

	if (!set_up(&b, &lock, _i, 20))
		return;
	while (left) {
		unsigned int n = raid(&b, taken, true);

		ck_assert_uint_eq(n, (left + 1) / 2);
		left -= n;
		for (unsigned int i = 0; i < n; i++)
			ck_assert_ptr_eq(taken[i], &jobs[left + i]);
		ck_assert_uint_eq(eider__batch_left(&b), left);
	}
	ck_assert_uint_eq(raid(&b, taken, true), 0);
	ck_assert_uint_eq(raid(&b, taken, false), 0);
	for (unsigned int i = 0; i < 20; i++)
		ck_assert_ptr_null(eider__batch_claim(&b, i));
	eider__lock_release(&lock);
}
END_TEST

/* What the worker has begun stays its own. */
START_TEST(raids_take_all_that_is_left)
{
	struct eider_job *taken[EIDER__BATCH_MAX];
	struct eider__batch b;
	struct eider__lock lock;

	if (!set_up(&b, &lock, _i, 10))
		return;
	for (unsigned int i = 0; i < 4; i++)
		ck_assert_ptr_eq(eider__batch_claim(&b, i), &jobs[i]);
	ck_assert_uint_eq(raid(&b, taken, false), 6);
	for (unsigned int i = 0; i < 6; i++)
		ck_assert_ptr_eq(taken[i], &jobs[4 + i]);
	for (unsigned int i = 4; i < 10; i++)
		ck_assert_ptr_null(eider__batch_claim(&b, i));
	eider__lock_release(&lock);
}
END_TEST

START_TEST(removes_exactly_one)
{
	struct eider_job *taken[EIDER__BATCH_MAX], stranger;
	struct eider__batch b;
	struct eider__lock lock;

	if (!set_up(&b, &lock, _i, 10))
		return;
	ck_assert_ptr_eq(eider__batch_claim(&b, 0), &jobs[0]);
	eider__lock_take(&lock);
	ck_assert(!eider__batch_remove_locked(&b, &jobs[0]));
	ck_assert(!eider__batch_remove_locked(&b, &jobs[10]));
	ck_assert(!eider__batch_remove_locked(&b, &stranger));
	ck_assert(eider__batch_remove_locked(&b, &jobs[5]));
	ck_assert(!eider__batch_remove_locked(&b, &jobs[5]));
	eider__lock_give(&lock);
	ck_assert_uint_eq(eider__batch_left(&b), 8);
	for (unsigned int i = 1; i < 8; i++)
		ck_assert_ptr_eq(eider__batch_claim(&b, i), i == 5 ? NULL : &jobs[i]);
	ck_assert_uint_eq(raid(&b, taken, false), 2);
	ck_assert_ptr_eq(taken[0], &jobs[8]);
	ck_assert_ptr_eq(taken[1], &jobs[9]);
	eider__lock_release(&lock);
}
END_TEST

/* One that was cleared, but is begun: the raid leaves it to the worker. */
START_TEST(what_is_begun_is_not_raided)
{
	struct eider_job *taken[EIDER__BATCH_MAX];
	struct eider__batch b;
	struct eider__lock lock;

	if (!set_up(&b, &lock, 1, 3))
		return;
	eider__store_relaxed(&b.begun, 2);	/* between C1 and C2 */
	ck_assert_uint_eq(raid(&b, taken, false), 1);
	ck_assert_ptr_eq(taken[0], &jobs[2]);
	eider__lock_take(&lock);
	ck_assert(!eider__batch_remove_locked(&b, &jobs[1]));
	eider__lock_give(&lock);
	ck_assert_uint_eq(eider__load_relaxed(&b.raided), 0);
	ck_assert_ptr_eq(eider__batch_claim(&b, 1), &jobs[1]);
	ck_assert_ptr_null(eider__batch_claim(&b, 2));
	eider__lock_release(&lock);
}
END_TEST

/* While it is raided the worker waits for the lock. */
static void *claim_first(void *arg)
{
	return eider__batch_claim(arg, 0);
}

START_TEST(who_is_raided_waits)
{
	struct eider__batch b;
	struct eider__lock lock;
	pthread_t worker;
	void *got;

	if (!set_up(&b, &lock, 1, 2))
		return;
	eider__lock_take(&lock);
	eider__store_relaxed(&b.raided, 1);
	ck_assert(!pthread_create(&worker, NULL, claim_first, &b));
	harness_nap(5 * HARNESS_MS);
	ck_assert_ptr_eq(eider__load_acquire(&b.jobs[0]), &jobs[0]);
	eider__store_relaxed(&b.jobs[0], NULL);
	eider__store_release(&b.raided, 0);
	eider__lock_give(&lock);
	ck_assert(!pthread_join(worker, &got));
	ck_assert_ptr_null(got);
	eider__lock_release(&lock);
}
END_TEST

/* ---- a worker against two who raid and one who cancels ---- */

struct race {
	struct eider__batch batch;
	struct eider__lock lock;
	unsigned int had[EIDER__BATCH_MAX];	/* in this round, by how many */
	unsigned int total, over;
	unsigned int raided, removed;
};

static void have(struct race *r, const struct eider_job *job)
{
	harness_add(&r->had[job - jobs], 1);
	harness_add(&r->total, 1);
}

static void raid_often(struct race *r, bool half)
{
	struct eider_job *taken[EIDER__BATCH_MAX];

	while (!harness_get(&r->over)) {
		unsigned int n = raid(&r->batch, taken, half);

		for (unsigned int i = 0; i < n; i++)
			have(r, taken[i]);
		harness_add(&r->raided, n);
		if (!n)
			eider__cpu_relax();
	}
}

static void *raid_half(void *arg)
{
	raid_often(arg, true);
	return NULL;
}

static void *raid_all(void *arg)
{
	raid_often(arg, false);
	return NULL;
}

static void *remove_some(void *arg)
{
	struct race *r = arg;

	for (unsigned int i = 0; !harness_get(&r->over); i++) {
		struct eider_job *job = &jobs[i * 7 % EIDER__BATCH_MAX];
		bool removed;

		eider__lock_take(&r->lock);
		removed = eider__batch_remove_locked(&r->batch, job);
		eider__lock_give(&r->lock);
		if (removed) {
			have(r, job);
			harness_add(&r->removed, 1);
		}
	}
	return NULL;
}

static void one_round(struct race *r, unsigned int n, bool lopsided)
{
	eider__lock_take(&r->lock);
	fill_locked(&r->batch, n, lopsided);
	eider__lock_give(&r->lock);
	for (unsigned int i = 0; i < n; i++) {
		struct eider_job *job = eider__batch_claim(&r->batch, i);

		if (job) {
			ck_assert_ptr_eq(job, &jobs[i]);
			have(r, job);
		}
		for (unsigned int k = 0; k < i % 16; k++)
			eider__cpu_relax();
	}
	/* Those who took some say so a moment later. */
	while (harness_get(&r->total) < n)
		eider__cpu_relax();
	ck_assert_uint_eq(harness_get(&r->total), n);
	for (unsigned int i = 0; i < n; i++)
		ck_assert_uint_eq(harness_get(&r->had[i]), 1);
	memset(r->had, 0, sizeof(r->had));
	harness_set(&r->total, 0);
}

/* How long, rather than how often: on one CPU nobody comes in between by chance. */
static void race(int lopsided, void *(*first)(void *), void *(*second)(void *))
{
	static struct race r;
	int64_t end = eider_after((int64_t)(HARNESS_S * harness_slow()));
	pthread_t a, b;

	if (!set_up(&r.batch, &r.lock, lopsided, 0))
		return;
	r.over = 0;
	r.raided = r.removed = 0;
	ck_assert(!pthread_create(&a, NULL, first, &r));
	ck_assert(!pthread_create(&b, NULL, second, &r));
	for (unsigned int i = 0; eider_now() < end; i++)
		one_round(&r, 1 + i % EIDER__BATCH_MAX, lopsided);
	harness_set(&r.over, 1);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	eider__lock_release(&r.lock);
}

START_TEST(each_job_once)
{
	race(_i, raid_half, raid_all);
}
END_TEST

START_TEST(each_job_once_if_some_are_removed)
{
	race(_i, raid_half, remove_some);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("batch");
	TCase *t = harness_case(s, "batch");

	tcase_add_loop_test(t, claims_in_order, 0, 2);
	tcase_add_loop_test(t, raids_take_the_last_half, 0, 2);
	tcase_add_loop_test(t, raids_take_all_that_is_left, 0, 2);
	tcase_add_loop_test(t, removes_exactly_one, 0, 2);
	tcase_add_test(t, what_is_begun_is_not_raided);
	tcase_add_test(t, who_is_raided_waits);

	t = harness_case(s, "race");
	tcase_add_loop_test(t, each_job_once, 0, 2);
	tcase_add_loop_test(t, each_job_once_if_some_are_removed, 0, 2);
	return harness_run(s);
}
