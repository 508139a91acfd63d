/*
 * plain.h - an engine without Eider: its client library, called from a plain thread
 *
 * The statements are the ledger's (src/programs/ledger/engine.h), so that what is
 * compared is what is around them. Errors other than a conflict end the program.
 */
#ifndef EIDER_PERF_PLAIN_H
#define EIDER_PERF_PLAIN_H

#include "programs/ledger/engine.h"

struct plain_engine {
	const struct engine *engine;	/* of which it is the twin */
	const char *begin;
	void *(*open)(const char *url);
	void (*close)(void *connection);
	/* 0; -EAGAIN a conflict. */
	long (*execute)(void *connection, const char *sql);
	/* How many rows; -EAGAIN a conflict. */
	long (*run)(void *connection, enum statement statement,
		    const struct value *values);
};

extern const struct plain_engine plain_sqlite, plain_postgres;

#endif
