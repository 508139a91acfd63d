/*
 * test_sanity.c - does the harness catch what it is there to catch?
 *
 * Each bad thing is a test of its own that must fail. It is run by this program,
 * started anew with the name of the bad thing, and caught if that run failed and
 * said why. (After Wayland's sanity-test.c.)
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/assert.h"
#include "harness.h"

static const char *program;

/* ---- the bad things ---- */

static void nothing(void)
{
}

static void leak_descriptor(void)
{
	ck_assert_int_ge(dup(STDERR_FILENO), 0);
}

static void close_descriptor(void)
{
	close(STDIN_FILENO);
}

static void *sleep_long(void *arg)
{
	(void)arg;
	pause();
	return NULL;
}

static void leak_thread(void)
{
	pthread_t thread;

	ck_assert(!pthread_create(&thread, NULL, sleep_long, NULL));
}

static void *assert_false(void *arg)
{
	(void)arg;
	ck_assert_int_eq(1, 2);
	return NULL;
}

static void fail_assertion(void)
{
	assert_false(NULL);
}

static void fail_in_thread(void)
{
	pthread_t thread;

	ck_assert(!pthread_create(&thread, NULL, assert_false, NULL));
	pthread_join(thread, NULL);
}

static long fail_fiber(void *arg)
{
	assert_false(arg);
	return 0;
}

static void fail_in_fiber(void)
{
	harness_in_loop(fail_fiber, NULL, NULL);
}

static long return_error(void *arg)
{
	(void)arg;
	return -5;
}

static void fail_loop(void)
{
	harness_in_loop(return_error, NULL, NULL);
}

static void crash(void)
{
	raise(SIGSEGV);
}

static void leave(void)
{
	_exit(3);
}

static void hang(void)
{
	sleep_long(NULL);
}

static void break_invariant(void)
{
	EIDER_ASSERT(1 == 2);
}

static void break_debug_invariant(void)
{
	EIDER_DEBUG(1 == 2);
}

#ifdef __SANITIZE_ADDRESS__
static void leak_memory(void)
{
	static void *volatile p;

	p = malloc(100);
	ck_assert_ptr_nonnull(p);
	p = NULL;
}

static void use_after_free(void)
{
	void *p = malloc(100);
	volatile uintptr_t address = (uintptr_t)p;	/* not to be warned */

	free(p);
	*(volatile char *)address = 1;
}
#endif

#ifdef __SANITIZE_THREAD__
static unsigned int racy;

static void *race_on(void *arg)
{
	(void)arg;
	racy++;
	return NULL;
}

static void race(void)
{
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		ck_assert(!pthread_create(&threads[i], NULL, race_on, NULL));
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}
#endif

static const struct {
	const char *name;
	void (*fn)(void);
	const char *says;	/* what the run must print */
} things[] = {
	{ "nothing", nothing, "100%: Checks: 1, Failures: 0, Errors: 0" },
	{ "leak_descriptor", leak_descriptor, "descriptors leaked" },
	{ "close_descriptor", close_descriptor, "descriptors leaked" },
	{ "leak_thread", leak_thread, "threads leaked" },
	{ "fail", fail_assertion, "1 == 2" },
	{ "fail_in_thread", fail_in_thread, "1 == 2" },
	{ "fail_in_fiber", fail_in_fiber, "1 == 2" },
	{ "fail_loop", fail_loop, "eider_run: -5" },
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	{ "crash", crash, "DEADLYSIGNAL" },
#else
	{ "crash", crash, "signal 11" },
#endif
	{ "leave", leave, "Early exit" },
	{ "hang", hang, "timeout" },
	{ "break_invariant", break_invariant, "broken invariant: 1 == 2" },
	{ "break_debug", break_debug_invariant, "broken invariant: 1 == 2" },
#ifdef __SANITIZE_ADDRESS__
	{ "leak_memory", leak_memory, "LeakSanitizer" },
	{ "use_after_free", use_after_free, "heap-use-after-free" },
#endif
#ifdef __SANITIZE_THREAD__
	{ "race", race, "data race" },
#endif
};

