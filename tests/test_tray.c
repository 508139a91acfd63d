/*
 * test_tray.c - trays: alone (src/loop/tray.h), and under jobs
 *
 * A tray does not look at what is put there, so where it is tried alone the links are
 * numbers: each loop must get its own, in order, none twice and none missing.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "fixtures.h"
#include "loop/loop.h"
#include "loop/tray.h"

static struct eider_link *link_of(uint64_t n)
{
	return (struct eider_link *)(uintptr_t)(n + 1);
}

static uint64_t number_of(const struct eider_link *l)
{
	return (uint64_t)(uintptr_t)l - 1;
}

/* @n more of them, from *next on. */
static void put(struct eider__tray *tray, uint64_t *next, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		ck_assert(eider__tray_put(tray, link_of((*next)++)));
}

/* Those that come next for loop @number: up to @n; how many. */
static unsigned int take(struct eider__trays *t, unsigned int number, uint64_t *next,
			 unsigned int n)
{
	struct eider_link *items[EIDER__TRAY_RING];
	unsigned int taken = eider__trays_empty(t, number, items, n);

	ck_assert_uint_le(taken, n);
	for (unsigned int i = 0; i < taken; i++)
		ck_assert_uint_eq(number_of(items[i]), (*next)++);
	return taken;
}

START_TEST(puts_and_empties)
{
	struct eider__trays t;
	struct eider__tray *tray;
	uint64_t in = 0, out = 0;
	unsigned int number, other;

	eider__trays_init(&t, true);
	number = eider__trays_join(&t);
	other = eider__trays_join(&t);
	ck_assert_uint_ne(number, 0);
	ck_assert_uint_ne(number, other);
	ck_assert(!eider__trays_have(&t, number, 1));
	ck_assert(!eider__trays_are_in_use(&t));
	tray = eider__trays_lend(&t);
	ck_assert_ptr_nonnull(tray);
	ck_assert(!eider__trays_have(&t, number, 1));

	for (int round = 0; round < 1000; round++) {
		ck_assert(eider__tray_open(tray, number));
		ck_assert(eider__trays_are_in_use(&t));
		put(tray, &in, 3);
		ck_assert(eider__trays_have(&t, number, 1));
		ck_assert(!eider__trays_have(&t, other, 1));
		ck_assert_uint_eq(eider__tray_holds(tray, number), 3);
		ck_assert_uint_eq(take(&t, other, &out, EIDER__TRAY_RING), 0);
		ck_assert_uint_eq(take(&t, number, &out, 2), 2);
		ck_assert(eider__trays_have(&t, number, 1));
		ck_assert_uint_eq(take(&t, number, &out, EIDER__TRAY_RING), 1);
		ck_assert(!eider__trays_have(&t, number, 1));
		eider__tray_shut(tray);
		ck_assert(!eider__trays_are_in_use(&t));
	}
	eider__trays_take_back(&t, tray);
	eider__trays_release(&t);
}
END_TEST

START_TEST(is_full)
{
	struct eider__trays t;
	struct eider__tray *tray;
	uint64_t in = 0, out = 0;

	eider__trays_init(&t, true);
	ck_assert_uint_eq(eider__trays_join(&t), 1);
	tray = eider__trays_lend(&t);
	ck_assert(eider__tray_open(tray, 1));
	for (unsigned int room = EIDER__TRAY_RING; room; room = room / 3) {
		put(tray, &in, room);
		ck_assert(!eider__tray_put(tray, link_of(0)));
		ck_assert(!eider__tray_put(tray, link_of(0)));
		ck_assert_uint_eq(eider__tray_holds(tray, 1), EIDER__TRAY_RING);
		ck_assert_uint_eq(take(&t, 1, &out, room / 3), room / 3);
	}
	put(tray, &in, EIDER__TRAY_RING - (unsigned int)(in - out));
	ck_assert_uint_eq(take(&t, 1, &out, EIDER__TRAY_RING), EIDER__TRAY_RING);
	ck_assert_uint_eq(in, out);
	eider__trays_release(&t);
}
END_TEST

