/*
 * tray.c - see tray.h
 *
 * A result that goes through the inbox costs a locked operation: it gives out the
 * place, and it is the barrier between "the result is there" and "does the loop
 * sleep?" (inbox.c). For a worker that has many short jobs in hand that is a third
 * of all it does. So it puts their results on a tray: a ring that only this worker
 * fills and only one loop empties. The place needs no locked operation then; what is
 * left is the barrier.
 *
 * The barrier is made lopsided. The side that is there a million times a second only
 * keeps the compiler from changing the order ("light"), and the side that is there
 * when a loop is about to sleep asks the kernel to have all threads of the process pass
 * a barrier (membarrier(2), "heavy"). That interrupts every CPU which runs one of them,
 * 20 us on a virtual machine: so workers take a tray in use only where jobs are short,
 * and the loop does without where none is:
 *
 *	worker                              loop
 *	------                              ----
 *	T1  in_use = 1, full                L1  state = SLEEPING, full
 *	T2  fill a place, tail + 1          L2  a tray in use? heavy
 *	    light                               trays and inbox empty?
 *	T3  state is SLEEPING?                  if not, go to L4 (inbox.c)
 *	    then P3 P4 of inbox.c
 *	T4  in_use = 0, release
 *
 * Why no wake-up is lost. If the loop finds a tray not in use, then either T1 comes
 * after L1 in the single order of full operations, and T3, later still, sees SLEEPING;
 * or T4 was seen, and with it all that was put there before. If it finds one in use,
 * the heavy barrier lies before or after the light one of T2-T3: before, and T3 comes
 * after L1; after, and the look of L2 comes after T2. tests/model/tray.pml tries all
 * orders.
 *
 * Whose. A worker serves all loops, with one tray. It turns to another loop only while
 * the tray is empty, and the number of the loop is part of the tail: one word says
 * whose, and how many. So a loop that reads its own number there, and a tail ahead of
 * head, is the only one that moves head, until it has; and it has seen where the loop
 * before it left head, as the worker had. If it reads an old tail, of a time when the
 * tray was its own, then it has taken all of that, and head is not behind.
 *
 * Closing. A loop that is being freed sets closing, passes a heavy barrier, and waits
 * until no poster has its inbox in hand. A worker takes the inbox in hand (target),
 * passes a light barrier, and then looks at closing. So who has not seen it is waited
 * for, and after that nobody puts anything on a tray for this loop: it is emptied for
 * the last time.
 *
 * Refused. A program may forbid itself membarrier() later (seccomp). Then no new batch
 * is carried on a tray, nor is any lopsided otherwise; and until those that are under
 * way have ended, which T4 says, a loop does not sleep (it turns), and one that closes
 * waits, for as long as their jobs take.
 *
 * Trays are the executor's: a worker borrows one while it lives, and what it leaves
 * there is taken by its loop as ever. The next borrower goes on where it ended.
 */
#include "tray.h"

#include <string.h>

#include "base/sys.h"

void eider__trays_init(struct eider__trays *t, bool works)
{
	memset(t, 0, sizeof(*t));
	t->works = works;
	eider__lock_init(&t->lock);
}

void eider__trays_release(struct eider__trays *t)
{
	for (unsigned int i = 0; i < t->count; i++)
		eider__free(t->of[i]);
	eider__lock_release(&t->lock);
}

bool eider__trays_barrier(struct eider__trays *t)
{
	if (eider__barrier_heavy())
		return true;
	eider__store_relaxed(&t->works, false);
	return false;
}

static struct eider__tray *add_locked(struct eider__trays *t)
{
	struct eider__tray *tray;

	if (t->count == EIDER__TRAYS_MAX)
		return NULL;
	tray = eider__alloc_aligned(64, sizeof(*tray));
	if (!tray)
		return NULL;
	t->lent[t->count] = true;
	t->of[t->count] = tray;
	/* Full, before T1: who sees nothing of it has announced sleep before. */
	eider__store_full(&t->count, t->count + 1);
	return tray;
}

unsigned int eider__trays_join(struct eider__trays *t)
{
	unsigned int number = 0;

	if (!eider__load_relaxed(&t->works))
		return 0;
	eider__lock_take(&t->lock);
	for (unsigned int i = 1; i <= EIDER__TRAY_LOOPS && !number; i++)
		if (!t->joined[i])
			number = i;
	t->joined[number] = true;
	eider__lock_give(&t->lock);
	return number;
}

void eider__trays_leave(struct eider__trays *t, unsigned int number)
{
	eider__lock_take(&t->lock);
	t->joined[number] = false;
	eider__lock_give(&t->lock);
}

struct eider__tray *eider__trays_lend(struct eider__trays *t)
{
	struct eider__tray *tray = NULL;

	if (!eider__load_relaxed(&t->works))
		return NULL;
	eider__lock_take(&t->lock);
	for (unsigned int i = 0; i < t->count && !tray; i++) {
		if (t->lent[i])
			continue;
		t->lent[i] = true;
		tray = t->of[i];
	}
	if (!tray)
		tray = add_locked(t);
	eider__lock_give(&t->lock);
	return tray;
}

void eider__trays_take_back(struct eider__trays *t, struct eider__tray *tray)
{
	if (!tray)
		return;
	eider__lock_take(&t->lock);
	for (unsigned int i = 0; i < t->count; i++)
		if (t->of[i] == tray)
			t->lent[i] = false;
	eider__lock_give(&t->lock);
}

bool eider__tray_open(struct eider__tray *tray, unsigned int number)
{
	uint64_t count = eider__tray_count(tray->tail);

	if (eider__tray_number(tray) != number) {
		/* Pairs with eider__trays_empty(): the other loop is done with it. */
		tray->seen = eider__load_acquire(&tray->head);
		if (tray->seen != count)
			return false;
		count |= (uint64_t)number << EIDER__TRAY_COUNT_BITS;
		eider__store_release(&tray->tail, count);
	}
	eider__store_full(&tray->in_use, 1);	/* T1 */
	return true;
}

bool eider__trays_are_in_use(const struct eider__trays *t)
{
	unsigned int n = eider__load_full(&t->count);

	for (unsigned int i = 0; i < n; i++)
		if (eider__load_full(&t->of[i]->in_use))
			return true;
	return false;
}

static unsigned int all_hold(const struct eider__trays *t, unsigned int trays,
			     unsigned int number)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < trays; i++)
		n += eider__tray_holds(t->of[i], number);
	return n;
}

unsigned int eider__trays_empty(struct eider__trays *t, unsigned int number,
				struct eider_link **items, unsigned int n)
{
	unsigned int trays = eider__load_acquire(&t->count), taken = 0, most = n;

	if (all_hold(t, trays, number) > n)
		most = (n + trays - 1) / trays;	/* of each: none is left out for ever */
	for (unsigned int i = 0; i < trays && taken < n; i++) {
		struct eider__tray *tray = t->of[i];
		unsigned int here = eider__tray_holds(tray, number);
		uint64_t at = eider__load_relaxed(&tray->head);

		if (!here)
			continue;
		if (here > most)
			here = most;
		if (here > n - taken)
			here = n - taken;
		for (unsigned int k = 0; k < here; k++)
			items[taken++] = tray->ring[at++ % EIDER__TRAY_RING];
		/* Pairs with eider__tray_put(): the places may be filled again. */
		eider__store_release(&tray->head, at);
	}
	return taken;
}
