/*
 * tray.h - a worker's own way to carry many results to one loop
 *
 * See tray.c for why nothing is lost without a locked operation for each.
 */
#ifndef EIDER_LOOP_TRAY_H
#define EIDER_LOOP_TRAY_H

#include "base/atomics.h"
#include "base/list.h"
#include "base/lock.h"

enum {
	EIDER__TRAY_RING = 1024,	/* a power of two */
	EIDER__TRAYS_MAX = 8,		/* loops look at all of them */
	EIDER__TRAY_LOOPS = 255,	/* that can have results there */
	EIDER__TRAY_COUNT_BITS = 56,
};

struct eider__tray {
	/* Its worker's, loads by loops; atomic. */
	uint64_t tail __attribute__((aligned(64)));	/* how many were put there, and
							   above that for whom */
	uint32_t in_use;		/* between open and shut */

	/* Its worker's alone. */
	uint64_t seen;			/* a former value of head */

	/* Of the loop that tail names, loads by the worker; atomic. */
	uint64_t head __attribute__((aligned(64)));	/* how many were taken */

	struct eider_link *ring[EIDER__TRAY_RING] __attribute__((aligned(64)));
};

/* All trays of an executor. */
struct eider__trays {
	/* Any thread, atomic: there are asymmetric barriers, and none has failed. */
	bool works;

	/* Under lock; count may be read by any thread, atomic: it only grows. */
	struct eider__lock lock;
	unsigned int count;
	bool lent[EIDER__TRAYS_MAX];
	bool joined[EIDER__TRAY_LOOPS + 1];

	/* Constant up to count; any thread. */
	struct eider__tray *of[EIDER__TRAYS_MAX];
};

void eider__trays_init(struct eider__trays *t, bool works);
void eider__trays_release(struct eider__trays *t);

/* [any] A heavy barrier. False: it failed, and no tray is to be opened from now on. */
bool eider__trays_barrier(struct eider__trays *t);

/* [any] One for the calling worker; NULL if there is none to be had. */
struct eider__tray *eider__trays_lend(struct eider__trays *t);
/* [any] It may still have results in it. NULL does no harm. */
void eider__trays_take_back(struct eider__trays *t, struct eider__tray *tray);

/* [any] A number for a loop that takes part; 0 if it cannot. And back. */
unsigned int eider__trays_join(struct eider__trays *t);
void eider__trays_leave(struct eider__trays *t, unsigned int number);

static inline uint64_t eider__tray_count(uint64_t tail)
{
	return tail & ((UINT64_C(1) << EIDER__TRAY_COUNT_BITS) - 1);
}

/*
 * [worker] Many results for loop @number are about to come. False: the tray still holds
 * results for another. A full barrier.
 */
bool eider__tray_open(struct eider__tray *tray, unsigned int number);
/* [worker] That was the last of them. */
static inline void eider__tray_shut(struct eider__tray *tray)
{
	/* Pairs with eider__trays_are_in_use(): what was put there is seen. */
	eider__store_release(&tray->in_use, 0);
}

/* [worker] Whom it is for. */
static inline unsigned int eider__tray_number(const struct eider__tray *tray)
{
	return (unsigned int)(tray->tail >> EIDER__TRAY_COUNT_BITS);
}

/* [worker] Put @link there. False if it is full. */
static inline bool eider__tray_put(struct eider__tray *tray, struct eider_link *link)
{
	uint64_t count = eider__tray_count(tray->tail);

	if (count - tray->seen >= EIDER__TRAY_RING) {
		/* Pairs with eider__trays_empty(): the place was read. */
		tray->seen = eider__load_acquire(&tray->head);
		if (count - tray->seen >= EIDER__TRAY_RING)
			return false;
	}
	tray->ring[count % EIDER__TRAY_RING] = link;
	/* Pairs with eider__tray_holds(): the link, and all behind it. */
	eider__store_release(&tray->tail, tray->tail + 1);
	return true;
}

/* [loop] How many are there for loop @number. */
static inline unsigned int eider__tray_holds(const struct eider__tray *tray,
					     unsigned int number)
{
	uint64_t tail = eider__load_acquire(&tray->tail);
	int64_t n;

	if (tail >> EIDER__TRAY_COUNT_BITS != number)
		return 0;
	/* Less than nothing if it was not ours any more a moment later. */
	n = (int64_t)(eider__tray_count(tail) - eider__load_relaxed(&tray->head));
	return n > 0 ? (unsigned int)n : 0;
}

/* [loop] Is there a tray with @least for loop @number? */
static inline bool eider__trays_have(const struct eider__trays *t, unsigned int number,
				     unsigned int least)
{
	unsigned int n = eider__load_acquire(&t->count);

	for (unsigned int i = 0; i < n; i++)
		if (eider__tray_holds(t->of[i], number) >= least)
			return true;
	return false;
}

/* [loop] Is one of them open, for whomever? */
bool eider__trays_are_in_use(const struct eider__trays *t);

/* [loop] Take what is there for loop @number, @n at most; how many. */
unsigned int eider__trays_empty(struct eider__trays *t, unsigned int number,
				struct eider_link **items, unsigned int n);

#endif
