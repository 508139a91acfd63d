/*
 * histogram.c - buckets that grow with what is in them
 *
 *	ns	0 1 2 ... 7 | 8 9 ... 15 | 16 18 ... 30 | 32 36 ... 60 | ...
 *	bucket	0 1 2 ... 7 | 8 9 ... 15 | 16 17 ... 23 | 24 25 ... 31 | ... 303
 *
 * Eight buckets for each power of two: the exponent of a duration says which eight, the
 * three bits behind its first say which of them. The last begins at 15/16 of 2^40 ns.
 *
 * Readers. There is one writer, so an addition is a load and a store, relaxed. A reader
 * in between may see a count without its bucket; so whoever reads takes the sum of the
 * buckets for the count, and buckets never fall.
 */
#include <eider/histogram.h>

#include "base/atomics.h"

enum {
	BITS = 3,			/* behind the first: which of EIGHT */
	EIGHT = 1 << BITS,
	LAST = EIDER_HISTOGRAM_BUCKETS - 1,
};

static unsigned int bucket_of(uint64_t ns)
{
	unsigned int exponent, i;

	if (ns < EIGHT)
		return (unsigned int)ns;
	exponent = 63 - (unsigned int)__builtin_clzll(ns);
	i = (exponent - BITS) * EIGHT + (unsigned int)(ns >> (exponent - BITS));
	return i < LAST ? i : LAST;
}

int64_t eider_histogram_bound(unsigned int i)
{
	if (i > LAST)
		return INT64_MAX;
	if (i < EIGHT)
		return i;
	return (int64_t)(EIGHT + i % EIGHT) << (i / EIGHT - 1);
}

void eider_histogram_record(struct eider_histogram *h, int64_t ns)
{
	uint64_t n = ns > 0 ? (uint64_t)ns : 0;
	unsigned int i = bucket_of(n);

	eider__count(&h->buckets[i], 1);
	eider__count(&h->sum_ns, n);
	eider__count(&h->count, 1);
}

void eider_histogram_add(struct eider_histogram *to, const struct eider_histogram *from)
{
	if (!eider__load_relaxed(&from->count))
		return;		/* it may be about to have its first */
	for (unsigned int i = 0; i < EIDER_HISTOGRAM_BUCKETS; i++) {
		uint64_t n = eider__load_relaxed(&from->buckets[i]);

		to->buckets[i] += n;
		to->count += n;
	}
	to->sum_ns += eider__load_relaxed(&from->sum_ns);
}

static uint64_t count_all(const struct eider_histogram *h)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < EIDER_HISTOGRAM_BUCKETS; i++)
		n += eider__load_relaxed(&h->buckets[i]);
	return n;
}

/* How many of @n are a share of @q: 1 to @n. */
static uint64_t rank_of(double q, uint64_t n)
{
	double exact = q * (double)n;
	uint64_t rank;

	if (!(exact > 1))		/* or no number */
		return 1;
	if (q >= 1)
		return n;
	rank = (uint64_t)exact;
	/* Up, but 0.07 of 100 is 7, though the product is a little more. */
	rank += exact - (double)rank > exact * 1e-12;
	return rank < n ? rank : n;
}

int64_t eider_histogram_quantile(const struct eider_histogram *h, double q)
{
	uint64_t n = count_all(h), seen = 0, rank;
	unsigned int i = 0;

	if (!n)
		return 0;
	rank = rank_of(q, n);
	while (i < LAST) {
		seen += eider__load_relaxed(&h->buckets[i]);
		if (seen >= rank)
			return eider_histogram_bound(i + 1) - 1;
		i++;
	}
	return eider_histogram_bound(LAST);
}
