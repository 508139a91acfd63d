/*
 * test_stats.c - histograms, counters, and what Prometheus is given
 *
 * Numbers are exact where what is counted has happened before they are read: what a
 * job did is counted before its fiber goes on. Of times nothing is asserted but that
 * they are there.
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sys.h"
#include "fixtures.h"

/* ---- histograms ---- */

static const unsigned int last = EIDER_HISTOGRAM_BUCKETS - 1;

START_TEST(bounds)
{
	ck_assert_int_eq(eider_histogram_bound(0), 0);
	ck_assert_int_eq(eider_histogram_bound(1), 1);
	ck_assert_int_eq(eider_histogram_bound(16), 16);
	ck_assert_int_eq(eider_histogram_bound(17), 18);
	ck_assert_int_eq(eider_histogram_bound(last), 15 * (INT64_C(1) << 36));
	ck_assert_int_eq(eider_histogram_bound(last + 1), INT64_MAX);
	ck_assert_int_eq(eider_histogram_bound(UINT_MAX), INT64_MAX);
	for (unsigned int i = 0; i < last; i++) {
		int64_t first = eider_histogram_bound(i);
		int64_t width = eider_histogram_bound(i + 1) - first;

		ck_assert_int_ge(width, 1);
		ck_assert(width == 1 || width * 8 <= first);
	}
}
END_TEST

/* Both ends of each bucket are in it. */
START_TEST(buckets)
{
	struct eider_histogram h = { 0 };
	uint64_t sum = 0;

	for (unsigned int i = 0; i < last; i++) {
		int64_t first = eider_histogram_bound(i);
		int64_t end = eider_histogram_bound(i + 1);

		eider_histogram_record(&h, first);
		ck_assert_uint_eq(h.buckets[i], 1);
		eider_histogram_record(&h, end - 1);
		ck_assert_uint_eq(h.buckets[i], 2);
		sum += (uint64_t)(first + end - 1);
	}
	ck_assert_uint_eq(h.buckets[last], 0);
	ck_assert_uint_eq(h.count, 2 * last);
	ck_assert_uint_eq(h.sum_ns, sum);
}
END_TEST

START_TEST(extremes)
{
	struct eider_histogram h = { 0 };

	eider_histogram_record(&h, 0);
	eider_histogram_record(&h, -1);
	eider_histogram_record(&h, INT64_MIN);
	eider_histogram_record(&h, 1);
	ck_assert_uint_eq(h.buckets[0], 3);
	ck_assert_uint_eq(h.buckets[1], 1);
	ck_assert_uint_eq(h.sum_ns, 1);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0.75), 0);
	ck_assert_int_eq(eider_histogram_quantile(&h, 1), 1);
	eider_histogram_record(&h, INT64_MAX);
	eider_histogram_record(&h, eider_histogram_bound(last));
	ck_assert_uint_eq(h.buckets[last], 2);
	ck_assert_uint_eq(h.count, 6);
	ck_assert_int_eq(eider_histogram_quantile(&h, 1), eider_histogram_bound(last));
}
END_TEST

static const double shares[] = { 0.001, 0.01, 0.07, 0.25, 0.5, 0.9, 0.99, 0.999, 1 };

enum { SHARES = sizeof(shares) / sizeof(shares[0]) };

/* @sorted are @n durations; whether each quantile is that of the one at its rank. */
static void check_quantiles(const int64_t *sorted, unsigned int n)
{
	struct eider_histogram h = { 0 };

	for (unsigned int i = 0; i < n; i++)
		eider_histogram_record(&h, sorted[(i * UINT64_C(7919)) % n]);
	ck_assert_uint_eq(h.count, n);
	for (unsigned int k = 0; k < SHARES; k++) {
		unsigned int rank = (unsigned int)ceil(shares[k] * n - 1e-6);
		int64_t exact = sorted[rank ? rank - 1 : 0];
		int64_t said = eider_histogram_quantile(&h, shares[k]);

		ck_assert_int_ge(said, exact);
		ck_assert_int_le(said, exact + exact / 8);
	}
}

START_TEST(quantiles)
{
	enum { N = 10000 };
	static int64_t times[N];

	for (unsigned int i = 0; i < N; i++)
		times[i] = 1000 * (i + 1);
	check_quantiles(times, N);
	for (unsigned int i = 0; i < N; i++)
		times[i] = (int64_t)(50e3 * -log(1 - (i + 0.5) / N));
	check_quantiles(times, N);
	for (unsigned int i = 0; i < N; i++)
		times[i] = i < 9900 ? 777 : 60 * HARNESS_S;
	check_quantiles(times, N);
	for (unsigned int i = 0; i < N; i++)
		times[i] = 12345678;
	check_quantiles(times, N);
}
END_TEST

/* Below 16 there is a bucket for each number. */
START_TEST(small_quantiles_are_exact)
{
	struct eider_histogram h = { 0 };

	ck_assert_int_eq(eider_histogram_quantile(&h, 0.5), 0);
	for (int i = 1; i <= 10; i++)
		eider_histogram_record(&h, i);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0), 1);
	ck_assert_int_eq(eider_histogram_quantile(&h, -3), 1);
	ck_assert_int_eq(eider_histogram_quantile(&h, NAN), 1);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0.1), 1);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0.101), 2);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0.5), 5);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0.7), 7);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0.9), 9);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0.91), 10);
	ck_assert_int_eq(eider_histogram_quantile(&h, 1), 10);
	ck_assert_int_eq(eider_histogram_quantile(&h, 7), 10);
	for (int i = 11; i <= 100; i++)
		eider_histogram_record(&h, i);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0.07), 7);
	ck_assert_int_eq(eider_histogram_quantile(&h, 0.071), 8);
}
END_TEST

