/*
 * stats_print.c - numbers as Prometheus text
 *
 * The exposition format, version 0.0.4: for each name the lines # HELP and # TYPE once,
 * then all its samples in a row. Numbers are written from integers, digit by digit: a
 * locale changes nothing, and no nanosecond is lost.
 *
 * Buckets. A histogram of ours has 304, a page of Prometheus has one of them for each
 * power of two. What is counted up to an edge of 2^k ns is shorter than that, so the
 * bound that is written, which counts as within, is 2^k - 1 ns.
 *
 * Names of pools are the user's, and may be the same twice: so they have the index as
 * well.
 */
#include <eider/stats.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum {
	LE_FIRST = 10,			/* 2^10 ns: 1 us */
	LE_LAST = 36,			/* 69 s */
};

#define NS_PER_S UINT64_C(1000000000)

/* ---- histograms ---- */

static void print_seconds(uint64_t ns, FILE *file)
{
	fprintf(file, "%" PRIu64 ".%09" PRIu64, ns / NS_PER_S, ns % NS_PER_S);
}

/* All of @h that is shorter than @end. */
static uint64_t count_below(const struct eider_histogram *h, int64_t end,
			    unsigned int *i, uint64_t count)
{
	while (*i < EIDER_HISTOGRAM_BUCKETS && eider_histogram_bound(*i) < end)
		count += h->buckets[(*i)++];
	return count;
}

static void print_labels(const char *labels, FILE *file)
{
	if (*labels)
		fprintf(file, "{%s}", labels);
}

int eider_histogram_print(const struct eider_histogram *h, const char *name,
			  const char *labels, FILE *file)
{
	struct eider_histogram now = { 0 };
	const char *comma = *labels ? "," : "";
	uint64_t below = 0;
	unsigned int i = 0;

	eider_histogram_add(&now, h);
	for (int k = LE_FIRST; k <= LE_LAST; k++) {
		uint64_t end = UINT64_C(1) << k;

		below = count_below(&now, (int64_t)end, &i, below);
		fprintf(file, "%s_bucket{%s%sle=\"", name, labels, comma);
		print_seconds(end - 1, file);
		fprintf(file, "\"} %" PRIu64 "\n", below);
	}
	fprintf(file, "%s_bucket{%s%sle=\"+Inf\"} %" PRIu64 "\n%s_sum", name, labels,
		comma, now.count, name);
	print_labels(labels, file);
	fputc(' ', file);
	print_seconds(now.sum_ns, file);
	fprintf(file, "\n%s_count", name);
	print_labels(labels, file);
	fprintf(file, " %" PRIu64 "\n", now.count);
	return ferror(file) ? -EIO : 0;
}

static void print_head(const char *name, const char *type, const char *help,
		       FILE *file)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void print_sampled(const struct eider_histogram *h, const char *name,
			  const char *help, FILE *file)
{
	print_head(name, "histogram", help, file);
	(void)eider_histogram_print(h, name, "", file);	/* the last look tells */
}

/* ---- counters and gauges ---- */

/* One name: where its number is in each row. */
struct metric {
	const char *name;		/* a counter's ends in _total */
	const char *help;
	size_t offset, size;
};

/* What has rows, and how they are told apart. */
struct table {
	const char *rows;
	size_t row_size;
	unsigned int row_count;
	void (*print_labels)(const void *row, unsigned int index, FILE *file);
};

static uint64_t number_at(const char *row, const struct metric *m)
{
	unsigned int narrow;
	uint64_t wide;

	if (m->size == sizeof(narrow)) {
		memcpy(&narrow, row + m->offset, sizeof(narrow));
		return narrow;
	}
	memcpy(&wide, row + m->offset, sizeof(wide));
	return wide;
}

static const char *type_of(const char *name)
{
	size_t len = strlen(name), suffix = strlen("_total");

	return len > suffix && !strcmp(name + len - suffix, "_total") ? "counter" :
									 "gauge";
}

static void print_metrics(const struct metric *metrics, size_t n,
			  const struct table *t, FILE *file)
{
	for (const struct metric *m = metrics; m < metrics + n; m++) {
		const char *row = t->rows;

		print_head(m->name, type_of(m->name), m->help, file);
		for (unsigned int i = 0; i < t->row_count; i++, row += t->row_size) {
			fputs(m->name, file);
			t->print_labels(row, i, file);
			fprintf(file, " %" PRIu64 "\n", number_at(row, m));
		}
	}
}

/* What a value may not have in it as it is: the quote, the backslash, a new line. */
static void print_escaped(const char *value, FILE *file)
{
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			fputc('\\', file);
		if (*value == '\n')
			fputs("\\n", file);
		else
			fputc(*value, file);
	}
}

static void print_pool_labels(const char *name, unsigned int index, FILE *file)
{
	fputs("{pool=\"", file);
	print_escaped(name, file);
	fprintf(file, "\",index=\"%u\"}", index);
}

#define METRIC(type, member, metric_name, help_text)                                  \
	{ metric_name, help_text, offsetof(type, member), sizeof(((type *)0)->member) }

/* ---- loops ---- */

#define LOOP(member, name, help) METRIC(struct eider_loop_stats, member, name, help)

