/*
 * harness.c - see harness.h
 *
 * The fixture is a checked one: libcheck runs it in the child, after the fork. It
 * counts descriptors and threads before the test and compares after it. Threads
 * may take a moment to be gone from /proc after they were joined, so they get two
 * seconds; a descriptor that is closed late is a leak, unless a thread was about
 * to close it: descriptors are counted when the threads have gone.
 *
 * A ring's descriptor can be closed and its memory not be free yet: the kernel
 * does that later. Counting descriptors does not see it, and it is no leak.
 */
#include "harness.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0
#endif

static int descriptors_before, threads_before;
static char temp_dir[160];

bool harness_under_valgrind(void)
{
	const char *under = getenv("EIDER_UNDER");

	return RUNNING_ON_VALGRIND || (under && !strcmp(under, "valgrind"));
}

static double slowness_here(void)
{
	if (harness_under_valgrind())
		return 20;
#ifdef __SANITIZE_THREAD__
	return 6;
#elif defined(__SANITIZE_ADDRESS__)
	return 4;
#else
	return 1;
#endif
}

double harness_slow(void)
{
	static double factor;
	const char *env = getenv("EIDER_TEST_SLOW");

	if (factor == 0) {
		factor = slowness_here();
		if (env && atof(env) >= 1)
			factor *= atof(env);
	}
	return factor;
}

unsigned int harness_count(unsigned int n, unsigned int least)
{
	unsigned int fewer = (unsigned int)(n / harness_slow());

	return fewer > least ? fewer : least;
}

static int count_entries(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	int n = 0;

	if (!d)
		return -1;
	while ((e = readdir(d)))
		n += e->d_name[0] != '.';
	closedir(d);
	return n;
}

int harness_descriptors(void)
{
	int n = count_entries("/proc/self/fd");

	return n - 1;		/* the one that reads the directory */
}

int harness_threads(void)
{
	return count_entries("/proc/self/task");
}

