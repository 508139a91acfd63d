/*
 * measure.c - moments, memory, and work that takes its time (see measure.h)
 */
#include "measure.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

int64_t perf_clock(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t in_ns(struct timeval tv)
{
	return (int64_t)tv.tv_sec * 1000000000 + (int64_t)tv.tv_usec * 1000;
}

void perf_now(struct perf_moment *ret_moment)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	ret_moment->cpu_ns = in_ns(usage.ru_utime) + in_ns(usage.ru_stime);
	ret_moment->wall_ns = perf_clock();
}

void perf_sleep_ms(long ms)
{
	struct timespec ts = { ms / 1000, ms % 1000 * 1000000 };

	while (nanosleep(&ts, &ts) < 0 && errno == EINTR)
		;
}

void perf_print_rate(const char *name, const char *system, uint64_t count,
		     const struct perf_moment *start, const struct perf_moment *end)
{
	char line[64];

	snprintf(line, sizeof(line), "%s_cpu", name);
	perf_print(name, system,
		   (double)count * 1e9 / (double)(end->wall_ns - start->wall_ns),
		   "jobs/s");
	perf_print(line, system,
		   (double)(end->cpu_ns - start->cpu_ns) / (double)count, "ns/job");
}

/* ---- work that takes its time ---- */

void perf_spin(long rounds)
{
	uint64_t x = 88172645463325252u;

	for (long i = 0; i < rounds; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		__asm__ volatile("" : "+r"(x));
	}
}

enum {
	CALIBRATION_RUNS = 5,
	CALIBRATION_NS = 20000000,
	THREADS_MAX = 64,
};

struct calibration {
	pthread_barrier_t start;
	double best;	/* rounds in a ns; under lock */
	pthread_mutex_t lock;
};

/* Of the thread's own time: others may have the CPU meanwhile. */
static int64_t clock_of_thread(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static double spin_for_a_while(void)
{
	int64_t start = clock_of_thread(), end;
	long rounds = 0;

	do {
		perf_spin(10000);
		rounds += 10000;
		end = clock_of_thread();
	} while (end - start < CALIBRATION_NS);
	return (double)rounds / (double)(end - start);
}

static void *calibrate(void *arg)
{
	struct calibration *c = arg;

	for (int i = 0; i < CALIBRATION_RUNS; i++) {
		double speed;

		pthread_barrier_wait(&c->start);
		speed = spin_for_a_while();
		pthread_mutex_lock(&c->lock);
		if (speed > c->best)
			c->best = speed;
		pthread_mutex_unlock(&c->lock);
	}
	return NULL;
}

static long count_cpus(void)
{
	cpu_set_t cpus;

	if (sched_getaffinity(0, sizeof(cpus), &cpus) < 0)
		perf_check(-errno, "sched_getaffinity");
	return CPU_COUNT(&cpus);
}

long perf_calibrate(long ns, long threads, long *ret_threads)
{
	struct calibration c = { .lock = PTHREAD_MUTEX_INITIALIZER };
	long cpus = count_cpus(), n = threads < cpus ? threads : cpus;
	pthread_t thread[THREADS_MAX];

	if (n > THREADS_MAX)
		n = THREADS_MAX;
	pthread_barrier_init(&c.start, NULL, (unsigned int)n);
	for (long i = 0; i < n; i++)
		perf_check(-pthread_create(&thread[i], NULL, calibrate, &c),
			   "pthread_create");
	for (long i = 0; i < n; i++)
		pthread_join(thread[i], NULL);
	pthread_barrier_destroy(&c.start);
	*ret_threads = n;
	return (long)(c.best * (double)ns) + 1;
}

/* ---- memory ---- */

/* The number behind @name in @file, in kB there, in bytes here. */
static long read_kb(const char *file, const char *name)
{
	FILE *f = fopen(file, "r");
	size_t length = strlen(name);
	char line[256];
	long kb = -1;

	if (!f)
		perf_check(-errno, file);
	while (kb < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, name, length))
			kb = strtol(line + length, NULL, 10);
	fclose(f);
	if (kb < 0)
		perf_check(-ENODATA, file);
	return kb * 1024;
}

long perf_resident(void)
{
	return read_kb("/proc/self/smaps_rollup", "Rss:");
}

long perf_peak(void)
{
	return read_kb("/proc/self/status", "VmHWM:");
}

void perf_reset_peak(void)
{
	FILE *f = fopen("/proc/self/clear_refs", "w");

	if (!f || fputs("5", f) < 0 || fclose(f))
		perf_check(-errno, "/proc/self/clear_refs");
}

long perf_maps(void)
{
	FILE *f = fopen("/proc/self/maps", "r");
	long lines = 0;
	int c;

	if (!f)
		perf_check(-errno, "/proc/self/maps");
	while ((c = getc(f)) != EOF)
		lines += c == '\n';
	fclose(f);
	return lines;
}

/* ---- errors ---- */

void perf_check(long err, const char *what)
{
	if (err >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, strerror((int)-err));
	exit(1);
}

void *perf_alloc(size_t n, size_t size)
{
	void *memory = calloc(n, size);

	if (!memory) {
		fprintf(stderr, "no memory for %zu x %zu bytes\n", n, size);
		exit(1);
	}
	return memory;
}
