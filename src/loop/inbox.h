/*
 * inbox.h - how other threads give finished work to a loop
 *
 * See inbox.c for the wake-up protocol and why it loses nothing.
 */
#ifndef EIDER_LOOP_INBOX_H
#define EIDER_LOOP_INBOX_H

#include "base/atomics.h"
#include "base/list.h"
#include "base/lock.h"
#include "doorbell.h"
#include "tray.h"

enum {
	EIDER__INBOX_RING = 1024,	/* a power of two */
	EIDER__INBOX_MUCH = EIDER__INBOX_RING / 8 * 7,
	EIDER__INBOX_ROOM = EIDER__INBOX_RING + EIDER__TRAY_RING,
};

struct eider__inbox {
	/* Any thread, atomic. One cache line: a poster touches all of it. */
	uint64_t tail __attribute__((aligned(64)));	/* places given out */
	struct eider_link *head;	/* of a list, for when the ring is full */
	uint32_t state;
	uint32_t closing;		/* no more trays */

	/* Home thread only, loads by any thread, atomic: places emptied. */
	uint64_t taken __attribute__((aligned(64)));

	/* Any thread, atomic; NULL: empty, or given out and not filled yet. */
	struct eider_link *ring[EIDER__INBOX_RING] __attribute__((aligned(64)));

	/* Constant after init. */
	bool each __attribute__((aligned(64)));
	unsigned int number;		/* on trays; 0: has no part in them */
	struct eider__trays *trays;
	struct eider__bell bell;
	void (*orphan)(struct eider__inbox *, struct eider_link *);

	/* For threads that have no poster of their own; under guest_lock. */
	struct eider__lock guest_lock;
	struct eider__poster guest;
	bool refuses_guests;
};

/*
 * Takes part in @trays if it can, which must outlive it.
 *
 * @orphan is called, by a posting thread, instead of delivering what comes after
 * eider__inbox_close(). 0 or -errno.
 */
int eider__inbox_init(struct eider__inbox *in, enum eider_doorbell doorbell,
		      enum eider_delivery delivery, struct eider__ring *home,
		      struct eider__trays *trays,
		      void (*orphan)(struct eider__inbox *, struct eider_link *));
void eider__inbox_release(struct eider__inbox *in);

/*
 * [any] The thread of @p is about to post many results to @in: on its tray, if it has
 * one. Until eider__poster_end(), which costs next to nothing.
 */
static inline void eider__poster_begin(struct eider__poster *p,
				       const struct eider__inbox *in)
{
	if (p->tray && in->number && eider__tray_open(p->tray, in->number))
		p->carries_for = in->number;
}

static inline void eider__poster_end(struct eider__poster *p)
{
	if (!p->carries_for)
		return;
	eider__tray_shut(p->tray);
	p->carries_for = 0;
}

/* The two ways of the next. */
void eider__inbox_post_alone(struct eider__inbox *in, struct eider__poster *p,
			     struct eider_link *link);
void eider__inbox_post_on_tray(struct eider__inbox *in, struct eider__poster *p,
			       struct eider_link *link);

/*
 * [any] Give @link to the loop: it will be run there. @p is the calling thread's
 * own. Whatever was written before is visible to the loop. Hands off @link from
 * here on.
 */
static inline void eider__inbox_post(struct eider__inbox *in,
				     struct eider__poster *p,
				     struct eider_link *link)
{
	if (p->carries_for && p->carries_for == in->number)
		eider__inbox_post_on_tray(in, p, link);
	else
		eider__inbox_post_alone(in, p, link);
}

/* [any] The same for a thread without a poster; -ESHUTDOWN if closed. */
int eider__inbox_post_guest(struct eider__inbox *in, struct eider_link *link);

/* [any] Make the loop turn, with nothing to give. */
void eider__inbox_wake(struct eider__inbox *in);

/*
 * [loop] What was posted so far, oldest first: to @items, which has room for
 * EIDER__INBOX_ROOM of them, how many; and what came while the ring was full, in a
 * list. Nothing of it is touched. Trays may have more.
 */
unsigned int eider__inbox_take(struct eider__inbox *in, struct eider_link **items,
			       struct eider__fifo *ret_rest);

/* [loop] Some of what is in ring and trays, @max at most; how many. */
unsigned int eider__inbox_take_some(struct eider__inbox *in, struct eider_link **items,
				    unsigned int max);

/* [loop] Is there so much that posters may soon have to go a longer way? */
static inline bool eider__inbox_is_filling(const struct eider__inbox *in)
{
	return eider__load_relaxed(&in->tail) - in->taken >= EIDER__INBOX_MUCH ||
	       (in->number && eider__trays_have(in->trays, in->number,
						  EIDER__INBOX_MUCH));
}

/* [loop] What came in a CQE of EIDER__TAG_POSTED. */
struct eider_link *eider__inbox_received(uint64_t user_data);

static inline bool eider__inbox_is_empty(const struct eider__inbox *in)
{
	return eider__load_acquire(&in->tail) == in->taken &&
	       !eider__load_acquire(&in->head) &&
	       !(in->number && eider__trays_have(in->trays, in->number, 1));
}

/*
 * [loop] Announce sleep; or a nap, for which a patient poster does not ring. True if
 * the loop may sleep: nothing is there.
 */
bool eider__inbox_sleep(struct eider__inbox *in, bool naps);
/* [loop] The end of that. */
void eider__inbox_awake(struct eider__inbox *in);

/*
 * [loop] The first step of closing: nobody will put anything on a tray for it who has
 * not the inbox in hand. Wait for those, and then:
 */
void eider__inbox_refuse_trays(struct eider__inbox *in);
/* [loop] The last there is on trays: to @items as above, until there is none. */
unsigned int eider__inbox_take_trays(struct eider__inbox *in,
				     struct eider_link **items);

/* [loop] Let no guest post from now on. What came before is still there. */
void eider__inbox_refuse_guests(struct eider__inbox *in);

/* [loop] After closing: wait until no guest that delivered has the inbox in hand. */
void eider__inbox_wait_guests(struct eider__inbox *in);

/* [loop] Deliver nothing from now on; everything posted before, as above. */
unsigned int eider__inbox_close(struct eider__inbox *in, struct eider_link **items,
				struct eider__fifo *ret_rest);

#endif
