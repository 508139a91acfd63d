/*
 * options.c - see options.h
 *
 * One table has all there is: name, kind, range, where it goes and what to say of it.
 */
#include "options.h"

#include <errno.h>
#include <getopt.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

enum kind {
	TEXT,
	COUNT,
	SECONDS,
};

#define FIELD(f) offsetof(struct ledger_options, f)

static const struct option_row {
	const char *name;
	enum kind kind;
	size_t field;
	double least, most;
	const char *meaning;
} rows[] = {
	{ "db", TEXT, FIELD(db), 0, 0,
	  "URL: sqlite:PATH[?synchronous=normal], or postgresql://...; or LEDGER_DB" },
	{ "listen", TEXT, FIELD(listen), 0, 0,
	  "NUMBER:PORT, [NUMBER]:PORT or *:PORT; or unix:PATH" },
	{ "loops", COUNT, FIELD(loops), 1, 256, "threads that serve connections" },
	{ "workers", COUNT, FIELD(workers), 0, 4096, "threads for jobs, 0: by CPUs" },
	{ "db-connections", COUNT, FIELD(db_connections), 1, 1000,
	  "to the database; SQLite has one more, to write" },
	{ "report-connections", COUNT, FIELD(report_connections), 0, 100,
	  "to the database, for reports; SQLite has one; 0: half of the CPUs" },
	{ "max-connections", COUNT, FIELD(connections_max), 1, 1000000,
	  "HTTP connections, of all loops; more wait" },
	{ "max-header", COUNT, FIELD(limits.header_bytes), 256, 1048576,
	  "bytes of a request's head" },
	{ "max-body", COUNT, FIELD(limits.body_bytes), 1, 1 << 30,
	  "bytes of a request's body" },
	{ "idle-timeout", SECONDS, FIELD(limits.idle_ns), 0.001, 1e6,
	  "between two requests of a connection" },
	{ "request-timeout", SECONDS, FIELD(limits.request_ns), 0.001, 1e6,
	  "from a request's first byte to its last; before the first one" },
	{ "send-timeout", SECONDS, FIELD(limits.send_ns), 0.001, 1e6,
	  "for the peer to take an answer" },
	{ "db-timeout", SECONDS, FIELD(request_deadline_ns), 0.001, 1e6,
	  "for what a request asks of the database" },
	{ "report-timeout", SECONDS, FIELD(report_deadline_ns), 0.001, 1e6,
	  "for a report" },
	{ "stop-timeout", SECONDS, FIELD(stop_ns), 0.001, 1e6,
	  "for requests under way, after SIGTERM" },
};

enum {
	ROWS = sizeof(rows) / sizeof(rows[0]),
	HELP = 1000,
};

static const struct ledger_options defaults = {
	.db = "sqlite:ledger.db",
	.listen = "127.0.0.1:8080",
	.loops = 1,
	.db_connections = 16,
	.connections_max = 20000,
	.limits = {
		.header_bytes = 8192,
		.body_bytes = 65536,
		.idle_ns = INT64_C(60000000000),
		.request_ns = INT64_C(10000000000),
		.send_ns = INT64_C(10000000000),
	},
	.request_deadline_ns = INT64_C(5000000000),
	.report_deadline_ns = INT64_C(60000000000),
	.stop_ns = INT64_C(10000000000),
};

static void *field_of(struct ledger_options *o, const struct option_row *row)
{
	return (char *)o + row->field;
}

static void print_default(const struct option_row *row)
{
	struct ledger_options o = defaults;
	const void *field = field_of(&o, row);

	switch (row->kind) {
	case TEXT:
		printf("%s", *(const char *const *)field);
		break;
	case COUNT:
		printf("%u", *(const unsigned int *)field);
		break;
	case SECONDS:
		printf("%g s", (double)*(const int64_t *)field / 1e9);
		break;
	}
}

static void print_help(void)
{
	printf("ledger - a bank ledger over HTTP\n\n"
	       "usage: ledger [--NAME VALUE]...\n\n");
	for (int i = 0; i < ROWS; i++) {
		printf("  --%-19s %s (", rows[i].name, rows[i].meaning);
		print_default(&rows[i]);
		printf(")\n");
	}
	printf("  --%-19s this\n", "help");
}

static int say_bad(const struct option_row *row, const char *value)
{
	fprintf(stderr, "ledger: --%s %s is not between %g and %g\n", row->name, value,
		row->least, row->most);
	return 2;
}

/* -1, or an exit status. */
static int set(struct ledger_options *o, const struct option_row *row,
	       const char *value)
{
	void *field = field_of(o, row);
	double number;
	char *end;

	if (row->kind == TEXT) {
		*(const char **)field = value;
		return -1;
	}
	errno = 0;
	number = strtod(value, &end);
	if (end == value || *end || errno || !(number >= row->least) ||
	    number > row->most)
		return say_bad(row, value);
	if (row->kind == SECONDS)
		*(int64_t *)field = (int64_t)(number * 1e9);
	else if (floor(number) < number)
		return say_bad(row, value);
	else
		*(unsigned int *)field = (unsigned int)number;
	return -1;
}

static void list_names(struct option *ret)
{
	for (int i = 0; i < ROWS; i++)
		ret[i] = (struct option){ rows[i].name, required_argument, NULL,
					  i + 1 };
	ret[ROWS] = (struct option){ "help", no_argument, NULL, HELP };
	ret[ROWS + 1] = (struct option){ NULL, 0, NULL, 0 };
}

static int say_usage(const char *word)
{
	if (word)
		fprintf(stderr, "ledger: what is '%s'?\n", word);
	fprintf(stderr, "usage: ledger [--NAME VALUE]...; see ledger --help\n");
	return 2;
}

int options_parse(int argc, char **argv, struct ledger_options *ret)
{
	struct option names[ROWS + 2];
	const char *db = getenv("LEDGER_DB");
	int found, status = -1;

	*ret = defaults;
	if (db && *db)
		ret->db = db;
	list_names(names);
	while (status < 0 && (found = getopt_long(argc, argv, "", names, NULL)) != -1) {
		if (found == HELP) {
			print_help();
			return 0;
		}
		status = found >= 1 && found <= ROWS ?
				 set(ret, &rows[found - 1], optarg) : say_usage(NULL);
	}
	if (status < 0 && optind < argc)
		return say_usage(argv[optind]);
	return status;
}
