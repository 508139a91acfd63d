/*
 * measure.c - see measure.h
 */
#include "measure.h"

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

void perf_print(const char *name, const char *system, const char *parameter,
		double value, const char *unit)
{
	printf("%s %s %s %.*f %s\n", name, system, parameter, value < 1000 ? 3 : 0,
	       value, unit);
	fflush(stdout);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

void perf_print_times(const char *name, const char *system, const char *parameter,
		      int64_t *ns, size_t n)
{
	char line[64];

	qsort(ns, n, sizeof(*ns), compare);
	snprintf(line, sizeof(line), "%s_p50", name);
	perf_print(line, system, parameter, (double)ns[n / 2] / 1000, "us");
	snprintf(line, sizeof(line), "%s_p99", name);
	perf_print(line, system, parameter, (double)ns[n - 1 - n / 100] / 1000,
		   "us");
}

long perf_arg(int argc, char **argv, int i, long otherwise)
{
	char *end;
	long n;

	if (i >= argc)
		return otherwise;
	n = strtol(argv[i], &end, 10);
	if (*end || n < 1) {
		fprintf(stderr, "%s: '%s' is not a number above 0\n", argv[0],
			argv[i]);
		exit(2);
	}
	return n;
}

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