START_TEST(adding)
{
	struct eider_histogram a = { 0 }, b = { 0 }, sum = { 0 };

	for (int i = 0; i < 100; i++) {
		eider_histogram_record(&a, i);
		eider_histogram_record(&b, 1000 * i);
	}
	eider_histogram_add(&sum, &a);
	ck_assert_int_eq(memcmp(&sum, &a, sizeof(a)), 0);
	eider_histogram_add(&sum, &b);
	ck_assert_uint_eq(sum.count, 200);
	ck_assert_uint_eq(sum.sum_ns, 4950 + 4950000);
	for (unsigned int i = 0; i <= last; i++)
		ck_assert_uint_eq(sum.buckets[i], a.buckets[i] + b.buckets[i]);
	memset(&b, 0, sizeof(b));
	eider_histogram_add(&sum, &b);
	ck_assert_uint_eq(sum.count, 200);
}
END_TEST

struct recorder {
	struct eider_histogram h;
	unsigned int n, done;
};

static void *record_many(void *arg)
{
	struct recorder *r = arg;

	for (unsigned int i = 0; i < r->n; i++)
		eider_histogram_record(&r->h, i % 1000);
	harness_set(&r->done, 1);
	return NULL;
}

START_TEST(a_reader_at_the_same_time)
{
	static struct recorder r;
	uint64_t before = 0, sum_before = 0;
	pthread_t thread;
	bool over;

	r.n = harness_count(5000000, 100000) / 1000 * 1000;
	ck_assert(!pthread_create(&thread, NULL, record_many, &r));
	do {
		struct eider_histogram now = { 0 };
		int64_t median;

		over = harness_get(&r.done);
		median = eider_histogram_quantile(&r.h, 0.5);
		ck_assert(median >= 0 && median < 1000);
		eider_histogram_add(&now, &r.h);
		ck_assert_uint_ge(now.count, before);
		ck_assert_uint_ge(now.sum_ns, sum_before);
		before = now.count;
		sum_before = now.sum_ns;
	} while (!over);
	pthread_join(thread, NULL);
	ck_assert_uint_eq(before, r.n);
	ck_assert_uint_eq(sum_before, UINT64_C(499500) * (r.n / 1000));
	ck_assert_uint_eq(r.h.count, r.n);
}
END_TEST

/* ---- counters ---- */

static struct eider_stats *read_stats_of(struct eider_executor *e)
{
	struct eider_stats *s = NULL;

	ck_assert_int_eq(eider_stats_read(e, &s), 0);
	ck_assert_ptr_nonnull(s);
	return s;
}

/* [fiber] */
static struct eider_stats *read_stats(void)
{
	return read_stats_of(executor_here());
}

static void run_jobs(unsigned int n, eider_fn *fn, void *arg)
{
	struct eider_job *jobs = calloc(n, sizeof(*jobs));

	ck_assert_int_eq(eider_submit_all(jobs, n, fn, arg, 0), n);
	ck_assert_int_eq(eider_await_jobs(jobs, n), 0);
	free(jobs);
}

HARNESS_FIBER_TEST(jobs_are_counted)
{
	struct eider_stats *before = read_stats(), *after;
	unsigned int sampled = 1000 / EIDER_STATS_SAMPLE;

	ck_assert_uint_eq(before->loop_count, 1);
	ck_assert_uint_ge(before->loops[0].number, 1);
	ck_assert_uint_eq(before->loops[0].jobs_started, 0);
	ck_assert_uint_ge(before->pool_count, 1);
	ck_assert_str_eq(before->pools[0].name, "worker");
	ck_assert_uint_eq(before->pools[0].jobs_done, 0);
	ck_assert_uint_eq(before->txn_pool_count, 1);
	ck_assert_str_eq(before->txn_pools[0].name, "txn");
	ck_assert_uint_eq(before->thread_count, 0);
	ck_assert_uint_eq(before->run.count, 0);
	ck_assert(before->at > 0 && before->at <= eider_now());
	run_jobs(1000, nothing, NULL);
	after = read_stats();
	ck_assert_uint_eq(after->loops[0].jobs_started, 1000);
	ck_assert_uint_eq(after->loops[0].jobs_done, 1000);
	ck_assert_uint_eq(after->pools[0].jobs_done, 1000);
	ck_assert_uint_eq(after->pools[0].queued, 0);
	ck_assert_uint_ge(after->pools[0].threads, 1);
	ck_assert_uint_ge(after->pools[0].threads_max, after->pools[0].threads);
	ck_assert_uint_eq(after->queue_wait.count, sampled);
	ck_assert_uint_eq(after->run.count, sampled);
	ck_assert_uint_eq(after->deliver.count, sampled);
	ck_assert_int_ge(after->at, before->at);
	eider_stats_free(before);
	eider_stats_free(after);
	return 0;
}

static long nap_shortly(void *arg)
{
	harness_nap(2 * HARNESS_MS);
	return nothing(arg);
}

/* What is timed is what took the time. */
HARNESS_FIBER_TEST(a_run_takes_its_time)
{
	struct eider_stats *s;

	for (int i = 0; i < EIDER_STATS_SAMPLE; i++)
		ck_assert_int_eq(eider_call(nap_shortly, NULL), 0);
	s = read_stats();
	ck_assert_uint_eq(s->run.count, 1);
	ck_assert_uint_ge(s->run.sum_ns, 2 * HARNESS_MS);
	ck_assert_uint_lt(s->run.sum_ns, 60 * HARNESS_S);
	ck_assert_uint_lt(s->queue_wait.sum_ns, 60 * HARNESS_S);
	ck_assert_uint_lt(s->deliver.sum_ns, 60 * HARNESS_S);
	ck_assert_uint_gt(s->deliver.sum_ns, 0);
	eider_stats_free(s);
	return 0;
}

