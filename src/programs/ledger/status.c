/*
 * status.c - what the server counts, and /status
 *
 * Each loop has a tally of its own, that its thread alone writes: counting is an
 * addition, without a lock or a shared cache line. Who prints adds up all of them. A
 * sum is not of one moment, and need not be: each number in it is that of a recent one.
 *
 *	lock	the list of tallies; held for a look or an insertion, never while
 *		anything is printed or a fiber waits
 *
 * Tallies are never removed one by one, so a pointer to one stays good.
 */
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <eider/stats.h>

#include "api.h"

#define READ(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
/* One writer: so this need not be one step. */
#define COUNT(x) __atomic_store_n(&(x), (x) + 1, __ATOMIC_RELAXED)

struct entry {
	struct tally tally;
	struct entry *next;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
/* Under lock; in the order they were added. */
static struct entry *entries;
static int64_t started;

static const char *const route_names[ROUTE_COUNT] = {
	[ROUTE_OPEN_ACCOUNT] = "POST /accounts",
	[ROUTE_GET_ACCOUNT] = "GET /accounts/ID",
	[ROUTE_TRANSFER] = "POST /transfers",
	[ROUTE_LIST_TRANSFERS] = "GET /transfers",
	[ROUTE_REPORT] = "GET /report",
	[ROUTE_HEALTH] = "GET /health",
	[ROUTE_METRICS] = "GET /metrics",
	[ROUTE_STATUS] = "GET /status",
	[ROUTE_PAGE] = "GET /",
	[ROUTE_OTHER] = "other",
};

/* --- counting -------------------------------------------------------------- */

struct tally *status_add_loop(void)
{
	struct entry *new = calloc(1, sizeof(*new));
	struct entry **end = &entries;

	if (!new)
		return NULL;
	pthread_mutex_lock(&lock);
	if (!entries)
		started = eider_now();
	while (*end)
		end = &(*end)->next;
	*end = new;
	pthread_mutex_unlock(&lock);
	return &new->tally;
}

void status_release(void)
{
	struct entry *next;

	pthread_mutex_lock(&lock);
	for (; entries; entries = next) {
		next = entries->next;
		free(entries);
	}
	pthread_mutex_unlock(&lock);
}

void status_count(struct tally *tally, enum route route, unsigned int http_status,
		  int64_t ns)
{
	if (http_status >= 500)
		COUNT(tally->routes[route].server_errors);
	else if (http_status >= 400)
		COUNT(tally->routes[route].client_errors);
	eider_histogram_record(&tally->routes[route].time, ns);
}

const char *status_route_name(enum route route)
{
	return route_names[route];
}

static void add_tally(struct tally *to, const struct tally *from)
{
	to->accepted += READ(from->accepted);
	to->refused += READ(from->refused);
	to->open += READ(from->open);
	for (int i = 0; i < ROUTE_COUNT; i++) {
		to->routes[i].client_errors += READ(from->routes[i].client_errors);
		to->routes[i].server_errors += READ(from->routes[i].server_errors);
		eider_histogram_add(&to->routes[i].time, &from->routes[i].time);
	}
}

struct tally *status_sum(void)
{
	struct tally *sum = calloc(1, sizeof(*sum));

