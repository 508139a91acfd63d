/*
 * places.h - how many connections there may be, over all loops
 *
 * Each connection has a place for as long as it is open. Who finds none free stands in
 * a line, and who gives one back gives it to the first in the line.
 */
#ifndef LEDGER_PLACES_H
#define LEDGER_PLACES_H

#include <pthread.h>
#include <stdbool.h>

#include <eider/fiber.h>

/* One who may stand in the line: the server of a loop. */
struct turn {
	/* Constant while it stands there. */
	struct eider_loop *loop;
	eider_fn *wake;			/* run there as a fiber once it has its place */
	void *arg;

	/* Under the lock of the places. */
	struct turn *next;
	bool waits;			/* is in the line */
};

struct places {
	pthread_mutex_t lock;

	/* Under lock. */
	unsigned int unused;		/* none if somebody waits */
	struct turn *first, **end;

	/* Written under lock, read by any thread: relaxed, a hint. */
	unsigned int waiting;
};

void places_init(struct places *p, unsigned int max);
void places_release(struct places *p);

/* [any] True: the caller has a place. False: @t is in the line. */
bool places_take(struct places *p, struct turn *t);

/* [any] Has @t, which was in the line, its place now? */
bool places_has(struct places *p, const struct turn *t);

/* [any] Out of the line. True if @t has its place already, and it is the caller's. */
bool places_step_out(struct places *p, struct turn *t);

/* [any] One place less is needed. */
void places_give(struct places *p);

/* [any] Is there one unused? */
bool places_any(struct places *p);

/* [any] Does anybody wait for a place? True or false may be so no more. */
bool places_are_short(const struct places *p);

#endif