/* Only while it is empty; and what is left belongs to who had it. */
START_TEST(turns_to_another_loop)
{
	struct eider__trays t;
	struct eider__tray *tray;
	uint64_t in = 0, out = 0;

	eider__trays_init(&t, true);
	tray = eider__trays_lend(&t);
	for (int round = 0; round < 100; round++) {
		ck_assert(eider__tray_open(tray, 1));
		put(tray, &in, 2);
		eider__tray_shut(tray);
		ck_assert(!eider__tray_open(tray, 2));
		ck_assert(!eider__trays_are_in_use(&t));
		ck_assert(eider__tray_open(tray, 1));
		put(tray, &in, 1);
		eider__tray_shut(tray);
		ck_assert_uint_eq(take(&t, 1, &out, 2), 2);
		ck_assert(!eider__tray_open(tray, 2));
		ck_assert_uint_eq(take(&t, 2, &out, 2), 0);
		ck_assert_uint_eq(take(&t, 1, &out, 2), 1);
		ck_assert(eider__tray_open(tray, 2));
		put(tray, &in, 1);
		eider__tray_shut(tray);
		ck_assert(!eider__trays_have(&t, 1, 1));
		ck_assert_uint_eq(take(&t, 1, &out, 2), 0);
		ck_assert_uint_eq(take(&t, 2, &out, 2), 1);
	}
	eider__trays_release(&t);
}
END_TEST

START_TEST(numbers_run_out)
{
	bool had[EIDER__TRAY_LOOPS + 1] = { false };
	struct eider__trays t;

	eider__trays_init(&t, true);
	for (int i = 0; i < EIDER__TRAY_LOOPS; i++) {
		unsigned int number = eider__trays_join(&t);

		ck_assert_uint_ge(number, 1);
		ck_assert_uint_le(number, EIDER__TRAY_LOOPS);
		ck_assert(!had[number]);
		had[number] = true;
	}
	ck_assert_uint_eq(eider__trays_join(&t), 0);
	ck_assert_uint_eq(eider__trays_join(&t), 0);
	eider__trays_leave(&t, 7);
	ck_assert_uint_eq(eider__trays_join(&t), 7);
	ck_assert_uint_eq(eider__trays_join(&t), 0);
	eider__trays_release(&t);
}
END_TEST

START_TEST(without_barriers_there_are_none)
{
	struct eider__trays t;

	eider__trays_init(&t, false);
	ck_assert_uint_eq(eider__trays_join(&t), 0);
	ck_assert_ptr_null(eider__trays_lend(&t));
	eider__trays_take_back(&t, NULL);
	eider__trays_release(&t);
}
END_TEST

/* The next one goes on where the last ended, with what it left. */
START_TEST(lends_and_takes_back)
{
	struct eider__tray *tray[EIDER__TRAYS_MAX];
	struct eider__trays t;
	uint64_t in = 0, out = 0;

	eider__trays_init(&t, true);
	for (int i = 0; i < EIDER__TRAYS_MAX; i++) {
		tray[i] = eider__trays_lend(&t);
		ck_assert_ptr_nonnull(tray[i]);
		for (int k = 0; k < i; k++)
			ck_assert_ptr_ne(tray[i], tray[k]);
	}
	ck_assert_ptr_null(eider__trays_lend(&t));
	ck_assert(eider__tray_open(tray[3], 9));
	put(tray[3], &in, 5);
	eider__tray_shut(tray[3]);
	eider__trays_take_back(&t, tray[3]);
	ck_assert(eider__trays_have(&t, 9, 1));
	ck_assert_ptr_eq(eider__trays_lend(&t), tray[3]);
	ck_assert_ptr_null(eider__trays_lend(&t));
	ck_assert(!eider__tray_open(tray[3], 10));
	ck_assert(eider__tray_open(tray[3], 9));
	put(tray[3], &in, EIDER__TRAY_RING - 5);
	ck_assert(!eider__tray_put(tray[3], link_of(0)));
	ck_assert_uint_eq(take(&t, 9, &out, EIDER__TRAY_RING), EIDER__TRAY_RING);
	ck_assert(eider__tray_open(tray[3], 10));
	eider__trays_release(&t);
}
END_TEST

