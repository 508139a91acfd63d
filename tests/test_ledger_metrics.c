/*
 * test_ledger_metrics.c - /metrics, read by a parser that forgives nothing
 *
 * The text format of Prometheus, 0.0.4, as strictly as its readers may take it: a name
 * has one # HELP and one # TYPE line, then all of its samples, which stand together; no
 * sample comes twice; a counter ends in _total; the buckets of a histogram have growing
 * bounds and counts that do not shrink, the last is +Inf and as many as _count.
 */
#include <ctype.h>
#include <math.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "with_ledger.h"

enum { FAMILIES_MAX = 200, SAMPLES_MAX = 20000, TEXT_MAX = 200 };

struct family {
	char name[TEXT_MAX], type[TEXT_MAX];
	unsigned int samples;
};

/* Of one histogram and one set of labels, which may not be interrupted. */
struct series {
	char labels[TEXT_MAX];
	double bound, count;
	bool open, has_sum;
};

struct parser {
	struct family families[FAMILIES_MAX];
	unsigned int count;
	char *seen[SAMPLES_MAX];
	unsigned int samples;
	struct series series;
};

static struct ledger ledger;
static struct parser parser;

/* Where to go with what is wrong; it fails the test if nobody waits for it. */
static jmp_buf *expecting;

__attribute__((format(printf, 1, 2), noreturn)) static void wrong(const char *format,
								  ...)
{
	char text[500];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (expecting)
		longjmp(*expecting, 1);
	ck_abort_msg("%s", text);
}

#define NEED(cond, ...)                                                                \
	do {                                                                           \
		if (!(cond))                                                           \
			wrong(__VA_ARGS__);                                            \
	} while (0)

static struct family *family_now(struct parser *p)
{
	NEED(p->count > 0, "too many or none");
	return &p->families[p->count - 1];
}

static bool is_name(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalpha((unsigned char)s[i]) && s[i] != '_' && s[i] != ':' &&
		    !(i && isdigit((unsigned char)s[i])))
			return false;
	return len > 0;
}

/* "# HELP name text": a new family. */
static void take_help(struct parser *p, const char *line)
{
	struct family *f = &p->families[p->count];
	size_t len = strcspn(line, " ");

	if (p->count)
		NEED(family_now(p)->type[0], "no type: %s",
			      family_now(p)->name);
	NEED(!p->series.open, "a histogram without an end before %s", line);
	NEED(is_name(line, len) && line[len] == ' ' && line[len + 1], "%s",
		      line);
	NEED(p->count < FAMILIES_MAX, "too many or none");
	NEED(len < TEXT_MAX, "too many or none");
	memcpy(f->name, line, len);
	for (unsigned int i = 0; i < p->count; i++)
		NEED(strcmp(p->families[i].name, f->name) != 0,
			      "%s is there twice", f->name);
	p->count++;
}

static void take_type(struct parser *p, const char *line)
{
	struct family *f = family_now(p);
	size_t len = strlen(f->name);

	NEED(!f->type[0] && !strncmp(line, f->name, len) && line[len] == ' ',
		      "not the type of %s: %s", f->name, line);
	snprintf(f->type, sizeof(f->type), "%s", line + len + 1);
	NEED(!strcmp(f->type, "counter") || !strcmp(f->type, "gauge") ||
		      !strcmp(f->type, "histogram"), "%s", line);
	if (!strcmp(f->type, "counter"))
		NEED(len > 6 && !strcmp(f->name + len - 6, "_total"), "%s",
			      f->name);
}

/* {a="x",b="y"}: how long it is; @bound is the value of le, which @rest is without. */
static size_t take_labels(const char *s, char *rest, char *bound)
{
	const char *at = s + 1;

	*rest = *bound = 0;
	for (;; at++) {
		const char *name = at, *value;
		size_t len = strcspn(at, "=");

		NEED(is_name(name, len) && !strncmp(name + len, "=\"", 2), "%s",
			      s);
		value = at = name + len + 2;
		for (; *at && *at != '"' && *at != '\n'; at++)
			if (*at == '\\')
				NEED(strchr("\\\"n", *++at) && *at, "%s", s);
		NEED(*at == '"', "%s", s);
		if (len == 2 && !strncmp(name, "le", 2))
			snprintf(bound, TEXT_MAX, "%.*s", (int)(at - value), value);
		else
			snprintf(rest + strlen(rest), TEXT_MAX - strlen(rest), "%.*s,",
				 (int)(at + 1 - name), name);
		if (*++at == '}')
			return (size_t)(at + 1 - s);
		NEED(*at == ',', "%s", s);
	}
}

