/*
 * measure.h - what every benchmark needs, Eider's and the peers' alike
 *
 * A benchmark prints lines of five words,
 *
 *	name system parameter value unit
 *
 * and nothing else, so that perf/run can put those of many runs together. Lines
 * with the same name and parameter and another system are compared.
 */
#ifndef EIDER_PERF_MEASURE_H
#define EIDER_PERF_MEASURE_H

#include <stddef.h>
#include <stdint.h>

/* A moment: the clock, and what the process has used so far. */
struct perf_moment {
	int64_t wall_ns;
	int64_t cpu_ns; /* user and system, all threads */
};

void perf_now(struct perf_moment *ret_moment);

/* CLOCK_MONOTONIC, in ns. */
int64_t perf_clock(void);

void perf_print(const char *name, const char *system, const char *parameter,
		double value, const char *unit);

/* Print name NAME_p50 and NAME_p99, in us, of @n times in ns. Sorts them. */
void perf_print_times(const char *name, const char *system, const char *parameter,
		      int64_t *ns, size_t n);

/* The @i-th argument as a number of at least 1, or @otherwise if there is none. */
long perf_arg(int argc, char **argv, int i, long otherwise);

/* End the program with a word if @err is negative, a -errno. */
void perf_check(long err, const char *what);

/* Zeroed memory; ends the program if there is none. */
void *perf_alloc(size_t n, size_t size);

#endif
