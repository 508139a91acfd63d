/*
 * test_rest.c - naps: when a loop takes one, and who wakes it
 *
 * That all CPUs are taken is said, not made: more threads are counted as up than any
 * machine has CPUs.
 */
#include "base/patience.h"
#include "executor/executor.h"
#include "executor/rest.h"
#include "fixtures.h"

enum {
	CROWD = 5000,
	JOBS = 100 + 2 * 1024,	/* more than 2 for each CPU, and workers */
};

static void say_crowded(bool crowded)
{
	for (int i = 0; i < CROWD; i++) {
		if (crowded)
			eider__patience_awake();
		else
			eider__patience_asleep();
	}
}

static struct eider_options two_workers(void)
{
	return (struct eider_options){ .size = sizeof(struct eider_options),
				       .workers_max = 2, .queue_max = 2 * JOBS,
				       .slow_job_ns = EIDER_NEVER,
				       .loop_stall_ns = EIDER_NEVER };
}

static struct eider_job jobs[JOBS];

static long wait_there(void *arg)
{
	struct gate *gate = arg;

	return harness_wait_count(&gate->open, 1) ? 7 : -ETIME;
}

static void start_some(unsigned int from, unsigned int to, struct gate *gate)
{
	for (unsigned int i = from; i < to; i++)
		ck_assert_int_eq(eider_submit(&jobs[i], wait_there, gate), 0);
	eider__loop_hand(eider_loop_current());
}

static void finish(struct world *w, struct gate *gate, unsigned int n)
{
	harness_set(&gate->open, 1);
	ck_assert_int_eq(eider_loop_run(w->loop), 0);
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(eider_result(&jobs[i].future), 7);
}

/* One CPU is enough for polling to be off, and then there are no naps either. */
static bool naps_here(const struct eider_loop *loop)
{
	return !loop->inbox.each && loop->patience.cpus;
}

START_TEST(naps_where_there_is_much_to_do)
{
	struct eider_options o = two_workers();
	struct world w = open_world(&o);
	struct gate gate = { 0, 0 };

	start_some(0, 2, &gate);
	say_crowded(true);
	ck_assert(!eider__rest_is_nap(w.loop));	/* both run, or will at once */
	start_some(2, JOBS, &gate);
	ck_assert_int_eq(eider__rest_is_nap(w.loop), naps_here(w.loop));
	ck_assert_int_eq(eider__rest_until(w.loop, false), EIDER_NEVER);
	ck_assert_int_le(eider__rest_until(w.loop, true), eider_after(HARNESS_MS));
	say_crowded(false);
	finish(&w, &gate, JOBS);
	close_world(&w);
}
END_TEST

START_TEST(does_not_nap_on_a_job_elsewhere)
{
	struct eider_options o = two_workers();
	struct world w = open_world(&o);
	struct gate gate = { 0, 0 };
	struct eider_pool *other;
	struct eider_job job;

	ck_assert_int_eq(eider_pool_new(w.executor, "other", 1, 0, &other), 0);
	start_some(0, JOBS, &gate);
	eider_job_init(&job, wait_there, &gate);
	job.pool = other;
	ck_assert_int_eq(eider_job_start(&job), 0);
	eider__loop_hand(w.loop);
	say_crowded(true);
	ck_assert(!eider__rest_is_nap(w.loop));
	say_crowded(false);
	finish(&w, &gate, JOBS);
	ck_assert_int_eq(eider_result(&job.future), 7);
	close_world(&w);
}
END_TEST

START_TEST(does_not_nap_if_it_may_not_poll)
{
	struct eider_options o = two_workers();
	struct gate gate = { 0, 0 };
	struct world w;

	o.poll_ns = -1;
	w = open_world(&o);
	start_some(0, JOBS, &gate);
	say_crowded(true);
	ck_assert(!eider__rest_is_nap(w.loop));
	say_crowded(false);
	finish(&w, &gate, JOBS);
	close_world(&w);
}
END_TEST

/* ---- who wakes it ---- */

static unsigned int run_count;

static void count_run(struct eider_link *l)
{
	(void)l;
	run_count++;
}

static const struct eider_kind counting = { .run = count_run };

static bool was_rung(struct eider_loop *loop)
{
	struct eider__cqe cqe;
	bool rung = false;

	ck_assert_int_ge(eider__ring_submit(&loop->ring), 0);
	while (eider__ring_next(&loop->ring, &cqe))
		if ((cqe.user_data & EIDER__TAG_MASK) == EIDER__TAG_BELL) {
			eider__bell_rang(&loop->inbox.bell);
			rung = true;
		}
	return rung;
}

START_TEST(the_patient_do_not_ring)
{
	struct eider_options o = two_workers();
	struct world w = open_world(&o);
	struct eider_link first = { NULL, &counting }, second = first, third = first;
	struct eider__poster p;

	if (w.loop->inbox.each) {
		close_world(&w);
		return;
	}
	run_count = 0;
	ck_assert_int_eq(eider__poster_init(&p, w.loop->inbox.bell.kind), 0);
	ck_assert_int_eq(eider__bell_arm(&w.loop->inbox.bell, &w.loop->ring), 0);
	ck_assert(!was_rung(w.loop));
	ck_assert(eider__inbox_sleep(&w.loop->inbox, true));
	p.is_patient = true;
	eider__inbox_post(&w.loop->inbox, &p, &first);
	ck_assert(!was_rung(w.loop));
	p.is_patient = false;
	eider__inbox_post(&w.loop->inbox, &p, &second);
	ck_assert(was_rung(w.loop));
	ck_assert(!eider__inbox_sleep(&w.loop->inbox, true));
	ck_assert_int_ge(eider_loop_turn(w.loop, 0), 0);
	ck_assert_uint_eq(run_count, 2);

	/* Nor are they patient with one that sleeps. */
	ck_assert_int_eq(eider__bell_arm(&w.loop->inbox.bell, &w.loop->ring), 0);
	ck_assert(!was_rung(w.loop));
	ck_assert(eider__inbox_sleep(&w.loop->inbox, false));
	p.is_patient = true;
	eider__inbox_post(&w.loop->inbox, &p, &third);
	ck_assert(was_rung(w.loop));
	ck_assert_int_ge(eider_loop_turn(w.loop, 0), 0);
	ck_assert_uint_eq(run_count, 3);
	eider__poster_release(&p);
	close_world(&w);
}
END_TEST

/* ---- with jobs ---- */

static long think(void *arg)
{
	(void)arg;
	harness_spin(HARNESS_MS / 20);
	return 7;
}

/* Naps lose nothing: everything comes, also what is alone at the end. */
START_TEST(all_comes_back)
{
	struct eider_options o = two_workers();
	struct world w = open_world(&o);
	unsigned int n = harness_count(JOBS, 200);

	say_crowded(true);
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(eider_submit(&jobs[i], think, NULL), 0);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	say_crowded(false);
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(eider_result(&jobs[i].future), 7);
	close_world(&w);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("rest");
	TCase *t = harness_case(s, "rest");

	tcase_add_test(t, naps_where_there_is_much_to_do);
	tcase_add_test(t, does_not_nap_on_a_job_elsewhere);
	tcase_add_test(t, does_not_nap_if_it_may_not_poll);
	tcase_add_test(t, the_patient_do_not_ring);
	tcase_add_test(t, all_comes_back);
	return harness_run(s);
}
