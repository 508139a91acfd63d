/*
 * test_guard.c - a loop that looks after a pool whose jobs are short
 *
 * The pieces of src/executor/guard.c are tried with a pool that is what we say it is;
 * then what they are for, with jobs. That jobs are short can be seen only where they
 * are: under sanitizers and beside others that compute a pool may not be brisk at all.
 * So nothing here fails for that; what must always hold is that no job waits.
 */
#include <pthread.h>
#include <stdlib.h>

#include "executor/executor.h"
#include "executor/guard.h"
#include "executor/pool.h"
#include "fixtures.h"

enum { BRISK = 8 };		/* so many short ones */

static const int64_t short_ns = 399, long_ns = 400;

/* With asymmetric barriers, and without. */
static struct eider_options options_of(int i)
{
	struct eider_options o = {
		.size = sizeof(o),
		.workers_max = 4,
		.slow_job_ns = EIDER_NEVER,
		.loop_stall_ns = EIDER_NEVER,
		.disable = i ? EIDER_FEATURE_BIT(EIDER_FEATURE_MEMBARRIER) : 0,
	};

	return o;
}

static void note_short_ones(struct eider_pool *p, unsigned int n)
{
	while (n--)
		eider__guard_note(p, short_ns);
}

static bool is_brisk(struct eider_pool *p)
{
	unsigned int before;
	bool is_there;

	eider__lock_take(&p->lock);
	before = p->guards;
	p->guards = 1;
	is_there = eider__guard_is_there_locked(p);
	p->guards = before;
	eider__lock_give(&p->lock);
	return is_there;
}

START_TEST(notes_how_long_jobs_take)
{
	struct eider_options o = options_of(0);
	struct world w = open_world(&o);
	struct eider_pool *p = eider_executor_pool(w.executor);

	ck_assert(!is_brisk(p));
	note_short_ones(p, BRISK - 1);
	ck_assert(!is_brisk(p));
	note_short_ones(p, 1);
	ck_assert(is_brisk(p));
	eider__guard_note(p, long_ns);
	ck_assert(!is_brisk(p));
	/* One of many may have been held up. Two have not. */
	note_short_ones(p, 1000);
	eider__guard_note(p, long_ns);
	ck_assert(is_brisk(p));
	eider__guard_note(p, long_ns);
	ck_assert(!is_brisk(p));
	note_short_ones(p, BRISK - 1);
	eider__guard_note(p, long_ns);
	note_short_ones(p, BRISK - 1);
	ck_assert(!is_brisk(p));
	note_short_ones(p, 1);
	ck_assert(is_brisk(p));
	ck_assert(!eider__guard_is_there_locked(p));
	close_world(&w);
}
END_TEST

/* ---- a loop that stands guard ---- */

/* A worker is in a gate: awake, so a loop may stand guard. */
struct post {
	struct world world;
	struct eider_pool *pool;
	struct eider_lane *lane;
	struct eider_job job;
	struct gate gate;
};

static void open_post(struct post *post, const struct eider_options *o)
{
	post->gate = (struct gate){ 0, 0 };
	post->world = open_world(o);
	post->pool = eider_executor_pool(post->world.executor);
	post->lane = eider__lane_to(post->world.loop, post->pool);
	ck_assert_int_eq(eider_submit(&post->job, pass_gate, &post->gate), 0);
	ck_assert_int_ge(eider_loop_turn(post->world.loop, 0), 0);
	ck_assert(harness_wait_count(&post->gate.inside, 1));
	post->world.loop->turning = true;	/* so we say */
}

static void close_post(struct post *post)
{
	harness_set(&post->gate.open, 1);
	ck_assert_int_eq(eider_loop_run(post->world.loop), 0);
	ck_assert_int_eq(eider_result(&post->job.future), 7);
	ck_assert_uint_eq(post->world.loop->guards, 0);
	ck_assert_uint_eq(post->pool->guards, 0);
	close_world(&post->world);
}

