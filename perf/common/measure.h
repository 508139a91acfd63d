/*
 * measure.h - what every benchmark program needs, Eider's and the peers' alike
 *
 * There is a program for each system, and all take the same command line,
 *
 *	bench_SYSTEM version | list | WORK KEY=VALUE...
 *
 * which README.md describes. A program is a table of works given to perf_main(). A
 * work prints lines of five words,
 *
 *	name system parameter value unit
 *
 * and nothing else, so that perf/run can put those of many runs together. Lines with
 * the same name and parameter and another system are compared.
 */
#ifndef EIDER_PERF_MEASURE_H
#define EIDER_PERF_MEASURE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- the program ---- */

enum {
	PERF_KEYS_MAX = 8,
};

/*
 * A work, and the keys that it takes, each with the value it has if it is not given.
 * The order is that of the parameter; a key that begins with '.' (".count") is not
 * part of that. A row without a name ends a table.
 */
struct perf_work {
	const char *name;
	void (*run)(void);
	struct perf_key {
		const char *name;
		long value;
	} keys[PERF_KEYS_MAX];
};

/* What main() returns. @version is the line that "version" prints. */
int perf_main(int argc, char **argv, const char *version,
	      const struct perf_work *works);

/* The value of key @name, without its '.', of the work that runs. */
long perf_get(const char *name);

/*
 * A line. The parameter is that of the command line: "workers=1,inflight=64". @system
 * has no blanks.
 */
void perf_print(const char *name, const char *system, double value,
		const char *unit);

/* For programs with a command line of their own. */
void perf_set_parameter(const char *parameter);

/* Lines NAME_p01 to NAME_p999 and NAME_max, in us, of @n times in ns. Sorts them. */
void perf_print_times(const char *name, const char *system, int64_t *ns, size_t n);

/* ---- time ---- */

/* A moment: the clock, and what the process has used so far. */
struct perf_moment {
	int64_t wall_ns;
	int64_t cpu_ns; /* user and system, all threads */
};

void perf_now(struct perf_moment *ret_moment);

/* CLOCK_MONOTONIC, in ns. */
int64_t perf_clock(void);

void perf_sleep_ms(long ms);

/*
 * Lines NAME (jobs/s) and NAME_cpu (ns/job) of @count jobs done between two moments.
 */
void perf_print_rate(const char *name, const char *system, uint64_t count,
		     const struct perf_moment *start, const struct perf_moment *end);

/* ---- work that takes its time ---- */

/* Compute: @rounds steps that no compiler leaves out. Not a wait for a clock. */
void perf_spin(long rounds);

/*
 * How many rounds take @ns, with as many threads at it as @threads, or as there are
 * CPUs if that is less: two CPUs may be one core. *@ret_threads is how many it were.
 */
long perf_calibrate(long ns, long threads, long *ret_threads);

/* ---- memory ---- */

/* Resident bytes of this process, as exact as the kernel can say it. */
long perf_resident(void);
/* The most since perf_reset_peak(). */
long perf_peak(void);
void perf_reset_peak(void);
/* Lines of /proc/self/maps. */
long perf_maps(void);

/* ---- errors: all end the program with a word ---- */

/* If @err is negative, a -errno. */
void perf_check(long err, const char *what);

/* Zeroed memory that was not touched yet if it is much. */
void *perf_alloc(size_t n, size_t size);

/* The i-th argument, of those programs that take a plain row of numbers. */
long perf_arg(int argc, char **argv, int i, long otherwise);

#ifdef __cplusplus
}
#endif

#endif