	if (!sum)
		return NULL;
	pthread_mutex_lock(&lock);
	for (const struct entry *e = entries; e; e = e->next)
		add_tally(sum, &e->tally);
	pthread_mutex_unlock(&lock);
	return sum;
}

uint64_t status_loop_open(unsigned int index)
{
	const struct entry *e;
	uint64_t open;

	pthread_mutex_lock(&lock);
	for (e = entries; e && index; e = e->next)
		index--;
	open = e ? READ(e->tally.open) : 0;
	pthread_mutex_unlock(&lock);
	return open;
}

int64_t status_uptime(void)
{
	int64_t ns;

	pthread_mutex_lock(&lock);
	ns = entries ? eider_now() - started : 0;
	pthread_mutex_unlock(&lock);
	return ns;
}

/* --- JSON ------------------------------------------------------------------ */

/* The bytes of the UTF-8 character that @s begins with; 0 if it is none. */
static unsigned int character_len(const unsigned char *s)
{
	unsigned int len = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 :
			   s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	for (unsigned int i = 1; i < len; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) ||
	    (s[0] == 0xf0 && s[1] < 0x90) || (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return len;
}

/* Names are cut to a number of bytes, so a character may be in pieces: '?'. */
static void put_text(FILE *file, const char *text)
{
	const unsigned char *s = (const unsigned char *)text;
	unsigned int len;

	fputc('"', file);
	for (; *s; s += len ? len : 1) {
		len = character_len(s);
		if (!len)
			fputc('?', file);
		else if (*s == '"' || *s == '\\')
			fprintf(file, "\\%c", *s);
		else if (*s < 0x20)
			fprintf(file, "\\u%04x", *s);
		else
			fwrite(s, 1, len, file);
	}
	fputc('"', file);
}

/* What is between the braces: the histogram's count aside. */
static void put_times(FILE *file, const struct eider_histogram *h)
{
	static const struct { const char *name; double q; } shares[] = {
		{ "p50_us", 0.5 }, { "p90_us", 0.9 }, { "p99_us", 0.99 },
		{ "p999_us", 0.999 },
	};
	const char *comma = "";

	for (size_t i = 0; i < sizeof(shares) / sizeof(shares[0]); i++)
		fprintf(file, "\"%s\": %.3f, ", shares[i].name,
			(double)eider_histogram_quantile(h, shares[i].q) / 1e3);
	fputs("\"buckets\": [", file);
	for (unsigned int i = 0; i < EIDER_HISTOGRAM_BUCKETS; i++) {
		unsigned int end = i + 1 < EIDER_HISTOGRAM_BUCKETS ? i + 1 : i;

		if (!h->buckets[i])
			continue;
		fprintf(file, "%s[%.3f, %" PRIu64 "]", comma,
			(double)eider_histogram_bound(end) / 1e3, h->buckets[i]);
		comma = ", ";
	}
	fputc(']', file);
}

static void put_head(FILE *file, const struct api *api, const struct tally *sum)
{
	const char *url = store_url(api->store);
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	fprintf(file, "{\"version\": \"%d.%d\",\n\"engine\": \"%s\",\n\"database\": ",
		EIDER_VERSION_MAJOR, EIDER_VERSION_MINOR,
		strncmp(url, "sqlite:", 7) ? "postgresql" : "sqlite");
	put_text(file, url);
	fprintf(file, ",\n\"uptime_ms\": %" PRId64 ",\n\"at_ms\": %" PRId64 ",\n"
		"\"connections\": {\"open\": %" PRIu64 ", \"accepted\": %" PRIu64
		", \"refused\": %" PRIu64 "},\n", status_uptime() / 1000000,
		(int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000, sum->open,
		sum->accepted, sum->refused);
}

static void put_loops(FILE *file, const struct eider_stats *stats)
{
	fputs("\"loops\": [", file);
	for (unsigned int i = 0; i < stats->loop_count; i++) {
		const struct eider_loop_stats *l = &stats->loops[i];

		fprintf(file, "%s\n{\"number\": %u, \"turns\": %" PRIu64
			", \"sleeps\": %" PRIu64 ", \"links\": %" PRIu64
			", \"jobs_started\": %" PRIu64 ", \"jobs_done\": %" PRIu64
			", \"fibers\": %u, \"ready\": %u, \"connections\": %" PRIu64
			"}", i ? "," : "", l->number, l->turns, l->sleeps, l->links,
			l->jobs_started, l->jobs_done, l->fibers, l->ready,
			status_loop_open(i));
	}
	fputs("],\n", file);
}

static void put_pools(FILE *file, const struct eider_stats *stats)
{
	fputs("\"pools\": [", file);
	for (unsigned int i = 0; i < stats->pool_count; i++) {
		const struct eider_pool_stats *p = &stats->pools[i];

		fprintf(file, "%s\n{\"name\": ", i ? "," : "");
		put_text(file, p->name);
		fprintf(file, ", \"threads\": %u, \"idle\": %u, \"threads_max\": %u, "
			"\"queued\": %u, \"jobs_done\": %" PRIu64 "}", p->threads,
			p->idle, p->threads_max, p->queued, p->jobs_done);
	}
	fputs("],\n\"txn_pools\": [", file);
	for (unsigned int i = 0; i < stats->txn_pool_count; i++) {
		const struct eider_txn_pool_stats *p = &stats->txn_pools[i];

		fprintf(file, "%s\n{\"name\": ", i ? "," : "");
		put_text(file, p->name);
		fprintf(file, ", \"threads_max\": %u, \"threads\": %u, \"leased\": %u, "
			"\"bound\": %u, \"general\": %u, \"idle\": %u, "
			"\"waiting\": %u, \"leases\": %" PRIu64 "}", p->threads_max,
			p->threads, p->leased, p->bound, p->general, p->idle,
			p->waiting, p->leases);
	}
	fputs("],\n", file);
}

static void put_threads(FILE *file, const struct eider_stats *stats)
{
	fputs("\"threads\": [", file);
	for (unsigned int i = 0; i < stats->thread_count; i++) {
		const struct eider_thread_stats *t = &stats->threads[i];

		fprintf(file, "%s\n{\"pool\": %u, \"name\": ", i ? "," : "", t->pool);
		put_text(file, t->name);
		fputs(", \"job\": ", file);
		put_text(file, t->job);
		fprintf(file, ", \"context\": %" PRIu64 ", \"context_name\": ",
			t->context);
		put_text(file, t->context_name);
		fprintf(file, ", \"context_ms\": %" PRId64 ", \"queued\": %u, "
			"\"jobs_done\": %" PRIu64 "}", t->context_ns / 1000000,
			t->queued, t->jobs_done);
	}
	fputs("],\n", file);
}

static void put_database(FILE *file, const char *name, struct eider_db *db)
{
	struct eider_db_counts counts;

	eider_db_count(db, &counts);
	fprintf(file, "\n{\"name\": \"%s\", \"committed\": %" PRIu64
		", \"rolled_back\": %" PRIu64 ", \"retried\": %" PRIu64
		", \"connections\": %u}", name, counts.committed, counts.rolled_back,
		counts.retried, counts.connections);
}

static void put_databases(FILE *file, struct store *store)
{
	const char *comma = "";

	fputs("\"databases\": [", file);
	for (int i = 0; i < STORE_USE_COUNT; i++) {
		struct eider_db *db = store_db(store, (enum store_use)i);

		if (!db)
			continue;
		fputs(comma, file);
		put_database(file, store_use_name((enum store_use)i), db);
		comma = ",";
	}
	fputs("],\n", file);
}

static void put_requests(FILE *file, const struct tally *sum)
{
	fputs("\"requests\": [", file);
	for (int i = 0; i < ROUTE_COUNT; i++) {
		fprintf(file, "%s\n{\"route\": \"%s\", \"count\": %" PRIu64
			", \"errors\": %" PRIu64 ", ", i ? "," : "", route_names[i],
			sum->routes[i].time.count, sum->routes[i].client_errors +
			sum->routes[i].server_errors);
		put_times(file, &sum->routes[i].time);
		fputc('}', file);
	}
	fputs("],\n", file);
}

static void put_jobs(FILE *file, const struct eider_stats *stats)
{
	const struct { const char *name; const struct eider_histogram *h; } kinds[] = {
		{ "queue_wait", &stats->queue_wait }, { "run", &stats->run },
		{ "deliver", &stats->deliver },
	};

	fputs("\"jobs\": {", file);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		fprintf(file, "%s\n\"%s\": {\"count\": %" PRIu64 ", ", i ? "," : "",
			kinds[i].name, kinds[i].h->count);
		put_times(file, kinds[i].h);
		fputc('}', file);
	}
	fputs("}}\n", file);
}

int status_print_json(const struct api *api, FILE *file)
{
	struct tally *sum = status_sum();
	struct eider_stats *stats;
	int err;

	if (!sum)
		return -ENOMEM;
	err = eider_stats_read(api->executor, &stats);
	if (err)
		goto out;
	put_head(file, api, sum);
	put_loops(file, stats);
	put_pools(file, stats);
	put_threads(file, stats);
	put_databases(file, api->store);
	put_requests(file, sum);
	put_jobs(file, stats);
	eider_stats_free(stats);
	err = ferror(file) ? -EIO : 0;
out:
	free(sum);
	return err;
}