/* Those that never run become done, and nobody has run them. */
HARNESS_FIBER_TEST_WITH(cancelled_jobs, HARNESS_OPTIONS(.workers_max = 1))
{
	enum { N = 2 * EIDER_STATS_SAMPLE };
	static struct eider_job jobs[N];
	struct gate gate = { 0, 0 };
	struct eider_job blocker;
	struct eider_stats *s;

	ck_assert_int_eq(eider_submit(&blocker, pass_gate, &gate), 0);
	ck_assert(harness_wait_count(&gate.inside, 1));
	ck_assert_int_eq(eider_submit_all(jobs, N, nothing, NULL, 0), N);
	eider_yield();
	s = read_stats();
	ck_assert_uint_eq(s->loops[0].jobs_started, N + 1);
	ck_assert_uint_eq(s->loops[0].jobs_done, 0);
	ck_assert_uint_eq(s->pools[0].queued, N);
	ck_assert_uint_eq(s->pools[0].threads, 1);
	ck_assert_uint_eq(s->pools[0].idle, 0);
	ck_assert_uint_eq(s->pools[0].threads_max, 1);
	eider_stats_free(s);
	for (int i = 0; i < N; i++)
		eider_cancel(&jobs[i].future);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(eider_await(&jobs[i].future), -ECANCELED);
	let_go(&blocker, &gate);
	s = read_stats();
	ck_assert_uint_eq(s->loops[0].jobs_done, N + 1);
	ck_assert_uint_eq(s->pools[0].jobs_done, 1);
	ck_assert_uint_eq(s->pools[0].queued, 0);
	ck_assert_uint_eq(s->run.count + s->queue_wait.count + s->deliver.count, 0);
	eider_stats_free(s);
	return 0;
}

/* What was not accepted did not start. */
HARNESS_FIBER_TEST(refused_jobs)
{
	struct eider_txn_pool *pool;
	struct eider_thread *thread;
	struct eider_stats *s;
	struct eider_job job;

	ck_assert_int_eq(eider_txn_pool_new(executor_here(), NULL, &pool), 0);
	ck_assert_int_eq(eider_txn_pool_shutdown(pool, false, 0), 0);
	for (uint64_t number = 0; number < 2; number++) {
		eider_job_init(&job, nothing, NULL);
		ck_assert_int_eq(eider_txn_pool_submit(pool, &job, number),
				 -ESHUTDOWN);
	}
	ck_assert_int_eq(eider_thread_new(executor_here(), 0, &thread), 0);
	ck_assert_int_eq(eider_thread_shutdown(thread), 0);
	eider_job_init(&job, nothing, NULL);
	ck_assert_int_eq(eider_thread_submit(thread, &job), -ESHUTDOWN);
	eider_thread_free(thread);
	s = read_stats();
	ck_assert_uint_eq(s->loops[0].jobs_started, 0);
	ck_assert_uint_eq(s->loops[0].jobs_done, 0);
	ck_assert_uint_eq(s->txn_pool_count, 2);
	eider_stats_free(s);
	eider_txn_pool_free(pool);
	return 0;
}

/* Once will do, but for a deadline that is over before the turn has come to sleep. */
static void turn_until_it_slept(const struct world *w, uint64_t before)
{
	uint64_t sleeps;

	do {
		struct eider_stats *s;

		ck_assert_int_eq(eider_loop_turn(w->loop, eider_after(HARNESS_MS)), 1);
		s = read_stats_of(w->executor);
		sleeps = s->loops[0].sleeps;
		eider_stats_free(s);
	} while (sleeps == before);
}

/* A loop of its own: the harness would start a fiber. */
START_TEST(turns_ops_and_fibers)
{
	struct world w = open_world(NULL);
	struct eider_stats *s = read_stats_of(w.executor);
	struct eider_op ops[10];
	struct gate gate = { 0, 0 };
	struct eider_job job;

	ck_assert_uint_eq(s->loops[0].turns, 0);
	ck_assert_uint_eq(s->loops[0].fibers, 0);
	eider_stats_free(s);
	for (int i = 0; i < 10; i++)
		ck_assert_ptr_nonnull(eider_sqe(&ops[i]));
	ck_assert_int_eq(eider_go(nothing, NULL), 0);
	ck_assert_int_eq(eider_go(nothing, NULL), 0);
	s = read_stats_of(w.executor);
	ck_assert_uint_eq(s->loops[0].ops_started, 10);
	ck_assert_uint_eq(s->loops[0].ops_done, 0);
	ck_assert_uint_eq(s->loops[0].fibers, 2);
	ck_assert_uint_eq(s->loops[0].links, 0);
	eider_stats_free(s);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	s = read_stats_of(w.executor);
	ck_assert_uint_eq(s->loops[0].ops_done, 10);
	ck_assert_uint_eq(s->loops[0].ops_started, 10);
	ck_assert_uint_eq(s->loops[0].fibers, 0);
	ck_assert_uint_eq(s->loops[0].links, 12);
	ck_assert_uint_ge(s->loops[0].turns, 1);
	ck_assert_uint_eq(s->loops[0].ready, 0);
	eider_stats_free(s);
	/* A turn that has nothing to do sleeps until its deadline. */
	ck_assert_int_eq(eider_submit(&job, pass_gate, &gate), 0);
	s = read_stats_of(w.executor);
	while (harness_get(&gate.inside) < 1)
		ck_assert_int_ge(eider_loop_turn(w.loop, eider_after(HARNESS_MS)), 0);
	eider_stats_free(s);
	s = read_stats_of(w.executor);
	turn_until_it_slept(&w, s->loops[0].sleeps);
	harness_set(&gate.open, 1);
	ck_assert_int_eq(eider_loop_run(w.loop), 0);
	ck_assert_int_eq(eider_result(&job.future), 7);
	{
		struct eider_stats *after = read_stats_of(w.executor);

		ck_assert_uint_gt(after->loops[0].sleeps, s->loops[0].sleeps);
		ck_assert_uint_gt(after->loops[0].turns, s->loops[0].turns);
		ck_assert_uint_ge(after->loops[0].turns, after->loops[0].sleeps);
		eider_stats_free(after);
	}
	eider_stats_free(s);
	close_world(&w);
}
END_TEST

/* ---- those who have ended ---- */

static bool pool_is_empty(void *arg)
{
	return pool_counts_of(arg).threads == 0;
}