enum {
	THINGS = sizeof(things) / sizeof(things[0]),
};

/* ---- running one ---- */

static void (*chosen)(void);

START_TEST(bad)
{
	chosen();
}
END_TEST

static int run_one(const char *name)
{
	Suite *s = suite_create("bad");
	TCase *t = harness_case(s, "bad");

	for (int i = 0; i < THINGS; i++)
		if (!strcmp(things[i].name, name))
			chosen = things[i].fn;
	if (!chosen)
		harness_skip("no such thing");
	if (chosen == hang)
		harness_timeout(t, 0.5);
	tcase_add_test(t, bad);
	return harness_run(s);
}

static void start_anew(void *arg)
{
	unsetenv("CK_FORK");
	unsetenv("CK_RUN_CASE");
	unsetenv("CK_VERBOSITY");
	execl(program, program, (const char *)arg, NULL);
	abort();
}

static int run_anew(const char *name, char *output, size_t len)
{
	char *copy = strdup(name);
	int status = harness_in_child(start_anew, copy, output, len);

	free(copy);
	return status;
}

/* ---- the tests ---- */

START_TEST(is_caught)
{
	char output[16384];
	int status = run_anew(things[_i].name, output, sizeof(output));
	int expected = things[_i].fn == nothing ? EXIT_SUCCESS : EXIT_FAILURE;

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == expected,
		      "%s: wait status %x: %s", things[_i].name,
		      (unsigned int)status, output);
	ck_assert_msg(strstr(output, things[_i].says), "%s: did not say '%s': %s",
		      things[_i].name, things[_i].says, output);
}
END_TEST

START_TEST(skipping_says_why)
{
	char output[1000];
	int status = run_anew("unheard of", output, sizeof(output));

	ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 77);
	ck_assert_str_eq(output, "skipped: no such thing\n");
}
END_TEST

START_TEST(temporary_files)
{
	char path[200];
	FILE *f;

	strcpy(path, harness_temp_file("some"));
	f = fopen(path, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert(!strncmp(path, harness_temp_dir(), strlen(harness_temp_dir())));
	ck_assert(!access(path, F_OK));
	ck_assert_ptr_ne(harness_temp_file("a"), harness_temp_file("b"));
}
END_TEST

static bool never(void *arg)
{
	++*(unsigned int *)arg;
	return *(unsigned int *)arg == 3;
}

START_TEST(waiting)
{
	unsigned int n = 0;

	ck_assert(harness_wait_until(never, &n));
	ck_assert_uint_eq(n, 3);
	ck_assert(harness_wait_count(&n, 3));
	ck_assert(harness_slow() >= 1);
	ck_assert_uint_ge(harness_count(1000, 7), 7);
	ck_assert_uint_le(harness_count(1000, 7), 1000);
}
END_TEST

START_TEST(counting)
{
	int fds = harness_descriptors(), fd = dup(STDERR_FILENO);
	pthread_t thread;

	ck_assert_int_eq(harness_descriptors(), fds + 1);
	close(fd);
	ck_assert_int_eq(harness_descriptors(), fds);
	fds = harness_threads();
	ck_assert(!pthread_create(&thread, NULL, sleep_long, NULL));
	ck_assert_int_eq(harness_threads(), fds + 1);
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	ck_assert_uint_gt(harness_resident(), 100000);
	ck_assert(harness_cpu() > 0);
}
END_TEST

int main(int argc, char **argv)
{
	Suite *s = suite_create("sanity");
	TCase *t;

	program = argv[0];
	if (argc > 1)
		return run_one(argv[1]);
	t = harness_case(s, "caught");
	harness_timeout(t, 60);
	tcase_add_loop_test(t, is_caught, 0, THINGS);
	tcase_add_test(t, skipping_says_why);
	t = harness_case(s, "helpers");
	tcase_add_test(t, temporary_files);
	tcase_add_test(t, waiting);
	tcase_add_test(t, counting);
	return harness_run(s);
}
