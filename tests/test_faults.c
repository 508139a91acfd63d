/*
 * test_faults.c - every allocation and system call fails once
 *
 * A scenario is a piece of ordinary use, written as a careful program would: it
 * looks at every result and cleans up. It is run with its first call that can fail
 * failing, then with its second, and so on until none was left to fail (SQLite's
 * test_malloc.c); and again with some in a row failing, as when memory is short for
 * a while. Each time it has to end, with 0 or with an error that the manual names;
 * jobs and fibers that were accepted have to be done; and descriptors, threads and,
 * under a sanitizer, memory have to be as before.
 *
 * Which thread meets the n-th call differs from run to run, so a failure here may
 * need some tries to be seen again. It names the scenario and the n.
 */
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <liburing.h>

#include "base/sys.h"
#include "fixtures.h"

enum { FAULTS_MAX = 3000 };

/* What may come of a call that met a fault. */
static bool is_clean(long err)
{
	switch (err) {
	case 0:
	case -ENOMEM:
	case -EAGAIN:
	case -EMFILE:
	case -EOPNOTSUPP:	/* no doorbell made its round trip */
		return true;
	default:
		return false;
	}
}

/* Keeps the first error: what a scenario returns. */
static void note(long *first, long result)
{
	if (result < 0 && *first >= 0)
		*first = result;
}

struct before {
	int threads, descriptors;
};

/* True if something failed, so that there may be more. */
static bool run_once(const char *name, long (*scenario)(void), struct before before,
		     uint64_t n, uint64_t more)
{
	uint64_t hits;
	long err;

	eider__fault_arm(n, more);
	err = scenario();
	hits = eider__fault_hits();
	eider__fault_arm(0, 0);
	ck_assert_msg(is_clean(err), "%s, fault %lu: %ld", name, (unsigned long)n,
		      err);
	ck_assert_msg(hits || !err, "%s failed without a fault: %ld", name, err);
	ck_assert_msg(wait_for_threads(before.threads),
		      "%s, fault %lu: threads leaked", name, (unsigned long)n);
	ck_assert_msg(harness_descriptors() == before.descriptors,
		      "%s, fault %lu: descriptors leaked, %d before, %d after", name,
		      (unsigned long)n, before.descriptors, harness_descriptors());
	return hits;
}

static void run_all(const char *name, long (*scenario)(void))
{
	struct before before = { harness_threads(), harness_descriptors() };
	uint64_t n = 1;

	/* Not only this time: what is done once per process is done. */
	ck_assert_int_eq(scenario(), 0);
	while (run_once(name, scenario, before, n, 0))
		ck_assert_uint_lt(++n, FAULTS_MAX);
	ck_assert_uint_gt(n, 1);
	for (n = 1; run_once(name, scenario, before, n, 12);
	     n += 5 * (unsigned int)harness_slow())
		ck_assert_uint_lt(n, FAULTS_MAX);
}