HARNESS_FIBER_TEST_WITH(ended_workers_are_counted,
			HARNESS_OPTIONS(.workers_max = 3, .keepalive_ns = HARNESS_MS))
{
	unsigned int sampled = 200 / EIDER_STATS_SAMPLE;
	struct eider_stats *s;

	run_jobs(200, nothing, NULL);
	ck_assert(harness_wait_until(pool_is_empty, pool_here()));
	s = read_stats();
	ck_assert_uint_eq(s->pools[0].threads, 0);
	ck_assert_uint_eq(s->pools[0].jobs_done, 200);
	ck_assert_uint_eq(s->run.count, sampled);
	ck_assert_uint_eq(s->queue_wait.count, sampled);
	eider_stats_free(s);
	run_jobs(10, nothing, NULL);
	s = read_stats();
	ck_assert_uint_eq(s->pools[0].jobs_done, 210);
	eider_stats_free(s);
	return 0;
}

HARNESS_FIBER_TEST(ended_transaction_threads_are_counted)
{
	struct eider_txn_pool_options o = {
		.size = sizeof(o), .name = "own", .threads_max = 2,
	};
	struct eider_txn_pool *pool;
	struct eider_stats *s;
	int err = 0;

	ck_assert_int_eq(eider_txn_pool_new(executor_here(), &o, &pool), 0);
	EIDER_TXN(err, pool, EIDER_NEVER)
		run_jobs(EIDER_STATS_SAMPLE, nothing, NULL);
	ck_assert_int_eq(err, 0);
	ck_assert_int_eq(eider_txn_pool_shutdown(pool, false, EIDER_NEVER), 0);
	s = read_stats();
	ck_assert_uint_eq(s->txn_pool_count, 2);
	ck_assert_str_eq(s->txn_pools[1].name, "own");
	ck_assert_uint_eq(s->txn_pools[1].threads, 0);
	ck_assert_uint_eq(s->txn_pools[1].jobs_done, EIDER_STATS_SAMPLE);
	ck_assert_uint_eq(s->txn_pools[1].leases, 1);
	ck_assert_uint_eq(s->thread_count, 0);
	ck_assert_uint_eq(s->run.count, 1);
	eider_stats_free(s);
	eider_txn_pool_free(pool);
	s = read_stats();
	ck_assert_uint_eq(s->txn_pool_count, 1);
	ck_assert_uint_eq(s->run.count, 1);
	eider_stats_free(s);
	return 0;
}

static void call_on_thread_of_its_own(unsigned int n)
{
	struct eider_thread *thread;
	int before = harness_threads();

	ck_assert_int_eq(eider_thread_new(executor_here(), 0, &thread), 0);
	for (unsigned int i = 0; i < n; i++) {
		struct eider_job job;

		eider_job_init(&job, nothing, NULL);
		ck_assert_int_eq(eider_thread_submit(thread, &job), 0);
		ck_assert_int_eq(eider_await(&job.future), 0);
	}
	eider_thread_free(thread);
	ck_assert(wait_for_threads(before));
}

HARNESS_FIBER_TEST(ended_threads_are_sampled)
{
	struct eider_stats *s;

	call_on_thread_of_its_own(2 * EIDER_STATS_SAMPLE);
	s = read_stats();
	ck_assert_uint_eq(s->loops[0].jobs_started, 2 * EIDER_STATS_SAMPLE);
	ck_assert_uint_eq(s->loops[0].jobs_done, 2 * EIDER_STATS_SAMPLE);
	ck_assert_uint_eq(s->run.count, 2);
	ck_assert_uint_eq(s->thread_count, 0);
	eider_stats_free(s);
	return 0;
}

static void *use_a_loop(void *arg)
{
	struct eider_loop *loop;
	struct eider_job job;

	ck_assert_int_eq(eider_loop_new(arg, NULL, &loop), 0);
	for (int i = 0; i < 2 * EIDER_STATS_SAMPLE; i++) {
		ck_assert_int_eq(eider_submit(&job, nothing, NULL), 0);
		ck_assert_int_eq(eider_loop_run(loop), 0);
		ck_assert_int_eq(eider_result(&job.future), 0);
	}
	ck_assert_int_eq(eider_loop_free(loop), 0);
	return NULL;
}

START_TEST(ended_loops_are_sampled)
{
	struct eider_executor *e;
	struct eider_stats *s;
	pthread_t thread;

	ck_assert_int_eq(eider_executor_new(NULL, &e), 0);
	ck_assert(!pthread_create(&thread, NULL, use_a_loop, e));
	pthread_join(thread, NULL);
	s = read_stats_of(e);
	ck_assert_uint_eq(s->loop_count, 0);
	ck_assert_uint_eq(s->pools[0].jobs_done, 2 * EIDER_STATS_SAMPLE);
	ck_assert_uint_eq(s->deliver.count, 2);
	eider_stats_free(s);
	eider_executor_free(e);
}
END_TEST

/* ---- contexts ---- */

static void start_named(struct eider_job *job, struct gate *gate, const char *name)
{
	eider_job_init(job, pass_gate, gate);
	job->name = name;
	ck_assert_int_eq(eider_job_start(job), 0);
	ck_assert(harness_wait_count(&gate->inside, 1));
}

