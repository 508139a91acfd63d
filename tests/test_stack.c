/*
 * test_stack.c - the stacks of fibers: many, deep, overflowing, used again
 *
 * What a sanitizer or Valgrind does to memory is not what a user sees: tests that
 * look at resident memory are left out there.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fixtures.h"

static bool is_slow(void)
{
	return harness_slow() > 1;
}

/* ---- many ---- */

static unsigned int how_many(void)
{
#ifdef __SANITIZE_THREAD__
	return 200;		/* TSan has room for a few thousand in all */
#else
	if (is_slow())
		return 2000;
	/* Two mappings a fiber: vm.max_map_count is 65530. */
	if (!harness_has(EIDER_FEATURE_MADV_GUARD))
		return 20000;
	/* Memory and time, once: the way to wake a loop makes no difference. */
	return harness_doorbell() == EIDER_DOORBELL_SYNC &&
	       harness_delivery() == EIDER_DELIVERY_LIST ? 100000 : 10000;
#endif
}

static unsigned int waiting;

static long wait_for_cancel(void *arg)
{
	long err;

	(void)arg;
	waiting++;
	err = eider_sleep_until(EIDER_NEVER);
	waiting--;
	return err;
}

static long wait_at_once(void *arg)
{
	unsigned int n = *(unsigned int *)arg;
	struct eider_fiber **fibers = calloc(n, sizeof(struct eider_fiber *));

	ck_assert_ptr_nonnull(fibers);
	for (unsigned int i = 0; i < n; i++)
		fibers[i] = start(wait_for_cancel, NULL);
	eider_yield();
	ck_assert_uint_eq(waiting, n);
	for (unsigned int i = 0; i < n; i++)
		eider_cancel(eider_fiber_future(fibers[i]));
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(eider_join(fibers[i]), -ECANCELED);
	ck_assert_uint_eq(waiting, 0);
	free(fibers);
	return 0;
}

START_TEST(many_at_once)
{
	unsigned int n = how_many();

	harness_in_loop(wait_at_once, &n, NULL);
}
END_TEST

/* Each guard page a mapping of its own. */
START_TEST(many_with_mprotect)
{
	struct eider_options o = {
		.size = sizeof(o),
		.disable = EIDER_FEATURE_BIT(EIDER_FEATURE_MADV_GUARD),
	};
	unsigned int n = is_slow() ? 200 : 10000;

	harness_in_loop(wait_at_once, &n, &o);
}
END_TEST

/* More than vm.max_map_count allows: an error, and the loop goes on. */
static long spawn_until_refused(void *arg)
{
	static struct eider_fiber *fibers[100000];
	unsigned int n = 0;
	int err = 0;

	(void)arg;
	while (n < 100000 && !(err = eider_spawn(wait_for_cancel, NULL, &fibers[n])))
		n++;
	if (n < 100000)
		ck_assert_int_eq(err, -ENOMEM);
	eider_yield();
	for (unsigned int i = 0; i < n; i++)
		eider_cancel(eider_fiber_future(fibers[i]));
	for (unsigned int i = 0; i < n; i++)
		ck_assert_int_eq(eider_join(fibers[i]), -ECANCELED);
	fibers[0] = start(wait_for_cancel, NULL);
	eider_cancel(eider_fiber_future(fibers[0]));
	ck_assert_int_eq(eider_join(fibers[0]), -ECANCELED);
	return 0;
}

START_TEST(too_many_with_mprotect)
{
	struct eider_options o = {
		.size = sizeof(o),
		.disable = EIDER_FEATURE_BIT(EIDER_FEATURE_MADV_GUARD),
	};

	if (!is_slow())
		harness_in_loop(spawn_until_refused, NULL, &o);
}
END_TEST

/* ---- deep ---- */

/* About @bytes of stack, each page of it written. */
static long __attribute__((noinline)) use_stack(size_t bytes)
{
	volatile char frame[1024];
	long n;

	memset((char *)frame, (int)bytes, sizeof(frame));
	n = bytes > sizeof(frame) ? use_stack(bytes - sizeof(frame)) : 0;
	return n + (frame[bytes % sizeof(frame)] == (char)bytes);
}

static long use_bytes(void *arg)
{
	return use_stack(*(size_t *)arg) > 0 ? 0 : -EIO;
}

static long use_and_wait(void *arg)
{
	long n = use_bytes(arg);

	eider_yield();
	return n;
}

static long use_deep(void *arg)
{
	struct eider_fiber *fibers[50];

	for (int i = 0; i < 50; i++)
		fibers[i] = start(use_and_wait, arg);
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	return 0;
}

START_TEST(most_of_the_default)
{
	size_t bytes = 40000;	/* of 65536; the frames have overhead */

	harness_in_loop(use_deep, &bytes, NULL);
}
END_TEST

START_TEST(most_of_a_large_one)
{
	struct eider_options o = { .size = sizeof(o), .stack_bytes = 8 << 20 };
	size_t bytes = 3 << 20;

	harness_in_loop(use_deep, &bytes, &o);
}
END_TEST

/* What the ABI says of alignment, and what a switch must keep. */
static long use_numbers(void *arg)
{
	__attribute__((aligned(32))) double numbers[4] = { 1.5, 2.5, 3.5, 4.5 };
	double sum = 0, last = *(double *)arg;
	char text[50];

	ck_assert_uint_eq((uintptr_t)numbers % 32, 0);
	for (int i = 0; i < 4; i++) {
		sum += numbers[i] * last;
		eider_yield();
	}
	snprintf(text, sizeof(text), "%.2f", sum);
	ck_assert_double_eq(sum, 12 * last);
	return (long)(atof(text) * 100);
}

