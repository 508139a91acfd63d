/*
 * demo.h - the parts of eider demo
 */
#ifndef EIDER_PROGRAMS_DEMO_H
#define EIDER_PROGRAMS_DEMO_H

#include <eider.h>

#define MS INT64_C(1000000)
#define SECOND (1000 * MS)

struct demo {
	const char *path;		/* of the database */
	unsigned int transfers;
	unsigned int connections;
	bool fast;
};

/* A second; or a hundredth of it, if fast. */
int64_t demo_second(const struct demo *demo);

/* Say "ok" or "FAILED", what it was about, and how it turned out; @held. */
__attribute__((format(printf, 2, 3))) bool demo_check(bool held,
						      const char *format, ...);

/* The parts; true if all that they claim held. */
bool demo_calls(const struct demo *demo);
bool demo_transaction(const struct demo *demo);
bool demo_bank(const struct demo *demo);
bool demo_crash(const struct demo *demo);

#endif