/* One that is full again each time does not keep the loop from another. */
START_TEST(none_is_left_out)
{
	struct eider_link *items[EIDER__TRAY_RING];
	struct eider__trays t;
	struct eider__tray *busy, *other;
	uint64_t in = 0;
	bool came = false;

	eider__trays_init(&t, true);
	busy = eider__trays_lend(&t);
	other = eider__trays_lend(&t);
	ck_assert(eider__tray_open(busy, 1));
	ck_assert(eider__tray_open(other, 1));
	ck_assert(eider__tray_put(other, link_of(UINT32_MAX)));
	for (int i = 0; i < 10 && !came; i++) {
		unsigned int n;

		while (eider__tray_put(busy, link_of(in)))
			in++;
		n = eider__trays_empty(&t, 1, items, EIDER__TRAY_RING);
		ck_assert_uint_ge(n, EIDER__TRAY_RING / 2);
		for (unsigned int k = 0; k < n; k++)
			came |= items[k] == link_of(UINT32_MAX);
	}
	ck_assert(came);
	eider__trays_release(&t);
}
END_TEST

/* ---- two loops, and a worker that carries for both ---- */

struct carrier {
	struct eider__trays trays;
	int64_t each_ns;		/* how long each of the workers goes on */
	uint64_t sent[2];		/* by the workers, one at a time */
	uint64_t got[2];
	unsigned int done;
};

/* A batch for one of them, once the other has taken all that it was brought. */
static void carry_some(struct carrier *c, struct eider__tray *tray, unsigned int whom,
		       unsigned int n)
{
	while (!eider__tray_open(tray, whom + 1))
		sched_yield();
	while (n && eider__tray_put(tray, link_of(c->sent[whom]))) {
		c->sent[whom]++;
		n--;
	}
	eider__tray_shut(tray);
}

/* To and fro by turns first, and then as it comes, mostly to the same. */
static void *carry(void *arg)
{
	struct carrier *c = arg;
	struct eider__tray *tray = eider__trays_lend(&c->trays);
	int64_t end = eider_after(c->each_ns);
	uint64_t dice = 88172645463325252u;
	unsigned int whom = 0;

	ck_assert_ptr_nonnull(tray);
	for (unsigned int i = 0; i < 4 || i % 64 || eider_now() < end; i++) {
		dice ^= dice << 13;
		dice ^= dice >> 7;
		dice ^= dice << 17;
		whom ^= i < 4 || !(dice % 16);
		carry_some(c, tray, whom, 1 + (dice >> 8) % 32);
	}
	eider__trays_take_back(&c->trays, tray);
	return NULL;
}

/* One after the other: the trays are the same. */
static void *carriers(void *arg)
{
	struct carrier *c = arg;

	for (int i = 0; i < 10; i++) {
		pthread_t thread;

		ck_assert(!pthread_create(&thread, NULL, carry, c));
		pthread_join(thread, NULL);
	}
	harness_set(&c->done, 1);
	return NULL;
}

static void receive(struct carrier *c, unsigned int which)
{
	bool was_done;

	do {
		was_done = harness_get(&c->done);
		if (!take(&c->trays, which + 1, &c->got[which],
			  which ? EIDER__TRAY_RING : 7))
			sched_yield();
	} while (!was_done || eider__trays_have(&c->trays, which + 1, 1));
}

static void *receive_second(void *arg)
{
	receive(arg, 1);
	return NULL;
}

START_TEST(carries_for_two)
{
	static struct carrier c;
	pthread_t worker, second;

	memset(&c, 0, sizeof(c));
	c.each_ns = 100 * HARNESS_MS;
	eider__trays_init(&c.trays, true);
	ck_assert(!pthread_create(&second, NULL, receive_second, &c));
	ck_assert(!pthread_create(&worker, NULL, carriers, &c));
	receive(&c, 0);
	pthread_join(worker, NULL);
	pthread_join(second, NULL);
	for (int i = 0; i < 2; i++) {
		ck_assert_uint_gt(c.sent[i], 0);
		ck_assert_uint_eq(c.got[i], c.sent[i]);
	}
	eider__trays_release(&c.trays);
}
END_TEST

/* ---- under jobs ---- */

/* With the trays, and without. */
static struct eider_options options_of(int i)
{
	struct eider_options o = {
		.size = sizeof(o),
		.workers_max = 2,
		.poll_ns = -1,		/* so the loop sleeps, and must be woken */
		.slow_job_ns = EIDER_NEVER,
		.loop_stall_ns = EIDER_NEVER,
		.disable = i ? EIDER_FEATURE_BIT(EIDER_FEATURE_MEMBARRIER) : 0,
	};

	return o;
}