HARNESS_FIBER_TEST(numbers_survive)
{
	struct eider_fiber *fibers[20];
	double factors[20];

	for (int i = 0; i < 20; i++) {
		factors[i] = i + 0.25;
		fibers[i] = start(use_numbers, &factors[i]);
	}
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 300 + 1200 * i);
	return 0;
}

/* ---- used again, given back ---- */

static long where_am_i(void *arg)
{
	char here;

	*(uintptr_t *)arg = (uintptr_t)__builtin_frame_address(0);
	here = 0;
	return here;
}

HARNESS_FIBER_TEST(the_same_stack_again)
{
	unsigned int n = harness_count(20000, 500), changes = 0;
	uintptr_t last = 0, here;

	for (unsigned int i = 0; i < n; i++) {
		ck_assert_int_eq(eider_join(start(where_am_i, &here)), 0);
		changes += here != last;
		last = here;
	}
	ck_assert_uint_le(changes, 2);
	return 0;
}

static size_t peak;

static long touch_many(void *arg)
{
	enum { N = 2000 };
	static struct eider_fiber *fibers[N];
	size_t bytes = 40000;

	(void)arg;
	for (int i = 0; i < N; i++)
		fibers[i] = start(use_and_wait, &bytes);
	eider_yield();
	peak = harness_resident();
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	/* 80 MB were touched; 16 stacks are kept. */
	ck_assert_uint_lt(harness_resident(), peak - (40 << 20));

	/* And those that gave theirs back are as good as new. */
	for (int i = 0; i < N; i++)
		fibers[i] = start(use_and_wait, &bytes);
	for (int i = 0; i < N; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	return 0;
}

START_TEST(memory_is_given_back)
{
	struct eider_options o = { .size = sizeof(o), .stacks_cached = 16 };

	if (!is_slow())
		harness_in_loop(touch_many, NULL, &o);
}
END_TEST

/* ---- overflow ---- */

struct victim {
	const char *name;
	const char *disable;
	bool handler;
};

static long __attribute__((noinline)) recurse(volatile char *above)
{
	volatile char frame[512];

	frame[0] = above ? above[0] : 1;
	frame[511] = 1;
	if (!frame[0])
		return 0;
	return recurse(frame) + frame[0] + frame[511];
}

static long overflow(void *arg)
{
	struct victim *v = arg;

	if (v->name)
		eider_fiber_set_name(v->name);
	eider_yield();
	return recurse(NULL);
}

static long start_victim(void *arg)
{
	return eider_join(start(overflow, arg));
}

static void on_fault(int signal)
{
	static const char text[] = "the user's handler\n";

	(void)signal;
	(void)!write(STDERR_FILENO, text, sizeof(text) - 1);
	_exit(5);
}

static void run_victim(void *arg)
{
	struct victim *v = arg;
	struct sigaction action;

	if (v->disable)
		setenv("EIDER_DISABLE", v->disable, 1);
	if (v->handler) {
		memset(&action, 0, sizeof(action));
		action.sa_handler = on_fault;
		action.sa_flags = SA_ONSTACK;
		sigaction(SIGSEGV, &action, NULL);
	}
	(void)!eider_run(start_victim, v, NULL);
	_exit(9);
}

static const struct victim victims[] = {
	{ "glutton", NULL, false },
	{ NULL, NULL, false },
	{ "glutton", "madv_guard", false },
	{ "glutton", NULL, true },
};

START_TEST(overflow_is_told)
{
	struct victim v = victims[_i];
	char output[20000], expected[100];
	int status;

	/* Valgrind takes it for a stack of its own kind, and is as loud. */
	if (getenv("EIDER_UNDER"))
		return;
	status = harness_in_child(run_victim, &v, output, sizeof(output));
	snprintf(expected, sizeof(expected), "fiber '%s' overflowed its stack",
		 v.name ? v.name : "unnamed");
	ck_assert_msg(strstr(output, expected), "status %x, and it says: %s",
		      (unsigned int)status, output);
	if (v.handler)
		ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	else if (!is_slow())
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 9);
}
END_TEST

/* A fault of another kind is not called an overflow. */
static long fault(void *arg)
{
	*(volatile char *)arg = 1;
	return 0;
}

static void run_fault(void *arg)
{
	(void)arg;
	(void)!eider_run(fault, (void *)16, NULL);
	_exit(9);
}

START_TEST(other_faults_are_not)
{
	char output[20000];
	int status;

	if (getenv("EIDER_UNDER"))
		return;
	status = harness_in_child(run_fault, NULL, output, sizeof(output));
	ck_assert_ptr_null(strstr(output, "overflowed"));
	if (!is_slow())
		ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	ck_assert(!WIFEXITED(status) || WEXITSTATUS(status) != 9);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("stack");
	TCase *t = harness_case(s, "many");

	harness_timeout(t, 240);
	tcase_add_test(t, many_at_once);
	tcase_add_test(t, many_with_mprotect);
	tcase_add_test(t, too_many_with_mprotect);
	t = harness_case(s, "use");
	tcase_add_test(t, most_of_the_default);
	tcase_add_test(t, most_of_a_large_one);
	tcase_add_test(t, numbers_survive);
	tcase_add_test(t, the_same_stack_again);
	tcase_add_test(t, memory_is_given_back);
	t = harness_case(s, "overflow");
	tcase_add_loop_test(t, overflow_is_told, 0,
			    sizeof(victims) / sizeof(victims[0]));
	tcase_add_test(t, other_faults_are_not);
	return harness_run(s);
}