TXN_TEST(a_context_is_seen, 2, 1)
{
	struct gate gate = { 0, 0 };
	struct eider_stats *s;
	struct eider_job job, behind[3];
	int err = 0;

	EIDER_TXN_NAMED(err, NULL, "account-17", EIDER_NEVER) {
		start_named(&job, &gate, "transfer");
		ck_assert_int_eq(eider_submit_all(behind, 3, nothing, NULL, 0), 3);
		eider_yield();
		s = read_stats();
		ck_assert_uint_eq(s->thread_count, 1);
		ck_assert_uint_eq(s->threads[0].pool, 0);
		ck_assert_str_eq(s->threads[0].name, "txn-1");
		ck_assert_str_eq(s->threads[0].job, "transfer");
		ck_assert_str_eq(s->threads[0].context_name, "account-17");
		ck_assert_uint_eq(s->threads[0].context, eider_txn_id());
		ck_assert_int_gt(s->threads[0].context_ns, 0);
		ck_assert_int_lt(s->threads[0].context_ns, 600 * HARNESS_S);
		ck_assert_uint_eq(s->threads[0].queued, 3);
		ck_assert_uint_eq(s->threads[0].jobs_done, 0);
		ck_assert_uint_eq(s->txn_pools[0].leased, 1);
		ck_assert_uint_eq(s->txn_pools[0].threads, 1);
		ck_assert_uint_eq(s->txn_pools[0].threads_max, 2);
		ck_assert_uint_eq(s->txn_pools[0].leases, 1);
		eider_stats_free(s);
		let_go(&job, &gate);
		ck_assert_int_eq(eider_await_jobs(behind, 3), 0);
	}
	ck_assert_int_eq(err, 0);
	s = read_stats();
	ck_assert_str_eq(s->threads[0].job, "");
	ck_assert_str_eq(s->threads[0].context_name, "account-17");
	ck_assert_uint_eq(s->threads[0].context, 0);
	ck_assert_int_eq(s->threads[0].context_ns, 0);
	ck_assert_uint_eq(s->threads[0].queued, 0);
	ck_assert_uint_eq(s->threads[0].jobs_done, 4);
	ck_assert_uint_eq(s->txn_pools[0].jobs_done, 4);
	ck_assert_uint_eq(s->txn_pools[0].leased, 0);
	ck_assert_uint_eq(s->txn_pools[0].bound, 1);
	eider_stats_free(s);
	return 0;
}

TXN_TEST(names_are_cut_between_characters, 1, 1)
{
	struct gate gate = { 0, 0 };
	struct eider_job job;
	struct eider_stats *s;
	int err = 0;

	/* 30 bytes, and then a character of two: 31 would be half of it. */
	EIDER_TXN_NAMED(err, NULL, "123456789012345678901234567890\xc3\xa4" "b",
			EIDER_NEVER) {
		start_named(&job, &gate, "1234567890123456789012345678901");
		s = read_stats();
		ck_assert_str_eq(s->threads[0].context_name,
				 "123456789012345678901234567890");
		ck_assert_str_eq(s->threads[0].job, "1234567890123456789012345678901");
		eider_stats_free(s);
		let_go(&job, &gate);
	}
	ck_assert_int_eq(err, 0);
	return 0;
}

static long enter_once(void *arg)
{
	int err = 0;

	EIDER_TXN(err, NULL, EIDER_NEVER)
		ck_assert_int_eq(eider_call(nothing, arg), 0);
	ck_assert_int_eq(err, 0);
	return 0;
}

/* Also those that had to wait; not those inside another. */
TXN_TEST(leases_are_counted, 2, 1)
{
	struct eider_fiber *fibers[20];
	struct eider_stats *s;
	int err = 0;

	for (int i = 0; i < 20; i++)
		fibers[i] = start(enter_once, NULL);
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	EIDER_TXN(err, NULL, EIDER_NEVER)
		enter_once(NULL);
	ck_assert_int_eq(err, 0);
	s = read_stats();
	ck_assert_uint_eq(s->txn_pools[0].leases, 21);
	ck_assert_uint_eq(s->txn_pools[0].jobs_done, 21);
	eider_stats_free(s);
	return 0;
}

TXN_TEST(atomic_jobs_and_numbers, 2, 1)
{
	struct eider_txn_pool *pool = eider_executor_txn_pool(executor_here());
	struct gate gate = { 0, 0 };
	struct eider_job job;
	struct eider_stats *s;

	ck_assert_int_eq(eider_submit(&job, pass_atomic_gate, &gate), 0);
	ck_assert(harness_wait_count(&gate.inside, 1));
	s = read_stats();
	ck_assert_str_eq(s->threads[0].job, "pass_atomic_gate");
	ck_assert_uint_eq(s->threads[0].context, 0);
	ck_assert_uint_eq(s->txn_pools[0].general, 1);
	eider_stats_free(s);
	let_go(&job, &gate);
	until_idle(pool, 1);

	gate = (struct gate){ 0, 0 };
	eider_job_init(&job, pass_gate, &gate);
	ck_assert_int_eq(eider_txn_pool_submit(pool, &job, 42), 0);
	ck_assert(harness_wait_count(&gate.inside, 1));
	s = read_stats();
	ck_assert_str_eq(s->threads[0].job, "job");
	ck_assert_uint_eq(s->threads[0].context, 42);
	ck_assert_str_eq(s->threads[0].context_name, "#42");
	ck_assert_int_eq(s->threads[0].context_ns, 0);
	ck_assert_uint_eq(s->txn_pools[0].leases, 0);
	ck_assert_uint_eq(s->loops[0].jobs_started, 2);
	eider_stats_free(s);
	let_go(&job, &gate);
	return 0;
}

/* ---- while all of it comes and goes ---- */

struct reader {
	struct eider_executor *executor;
	unsigned int stop, reads;
};

/* Numbers that never fall, and rows that make sense. */
static void check_progress(const struct eider_stats *s, uint64_t before[6])
{
	const uint64_t now[6] = {
		s->queue_wait.count, s->run.count, s->deliver.count,
		s->pools[0].jobs_done, s->txn_pools[0].leases,
		s->txn_pools[0].jobs_done,
	};

	for (int i = 0; i < 6; i++) {
		ck_assert_uint_ge(now[i], before[i]);
		before[i] = now[i];
	}
	for (unsigned int i = 0; i < s->thread_count; i++) {
		ck_assert_uint_lt(s->threads[i].pool, s->txn_pool_count);
		ck_assert_int_ge(s->threads[i].context_ns, 0);
		ck_assert_int_eq(strncmp(s->threads[i].name, "txn-", 4), 0);
	}
	for (unsigned int i = 0; i < s->loop_count; i++)
		ck_assert_uint_gt(s->loops[i].number, 0);
}