static bool stand(struct post *post)
{
	bool stands;

	eider__lock_take(&post->pool->lock);
	stands = eider__guard_stand_locked(post->lane);
	eider__lock_give(&post->pool->lock);
	ck_assert_uint_eq(post->world.loop->guards, post->lane->guards);
	ck_assert_uint_eq(post->pool->guards, post->lane->guards);
	return stands;
}

START_TEST(stands_only_where_it_may)
{
	struct eider_options o = options_of(0);
	struct post post;

	open_post(&post, &o);
	ck_assert(!stand(&post));	/* not brisk */
	note_short_ones(post.pool, BRISK);
	post.world.loop->polled = true;
	ck_assert(!stand(&post));
	post.world.loop->polled = false;
	post.world.loop->turning = false;
	ck_assert(!stand(&post));
	post.world.loop->turning = true;
	post.pool->threads_max = 1;	/* there is nobody else to call */
	ck_assert(!stand(&post));
	post.pool->threads_max = o.workers_max;
	ck_assert(!post.lane->guards);
	ck_assert(stand(&post));
	ck_assert(stand(&post));	/* once */
	ck_assert(eider__guard_is_there_locked(post.pool));
	eider__guards_step_down(post.world.loop);
	ck_assert(!post.lane->guards);
	ck_assert(!eider__guard_is_there_locked(post.pool));
	close_post(&post);
}
END_TEST

START_TEST(cuts_its_sleep)
{
	struct eider_options o = options_of(0);
	struct post post;
	int64_t rest;

	open_post(&post, &o);
	ck_assert_int_eq(eider__guards_until(post.world.loop), EIDER_NEVER);
	note_short_ones(post.pool, BRISK);
	ck_assert(stand(&post));
	rest = eider__guards_until(post.world.loop);
	ck_assert_int_le(rest, eider_now() + HARNESS_MS);
	ck_assert(post.lane->guards);
	/* None of its own is out: it does not stay up for the others'. */
	post.lane->outstanding--;
	ck_assert_int_eq(eider__guards_until(post.world.loop), EIDER_NEVER);
	ck_assert(!post.lane->guards);
	post.lane->outstanding++;
	close_post(&post);
}
END_TEST

START_TEST(steps_down_if_it_is_freed)
{
	struct eider_options o = options_of(0);
	struct post post;
	struct eider_pool *p;

	if (harness_delivery() == EIDER_DELIVERY_EACH)
		return;			/* such a loop waits for its jobs */
	open_post(&post, &o);
	p = post.pool;
	note_short_ones(p, BRISK);
	ck_assert(stand(&post));
	ck_assert_int_eq(eider_loop_free(post.world.loop), 0);
	ck_assert_uint_eq(p->guards, 0);
	harness_set(&post.gate.open, 1);
	ck_assert_int_eq(eider_executor_shutdown(post.world.executor, true,
						 EIDER_NEVER), 0);
	eider_executor_free(post.world.executor);
}
END_TEST

/* Ten jobs for the pool, none of which is sampled. */
enum { QUEUED = 10 };

static void hand_over(struct post *post, struct eider_job *jobs, unsigned int *done)
{
	post->world.loop->unsampled = 0;
	for (int i = 0; i < QUEUED; i++)
		ck_assert_int_eq(eider_submit(&jobs[i], count, done), 0);
	eider__loop_hand(post->world.loop);
}

static void look_later(struct post *post)
{
	harness_nap(HARNESS_MS);
	post->world.loop->now = 0;
	eider__guards_look(post->world.loop);
}

/* Takes that go on keep it there; without, it goes, and the pool is not brisk. */
START_TEST(steps_down_if_nobody_comes)
{
	struct eider_options o = options_of(0);
	struct eider_job jobs[QUEUED];
	struct post post;
	unsigned int done = 0;

	open_post(&post, &o);
	note_short_ones(post.pool, BRISK);
	hand_over(&post, jobs, &done);
	for (int i = 0; i < 3; i++) {
		eider__lock_take(&post.pool->lock);
		eider__store_relaxed(&post.pool->takes, post.pool->takes + 1);
		eider__lock_give(&post.pool->lock);
		look_later(&post);
		ck_assert(post.lane->guards);
	}
	look_later(&post);
	ck_assert(!post.lane->guards);
	ck_assert(harness_wait_count(&done, QUEUED));
	close_post(&post);
}
END_TEST