/* Rounds of a few, so the loop is about to sleep as each of them comes. */
static long round_after_round(void *arg)
{
	enum { N = 12 };
	struct eider_job jobs[N];
	long args[N];
	unsigned int rounds = harness_count(30000, 2000);

	(void)arg;
	for (unsigned int round = 0; round < rounds; round++) {
		size_t n = 1 + round % N;

		for (size_t i = 0; i < n; i++)
			args[i] = (long)(round + i);
		ck_assert_int_eq(eider_submit_all(jobs, n, echo, args, sizeof(*args)),
				 (long)n);
		for (size_t i = 0; i < n; i++)
			ck_assert_int_eq(eider_await(&jobs[i].future), args[i]);
	}
	return 0;
}

START_TEST(no_wakeup_is_lost)
{
	struct eider_options o = options_of(_i);

	harness_in_loop(round_after_round, NULL, &o);
}
END_TEST

START_TEST(no_wakeup_is_lost_to_several)
{
	struct eider_options o = options_of(_i);

	o.loops = 3;
	harness_in_loop(round_after_round, NULL, &o);
}
END_TEST

/* More than one tray and one ring have room for, several times over. */
static long flood(void *arg)
{
	enum { N = 10000 };
	struct eider_job *jobs = calloc(N, sizeof(*jobs));
	unsigned int *done = arg, before = harness_get(done);

	ck_assert_ptr_nonnull(jobs);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(eider_submit(&jobs[i], count, done), 0);
	ck_assert_int_eq(eider_await_jobs(jobs, N), 0);
	ck_assert_uint_eq(harness_get(done), before + N);
	free(jobs);
	return 0;
}

static long floods(void *arg)
{
	for (unsigned int i = harness_count(20, 3); i; i--)
		ck_assert_int_eq(flood(arg), 0);
	return 0;
}

START_TEST(more_than_there_is_room_for)
{
	struct eider_options o = options_of(_i);
	unsigned int done = 0;

	harness_in_loop(floods, &done, &o);
}
END_TEST

/* A loop that lives on while others come and go, with numbers that were used. */
struct neighbours {
	struct eider_executor *executor;
	struct eider_options options;
	struct eider_job *jobs;		/* LEFT for each of rounds */
	unsigned int rounds, over, returned;
};

enum { LEFT = 60 };

/* Some time, so that it may come back at any moment of the end of its loop. */
static long dawdle(void *arg)
{
	harness_spin(eider_now() % (40 * HARNESS_US));
	return count(arg);
}

/* Jobs of a loop that is freed under them: its memory goes, theirs does not. */
static void leave_some(struct neighbours *n, struct eider_job *jobs, unsigned int turns)
{
	struct eider_loop *loop;

	ck_assert_int_eq(eider_loop_new(n->executor, &n->options, &loop), 0);
	for (int i = 0; i < LEFT; i++)
		ck_assert_int_eq(eider_submit(&jobs[i], dawdle, &n->returned), 0);
	while (turns--)
		ck_assert_int_ge(eider_loop_turn(loop, 0), 0);
	ck_assert_int_eq(eider_loop_free(loop), 0);
}

static void *come_and_go(void *arg)
{
	struct neighbours *n = arg;

	for (unsigned int i = 0; i < n->rounds; i++)
		leave_some(n, n->jobs + (size_t)i * LEFT, i % 4);
	harness_set(&n->over, 1);
	return NULL;
}

static long stay(void *arg)
{
	struct neighbours *n = arg;
	enum { N = 40 };
	struct eider_job jobs[N];
	long args[N];

	while (!harness_get(&n->over)) {
		for (int i = 0; i < N; i++)
			args[i] = i;
		ck_assert_int_eq(eider_submit_all(jobs, N, echo, args, sizeof(*args)),
				 N);
		for (int i = 0; i < N; i++)
			ck_assert_int_eq(eider_await(&jobs[i].future), i);
	}
	return 0;
}