#define FAULT_TEST(name)                                                       \
	static long name##_scenario(void);                                     \
	START_TEST(name)                                                       \
	{                                                                      \
		run_all(#name, name##_scenario);                               \
	}                                                                      \
	END_TEST                                                               \
	static long name##_scenario(void)

static const struct eider_options small = {
	.size = sizeof(struct eider_options), .workers_max = 2,
	.txn_threads_max = 2, .ring_entries = 8,
};

static long nothing_atomic(void *arg)
{
	return nothing(arg);
}
EIDER_ATOMIC(nothing_atomic)

/* ---- making and freeing ---- */

FAULT_TEST(an_executor)
{
	struct eider_executor *e;
	long err = eider_executor_new(&small, &e);

	if (!err)
		eider_executor_free(e);
	return err;
}

static long make_world_with(struct world *w, const struct eider_options *options)
{
	long err = eider_executor_new(options, &w->executor);

	if (err < 0)
		return err;
	err = eider_loop_new(w->executor, options, &w->loop);
	if (err < 0)
		eider_executor_free(w->executor);
	return err;
}

static long make_world(struct world *w)
{
	return make_world_with(w, &small);
}

static void free_world(const struct world *w)
{
	eider_loop_free(w->loop);
	eider_executor_free(w->executor);
}

FAULT_TEST(a_loop)
{
	struct world w;
	long err = make_world(&w);

	if (!err) {
		ck_assert_ptr_eq(eider_loop_current(), w.loop);
		free_world(&w);
	}
	ck_assert_ptr_null(eider_loop_current());
	return err;
}

FAULT_TEST(several_loops)
{
	struct eider_options o = small;

	o.loops = 3;
	return eider_run(nothing, NULL, &o);
}

/* ---- jobs ---- */

static long run_jobs(void *arg)
{
	struct eider_job jobs[100];
	unsigned int ran = 0, ok = 0;
	long err = 0;

	(void)arg;
	for (int i = 0; i < 3; i++) {
		long result = eider_call(count, &ran);

		ok += !result;
		note(&err, result);
	}
	ck_assert_int_eq(eider_submit_all(jobs, 100, count, &ran, 0), 100);
	note(&err, eider_await_jobs(jobs, 100));
	for (int i = 0; i < 100; i++)
		ok += eider_result(&jobs[i].future) == 0;
	ck_assert_uint_eq(harness_get(&ran), ok);
	return err;
}

FAULT_TEST(running_jobs)
{
	return eider_run(run_jobs, NULL, &small);
}

static long run_atomic_jobs(void *arg)
{
	struct eider_job jobs[10];
	long err = eider_call(nothing_atomic, arg), n;

	n = eider_submit_all(jobs, 10, nothing_atomic, NULL, 0);
	note(&err, n);
	if (n > 0)
		note(&err, eider_await_jobs(jobs, (size_t)n));
	return err;
}

FAULT_TEST(atomic_jobs)
{
	return eider_run(run_atomic_jobs, NULL, &small);
}

static long run_until_cancelled(void *arg)
{
	(void)arg;
	while (!eider_cancelled())
		harness_nap(100 * HARNESS_US);
	return 0;
}

/* Some run, some wait; cancelled, or past their deadlines. */
static long stop_jobs(void *arg)
{
	struct eider_job jobs[6];
	long err = 0, result;

	(void)arg;
	for (int i = 0; i < 6; i++) {
		eider_job_init(&jobs[i], run_until_cancelled, NULL);
		jobs[i].deadline = i & 1 ? eider_after(HARNESS_MS) : 0;
		ck_assert_int_eq(eider_job_start(&jobs[i]), 0);
	}
	eider_yield();
	for (int i = 0; i < 6; i += 2)
		eider_cancel(&jobs[i].future);
	for (int i = 0; i < 6; i++) {
		result = eider_await(&jobs[i].future);
		if (result != (i & 1 ? -ETIME : -ECANCELED))
			note(&err, result);
	}
	return err;
}

FAULT_TEST(stopping_jobs)
{
	return eider_run(stop_jobs, NULL, &small);
}

static long use_pool(void *arg)
{
	struct eider_pool *pool;
	long err = eider_pool_new(executor_here(), "own", 2, 0, &pool);

	return err < 0 ? err : eider_call_on(pool, nothing, arg);
}

FAULT_TEST(a_pool)
{
	return eider_run(use_pool, NULL, &small);
}

static long use_thread(void *arg)
{
	struct eider_thread *thread;
	struct eider_job job;
	long err = eider_thread_new(executor_here(), 5, &thread);

	if (err < 0)
		return err;
	eider_job_init(&job, nothing, arg);
	err = eider_thread_submit(thread, &job);
	if (!err)
		err = eider_await(&job.future);
	eider_thread_free(thread);
	return err;
}

FAULT_TEST(a_thread)
{
	return eider_run(use_thread, NULL, &small);
}

/*
 * Running and queued ones, left behind by their loop. Each time others: a thread that
 * outlives its executor has the last word on its job, and that it has ended is seen
 * from outside alone (wait_for_threads()), which tells a race detector nothing.
 */
FAULT_TEST(freeing_a_loop_with_jobs)
{
	static struct eider_job all[2 * FAULTS_MAX][10];
	static unsigned int times;
	struct eider_job *jobs;
	struct world w;
	long err = make_world(&w);

	if (err < 0)
		return err;
	ck_assert_uint_lt(times, 2 * FAULTS_MAX);
	jobs = all[times++];
	for (int i = 0; i < 10; i++)
		note(&err, eider_submit(&jobs[i], i & 1 ? nothing_atomic :
					run_until_cancelled, NULL));
	note(&err, eider_loop_turn(w.loop, 0));
	free_world(&w);
	return err;
}

FAULT_TEST(shutting_down)
{
	struct eider_job jobs[20];
	struct world w;
	long err = make_world(&w), n;

	if (err < 0)
		return err;
	n = eider_submit_all(jobs, 20, nothing, NULL, 0);
	note(&err, n);
	note(&err, eider_loop_turn(w.loop, 0));
	ck_assert_int_eq(eider_executor_shutdown(w.executor, true, EIDER_NEVER), 0);
	note(&err, eider_loop_run(w.loop));
	for (long i = 0; i < n; i++) {
		ck_assert(eider_is_done(&jobs[i].future));
		note(&err, eider_result(&jobs[i].future));
	}
	free_world(&w);
	return err;
}

/* ---- transactions ---- */

static long transact(void *arg)
{
	long result = 0, failed = 0;
	int err = 0;

	EIDER_TXN(err, NULL, EIDER_NEVER) {
		int inner = 0;

		for (int i = 0; i < 3; i++)
			note(&failed, eider_call(nothing, arg));
		EIDER_TXN(inner, NULL, EIDER_NEVER)
			note(&failed, eider_call(nothing, arg));
		note(&failed, inner);
		EIDER_NO_TXN {
			EIDER_TXN(inner, NULL, EIDER_NEVER)
				note(&failed, eider_call(nothing_atomic, arg));
		}
		note(&failed, inner);
	}
	note(&result, err);
	note(&result, failed);
	return result;
}

FAULT_TEST(in_contexts)
{
	return eider_run(transact, NULL, &small);
}

/* More at a time than there are threads. */
static long transact_in_turn(void *arg)
{
	struct eider_fiber *fibers[5];
	long err = 0;

	for (int i = 0; i < 5; i++) {
		int spawned = eider_spawn(transact, arg, &fibers[i]);

		note(&err, spawned);
		if (spawned < 0)
			fibers[i] = NULL;
	}
	for (int i = 0; i < 5; i++)
		if (fibers[i])
			note(&err, eider_join(fibers[i]));
	return err;
}

FAULT_TEST(contexts_in_turn)
{
	struct eider_options o = small;

	o.txn_threads_max = 10;		/* each may hold two */
	return eider_run(transact_in_turn, NULL, &o);
}

static long transact_named(void *arg)
{
	struct eider_txn_pool *pool = eider_executor_txn_pool(executor_here());
	long result = 0;
	int err = 0;

	for (int i = 0; i < 2; i++) {
		EIDER_TXN_NAMED(err, NULL, "ledger", EIDER_NEVER)
			note(&result, eider_call(nothing, arg));
		note(&result, err);
	}
	err = eider_txn_pool_forget(pool, "ledger");
	ck_assert(!err || (err == -ENOENT && result < 0));
	return result;
}

FAULT_TEST(named_contexts)
{
	return eider_run(transact_named, NULL, &small);
}

static long start_hook(struct eider_thread *thread, void *arg)
{
	eider_thread_set_state(thread, arg);
	return 0;
}

static void stop_hook(struct eider_thread *thread, void *arg)
{
	(void)arg;
	eider_thread_set_state(thread, NULL);
}

/* A pool of one's own, with all hooks, and threads by number. */
static long use_txn_pool(void *arg)
{
	struct eider_txn_pool_options o = {
		.size = sizeof(o), .name = "own", .threads_max = 2,
		.hooks = { start_hook, stop_hook, start_hook, stop_hook },
	};
	struct eider_txn_pool *pool;
	struct eider_thread *thread;
	struct eider_job job;
	long result = eider_txn_pool_new(executor_here(), &o, &pool);
	int err = 0;

	if (result < 0)
		return result;
	EIDER_TXN(err, pool, EIDER_NEVER)
		note(&result, eider_call(nothing, arg));
	note(&result, err);
	for (uint64_t number = 0; number < 2; number++) {
		eider_job_init(&job, nothing, arg);
		err = eider_txn_pool_submit(pool, &job, number);
		note(&result, err);
		if (!err)
			note(&result, eider_await(&job.future));
		err = eider_txn_pool_get_thread(pool, number, &thread);
		note(&result, err);
		if (!err)
			eider_txn_pool_put_thread(pool, thread);
	}
	eider_txn_pool_free(pool);
	return result;
}

FAULT_TEST(transaction_pool)
{
	return eider_run(use_txn_pool, NULL, &small);
}

/* ---- fibers ---- */

static long yield_once(void *arg)
{
	eider_yield();
	harness_add((unsigned int *)arg, 1);
	return 0;
}

/* More than a slab of stacks. */
static long spawn_many(void *arg)
{
	struct eider_fiber *fibers[40];
	unsigned int spawned = 0, gone = 0, ran = 0;
	long err = 0;

	(void)arg;
	for (int i = 0; i < 40; i++) {
		int e = eider_spawn(yield_once, &ran, &fibers[spawned]);

		note(&err, e);
		spawned += !e;
		e = eider_go(yield_once, &ran);
		note(&err, e);
		gone += !e;
	}
	for (unsigned int i = 0; i < spawned; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	ck_assert(harness_wait_count(&ran, spawned + gone));
	return err;
}

FAULT_TEST(spawning)
{
	return eider_run(spawn_many, NULL, &small);
}

struct guest {
	struct eider_loop *loop;
	unsigned int asked, ran, done;
	long err;
};

static void *be_guest(void *arg)
{
	struct guest *g = arg;

	for (int i = 0; i < 3; i++) {
		int err = eider_spawn_on(g->loop, count, &g->ran);

		g->asked += !err;
		note(&g->err, err);
		note(&g->err, eider_block_on(g->loop, nothing, NULL));
	}
	harness_set(&g->done, 1);
	return NULL;
}

/* What was accepted becomes a fiber, sooner or later. */
static long have_guests(void *arg)
{
	struct guest g = { .loop = eider_loop_current() };
	pthread_t thread;

	(void)arg;
	ck_assert(!pthread_create(&thread, NULL, be_guest, &g));
	ck_assert(harness_wait_count(&g.done, 1));
	pthread_join(thread, NULL);
	ck_assert(harness_wait_count(&g.ran, g.asked));
	return g.err;
}

FAULT_TEST(guests)
{
	return eider_run(have_guests, NULL, &small);
}

static long call_and_sleep(void *arg)
{
	long err = eider_call(nothing, arg);

	eider_sleep_until(eider_after(100 * HARNESS_US));
	return err;
}

FAULT_TEST(block_on_the_own_thread)
{
	struct world w;
	long err = make_world(&w);

	if (err < 0)
		return err;
	for (int i = 0; i < 3; i++)
		note(&err, eider_block_on(w.loop, call_and_sleep, NULL));
	free_world(&w);
	return err;
}

/* The same on a loop whose descriptor was given to another. */
FAULT_TEST(block_on_a_polled_loop)
{
	struct eider_options options = small;
	struct world w;
	long err;

	options.polled = true;
	err = make_world_with(&w, &options);

	if (err < 0)
		return err;
	note(&err, eider_loop_fd(w.loop));
	for (int i = 0; i < 3; i++)
		note(&err, eider_block_on(w.loop, call_and_sleep, NULL));
	while (eider_loop_turn(w.loop, eider_after(HARNESS_MS)) == 1)
		;
	free_world(&w);
	return err;
}

/* ---- operations ---- */

static long transfer(int pair[2])
{
	char bytes[4] = "abc";
	long err = 0;

	for (int i = 0; i < 3; i++) {
		long n = eider_send(pair[0], bytes, 3);

		note(&err, n);
		if (n < 0)
			continue;
		do
			n = eider_recv(pair[1], bytes, 3);
		while (n == -EAGAIN);
		ck_assert_int_eq(n, 3);
		ck_assert_int_eq(eider_sleep_until(eider_after(1)), 0);
	}
	return err;
}

static long end_early(int fd)
{
	struct io_uring_sqe *sqe;
	struct eider_op op;
	char c;

	sqe = eider_sqe(&op);
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_recv(sqe, fd, &c, 1, 0);
	ck_assert_int_eq(eider_await_until(&op.future, eider_after(HARNESS_MS)),
			 -ETIME);
	eider_cancel(&op.future);
	ck_assert_int_eq(eider_await(&op.future), -ECANCELED);
	sqe = eider_sqe_deadline(&op, eider_after(HARNESS_MS));
	if (!sqe)
		return -EAGAIN;
	io_uring_prep_recv(sqe, fd, &c, 1, 0);
	ck_assert_int_eq(eider_await(&op.future), -ETIME);
	return 0;
}

static long use_ops(void *arg)
{
	long err;
	int pair[2];

	(void)arg;
	harness_socketpair(pair);
	err = transfer(pair);
	note(&err, end_early(pair[0]));
	/* A queue full of entries that nobody has given to the kernel. */
	for (int i = 0; i < 20; i++) {
		struct eider_op op;

		if (!eider_sqe(&op))
			note(&err, -EAGAIN);
		else
			ck_assert_int_eq(eider_await(&op.future), 0);
	}
	close(pair[0]);
	close(pair[1]);
	return err;
}

FAULT_TEST(operations)
{
	return eider_run(use_ops, NULL, &small);
}

/* Accept to the end: none of the descriptors gets lost. */
static long accept_all(struct eider_op *op)
{
	long n;

	while ((n = eider_next(op)) >= 0)
		close((int)n);
	return n == -ECANCELED ? 0 : n;
}

static long use_multishot(void *arg)
{
	struct io_uring_sqe *sqe;
	struct eider_op op;
	int clients[8], fd;
	uint16_t port;
	long err = -EAGAIN, n;

	(void)arg;
	fd = harness_listen(&port);
	sqe = eider_sqe(&op);
	if (sqe) {
		io_uring_prep_multishot_accept(sqe, fd, NULL, NULL, SOCK_CLOEXEC);
		for (int i = 0; i < 8; i++)
			clients[i] = harness_connect(port);
		for (int i = 0; i < 8; i++) {
			n = eider_next(&op);
			ck_assert_int_ge(n, 0);
			close((int)n);
		}
		eider_cancel(&op.future);
		err = accept_all(&op);
		for (int i = 0; i < 8; i++)
			close(clients[i]);
	}
	close(fd);
	return err;
}

FAULT_TEST(multishot)
{
	return eider_run(use_multishot, NULL, &small);
}

/* ---- the network ---- */

/* A connection to oneself, and both its ends. */
static long use_network(void *arg)
{
	struct eider_acceptor acceptor;
	struct eider_stream stream;
	char name[64], buf[16];
	long client = -1, got = -1, err = 0;
	int fd = eider_listen("127.0.0.1:0", 0);

	(void)arg;
	if (fd < 0)
		return fd == -EADDRINUSE ? -EAGAIN : fd;	/* bind() failed */
	ck_assert_int_gt(eider_socket_name(fd, false, name, sizeof(name)), 0);
	eider_acceptor_init(&acceptor, fd);
	client = eider_connect(name, EIDER_NEVER);
	note(&err, client);
	if (client >= 0) {
		got = eider_acceptor_next(&acceptor, EIDER_NEVER);
		ck_assert_int_ge(got, 0);
		err = eider_stream_init(&stream, (int)got);
		if (err < 0)
			close((int)got);
	}
	if (client >= 0 && !err) {
		for (int i = 0; i < 3; i++) {
			ck_assert_int_eq(eider_send((int)client, "abc", 3), 3);
			ck_assert_int_eq(eider_stream_recv(&stream, buf, 16,
							   EIDER_NEVER), 3);
		}
		ck_assert_int_eq(eider_stream_recv(&stream, buf, 16,
						   eider_after(HARNESS_MS)), -ETIME);
		ck_assert_int_eq(eider_send((int)client, "unread", 6), 6);
		eider_stream_close(&stream);
	}
	if (client >= 0)
		close((int)client);
	eider_acceptor_close(&acceptor);
	close(fd);
	return err;
}

static long use_network_without(enum eider_feature f)
{
	struct eider_options o = small;

	o.disable = EIDER_FEATURE_BIT(f);
	return eider_run(use_network, NULL, &o);
}

FAULT_TEST(network)
{
	return eider_run(use_network, NULL, &small);
}

FAULT_TEST(network_without_multishot)
{
	return use_network_without(EIDER_FEATURE_MULTISHOT_RECV);
}

FAULT_TEST(network_without_buffer_ring)
{
	return use_network_without(EIDER_FEATURE_BUFFER_RING);
}

FAULT_TEST(network_without_multishot_accept)
{
	return use_network_without(EIDER_FEATURE_MULTISHOT_ACCEPT);
}

/* Made by the second listen after the first has left its file behind. */
FAULT_TEST(a_path)
{
	char address[160];
	long err = 0;

	snprintf(address, sizeof(address), "unix:%s", harness_temp_file("socket"));
	for (int i = 0; i < 2; i++) {
		int fd = eider_listen(address, 0);

		if (fd >= 0)
			close(fd);
		else if (fd == -EADDRINUSE)	/* bind() failed, or looking there */
			note(&err, -EAGAIN);
		else
			note(&err, fd);
	}
	return err;
}

static long look_names_up(void *arg)
{
	struct addrinfo *found;
	long err = 0;

	(void)arg;
	for (int i = 0; i < 4; i++) {
		int64_t deadline = i % 2 ? eider_after(0) : EIDER_NEVER;
		int res = eider_resolve("localhost", i & 2 ? "80" : NULL, deadline,
					&found);

		if (!res)
			freeaddrinfo(found);
		else if (res != -ETIME || deadline == EIDER_NEVER)
			note(&err, res);
	}
	return err;
}

FAULT_TEST(names)
{
	return eider_run(look_names_up, NULL, &small);
}

/* ---- while memory is short ---- */

static void *recover_soon(void *arg)
{
	(void)arg;
	harness_nap(20 * HARNESS_MS);
	eider__fault_arm(0, 0);
	return NULL;
}

/*
 * From some moment on nothing works, for 20 ms; then all does again. Jobs run
 * meanwhile, on threads that were there; their results cannot be told yet, and are
 * not lost.
 */
HARNESS_FIBER_TEST_WITH(shortage, &small)
{
	unsigned int rounds = harness_count(8, 3), ran = 0;

	for (unsigned int i = 0; i < rounds; i++) {
		struct eider_job jobs[50];
		pthread_t thread;
		long err;

		ck_assert_int_eq(eider_call(nothing, NULL), 0);
		ck_assert_int_eq(eider_submit_all(jobs, 50, count, &ran, 0), 50);
		eider__fault_arm(1 + i, UINT64_MAX / 2);
		ck_assert(!pthread_create(&thread, NULL, recover_soon, NULL));
		err = eider_await_jobs(jobs, 50);
		ck_assert(!err || err == -EAGAIN || err == -ENOMEM);
		pthread_join(thread, NULL);
	}
	return 0;
}

/* Requests of other threads and multishot results wait for memory. */
HARNESS_FIBER_TEST_WITH(guests_in_a_shortage, &small)
{
	struct eider_fiber *fiber;
	unsigned int ran = 0;
	pthread_t thread;

	/* The only fiber at rest, and the stacks' cache, are in use. */
	ck_assert_int_eq(eider_spawn(call_and_sleep, NULL, &fiber), 0);
	for (int i = 0; i < 100; i++)
		ck_assert_int_eq(eider_spawn_on(eider_loop_current(), yield_once,
						&ran), 0);
	eider__fault_arm(1, UINT64_MAX / 2);
	ck_assert(!pthread_create(&thread, NULL, recover_soon, NULL));
	ck_assert(harness_wait_count(&ran, 100));
	pthread_join(thread, NULL);
	eider_join(fiber);
	return 0;
}

static void add_making_and_jobs(Suite *s)
{
	TCase *t = harness_case(s, "making");

	harness_timeout(t, 90);
	tcase_add_test(t, an_executor);
	tcase_add_test(t, a_loop);
	tcase_add_test(t, several_loops);
	t = harness_case(s, "jobs");
	harness_timeout(t, 90);
	tcase_add_test(t, running_jobs);
	tcase_add_test(t, atomic_jobs);
	tcase_add_test(t, stopping_jobs);
	tcase_add_test(t, a_pool);
	tcase_add_test(t, a_thread);
	tcase_add_test(t, freeing_a_loop_with_jobs);
	tcase_add_test(t, shutting_down);
}

static void add_contexts(Suite *s)
{
	TCase *t = harness_case(s, "contexts");

	harness_timeout(t, 90);
	tcase_add_test(t, in_contexts);
	tcase_add_test(t, contexts_in_turn);
	tcase_add_test(t, named_contexts);
	tcase_add_test(t, transaction_pool);
}

static void add_network(Suite *s)
{
	TCase *t = harness_case(s, "network");

	harness_timeout(t, 90);
	tcase_add_test(t, network);
	tcase_add_test(t, network_without_multishot);
	tcase_add_test(t, network_without_buffer_ring);
	tcase_add_test(t, network_without_multishot_accept);
	tcase_add_test(t, a_path);
	tcase_add_test(t, names);
}

static void add_fibers_and_ops(Suite *s)
{
	TCase *t = harness_case(s, "fibers");

	harness_timeout(t, 90);
	tcase_add_test(t, spawning);
	tcase_add_test(t, guests);
	tcase_add_test(t, block_on_the_own_thread);
	tcase_add_test(t, block_on_a_polled_loop);
	t = harness_case(s, "ops");
	harness_timeout(t, 90);
	tcase_add_test(t, operations);
	tcase_add_test(t, multishot);
	t = harness_case(s, "shortage");
	harness_timeout(t, 90);
	tcase_add_test(t, shortage);
	tcase_add_test(t, guests_in_a_shortage);
}

int main(void)
{
	Suite *s = suite_create("faults");

	add_making_and_jobs(s);
	add_contexts(s);
	add_fibers_and_ops(s);
	add_network(s);
	return harness_run(s);
}