static const struct metric loop_metrics[] = {
	LOOP(turns, "eider_loop_turns_total", "Turns of the loop."),
	LOOP(sleeps, "eider_loop_sleeps_total", "Turns that waited in the kernel."),
	LOOP(links, "eider_loop_links_total", "Fibers resumed and callbacks run."),
	LOOP(jobs_started, "eider_loop_jobs_started_total", "Jobs accepted."),
	LOOP(jobs_done, "eider_loop_jobs_done_total", "Jobs that became done."),
	LOOP(ops_started, "eider_loop_ops_started_total", "Kernel operations started."),
	LOOP(ops_done, "eider_loop_ops_done_total", "Kernel operations done."),
	LOOP(fibers, "eider_loop_fibers", "Fibers that have not returned."),
	LOOP(ready, "eider_loop_ready", "What is to be run, at the end of a turn."),
};

static void print_loop_labels(const void *row, unsigned int index, FILE *file)
{
	const struct eider_loop_stats *l = row;

	(void)index;
	fprintf(file, "{loop=\"%u\"}", l->number);
}

/* ---- pools ---- */

#define POOL(member, name, help) METRIC(struct eider_pool_stats, member, name, help)

static const struct metric pool_metrics[] = {
	POOL(jobs_done, "eider_pool_jobs_done_total", "Functions that have returned."),
	POOL(queued, "eider_pool_queued", "Jobs that no worker has taken."),
	POOL(threads, "eider_pool_threads", "Workers."),
	POOL(idle, "eider_pool_threads_idle", "Workers with nothing to do."),
	POOL(threads_max, "eider_pool_threads_max", "Workers there may be."),
};

static void print_pool(const void *row, unsigned int index, FILE *file)
{
	print_pool_labels(((const struct eider_pool_stats *)row)->name, index, file);
}

/* ---- transaction pools ---- */

#define TXN(member, name, help) METRIC(struct eider_txn_pool_stats, member, name, help)

static const struct metric txn_pool_metrics[] = {
	TXN(leases, "eider_txn_pool_leases_total", "Contexts that got a thread."),
	TXN(jobs_done, "eider_txn_pool_jobs_done_total",
	    "Functions that have returned."),
	TXN(waiting, "eider_txn_pool_waiting", "Contexts and jobs that wait for one."),
	TXN(threads, "eider_txn_pool_threads", "Transaction threads."),
	TXN(leased, "eider_txn_pool_threads_leased", "Those that a context has."),
	TXN(bound, "eider_txn_pool_threads_bound", "Those of a name, not leased."),
	TXN(general, "eider_txn_pool_threads_general", "Those that are neither."),
	TXN(idle, "eider_txn_pool_threads_idle", "General ones with nothing to do."),
	TXN(threads_max, "eider_txn_pool_threads_max", "Threads there may be."),
};

static void print_txn_pool(const void *row, unsigned int index, FILE *file)
{
	print_pool_labels(((const struct eider_txn_pool_stats *)row)->name, index,
			  file);
}

/* Who has had a thread for longest: what holds up those that wait. */
static void print_oldest_leases(const struct eider_stats *s, FILE *file)
{
	static const char name[] = "eider_txn_pool_oldest_lease_seconds";

	print_head(name, "gauge", "How long the oldest lease has been held.", file);
	for (unsigned int i = 0; i < s->txn_pool_count; i++) {
		int64_t oldest = 0;

		for (unsigned int k = 0; k < s->thread_count; k++)
			if (s->threads[k].pool == i &&
			    s->threads[k].context_ns > oldest)
				oldest = s->threads[k].context_ns;
		fputs(name, file);
		print_txn_pool(&s->txn_pools[i], i, file);
		fputc(' ', file);
		print_seconds((uint64_t)oldest, file);
		fputc('\n', file);
	}
}

/* ---- all ---- */

#define COUNT_OF(a) (sizeof(a) / sizeof((a)[0]))

int eider_stats_print(const struct eider_stats *s, FILE *file)
{
	const struct table loops = {
		(const char *)s->loops, sizeof(s->loops[0]), s->loop_count,
		print_loop_labels,
	};
	const struct table pools = {
		(const char *)s->pools, sizeof(s->pools[0]), s->pool_count, print_pool,
	};
	const struct table txn_pools = {
		(const char *)s->txn_pools, sizeof(s->txn_pools[0]),
		s->txn_pool_count, print_txn_pool,
	};

	print_metrics(loop_metrics, COUNT_OF(loop_metrics), &loops, file);
	print_metrics(pool_metrics, COUNT_OF(pool_metrics), &pools, file);
	print_metrics(txn_pool_metrics, COUNT_OF(txn_pool_metrics), &txn_pools, file);
	print_oldest_leases(s, file);
	print_sampled(&s->queue_wait, "eider_job_queue_wait_seconds",
		      "From the start of a job to its function, sampled.", file);
	print_sampled(&s->run, "eider_job_run_seconds",
		      "From a function's call to its return, sampled.", file);
	print_sampled(&s->deliver, "eider_job_deliver_seconds",
		      "From a function's return to its loop, sampled.", file);
	return ferror(file) ? -EIO : 0;
}