static void *read_on(void *arg)
{
	struct reader *r = arg;
	uint64_t before[6] = { 0 };

	while (!harness_get(&r->stop)) {
		struct eider_stats *s = read_stats_of(r->executor);

		check_progress(s, before);
		eider_stats_free(s);
		harness_add(&r->reads, 1);
	}
	return NULL;
}

static long work_a_little(void *arg)
{
	struct eider_fiber *fibers[8];

	for (int i = 0; i < 8; i++)
		fibers[i] = start(enter_once, arg);
	run_jobs(3 * EIDER_STATS_SAMPLE, nothing, NULL);
	call_on_thread_of_its_own(3);
	for (int i = 0; i < 8; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	return 0;
}

static void *have_loops(void *arg)
{
	struct reader *r = arg;
	unsigned int rounds = harness_count(30, 5);

	for (unsigned int i = 0; i < rounds; i++) {
		struct eider_loop *loop;

		ck_assert_int_eq(eider_loop_new(r->executor, NULL, &loop), 0);
		ck_assert_int_eq(eider_block_on(loop, work_a_little, NULL), 0);
		ck_assert_int_eq(eider_loop_free(loop), 0);
	}
	return NULL;
}

START_TEST(reading_while_all_comes_and_goes)
{
	struct eider_options o = {
		.size = sizeof(o), .workers_max = 4, .txn_threads_max = 8,
		.free_level = 1, .keepalive_ns = 100 * HARNESS_US,
	};
	struct reader r = { NULL, 0, 0 };
	unsigned int rounds = harness_count(30, 5) * 2;
	pthread_t reader, workers[2];
	struct eider_stats *s;

	ck_assert_int_eq(eider_executor_new(&o, &r.executor), 0);
	ck_assert(!pthread_create(&reader, NULL, read_on, &r));
	for (int i = 0; i < 2; i++)
		ck_assert(!pthread_create(&workers[i], NULL, have_loops, &r));
	for (int i = 0; i < 2; i++)
		pthread_join(workers[i], NULL);
	harness_set(&r.stop, 1);
	pthread_join(reader, NULL);
	ck_assert_uint_ge(harness_get(&r.reads), 1);
	s = read_stats_of(r.executor);
	ck_assert_uint_eq(s->loop_count, 0);
	ck_assert_uint_eq(s->pools[0].jobs_done, rounds * 3 * EIDER_STATS_SAMPLE);
	ck_assert_uint_eq(s->txn_pools[0].leases, rounds * 8);
	ck_assert_uint_eq(s->txn_pools[0].jobs_done, rounds * 8);
	/* 194 jobs of each loop, and all of them were run and delivered. */
	ck_assert_uint_eq(s->deliver.count, rounds * 3);
	ck_assert_uint_eq(s->run.count, rounds * 3);
	ck_assert_uint_eq(s->queue_wait.count, rounds * 3);
	eider_stats_free(s);
	eider_executor_free(r.executor);
}
END_TEST

/* ---- when it cannot be read ---- */

HARNESS_FIBER_TEST(no_memory)
{
	struct eider_stats *s = NULL;

	eider__fault_arm(1, 0);
	ck_assert_int_eq(eider_stats_read(executor_here(), &s), -ENOMEM);
	ck_assert_uint_eq(eider__fault_hits(), 1);
	eider__fault_arm(0, 0);
	ck_assert_ptr_null(s);
	ck_assert_int_eq(eider_stats_read(executor_here(), &s), 0);
	eider_stats_free(s);
	eider_stats_free(NULL);
	ck_assert_int_eq(eider_stats_read(NULL, &s), -EINVAL);
	ck_assert_int_eq(eider_stats_read(executor_here(), NULL), -EINVAL);
	return 0;
}

static void read_in_child(void *arg)
{
	struct eider_stats *s;

	if (eider_stats_read(arg, &s) != -ECHILD)
		abort();
}

START_TEST(in_a_child)
{
	struct world w = open_world(NULL);
	char output[256];

	ck_assert_int_eq(harness_in_child(read_in_child, w.executor, output,
					  sizeof(output)), 0);
	close_world(&w);
}
END_TEST

/* ---- Prometheus ---- */

/* What was seen of the text so far. */
struct page {
	char name[64];			/* of the last # TYPE */
	char type[16];
	char samples[512][160];		/* name and labels; names with # in front */
	unsigned int sample_count;
	uint64_t below;			/* of a histogram: the last bucket, */
	double le;			/* and its bound */
	bool is_complete;		/* its _count has come */
};

static bool is_name_char(char c, bool first)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (!first && c >= '0' && c <= '9');
}

/* A name at @at, to @ret; where it ends. */
static const char *take_name(const char *at, char *ret, size_t size)
{
	size_t n = 0;

	while (is_name_char(at[n], !n) && n + 1 < size) {
		ret[n] = at[n];
		n++;
	}
	ret[n] = 0;
	ck_assert_msg(n, "no name: %s", at);
	return at + n;
}

/* A label's value from behind its quote to behind the other. */
static const char *take_value(const char *at, char *ret, size_t size)
{
	size_t n = 0;

	for (; *at != '"'; at++) {
		char c = *at;

		ck_assert_msg(c && c != '\n', "a quote is not closed");
		if (c == '\\') {
			c = *++at;
			ck_assert_msg(c == 'n' || c == '"' || c == '\\',
				      "escaped: %c", c);
			c = c == 'n' ? '\n' : c;
		}
		if (n + 1 < size)
			ret[n++] = c;
	}
	ret[n] = 0;
	return at + 1;
}

/* {a="b",c="d"}, if any; the value of le, and of a pool's name, are kept. */
static const char *take_labels(const char *at, char *ret_le, char *ret_pool)
{
	char name[64], value[160];

	*ret_le = *ret_pool = 0;
	if (*at != '{')
		return at;
	do {
		at = take_name(at + 1, name, sizeof(name));
		ck_assert_msg(!strncmp(at, "=\"", 2), "no value: %s", at);
		at = take_value(at + 2, value, sizeof(value));
		if (!strcmp(name, "le"))
			strcpy(ret_le, value);
		if (!strcmp(name, "pool"))
			strcpy(ret_pool, value);
	} while (*at == ',');
	ck_assert_msg(*at == '}', "after the labels: %s", at);
	return at + 1;
}

