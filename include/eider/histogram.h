/*
 * histogram.h - how long things took
 *
 * Counts durations in buckets that are each an eighth of a power of two wide: from 1 ns
 * to 18 minutes, a quantile is too large by an eighth at most, and below 16 ns by
 * nothing (the idea is HdrHistogram's). Recording is three additions, without a lock.
 *
 * Threads	One thread records; any thread may read at the same time, and sees each
 *		counter at some recent moment.
 */
#ifndef EIDER_HISTOGRAM_H
#define EIDER_HISTOGRAM_H

#include <stdio.h>

#include <eider/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { EIDER_HISTOGRAM_BUCKETS = 304 };

/* All zero is an empty one. */
struct eider_histogram {
	uint64_t count;
	uint64_t sum_ns;
	uint64_t buckets[EIDER_HISTOGRAM_BUCKETS];
};

/* [its thread] One more of @ns; less than 0 is 0, and the last bucket has no end. */
EIDER_API void eider_histogram_record(struct eider_histogram *h, int64_t ns);

/*
 * [any] Add all of @from to @to, which is the caller's. To read one that is being
 * written, add it to an empty one: there, count is the sum of the buckets.
 */
EIDER_API void eider_histogram_add(struct eider_histogram *to,
				   const struct eider_histogram *from);

/*
 * [any] What a share of @q (0 to 1) of all were at most, in ns: the upper edge of the
 * bucket that it is in, or the lower one of the last. 0 if there are none.
 */
EIDER_API int64_t eider_histogram_quantile(const struct eider_histogram *h, double q);

/*
 * [any] The first duration of bucket @i, in ns; the last before it is in bucket @i - 1.
 * INT64_MAX if there is no bucket @i.
 */
EIDER_API int64_t eider_histogram_bound(unsigned int i);

/*
 * [any] Write @h as a Prometheus histogram in seconds: the lines NAME_bucket, with a
 * bound for each power of two of nanoseconds from 1 us to 69 s, NAME_sum and
 * NAME_count. @labels are those to have in front of le, a="b",c="d" with what is in
 * the quotes escaped, or "". The lines # HELP and # TYPE, which come once for a name,
 * are the caller's to write. 0, or -EIO if @file has an error.
 */
EIDER_API int eider_histogram_print(const struct eider_histogram *h, const char *name,
				    const char *labels, FILE *file);

#ifdef __cplusplus
}
#endif

#endif
