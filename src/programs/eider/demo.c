/*
 * demo.c - eider demo: the parts, one after another
 *
 * Each part is an example to copy from, prints what it does with the times it took,
 * and checks what it claims.
 *
 *	demo_calls.c	functions that block, on workers and in a transaction context
 *	demo_bank.c	a thousand fibers that move money, in transactions
 *	demo_crash.c	the same, killed in the middle
 *	bank.c		the bank: its statements and its transaction
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "demo.h"
#include "programs.h"

int64_t demo_second(const struct demo *demo)
{
	return demo->fast ? SECOND / 100 : SECOND;
}

bool demo_check(bool held, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	printf("  %s: ", held ? "ok" : "FAILED");
	vprintf(format, args);
	printf("\n");
	va_end(args);
	fflush(stdout);
	return held;
}

static bool run_parts(const struct demo *demo)
{
	bool held = demo_calls(demo);

	held &= demo_transaction(demo);
	held &= demo_bank(demo);
	held &= demo_crash(demo);
	return held;
}

/* A number from 1 to @max; 0 if @text is none. */
static unsigned int parse_number(const char *text, unsigned int max)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(text, &end, 10);
	return !errno && end != text && !*end && n <= max ? (unsigned int)n : 0;
}

static int parse_option(struct demo *demo, const char *name, const char *value)
{
	if (!strcmp(name, "--db")) {
		demo->path = value;
		return *value ? 0 : bad_usage("--db wants a path");
	}
	if (!strcmp(name, "--transfers")) {
		demo->transfers = parse_number(value, 100000);
		return demo->transfers ? 0 :
			       bad_usage("--transfers wants a number, 1 to 100000");
	}
	demo->connections = parse_number(value, 64);
	return demo->connections ? 0 : bad_usage("--connections wants 1 to 64");
}

static int parse_options(struct demo *demo, int argc, char **argv)
{
	for (int i = 1, err; i < argc; i++) {
		if (!strcmp(argv[i], "--fast")) {
			demo->fast = true;
			continue;
		}
		if (strcmp(argv[i], "--db") && strcmp(argv[i], "--transfers") &&
		    strcmp(argv[i], "--connections"))
			return bad_usage("demo knows no '%s'", argv[i]);
		if (i + 1 == argc)
			return bad_usage("%s wants a value", argv[i]);
		err = parse_option(demo, argv[i], argv[i + 1]);
		if (err)
			return err;
		i++;
	}
	return 0;
}

/* The database is three files while it is in use, or after a crash. */
static void remove_database(const char *path)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char name[4200];

	for (size_t i = 0; i < 3; i++) {
		snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
		unlink(name);
	}
}

static bool run_in_temporary_directory(struct demo *demo)
{
	const char *tmp = getenv("TMPDIR");
	char dir[4000], path[4100];
	bool held;

	snprintf(dir, sizeof(dir), "%s/eider-demo-XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return demo_check(false, "mkdtemp %s: %s", dir, strerror(errno));
	snprintf(path, sizeof(path), "%s/eider-demo.db", dir);
	demo->path = path;
	held = run_parts(demo);
	remove_database(path);
	rmdir(dir);
	return held;
}

int demo_main(int argc, char **argv)
{
	struct demo demo = { .transfers = 1000, .connections = 8 };
	int64_t begin = eider_now();
	int err = parse_options(&demo, argc, argv);
	bool held;

	if (err)
		return err;
	setvbuf(stdout, NULL, _IOLBF, 0);
	held = demo.path ? run_parts(&demo) : run_in_temporary_directory(&demo);
	printf("\n%s, in %.1f s\n",
	       held ? "ok: everything held" : "FAILED: see above",
	       (double)(eider_now() - begin) / SECOND);
	return held ? STATUS_OK : STATUS_FAILED;
}
