/*
 * with_ledger.h - the program ledger as a child of a test
 *
 * The ledger of the same build, which lies beside the test program. What it writes
 * goes to files in harness_temp_dir(). It dies with the test, however that ends: start
 * it from a thread that stays.
 *
 * Whenever one has ended, what it wrote is searched for a sanitizer's report, or an
 * assertion of ours: those fail the test.
 */
#ifndef EIDER_TESTS_WITH_LEDGER_H
#define EIDER_TESTS_WITH_LEDGER_H

#include <sys/types.h>

#include "harness.h"
#include "ledger_client.h"

struct ledger {
	/* The test may set these before the start; zero is the default. */
	char host[32];			/* to listen at; 127.0.0.1 */
	uint16_t port;			/* any; set by the start */
	int netns;			/* a network namespace to run in */
	size_t file_max;		/* RLIMIT_FSIZE, SIGXFSZ ignored */

	/* Set by the start. */
	pid_t pid;			/* 0: it does not run */
	char out[256], err[256];	/* paths of what it wrote */
};

/*
 * Start it on the database at @url with @options, words with blanks between; returns
 * when it listens.
 */
void ledger_start(struct ledger *l, const char *url, const char *options);
/* 0 if it listens; else what it exited with, and why is in the file l->err. */
int ledger_try_start(struct ledger *l, const char *url, const char *options);
/*
 * ledger_start() on an SQLite database in a file of harness_temp_dir(). Commits survive
 * the ledger, and are not waited for until they are on the disk: that may take seconds,
 * and is not what tests are about.
 */
void ledger_start_file(struct ledger *l, const char *name, const char *options);

/* SIGTERM; it has to exit with 0. */
void ledger_stop(struct ledger *l);
/* SIGKILL. */
void ledger_kill(struct ledger *l);
/* Wait until it has ended, which it must in good time; the wait status. */
int ledger_wait(struct ledger *l);

/*
 * Run it to its end with @args: the exit status. What it wrote, both to stdout and
 * stderr, is in @output.
 */
int ledger_run(const char *args, char *output, size_t len);

/* A connection, with patience; asserts that there is one. */
struct client ledger_connect(const struct ledger *l);
/* A request over a connection of its own, asserts its status; for the rest of it. */
void ledger_get(const struct ledger *l, const char *path, struct client *ret);

/* How many are open, the one over which it is asked among them. */
int64_t ledger_connections(const struct ledger *l);
/*
 * Wait until the ledger has taken in @n connections that are open, and what was sent
 * over them before this call: its loops have turned since.
 */
void ledger_take_in(const struct ledger *l, int64_t n);

/* What it has written so far: to stdout, then to stderr. */
void ledger_output(const struct ledger *l, char *output, size_t len);

/* Resident memory of the child, in bytes. */
size_t ledger_resident(const struct ledger *l);

/* How long a test waits for what is expected. */
int64_t patience(void);

/* In @l's report: nothing wrong, total as opened with, and as many transfers. */
void ledger_check_report(const struct ledger *l, int64_t total, int64_t transfers);

#endif