/* Neither the loop that hands over calls another worker, nor the one that is there. */
START_TEST(nobody_else_is_called)
{
	struct eider_options o = options_of(_i);
	struct eider_job jobs[QUEUED];
	struct post post;
	unsigned int done = 0;

	open_post(&post, &o);
	note_short_ones(post.pool, BRISK);
	hand_over(&post, jobs, &done);
	ck_assert_uint_eq(post.world.loop->guards, 1);
	ck_assert_uint_eq(pool_counts_of(post.pool).threads, 1);
	harness_set(&post.gate.open, 1);
	ck_assert(harness_wait_count(&done, QUEUED));
	ck_assert_uint_eq(pool_counts_of(post.pool).threads, 1);
	close_post(&post);
}
END_TEST

/* The loop does, if it is not brisk; or when it steps down, or is freed. */
START_TEST(others_are_called_for)
{
	struct eider_options o = options_of(_i / 3);
	struct eider_job jobs[QUEUED];
	struct post post;
	unsigned int done = 0;

	open_post(&post, &o);
	if (_i % 3)
		note_short_ones(post.pool, BRISK);
	hand_over(&post, jobs, &done);
	ck_assert_uint_eq(post.world.loop->guards, _i % 3 ? 1 : 0);
	if (_i % 3 == 1)
		look_later(&post);
	else if (_i % 3 == 2)
		eider__guards_step_down(post.world.loop);
	ck_assert_uint_eq(post.world.loop->guards, 0);
	ck_assert_uint_gt(pool_counts_of(post.pool).threads, 1);
	ck_assert(harness_wait_count(&done, QUEUED));
	ck_assert_uint_eq(harness_get(&post.gate.open), 0);
	close_post(&post);
}
END_TEST

/* Nobody knows when it will turn again. */
START_TEST(steps_down_after_a_turn)
{
	struct eider_options o = options_of(_i);
	struct eider_job jobs[QUEUED];
	struct post post;
	unsigned int done = 0;

	open_post(&post, &o);
	note_short_ones(post.pool, BRISK);
	hand_over(&post, jobs, &done);
	ck_assert_uint_eq(post.world.loop->guards, 1);
	ck_assert_int_ge(eider_loop_turn(post.world.loop, 0), 0);
	ck_assert_uint_eq(post.world.loop->guards, 0);
	ck_assert(harness_wait_count(&done, QUEUED));
	close_post(&post);
}
END_TEST

/*
 * A worker with some behind a job that is slow, and others who take from the queue all
 * the time, or say so: it is seen.
 */
START_TEST(sees_who_is_stuck)
{
	struct eider_options o = options_of(_i);
	struct eider_job jobs[QUEUED], slow;
	struct gate gate = { 0, 0 };
	struct post post;
	unsigned int done = 0;

	open_post(&post, &o);
	note_short_ones(post.pool, BRISK);
	ck_assert_int_eq(eider_submit(&slow, pass_gate, &gate), 0);
	hand_over(&post, jobs, &done);
	harness_set(&post.gate.open, 1);
	ck_assert(harness_wait_count(&gate.inside, 1));
	ck_assert_uint_eq(pool_counts_of(post.pool).threads, 1);
	for (int i = 0; i < 3; i++) {
		eider__lock_take(&post.pool->lock);
		eider__store_relaxed(&post.pool->takes, post.pool->takes + 1);
		eider__lock_give(&post.pool->lock);
		look_later(&post);
	}
	ck_assert_uint_eq(post.world.loop->guards, 0);
	ck_assert(harness_wait_count(&done, QUEUED));
	harness_set(&gate.open, 1);
	close_post(&post);
}
END_TEST