static void take_bucket(struct series *s, const char *labels, const char *le,
			double value)
{
	double bound = strcmp(le, "+Inf") ? atof(le) : INFINITY;

	NEED(*le, "a bucket without a bound");
	if (!s->open) {
		*s = (struct series){ .open = true, .bound = -1 };
		snprintf(s->labels, sizeof(s->labels), "%s", labels);
	}
	NEED(!strcmp(s->labels, labels), "%s within %s", labels, s->labels);
	NEED(!s->has_sum, "a bucket behind the sum of %s", labels);
	NEED(bound > s->bound, "%s: %s is not beyond %g", labels, le, s->bound);
	NEED(value >= s->count, "%s: %s has less than the one before", labels,
		      le);
	s->bound = bound;
	s->count = value;
}

static void take_of_histogram(struct parser *p, const char *suffix, const char *labels,
			      const char *le, double value)
{
	struct series *s = &p->series;

	if (!strcmp(suffix, "_bucket")) {
		take_bucket(s, labels, le, value);
		return;
	}
	NEED(s->open && !*le && !strcmp(s->labels, labels), "%s %s", suffix,
		      labels);
	NEED(isinf(s->bound), "%s: the last bucket is not +Inf", labels);
	if (!strcmp(suffix, "_sum")) {
		NEED(!s->has_sum && value >= 0, "%s", labels);
		s->has_sum = true;
		return;
	}
	NEED(!strcmp(suffix, "_count"), "%s", suffix);
	NEED(s->has_sum && fabs(value - s->count) < 0.5,
		      "%s: %g in +Inf, %g in all", labels, s->count, value);
	s->open = false;
}

static void take_sample(struct parser *p, char *line)
{
	struct family *f = family_now(p);
	size_t len = strcspn(line, "{ "), own = strlen(f->name), labels_len = 0;
	char labels[TEXT_MAX] = "", le[TEXT_MAX] = "", suffix[TEXT_MAX], *end;
	double value;

	NEED(is_name(line, len), "%s", line);
	NEED(f->type[0] && len >= own && !strncmp(line, f->name, own),
		      "among those of %s: %s", f->name, line);
	snprintf(suffix, sizeof(suffix), "%.*s", (int)(len - own), line + own);
	if (line[len] == '{')
		labels_len = take_labels(line + len, labels, le);
	value = strtod(line + len + labels_len + 1, &end);
	NEED(line[len + labels_len] == ' ' && !*end && isfinite(value), "%s",
		      line);
	NEED(value >= 0, "%s", line);
	if (!strcmp(f->type, "histogram"))
		take_of_histogram(p, suffix, labels, le, value);
	else
		NEED(!*suffix && !*le, "among those of %s: %s", f->name, line);
	f->samples++;
	NEED(p->samples < SAMPLES_MAX, "too many or none");
	line[len + labels_len] = 0;
	p->seen[p->samples++] = line;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void check_samples(struct parser *p)
{
	qsort(p->seen, p->samples, sizeof(p->seen[0]), compare);
	for (unsigned int i = 1; i < p->samples; i++)
		NEED(strcmp(p->seen[i - 1], p->seen[i]) != 0, "twice: %s",
			      p->seen[i]);
	NEED(!p->series.open, "a histogram without an end");
	for (unsigned int i = 0; i < p->count; i++)
		NEED(p->families[i].type[0] && p->families[i].samples,
			      "%s has no samples", p->families[i].name);
}

/* @text is cut into pieces, which the parser keeps. */
static void parse(struct parser *p, char *text)
{
	char *end;

	memset(p, 0, sizeof(*p));
	for (char *line = text; *line; line = end + 1) {
		end = strchr(line, '\n');
		NEED(end, "the last line has no end: %s", line);
		*end = 0;
		NEED(*line, "an empty line");
		if (!strncmp(line, "# HELP ", 7))
			take_help(p, line + 7);
		else if (!strncmp(line, "# TYPE ", 7))
			take_type(p, line + 7);
		else
			take_sample(p, line);
	}
	check_samples(p);
}

static void expect_family(const struct parser *p, const char *name, const char *type)
{
	for (unsigned int i = 0; i < p->count; i++)
		if (!strcmp(p->families[i].name, name)) {
			ck_assert_str_eq(p->families[i].type, type);
			return;
		}
	ck_abort_msg("there is no %s", name);
}

static void check_metrics(void)
{
	static const char *const names[][2] = {
		{ "ledger_uptime_seconds", "gauge" },
		{ "ledger_connections", "gauge" },
		{ "ledger_connections_accepted_total", "counter" },
		{ "ledger_connections_refused_total", "counter" },
		{ "ledger_request_errors_total", "counter" },
		{ "ledger_request_seconds", "histogram" },
		{ "ledger_transactions_total", "counter" },
		{ "ledger_transactions_retried_total", "counter" },
		{ "ledger_reports_total", "counter" },
		{ "ledger_database_connections", "gauge" },
		{ "eider_job_run_seconds", "histogram" },
	};
	struct client c;

	ledger_get(&ledger, "/metrics", &c);
	parse(&parser, c.body);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect_family(&parser, names[i][0], names[i][1]);
	client_close(&c);
}

static unsigned int over;

static void *ask(void *arg)
{
	struct client c = ledger_connect(&ledger);
	unsigned int i = 0;
	char key[40];

	while (!harness_get(&over)) {
		snprintf(key, sizeof(key), "%p-%u", arg, i++);
		client_transfer(&c, 1, 2, 1, key, NULL);
		client_ask(&c, "GET", "/accounts/1", NULL);
		client_ask(&c, "GET", "/transfers?account=1", NULL);
		client_ask(&c, "GET", "/report", NULL);
		client_ask(&c, "GET", "/status", NULL);
		client_ask(&c, "GET", "/no/such", NULL);
		client_ask(&c, "POST", "/accounts", "{}");
	}
	client_close(&c);
	return NULL;
}

/* At rest, and while everything that is counted changes. */
START_TEST(metrics_are_what_prometheus_reads)
{
	static char tags[4];
	pthread_t threads[4];
	struct client c;
	int64_t id;

	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "test.db", _i ? "--loops 2" : "--loops 1");
	check_metrics();
	c = ledger_connect(&ledger);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(client_open_account(&c, "o", 1000000, &id), 201);
	client_close(&c);
	for (int i = 0; i < 4; i++)
		ck_assert(!pthread_create(&threads[i], NULL, ask, &tags[i]));
	for (unsigned int i = harness_count(100, 20); i; i--)
		check_metrics();
	harness_set(&over, 1);
	for (int i = 0; i < 4; i++)
		pthread_join(threads[i], NULL);
	check_metrics();
	ledger_stop(&ledger);
}
END_TEST

