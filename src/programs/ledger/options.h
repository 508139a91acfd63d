/*
 * options.h - the command line of the ledger
 */
#ifndef LEDGER_OPTIONS_H
#define LEDGER_OPTIONS_H

#include "http.h"

struct ledger_options {
	const char *db;			/* URL */
	const char *listen;		/* address */
	unsigned int loops;
	unsigned int workers;		/* 0: the library's default */
	unsigned int db_connections;
	unsigned int report_connections;
	unsigned int connections_max;
	struct http_limits limits;
	int64_t request_deadline_ns;	/* of what a request asks of the database */
	int64_t report_deadline_ns;
	int64_t stop_ns;		/* how long requests may go on after SIGTERM */
};

/*
 * Fill @ret from the command line. -1: run; else exit with that status, what was to be
 * said has been.
 */
int options_parse(int argc, char **argv, struct ledger_options *ret);

#endif