/* The one that polls comes in place of one. */
START_TEST(one_poller_is_one)
{
	struct eider_options o = options_of(_i);
	struct eider_job jobs[2];
	struct post post;
	unsigned int done = 0;

	open_post(&post, &o);
	eider__lock_take(&post.pool->lock);
	post.pool->polling = true;
	eider__lock_give(&post.pool->lock);
	ck_assert_int_eq(eider_submit(&jobs[0], count, &done), 0);
	eider__loop_hand(post.world.loop);
	ck_assert_uint_eq(pool_counts_of(post.pool).threads, 1);
	ck_assert_int_eq(eider_submit(&jobs[1], count, &done), 0);
	eider__loop_hand(post.world.loop);
	ck_assert_uint_gt(pool_counts_of(post.pool).threads, 1);
	ck_assert(harness_wait_count(&done, 2));
	close_post(&post);
}
END_TEST

/* ---- with jobs ---- */

enum { AT_ONCE = 64 };

/* Short ones, in rounds. */
static void short_jobs(unsigned int n)
{
	struct eider_job jobs[AT_ONCE];

	for (unsigned int i = 0; i < n; i += AT_ONCE) {
		for (int k = 0; k < AT_ONCE; k++)
			ck_assert_int_eq(eider_submit(&jobs[k], nothing, NULL), 0);
		ck_assert_int_eq(eider_await_jobs(jobs, AT_ONCE), 0);
	}
}

/*
 * Those before and behind it, in one go. All the others are done while it is in the
 * gate: they did not wait behind it.
 */
static void one_slow_among(unsigned int before, unsigned int behind)
{
	enum { MAX = 512 };
	static __thread struct eider_job jobs[MAX];
	struct eider_job slow;
	struct gate gate = { 0, 0 };
	unsigned int done = 0, n = before + behind;
	int64_t end = eider_after((int64_t)(20 * HARNESS_S * harness_slow()));

	ck_assert_uint_le(n, MAX);
	for (unsigned int i = 0; i < before; i++)
		ck_assert_int_eq(eider_submit(&jobs[i], count, &done), 0);
	ck_assert_int_eq(eider_submit(&slow, pass_gate, &gate), 0);
	for (unsigned int i = before; i < n; i++)
		ck_assert_int_eq(eider_submit(&jobs[i], count, &done), 0);
	for (unsigned int i = 0; i < n; i++) {
		ck_assert_int_eq(eider_await_until(&jobs[i].future, end), 0);
		ck_assert_int_gt(eider_result(&jobs[i].future), -1);
	}
	ck_assert_uint_eq(harness_get(&done), n);
	ck_assert_uint_eq(harness_get(&gate.open), 0);
	harness_set(&gate.open, 1);
	ck_assert_int_eq(eider_await(&slow.future), 7);
}

static long slow_among_short(void *arg)
{
	static const unsigned int before[] = { 0, 1, 30, 31, 100 };
	static const unsigned int behind[] = { 1, 3, 40, 300 };

	(void)arg;
	for (unsigned int i = harness_count(5, 1); i; i--)
		for (size_t b = 0; b < sizeof(before) / sizeof(*before); b++)
			for (size_t a = 0; a < sizeof(behind) / sizeof(*behind); a++) {
				short_jobs(harness_count(3000, 1000));
				one_slow_among(before[b], behind[a]);
			}
	return 0;
}

START_TEST(no_job_waits_behind_a_slow_one)
{
	struct eider_options o = options_of(_i);

	harness_in_loop(slow_among_short, NULL, &o);
}
END_TEST

START_TEST(nor_with_several_loops)
{
	struct eider_options o = options_of(_i);

	o.loops = 2;
	o.workers_max = 6;
	harness_in_loop(slow_among_short, NULL, &o);
}
END_TEST

START_TEST(nor_if_nobody_polls)
{
	struct eider_options o = options_of(_i);

	o.poll_ns = -1;
	harness_in_loop(slow_among_short, NULL, &o);
}
END_TEST