/* Once: else it is an error of the format. */
static void note_once(struct page *p, const char *begin, size_t len)
{
	char *entry = p->samples[p->sample_count];

	ck_assert_uint_lt(len, sizeof(p->samples[0]));
	memcpy(entry, begin, len);
	entry[len] = 0;
	for (unsigned int i = 0; i < p->sample_count; i++)
		ck_assert_msg(strcmp(p->samples[i], entry), "twice: %s", entry);
	ck_assert_uint_lt(++p->sample_count, 512);
}

static void check_comment(struct page *p, const char *line)
{
	char name[64];
	const char *rest;

	if (!strncmp(line, "# HELP ", 7)) {
		rest = take_name(line + 7, p->name, sizeof(p->name));
		ck_assert_msg(*rest == ' ' && rest[1], "no help: %s", line);
		note_once(p, line, (size_t)(rest - line));
		p->type[0] = 0;
		return;
	}
	ck_assert_msg(!strncmp(line, "# TYPE ", 7), "%s", line);
	rest = take_name(line + 7, name, sizeof(name));
	ck_assert_str_eq(name, p->name);
	snprintf(p->type, sizeof(p->type), "%s", rest + 1);
	ck_assert(!strcmp(p->type, "counter") || !strcmp(p->type, "gauge") ||
		  !strcmp(p->type, "histogram"));
	rest = strstr(name, "_total");
	ck_assert_int_eq(rest && !rest[6], !strcmp(p->type, "counter"));
	p->below = 0;
	p->le = -1;
	p->is_complete = false;
}

static void check_of_histogram(struct page *p, const char *suffix, const char *le,
			       const char *value)
{
	uint64_t n = strtoull(value, NULL, 10);

	ck_assert(!p->is_complete);
	if (!strcmp(suffix, "_bucket")) {
		double bound = strtod(le, NULL);

		ck_assert_msg(*le, "a bucket without le");
		ck_assert(bound > p->le && n >= p->below);
		p->le = bound;
		p->below = n;
	} else if (!strcmp(suffix, "_sum")) {
		ck_assert_msg(isinf(p->le), "the last bucket was %g", p->le);
	} else {
		ck_assert_str_eq(suffix, "_count");
		ck_assert_uint_eq(n, p->below);
		p->is_complete = true;
	}
}

static void check_sample(struct page *p, const char *line, unsigned int *odd_pools)
{
	char name[64], le[160], pool[160], *end;
	const char *at = take_labels(take_name(line, name, sizeof(name)), le, pool);
	size_t len = strlen(p->name);

	note_once(p, line, (size_t)(at - line));
	ck_assert_msg(*at == ' ', "%s", line);
	ck_assert_msg(at[1] >= '0' && at[1] <= '9', "%s", line);
	(void)strtod(at + 1, &end);
	ck_assert_msg(!*end, "%s", line);
	ck_assert_msg(!strncmp(name, p->name, len) && *p->type, "%s", line);
	if (!strcmp(p->type, "histogram"))
		check_of_histogram(p, name + len, le, at + 1);
	else
		ck_assert_str_eq(name, p->name);
	*odd_pools += !strcmp(pool, "od\"d\\\nd");
}

/* All of @text, which is changed. How many samples are of the pool with the name. */
static unsigned int check_page(struct page *p, char *text)
{
	unsigned int odd_pools = 0;
	char *line, *end;

	memset(p, 0, sizeof(*p));
	for (line = text; *line; line = end + 1) {
		end = strchr(line, '\n');
		ck_assert_msg(end != NULL, "the last line does not end");
		*end = 0;
		if (*line == '#')
			check_comment(p, line);
		else
			check_sample(p, line, &odd_pools);
	}
	ck_assert(p->is_complete);
	return odd_pools;
}

static bool has_line(const char *text, const char *line)
{
	size_t len = strlen(line);
	const char *at = text;

	while ((at = strstr(at, line))) {
		if ((at == text || at[-1] == '\n') && at[len] == '\n')
			return true;
		at++;
	}
	return false;
}

