/*
 * test_fork.c - what a forked child may do with its parent's loop: nothing, safely
 *
 * A child shares the ring's descriptor with its parent, and has none of its threads:
 * whatever it asks of the parent's loop is answered with -ECHILD. An executor of its
 * own works.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixtures.h"

/* Libcheck's assertions are the parent's. */
#define CHECK(what)                                                            \
	do {                                                                   \
		if (!(what)) {                                                 \
			fprintf(stderr, "not so in the child: %s\n", #what);   \
			_exit(1);                                              \
		}                                                              \
	} while (0)

static struct eider_executor *executor;
static struct eider_loop *loop;

static long nap(void *arg)
{
	harness_nap(HARNESS_MS);
	return (long)(intptr_t)arg;
}

static long use_everything(void *arg)
{
	struct eider_job job;
	char c = 0;

	(void)arg;
	if (eider_call(nap, (void *)5) != 5 || eider_submit(&job, nap, NULL) < 0 ||
	    eider_await(&job.future) || eider_sleep_until(eider_after(HARNESS_MS)))
		return -EIO;
	return eider_recv(-1, &c, 1) == -EBADF ? 3 : -EIO;
}

/* Everything that needs a loop, or is asked of the parent's. */
static void refuse_all(struct eider_future *f)
{
	struct eider_fiber *fiber;
	struct eider_loop *other;
	struct eider_job job;
	struct eider_op op;
	struct eider_txn txn;

	memset(&txn, 0, sizeof(txn));
	CHECK(!eider_loop_current());
	CHECK(!eider_in_fiber());
	CHECK(!eider_sqe(&op));
	CHECK(eider_sqe_reserve(1) == -ECHILD);
	CHECK(eider_spawn(nothing, NULL, &fiber) == -ECHILD);
	CHECK(eider_go(nothing, NULL) == -ECHILD);
	CHECK(eider_spawn_on(loop, nothing, NULL) == -ECHILD);
	CHECK(eider_block_on(loop, nothing, NULL) == -ECHILD);
	CHECK(eider_await(f) == -ECHILD);
	CHECK(eider_await_until(f, EIDER_NEVER) == -ECHILD);
	CHECK(eider_await_any(&f, 1) == -ECHILD);
	CHECK(eider_await_all(&f, 1) == -ECHILD);
	CHECK(eider_sleep_until(EIDER_NEVER) == -ECHILD);
	CHECK(eider_submit(&job, nothing, NULL) == -ECHILD);
	CHECK(eider_call(nothing, NULL) == -ECHILD);
	CHECK(eider_txn_enter(&txn, NULL, EIDER_NEVER) == -ECHILD);
	CHECK(eider_loop_run(loop) == -ECHILD);
	CHECK(eider_loop_turn(loop, 0) == -ECHILD);
	CHECK(eider_loop_fd(loop) == -ECHILD);
	CHECK(eider_loop_free(loop) == -ECHILD);
	CHECK(eider_loop_new(executor, NULL, &other) == -ECHILD);
	CHECK(eider_executor_shutdown(executor, true, EIDER_NEVER) == -ECHILD);
	eider_cancel(f);
	eider_yield();
	eider_executor_free(executor);
}

static void live_in_child(void *arg)
{
	refuse_all(arg);
	CHECK(eider_run(use_everything, NULL, NULL) == 3);
	CHECK(eider_run(use_everything, NULL, NULL) == 3);
}

/*
 * The sanitizers and Valgrind do not support threads, or allocation, in the child of
 * a process that had some threads; there the child makes no executor.
 */
static void live_shortly(void *arg)
{
	refuse_all(arg);
}

static void check_child(struct eider_future *f)
{
	char output[10000];
	bool limited = getenv("EIDER_UNDER") != NULL;
	int status;

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
	limited = true;
#endif
	status = harness_in_child(limited ? live_shortly : live_in_child, f, output,
				  sizeof(output));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "status %x: %s",
		      (unsigned int)status, output);
}

static void set_up(void)
{
	ck_assert_int_eq(eider_executor_new(NULL, &executor), 0);
	ck_assert_int_eq(eider_loop_new(executor, NULL, &loop), 0);
}

static void tear_down(void)
{
	ck_assert_int_eq(eider_loop_free(loop), 0);
	ck_assert_int_eq(eider_executor_shutdown(executor, true, EIDER_NEVER), 0);
	eider_executor_free(executor);
}

static long use_and_fork(void *arg)
{
	struct eider_job job;

	(void)arg;
	ck_assert_int_eq(use_everything(NULL), 3);
	ck_assert_int_eq(eider_submit(&job, nap, (void *)7), 0);
	check_child(&job.future);
	ck_assert_int_eq(eider_await(&job.future), 7);
	ck_assert_int_eq(use_everything(NULL), 3);
	return 0;
}

START_TEST(fork_between_turns)
{
	struct eider_job job;

	set_up();
	ck_assert_int_eq(eider_submit(&job, nap, (void *)9), 0);
	check_child(&job.future);
	ck_assert_int_eq(eider_loop_run(loop), 0);
	ck_assert_int_eq(eider_result(&job.future), 9);
	check_child(&job.future);
	ck_assert_int_eq(eider_block_on(loop, use_everything, NULL), 3);
	tear_down();
}
END_TEST

START_TEST(fork_in_fiber)
{
	set_up();
	ck_assert_int_eq(eider_block_on(loop, use_and_fork, NULL), 0);
	ck_assert_int_eq(eider_block_on(loop, use_everything, NULL), 3);
	tear_down();
}
END_TEST

/* On a thread that knows nothing of loops, while the loop works. */
static void *fork_elsewhere(void *arg)
{
	for (int i = 0; i < 3; i++)
		check_child(arg);
	return NULL;
}

static unsigned int working;

static long work_on(void *arg)
{
	(void)arg;
	while (harness_get(&working))
		ck_assert_int_eq(use_everything(NULL), 3);
	return 0;
}

static void *fork_and_end(void *arg)
{
	fork_elsewhere(arg);
	harness_set(&working, 0);
	return NULL;
}

START_TEST(fork_while_the_loop_works)
{
	struct eider_future f;
	pthread_t thread;

	set_up();
	memset(&f, 0, sizeof(f));
	working = 1;
	ck_assert(!pthread_create(&thread, NULL, fork_and_end, &f));
	ck_assert_int_eq(eider_block_on(loop, work_on, NULL), 0);
	pthread_join(thread, NULL);
	tear_down();
}
END_TEST

/* A job may fork as well, for popen() and the like. */
static long fork_in_job(void *arg)
{
	char output[100];
	FILE *f = popen("echo from the child", "re");

	(void)arg;
	if (!f)
		return -errno;
	if (!fgets(output, sizeof(output), f))
		strcpy(output, "nothing");
	if (pclose(f))
		return -EIO;
	return strcmp(output, "from the child\n") ? -EIO : 11;
}

HARNESS_FIBER_TEST(jobs_may_fork)
{
	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(eider_call(fork_in_job, NULL), 11);
	return 0;
}

int main(void)
{
	Suite *s = suite_create("fork");
	TCase *t = harness_case(s, "fork");

	tcase_add_test(t, fork_between_turns);
	tcase_add_test(t, fork_in_fiber);
	tcase_add_test(t, fork_while_the_loop_works);
	tcase_add_test(t, jobs_may_fork);
	return harness_run(s);
}