/* A parser that takes anything would show nothing. */
START_TEST(the_parser_forgives_nothing)
{
	static const char *const bad[] = {
		"a 1\n",
		"# HELP a x\n# TYPE a gauge\na 1",
		"# HELP a x\n# TYPE a gauge\na 1\na 2\n",
		"# HELP a x\n# TYPE a gauge\nb 2\n",
		"# HELP a x\n# TYPE a gauge\na{b=c} 2\n",
		"# HELP a x\n# TYPE a gauge\na nothing\n",
		"# HELP a x\n# TYPE a counter\na 1\n",
		"# HELP a x\n# TYPE a gauge\na 1\n"
		"# HELP b x\n# TYPE b gauge\nb 1\na 1\n",
		"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_sum 1\n",
		"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 2\n"
		"h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
		"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"1\"} 1\n"
		"h_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 2\n",
		"# HELP h x\n# TYPE h histogram\nh_bucket{le=\"2\"} 0\n"
		"h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n",
	};
	jmp_buf here;

	for (volatile size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		static volatile bool refused;
		char text[500];

		snprintf(text, sizeof(text), "%s", bad[i]);
		refused = true;
		expecting = &here;
		if (!setjmp(here)) {
			parse(&parser, text);
			refused = false;
		}
		expecting = NULL;
		ck_assert_msg(refused, "taken: %s", bad[i]);
	}
}
END_TEST

START_TEST(the_parser_takes_what_is_right)
{
	char text[] = "# HELP a x\n# TYPE a gauge\na{b=\"c\\\"\",d=\"\"} 1.5\na 0\n"
		      "# HELP h x\n# TYPE h histogram\nh_bucket{e=\"f\",le=\"1\"} 1\n"
		      "h_bucket{e=\"f\",le=\"+Inf\"} 3\nh_sum{e=\"f\"} 7\n"
		      "h_count{e=\"f\"} 3\n";

	parse(&parser, text);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_metrics");
	TCase *t = harness_case(s, "metrics");

	harness_timeout(t, 300);
	tcase_add_loop_test(t, metrics_are_what_prometheus_reads, 0, 2);
	tcase_add_test(t, the_parser_takes_what_is_right);
	tcase_add_test(t, the_parser_forgives_nothing);
	return harness_run(s);
}
