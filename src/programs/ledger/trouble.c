/*
 * trouble.c - what went wrong at the database, said on stderr
 *
 * A client learns that its request failed, and whether to ask again; why is for who
 * runs the ledger, and may not be everybody's business. A database that is gone fails a
 * thousand requests in a second: so each error has its turn once in a while.
 *
 * Only the first line of what an engine says: PostgreSQL's others repeat what was in
 * the statement, which is the client's. An engine never says a password: it has none
 * in a statement, and what it says of connecting is the driver's to tell.
 *
 *	lock	all below; not held while a line is written: who reads them may be slow
 */
#include "trouble.h"

#include <ctype.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>

#include <eider/base.h>

#define QUIET_NS INT64_C(10000000000)

enum { ERRORS = 150 };			/* the system's, and whatever is beyond */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
	int64_t quiet_until;
	unsigned int unsaid;
} kinds[ERRORS];

/* Is it time for one of these? How many were not said since the last one. */
static bool is_due(long err, unsigned int *ret_unsaid)
{
	int kind = err > -ERRORS ? (int)-err : 0;
	int64_t now = eider_now();
	bool due;

	pthread_mutex_lock(&lock);
	due = now >= kinds[kind].quiet_until;
	if (due) {
		*ret_unsaid = kinds[kind].unsaid;
		kinds[kind].unsaid = 0;
		kinds[kind].quiet_until = now + QUIET_NS;
	} else {
		kinds[kind].unsaid++;
	}
	pthread_mutex_unlock(&lock);
	return due;
}

void trouble_say(const char *what, long err, const char *words)
{
	char more[64] = "";
	unsigned int unsaid;

	if (err == -ECANCELED || err == -ESHUTDOWN || !is_due(err, &unsaid))
		return;
	if (unsaid)
		snprintf(more, sizeof(more), " (and %u more since the last line)",
			 unsaid);
	/* Of -EINVAL an engine knows better what was wrong, and with what. */
	fprintf(stderr, "ledger: %s: %s%s%s%s\n", what,
		*words && err == -EINVAL ? "" : eider_strerror((int)err),
		*words && err != -EINVAL ? ": " : "", words, more);
}

void trouble_keep(char *ret, size_t size, const char *message)
{
	size_t n = 0;

	for (; message[n] && message[n] != '\n' && n + 1 < size; n++)
		ret[n] = isprint((unsigned char)message[n]) ||
				(message[n] & 0x80) ? message[n] : ' ';
	ret[n] = 0;
}
