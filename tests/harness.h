/*
 * harness.h - what all tests share, on top of libcheck
 *
 *	START_TEST(adds)
 *	{
 *		harness_in_loop(add_fiber, NULL, NULL);
 *	}
 *	END_TEST
 *
 *	int main(void)
 *	{
 *		Suite *s = suite_create("call");
 *		TCase *t = harness_case(s, "add");
 *
 *		tcase_add_test(t, adds);
 *		return harness_run(s);
 *	}
 *
 * Leaks	Each test of a harness_case() has to leave as many descriptors and
 *		threads as it found; else it failed.
 * Processes	libcheck forks for each test, and the fixture runs in the child: no
 *		ring and no thread crosses the fork. With CK_FORK=no (for gdb and
 *		Valgrind) all run in one process, and a failed assertion inside a
 *		fiber or thread ends it.
 * Slowness	harness_slow() says by what to multiply times and divide counts.
 *		A test never asserts that something was fast.
 */
#ifndef EIDER_TESTS_HARNESS_H
#define EIDER_TESTS_HARNESS_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <eider.h>

#define HARNESS_US INT64_C(1000)
#define HARNESS_MS INT64_C(1000000)
#define HARNESS_S INT64_C(1000000000)

/*
 * Run @s, for main() to return. CK_RUN_CASE=name runs one case,
 * CK_VERBOSITY=verbose names each test.
 */
int harness_run(Suite *s);

/*
 * A case of @s that checks for leaked descriptors and threads. The timeout of each
 * of its tests is 60 s, times harness_slow(); harness_timeout() sets another.
 */
TCase *harness_case(Suite *s, const char *name);
void harness_timeout(TCase *t, double seconds);

/* For a program that lacks something, before it runs anything: exit with 77. */
__attribute__((noreturn)) void harness_skip(const char *reason);

/* 1, or how many times slower it is here: Valgrind, sanitizers, EIDER_TEST_SLOW. */
double harness_slow(void);

/* Under Valgrind? It has limits of descriptors of its own making. */
bool harness_under_valgrind(void);

/* @n, or fewer if it is slow here, but at least @least. */
unsigned int harness_count(unsigned int n, unsigned int least);

/* Run body(arg) as eider_run() does; the result, which must be >= 0. */
long harness_in_loop(eider_fn *body, void *arg, const struct eider_options *options);

/* Would an executor of default options have @f, and use it? */
bool harness_has(enum eider_feature f);
/* The doorbell and delivery of this run, after the environment. */
enum eider_doorbell harness_doorbell(void);
enum eider_delivery harness_delivery(void);

/*
 * A directory for this test's files; removed with all in it after the test, or if it
 * failed by tests/run, whose TMPDIR it is in.
 */
const char *harness_temp_dir(void);
/* The path of a file there; valid until the fourth call from now. */
const char *harness_temp_file(const char *name);

/*
 * Wait until cond(arg), at most 30 s times harness_slow(); false if it did not
 * come true. In a fiber the loop goes on meanwhile.
 */
bool harness_wait_until(bool (*cond)(void *arg), void *arg);
/* The same for "*p is at least n", loaded atomically. */
bool harness_wait_count(const unsigned int *p, unsigned int n);

/* Keep the CPU busy, or the thread asleep (never the loop's turn). */
void harness_spin(int64_t ns);
void harness_nap(int64_t ns);

/* CPU time of this process so far, in ns. */
int64_t harness_cpu(void);

/* Open descriptors and threads of this process, resident memory in bytes. */
int harness_descriptors(void);
int harness_threads(void);
size_t harness_resident(void);

/*
 * A test that is a fiber of a loop with default options:
 *
 *	HARNESS_FIBER_TEST(adds)
 *	{
 *		ck_assert_int_eq(eider_call(add, &pair), 3);
 *		return 0;
 *	}
 */
#define HARNESS_FIBER_TEST(name) HARNESS_FIBER_TEST_WITH(name, NULL)

/* With other options, e.g. &one_worker or HARNESS_OPTIONS(.loops = 2). */
#define HARNESS_FIBER_TEST_WITH(name, options)                                 \
	static long name##_body(void *arg);                                    \
	START_TEST(name)                                                       \
	{                                                                      \
		harness_in_loop(name##_body, NULL, options);                   \
	}                                                                      \
	END_TEST                                                               \
	static long name##_body(__attribute__((unused)) void *arg)

/* Options of which one or two matter. */
#define HARNESS_OPTIONS(...)                                                   \
	(&(const struct eider_options){ .size = sizeof(struct eider_options),  \
					__VA_ARGS__ })

/* A connected pair of stream sockets. */
void harness_socketpair(int ret[2]);
/* A TCP socket that listens on 127.0.0.1, and a client that connects to it. */
int harness_listen(uint16_t *ret_port);
int harness_connect(uint16_t port);

/*
 * Run fn(arg) in a forked child, and return its wait status; what it wrote to
 * stdout and stderr is in @output, cut to @len. The child ends with exit status 0
 * if fn returns. Libcheck's assertions are of no use in there: abort() instead.
 */
int harness_in_child(void (*fn)(void *), void *arg, char *output, size_t len);

/* In tests' counters, which several threads use. */
#define harness_add(p, n) __atomic_add_fetch(p, n, __ATOMIC_SEQ_CST)
#define harness_get(p) __atomic_load_n(p, __ATOMIC_SEQ_CST)
#define harness_set(p, n) __atomic_store_n(p, n, __ATOMIC_SEQ_CST)

#endif