size_t harness_resident(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*u %lu", &pages), 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static int remove_entry(const char *path, const struct stat *st, int type,
			struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

static void remove_temp_dir(void)
{
	if (temp_dir[0])
		nftw(temp_dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
	temp_dir[0] = 0;
}

const char *harness_temp_dir(void)
{
	const char *base = getenv("TMPDIR");

	if (!temp_dir[0]) {
		snprintf(temp_dir, sizeof(temp_dir), "%s/eider-test-XXXXXX",
			 base ? base : "/tmp");
		if (!mkdtemp(temp_dir))
			ck_abort_msg("mkdtemp: %s", strerror(errno));
	}
	return temp_dir;
}

const char *harness_temp_file(const char *name)
{
	static char paths[4][256];
	static unsigned int n;
	char *path = paths[n++ % 4];

	snprintf(path, sizeof(paths[0]), "%s/%s", harness_temp_dir(), name);
	return path;
}

#ifdef __SANITIZE_THREAD__
static void *return_null(void *arg)
{
	(void)arg;
	return NULL;
}
#endif

/* ThreadSanitizer starts a thread of its own with the first of ours: not a leak. */
static void have_first_thread(void)
{
#ifdef __SANITIZE_THREAD__
	pthread_t thread;

	if (!pthread_create(&thread, NULL, return_null, NULL))
		pthread_join(thread, NULL);
#endif
}

static void count_before(void)
{
	have_first_thread();
	descriptors_before = harness_descriptors();
	threads_before = harness_threads();
}

static bool threads_are_back(void *arg)
{
	(void)arg;
	return harness_threads() <= threads_before;
}

static void compare_after(void)
{
	int64_t patience = eider_after((int64_t)(2 * HARNESS_S * harness_slow()));

	remove_temp_dir();
	while (!threads_are_back(NULL) && eider_now() < patience)
		harness_nap(HARNESS_MS);
	ck_assert_msg(threads_are_back(NULL), "threads leaked: %d before, %d after",
		      threads_before, harness_threads());
	ck_assert_msg(harness_descriptors() == descriptors_before,
		      "descriptors leaked: %d before, %d after",
		      descriptors_before, harness_descriptors());
}

void harness_timeout(TCase *t, double seconds)
{
	tcase_set_timeout(t, seconds * harness_slow());
}

TCase *harness_case(Suite *s, const char *name)
{
	TCase *t = tcase_create(name);

	tcase_add_checked_fixture(t, count_before, compare_after);
	harness_timeout(t, 60);
	suite_add_tcase(s, t);
	return t;
}

int harness_run(Suite *s)
{
	SRunner *runner = srunner_create(s);
	int failed;

	/* A line that a child has not written yet must not be written twice. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

void harness_skip(const char *reason)
{
	printf("skipped: %s\n", reason);
	exit(77);
}

long harness_in_loop(eider_fn *body, void *arg, const struct eider_options *options)
{
	long result = eider_run(body, arg, options);

	ck_assert_msg(result >= 0, "eider_run: %ld (%s)", result,
		      eider_strerror((int)result));
	return result;
}

static void get_features(struct eider_features *ret)
{
	struct eider_executor *executor;
	int err = eider_executor_new(NULL, &executor);

	ck_assert_msg(!err, "eider_executor_new: %s", eider_strerror(err));
	eider_executor_features(executor, ret);
	eider_executor_free(executor);
}

bool harness_has(enum eider_feature f)
{
	struct eider_features features;

	get_features(&features);
	return features.of[f].state == EIDER_FEATURE_YES;
}

enum eider_doorbell harness_doorbell(void)
{
	struct eider_features features;

	get_features(&features);
	return features.doorbell;
}

enum eider_delivery harness_delivery(void)
{
	struct eider_features features;

	get_features(&features);
	return features.delivery;
}

void harness_nap(int64_t ns)
{
	struct timespec ts = { ns / HARNESS_S, ns % HARNESS_S };

	while (clock_nanosleep(CLOCK_MONOTONIC, 0, &ts, &ts) == EINTR)
		;
}

void harness_spin(int64_t ns)
{
	int64_t end = eider_after(ns);

	while (eider_now() < end)
		;
}

int64_t harness_cpu(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * HARNESS_S + ts.tv_nsec;
}

bool harness_wait_until(bool (*cond)(void *arg), void *arg)
{
	int64_t end = eider_after((int64_t)(30 * HARNESS_S * harness_slow()));

	while (!cond(arg)) {
		if (eider_now() >= end)
			return false;
		if (!eider_in_fiber())
			harness_nap(HARNESS_MS);
		else if (eider_sleep_until(eider_after(HARNESS_MS)) < 0)
			return cond(arg);
	}
	return true;
}

struct at_least {
	const unsigned int *p;
	unsigned int n;
};

static bool is_at_least(void *arg)
{
	struct at_least *a = arg;

	return harness_get(a->p) >= a->n;
}

bool harness_wait_count(const unsigned int *p, unsigned int n)
{
	struct at_least a = { p, n };

	return harness_wait_until(is_at_least, &a);
}

void harness_socketpair(int ret[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ret))
		ck_abort_msg("socketpair: %s", strerror(errno));
}

int harness_listen(uint16_t *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) ||
	    listen(fd, 4096) || getsockname(fd, (struct sockaddr *)&a, &len))
		ck_abort_msg("listen: %s", strerror(errno));
	*ret_port = ntohs(a.sin_port);
	return fd;
}

int harness_connect(uint16_t port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)))
		ck_abort_msg("connect: %s", strerror(errno));
	return fd;
}

/* All that comes from @fd, cut to @len with the final NUL. */
static void read_output(int fd, char *output, size_t len)
{
	char rest[256];
	size_t have = 0;
	ssize_t n = 1;

	while (n > 0 && have + 1 < len) {
		n = read(fd, output + have, len - 1 - have);
		have += n > 0 ? (size_t)n : 0;
	}
	if (len)
		output[have] = 0;
	while (n > 0)
		n = read(fd, rest, sizeof(rest));
}

int harness_in_child(void (*fn)(void *), void *arg, char *output, size_t len)
{
	int out[2], status;
	pid_t pid;

	if (pipe(out) || (pid = fork()) < 0)
		ck_abort_msg("fork: %s", strerror(errno));
	if (!pid) {
		struct rlimit none = { 0, 0 };

		setrlimit(RLIMIT_CORE, &none);
		dup2(out[1], STDOUT_FILENO);
		dup2(out[1], STDERR_FILENO);
		close(out[0]);
		close(out[1]);
		fn(arg);
		fflush(NULL);
		_exit(0);
	}
	close(out[1]);
	read_output(out[0], output, len);
	close(out[0]);
	if (waitpid(pid, &status, 0) != pid)
		ck_abort_msg("waitpid: %s", strerror(errno));
	return status;
}