START_TEST(loops_come_and_go)
{
	struct neighbours n = { .options = options_of(_i) };
	struct eider_fiber *fiber;
	struct eider_loop *loop;
	pthread_t thread;

	n.rounds = harness_count(1000, 100);
	n.jobs = calloc((size_t)n.rounds * LEFT, sizeof(*n.jobs));
	ck_assert_ptr_nonnull(n.jobs);
	ck_assert_int_eq(eider_executor_new(&n.options, &n.executor), 0);
	ck_assert_int_eq(eider_loop_new(n.executor, &n.options, &loop), 0);
	ck_assert(!pthread_create(&thread, NULL, come_and_go, &n));
	ck_assert_int_eq(eider_spawn(stay, &n, &fiber), 0);
	ck_assert_int_eq(eider_loop_run(loop), 0);
	pthread_join(thread, NULL);
	ck_assert_int_eq(eider_loop_free(loop), 0);
	/* What still runs has its job there. */
	ck_assert_int_eq(eider_executor_shutdown(n.executor, true, EIDER_NEVER), 0);
	eider_executor_free(n.executor);
	ck_assert_uint_gt(n.returned, 0);
	free(n.jobs);
}
END_TEST

/*
 * The worker has a tray open for a loop that is gone when its function returns, and
 * another has the number: what was the one's does not come to the other.
 */
START_TEST(what_comes_too_late_comes_to_nobody)
{
	enum { N = 32 };
	struct eider_options o = options_of(_i);
	static struct eider_job late[N], jobs[N];
	struct gate gate = { 0, 0 };
	struct world w;
	unsigned int done = 0, number;

	if (harness_delivery() == EIDER_DELIVERY_EACH)
		return;			/* such a loop waits for its jobs */
	o.workers_max = 1;
	w = open_world(&o);
	number = w.loop->inbox.number;
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(eider_submit(&late[i], i ? count : pass_gate,
					      i ? (void *)&done : &gate), 0);
	ck_assert_int_ge(eider_loop_turn(w.loop, 0), 0);
	ck_assert(harness_wait_count(&gate.inside, 1));
	ck_assert_int_eq(eider_loop_free(w.loop), 0);

	ck_assert_int_eq(eider_loop_new(w.executor, &o, &w.loop), 0);
	ck_assert_uint_eq(w.loop->inbox.number, number);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(eider_submit(&jobs[i], count, &done), 0);
	ck_assert_int_ge(eider_loop_turn(w.loop, 0), 0);
	harness_set(&gate.open, 1);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_uint_eq(harness_get(&done), N);
	for (int i = 0; i < N; i++) {
		ck_assert(eider_is_done(&jobs[i].future));
		ck_assert(!eider_is_done(&late[i].future));
	}
	close_world(&w);
}
END_TEST

/* The worker ends at once, with what it did not see taken on its tray. */
START_TEST(workers_come_and_go)
{
	struct eider_options o = options_of(_i);
	struct world w;
	unsigned int done = 0;

	o.keepalive_ns = 1;
	w = open_world(&o);
	for (unsigned int i = harness_count(1000, 100); i; i--) {
		struct eider_job jobs[8];

		done = 0;
		for (int k = 0; k < 8; k++)
			ck_assert_int_eq(eider_submit(&jobs[k], count, &done), 0);
		while (!eider_is_done(&jobs[7].future) || harness_get(&done) < 8)
			ck_assert_int_ge(eider_loop_turn(w.loop, EIDER_NEVER), 0);
		ck_assert_int_eq(eider_loop_run(w.loop), 0);
		for (int k = 0; k < 8; k++)
			ck_assert(eider_is_done(&jobs[k].future));
	}
	close_world(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("tray");
	TCase *t = harness_case(s, "alone");

	tcase_add_test(t, puts_and_empties);
	tcase_add_test(t, is_full);
	tcase_add_test(t, turns_to_another_loop);
	tcase_add_test(t, numbers_run_out);
	tcase_add_test(t, without_barriers_there_are_none);
	tcase_add_test(t, lends_and_takes_back);
	tcase_add_test(t, none_is_left_out);
	tcase_add_test(t, carries_for_two);

	t = harness_case(s, "jobs");
	tcase_add_loop_test(t, no_wakeup_is_lost, 0, 2);
	tcase_add_loop_test(t, no_wakeup_is_lost_to_several, 0, 2);
	tcase_add_loop_test(t, more_than_there_is_room_for, 0, 2);
	tcase_add_loop_test(t, loops_come_and_go, 0, 2);
	tcase_add_loop_test(t, what_comes_too_late_comes_to_nobody, 0, 2);
	tcase_add_loop_test(t, workers_come_and_go, 0, 2);
	return harness_run(s);
}
