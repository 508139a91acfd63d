/*
 * trouble.h - what went wrong at the database, said on stderr
 */
#ifndef LEDGER_TROUBLE_H
#define LEDGER_TROUBLE_H

#include <stddef.h>

/*
 * [any] Say that @what failed with @err, and what the engine said of it, "" if nothing.
 * Of each error one line in ten seconds, with how many were not said before. What was
 * cancelled is no trouble.
 */
void trouble_say(const char *what, long err, const char *words);

/* Keep the first line of what an engine says, of printable characters, to @ret. */
void trouble_keep(char *ret, size_t size, const char *message);

#endif