static char *print_stats(const struct eider_stats *s)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	ck_assert_int_eq(eider_stats_print(s, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_uint_eq(strlen(text), len);
	return text;
}

/* @same: the index of a pool of that name. */
static void check_known_lines(const char *text, unsigned int loop, unsigned int same)
{
	char line[80];

	ck_assert(has_line(text, "# TYPE eider_pool_jobs_done_total counter"));
	ck_assert(has_line(text, "eider_pool_jobs_done_total{pool=\"worker\","
			   "index=\"0\"} 305"));
	snprintf(line, sizeof(line),
		 "eider_pool_jobs_done_total{pool=\"same\",index=\"%u\"} 0", same);
	ck_assert(has_line(text, line));
	snprintf(line, sizeof(line), "eider_loop_jobs_started_total{loop=\"%u\"} 306",
		 loop);
	ck_assert(has_line(text, line));
	snprintf(line, sizeof(line), "eider_loop_fibers{loop=\"%u\"} 1", loop);
	ck_assert(has_line(text, line));
	ck_assert(has_line(text, "eider_txn_pool_leases_total{pool=\"txn\","
			   "index=\"0\"} 1"));
	ck_assert(has_line(text, "eider_txn_pool_threads_leased{pool=\"txn\","
			   "index=\"0\"} 1"));
	ck_assert(has_line(text, "# TYPE eider_job_run_seconds histogram"));
	ck_assert(has_line(text, "eider_job_run_seconds_count 5"));
}

HARNESS_FIBER_TEST(the_page)
{
	static struct page page;
	struct eider_pool *pool;
	struct eider_stats *s;
	char *text;
	int err = 0;

	ck_assert_int_eq(eider_pool_new(executor_here(), "od\"d\\\nd", 1, 0, &pool), 0);
	ck_assert_int_eq(eider_pool_new(executor_here(), "same", 1, 0, &pool), 0);
	ck_assert_int_eq(eider_pool_new(executor_here(), "same", 1, 0, &pool), 0);
	run_jobs(5 * EIDER_STATS_SAMPLE, nothing, NULL);
	EIDER_TXN(err, NULL, EIDER_NEVER) {
		ck_assert_int_eq(eider_call(nothing, NULL), 0);
		s = read_stats();
		text = print_stats(s);
		check_known_lines(text, s->loops[0].number, s->pool_count - 1);
		check_known_lines(text, s->loops[0].number, s->pool_count - 2);
		ck_assert(!has_line(text, "eider_txn_pool_oldest_lease_seconds"
				    "{pool=\"txn\",index=\"0\"} 0.000000000"));
		ck_assert_uint_eq(check_page(&page, text), 5);
		free(text);
		eider_stats_free(s);
	}
	ck_assert_int_eq(err, 0);
	return 0;
}

/* No loop, no thread: heads without samples are right. */
START_TEST(an_empty_page)
{
	static struct page page;
	struct eider_stats s = { 0 };
	char *text = print_stats(&s);

	ck_assert_uint_eq(check_page(&page, text), 0);
	free(text);
}
END_TEST

static char *print_histogram(const struct eider_histogram *h, const char *labels)
{
	char *text = NULL;
	size_t len = 0;
	FILE *file = open_memstream(&text, &len);

	ck_assert_int_eq(eider_histogram_print(h, "x", labels, file), 0);
	ck_assert_int_eq(fclose(file), 0);
	return text;
}

START_TEST(a_histogram)
{
	struct eider_histogram h = { 0 };
	char *text;

	eider_histogram_record(&h, 0);
	eider_histogram_record(&h, 1023);
	eider_histogram_record(&h, 1024);
	eider_histogram_record(&h, 5 * HARNESS_S + 1);
	eider_histogram_record(&h, 1000 * HARNESS_S);
	text = print_histogram(&h, "a=\"b\"");
	ck_assert(!strncmp(text, "x_bucket{a=\"b\",le=\"0.000001023\"} 2\n", 34));
	ck_assert(has_line(text, "x_bucket{a=\"b\",le=\"0.000002047\"} 3"));
	ck_assert(has_line(text, "x_bucket{a=\"b\",le=\"4.294967295\"} 3"));
	ck_assert(has_line(text, "x_bucket{a=\"b\",le=\"8.589934591\"} 4"));
	ck_assert(has_line(text, "x_bucket{a=\"b\",le=\"68.719476735\"} 4"));
	ck_assert(has_line(text, "x_bucket{a=\"b\",le=\"+Inf\"} 5"));
	ck_assert(has_line(text, "x_sum{a=\"b\"} 1005.000002048"));
	ck_assert(has_line(text, "x_count{a=\"b\"} 5"));
	ck_assert_ptr_null(strchr(text, '#'));
	free(text);
	text = print_histogram(&h, "");
	ck_assert(has_line(text, "x_bucket{le=\"0.000001023\"} 2"));
	ck_assert(has_line(text, "x_bucket{le=\"+Inf\"} 5"));
	ck_assert(has_line(text, "x_sum 1005.000002048"));
	ck_assert(has_line(text, "x_count 5"));
	free(text);
}
END_TEST

START_TEST(a_full_disk)
{
	struct eider_histogram h = { 0 };
	struct eider_stats s = { 0 };
	FILE *file = fopen("/dev/full", "w");

	ck_assert_ptr_nonnull(file);
	setvbuf(file, NULL, _IONBF, 0);
	ck_assert_int_eq(eider_histogram_print(&h, "x", "", file), -EIO);
	clearerr(file);
	ck_assert_int_eq(eider_stats_print(&s, file), -EIO);
	fclose(file);
}
END_TEST

/* ---- */

static void add_histograms(Suite *s)
{
	TCase *t = harness_case(s, "histogram");

	tcase_add_test(t, bounds);
	tcase_add_test(t, buckets);
	tcase_add_test(t, extremes);
	tcase_add_test(t, quantiles);
	tcase_add_test(t, small_quantiles_are_exact);
	tcase_add_test(t, adding);
	tcase_add_test(t, a_reader_at_the_same_time);
}

static void add_counters(Suite *s)
{
	TCase *t = harness_case(s, "counters");

	tcase_add_test(t, jobs_are_counted);
	tcase_add_test(t, a_run_takes_its_time);
	tcase_add_test(t, cancelled_jobs);
	tcase_add_test(t, refused_jobs);
	tcase_add_test(t, turns_ops_and_fibers);
	t = harness_case(s, "ended");
	tcase_add_test(t, ended_workers_are_counted);
	tcase_add_test(t, ended_transaction_threads_are_counted);
	tcase_add_test(t, ended_threads_are_sampled);
	tcase_add_test(t, ended_loops_are_sampled);
	t = harness_case(s, "contexts");
	tcase_add_test(t, a_context_is_seen);
	tcase_add_test(t, names_are_cut_between_characters);
	tcase_add_test(t, leases_are_counted);
	tcase_add_test(t, atomic_jobs_and_numbers);
	t = harness_case(s, "reading");
	tcase_add_test(t, reading_while_all_comes_and_goes);
	tcase_add_test(t, no_memory);
	tcase_add_test(t, in_a_child);
}

static void add_prometheus(Suite *s)
{
	TCase *t = harness_case(s, "prometheus");

	tcase_add_test(t, the_page);
	tcase_add_test(t, an_empty_page);
	tcase_add_test(t, a_histogram);
	tcase_add_test(t, a_full_disk);
}

int main(void)
{
	Suite *s = suite_create("stats");

	add_histograms(s);
	add_counters(s);
	add_prometheus(s);
	return harness_run(s);
}
