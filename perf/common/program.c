/*
 * program.c - the command line of a benchmark program, and its lines (see measure.h)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"

static const char *program;
static struct perf_work work;	/* the one that runs, with its values */
static char parameter[256] = "-";

static _Noreturn void refuse(const char *what, const char *which)
{
	fprintf(stderr, "%s: %s '%s'\n", program, what, which);
	exit(2);
}

static long number_in(const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end || n < 1)
		refuse("not a number of at least 1:", text);
	return n;
}

static struct perf_key *find_key(const char *name, size_t length)
{
	for (struct perf_key *k = work.keys; k < work.keys + PERF_KEYS_MAX; k++) {
		const char *its = k->name;

		if (!its)
			break;
		its += *its == '.';
		if (strlen(its) == length && !strncmp(its, name, length))
			return k;
	}
	return NULL;
}

long perf_get(const char *name)
{
	struct perf_key *k = find_key(name, strlen(name));

	if (!k)
		refuse("this work has no key", name);
	return k->value;
}

static void add_to_parameter(const char *name, long value)
{
	size_t used = strcmp(parameter, "-") ? strlen(parameter) : 0;

	snprintf(parameter + used, sizeof(parameter) - used, "%s%s=%ld",
		 used ? "," : "", name, value);
}

/* "cpus" is only a label: whoever gives it has said to the kernel what he means. */
static void take_arguments(char **arguments)
{
	long cpus = 0;

	for (; *arguments; arguments++) {
		const char *value = strchr(*arguments, '=');
		struct perf_key *k;

		if (!value)
			refuse("not KEY=VALUE:", *arguments);
		k = find_key(*arguments, (size_t)(value - *arguments));
		if (k)
			k->value = number_in(value + 1);
		else if (!strncmp(*arguments, "cpus=", 5))
			cpus = number_in(value + 1);
		else
			refuse("this work has no key", *arguments);
	}
	for (int i = 0; i < PERF_KEYS_MAX && work.keys[i].name; i++)
		if (*work.keys[i].name != '.')
			add_to_parameter(work.keys[i].name, work.keys[i].value);
	if (cpus)
		add_to_parameter("cpus", cpus);
}

int perf_main(int argc, char **argv, const char *version,
	      const struct perf_work *works)
{
	program = argv[0];
	if (argc < 2) {
		fprintf(stderr, "usage: %s version | list | WORK KEY=VALUE...\n",
			program);
		return 2;
	}
	if (!strcmp(argv[1], "version")) {
		puts(version);
		return 0;
	}
	for (const struct perf_work *w = works; w->name; w++) {
		if (!strcmp(argv[1], "list")) {
			puts(w->name);
		} else if (!strcmp(argv[1], w->name)) {
			work = *w;
			take_arguments(argv + 2);
			work.run();
			return 0;
		}
	}
	if (strcmp(argv[1], "list"))
		refuse("there is no work", argv[1]);
	return 0;
}

long perf_arg(int argc, char **argv, int i, long otherwise)
{
	program = argv[0];
	return i < argc ? number_in(argv[i]) : otherwise;
}

/* ---- lines ---- */

void perf_set_parameter(const char *text)
{
	snprintf(parameter, sizeof(parameter), "%s", text);
}

void perf_print(const char *name, const char *system, double value,
		const char *unit)
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

void perf_print_times(const char *name, const char *system, int64_t *ns, size_t n)
{
	static const struct {
		const char *name;
		double part;
	} points[] = {
		{ "p01", .01 }, { "p10", .10 }, { "p25", .25 }, { "p50", .50 },
		{ "p75", .75 }, { "p90", .90 }, { "p99", .99 }, { "p999", .999 },
		{ "max", 1 },
	};
	char line[64];

	qsort(ns, n, sizeof(*ns), compare);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		size_t at = (size_t)(points[i].part * (double)(n - 1) + .5);

		snprintf(line, sizeof(line), "%s_%s", name, points[i].name);
		perf_print(line, system, (double)ns[at] / 1000, "us");
	}
}