/* Several slow ones, each in a batch: all workers but one. */
static long several_slow(void *arg)
{
	enum { SLOW = 3, N = 240 };
	static struct eider_job jobs[N];
	int64_t end;

	(void)arg;
	for (unsigned int i = harness_count(30, 5); i; i--) {
		struct gate gate = { 0, 0 };

		end = eider_after((int64_t)(20 * HARNESS_S * harness_slow()));
		short_jobs(harness_count(3000, 1000));
		for (int k = 0; k < N; k++)
			ck_assert_int_eq(eider_submit(&jobs[k],
						      k % 80 ? nothing : pass_gate,
						      &gate), 0);
		for (int k = 0; k < N; k++)
			if (k % 80)
				ck_assert_int_eq(eider_await_until(&jobs[k].future,
								   end), 0);
		ck_assert(harness_wait_count(&gate.inside, SLOW));
		harness_set(&gate.open, 1);
		ck_assert_int_eq(eider_await(&jobs[0].future), 7);
		ck_assert_int_eq(eider_await(&jobs[80].future), 7);
		ck_assert_int_eq(eider_await(&jobs[160].future), 7);
	}
	return 0;
}

START_TEST(nor_behind_several)
{
	struct eider_options o = options_of(_i);

	harness_in_loop(several_slow, NULL, &o);
}
END_TEST

/* It has a job out, and nothing to look after: its sleep is not cut. */
static void *open_later(void *arg)
{
	struct gate *gate = arg;

	harness_nap(500 * HARNESS_MS);
	harness_set(&gate->open, 1);
	return NULL;
}

static long sleeps_soundly(void *arg)
{
	struct eider_loop *loop = eider_loop_current();
	struct gate gate = { 0, 0 };
	struct eider_job slow;
	pthread_t opener;
	uint64_t sleeps;

	(void)arg;
	short_jobs(harness_count(20000, 2000));
	ck_assert_int_eq(eider_submit(&slow, pass_gate, &gate), 0);
	ck_assert(!pthread_create(&opener, NULL, open_later, &gate));
	sleeps = loop->counts.sleeps;
	ck_assert_int_eq(eider_await(&slow.future), 7);
	/* Each 50 us would be 10000. */
	ck_assert_uint_lt(loop->counts.sleeps - sleeps, 500);
	ck_assert_uint_eq(loop->guards, 0);
	pthread_join(opener, NULL);

	short_jobs(harness_count(20000, 2000));
	sleeps = loop->counts.sleeps;
	ck_assert_int_eq(eider_sleep_until(eider_after(300 * HARNESS_MS)), 0);
	ck_assert_uint_lt(loop->counts.sleeps - sleeps, 300);
	ck_assert_uint_eq(loop->guards, 0);
	return 0;
}

START_TEST(an_idle_loop_sleeps)
{
	struct eider_options o = options_of(_i);

	harness_in_loop(sleeps_soundly, NULL, &o);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("guard");
	TCase *t = harness_case(s, "parts");

	tcase_add_test(t, notes_how_long_jobs_take);
	tcase_add_test(t, stands_only_where_it_may);
	tcase_add_test(t, cuts_its_sleep);
	tcase_add_test(t, steps_down_if_nobody_comes);
	tcase_add_test(t, steps_down_if_it_is_freed);
	tcase_add_loop_test(t, nobody_else_is_called, 0, 2);
	tcase_add_loop_test(t, others_are_called_for, 0, 6);
	tcase_add_loop_test(t, steps_down_after_a_turn, 0, 2);
	tcase_add_loop_test(t, sees_who_is_stuck, 0, 2);
	tcase_add_loop_test(t, one_poller_is_one, 0, 2);

	t = harness_case(s, "jobs");
	tcase_add_loop_test(t, no_job_waits_behind_a_slow_one, 0, 2);
	tcase_add_loop_test(t, nor_with_several_loops, 0, 2);
	tcase_add_loop_test(t, nor_if_nobody_polls, 0, 2);
	tcase_add_loop_test(t, nor_behind_several, 0, 2);
	tcase_add_loop_test(t, an_idle_loop_sleeps, 0, 2);
	return harness_run(s);
}
