/*
 * inbox.c - get results to a loop, and a sleeping loop to look at them
 *
 * Any thread may put work into a loop's inbox. The question this file answers is
 * whether it also has to pay for a system call: only if the loop sleeps, or is
 * about to.
 *
 *	poster, any thread                  loop, home thread
 *	------------------                  -----------------
 *	P1  take a place (tail)             L1  state = SLEEPING
 *	    and fill it                     L2  all places taken empty again?
 *	P2  state is SLEEPING?                  if not, go to L4
 *	P3  swap it for AWAKE               L3  wait in io_uring_enter()
 *	P4  the one who got SLEEPING        L4  state = AWAKE
 *	    rings the doorbell              L5  empty the places
 *
 * Why no wake-up is lost. Each side stores and then loads what the other side
 * stores (P1 P2 against L1 L2), and all four are operations of the single total
 * order ("full"). So at least one sees the other: the poster sees SLEEPING and
 * rings, or the loop sees the place taken and stays up. With anything weaker both
 * may look away. A stress run on x86 does not notice the difference;
 * tests/model/doorbell.pml does.
 *
 * The places are a ring of pointers, so that the loop can ask for the memory of many
 * items at once instead of learning from each where the next one is; a list, which is
 * taken whole, holds what comes while the ring is full. What counts is the place: it
 * may be filled a moment later. No poster waits for another; the loop takes what comes
 * before an unfilled place, and does not sleep over it.
 *
 * Why a doorbell, rather than a message for each result: a message costs a system call
 * and, on a DEFER_TASKRUN ring, an allocation in the kernel. The inbox takes 10 to 20
 * times as many a second, and a message that fails loses nothing. The plain form is
 * here too ("each"), to compare with.
 *
 * A loop may also nap: then its state is a third one, for which a poster that is
 * patient does not ring at P2. The loop wakes by itself soon, so nothing is lost by it;
 * P2 to P4 are the same for all others.
 *
 * Invariants
 *
 *  W1  An item pushed before L1 is taken before the loop waits; a nap excepted, for
 *      what is on trays.
 *  W2  The doorbell rings at most once per L1, however many push.
 *  W3  A doorbell that could not be rung (ENOMEM in the kernel) is rung again
 *      until it was: the poster is the only one who knows.
 *  W4  Waking up to an empty inbox is allowed. The loop must not mind.
 *
 * A poster that is preempted between P2 and P4 delays the loop, and with it
 * everyone who pushed in between. That is the price of W2, and bounded by the
 * scheduler.
 *
 * Letting go. The item can be taken, and the loop be freed, before the poster that
 * pushed it has come to P2. So a poster says whose inbox it has in hand (target)
 * before P1 and until after P4, and whoever frees a loop waits until no poster has
 * its inbox in hand (posting.c). P1, being full, publishes target: the loop that
 * took the item sees it. A guest has guest_lock in hand all the time instead; one who
 * comes after closing is an error of the caller's.
 *
 * Closing. A loop may be freed while functions still run for it. Closing marks tail,
 * and then the list: a poster that finds a mark delivers nothing, and reports to
 * orphan() instead. Every item gets its place, or its place in the list, from one word
 * that carries the mark, so it is either taken by the loop or orphaned, never both.
 *
 * Ownership
 *
 *  tail, head, state, ring  any thread, atomic
 *  taken        the home thread stores it, posters load it
 *  bell         posters use its descriptor, the home thread arms it
 *
 * Not here: what the items do when run (loop.c).
 */
#include "inbox.h"

#include <errno.h>
#include <sched.h>
#include <string.h>

#include "base/sys.h"

enum {
	AWAKE,
	SLEEPING,
	NAPPING,		/* for a moment: see executor/rest.c */
};

#define CLOSED (UINT64_C(1) << 63)	/* of tail */

static struct eider_link closed;

int eider__inbox_init(struct eider__inbox *in, enum eider_doorbell doorbell,
		      enum eider_delivery delivery, struct eider__ring *home,
		      struct eider__trays *trays,
		      void (*orphan)(struct eider__inbox *, struct eider_link *))
{
	int err;

	memset(in, 0, sizeof(*in));
	in->each = delivery == EIDER_DELIVERY_EACH;
	in->orphan = orphan;
	err = eider__bell_init(&in->bell, doorbell, home);
	if (err < 0)
		return err;
	err = eider__poster_init(&in->guest, doorbell);
	if (err < 0) {
		eider__bell_release(&in->bell);
		return err;
	}
	eider__lock_init(&in->guest_lock);
	in->trays = trays;
	in->number = in->each ? 0 : eider__trays_join(trays);
	return 0;
}

void eider__inbox_release(struct eider__inbox *in)
{
	eider__poster_release(&in->guest);
	eider__bell_release(&in->bell);
	eider__lock_release(&in->guest_lock);
	if (in->number)
		eider__trays_leave(in->trays, in->number);
}

/* W3. Nothing but lack of memory can be wrong here, and that passes. */
static void ring_until_heard(struct eider__inbox *in, struct eider__poster *p,
			     uint64_t user_data)
{
	while (eider__bell_ring(&in->bell, p, user_data) < 0)
		eider__nap(1000000);
}

/* P2 to P4. */
static void wake_if_asleep(struct eider__inbox *in, struct eider__poster *p)
{
	uint32_t state = eider__load_full(&in->state);

	if (state == AWAKE || (state == NAPPING && p->is_patient))
		return;
	if (eider__swap_full(&in->state, AWAKE) != AWAKE)
		ring_until_heard(in, p, EIDER__TAG_BELL);
}

/* P1 by the list; false if closed. */
static bool push_to_list(struct eider__inbox *in, struct eider_link *link)
{
	struct eider_link *head = eider__load_acquire(&in->head);

	do {
		if (head == &closed)
			return false;
		link->_next = head;
	} while (!eider__cas_full(&in->head, &head, link));
	return true;
}

/*
 * P1; false if closed. Taking a place is what counts, filling it may come later: a
 * loop that finds an empty one does not sleep.
 */
static bool push(struct eider__inbox *in, struct eider_link *link)
{
	uint64_t tail = eider__load_acquire(&in->tail);

	do {
		if (tail & CLOSED)
			return false;
		/* Pairs with take_ring(): the place is empty. */
		if (tail - eider__load_acquire(&in->taken) >= EIDER__INBOX_RING)
			return push_to_list(in, link);
	} while (!eider__cas_full(&in->tail, &tail, tail + 1));
	/* Pairs with take_ring(): what was written to the item. */
	eider__store_release(&in->ring[tail % EIDER__INBOX_RING], link);
	return true;
}

void eider__inbox_post_alone(struct eider__inbox *in, struct eider__poster *p,
		       struct eider_link *link)
{
	eider__store_relaxed(&p->target, in);	/* published by P1 */
	if (in->each && in->bell.kind != EIDER_DOORBELL_EVENTFD &&
	    !(eider__load_acquire(&in->tail) & CLOSED)) {
		/* Pairs with eider__inbox_received(); the kernel orders it too. */
		eider__store_release(&link->_next, NULL);
		ring_until_heard(in, p, (uintptr_t)link | EIDER__TAG_POSTED);
	} else if (!push(in, link)) {
		in->orphan(in, link);
	} else if (in->each) {
		ring_until_heard(in, p, EIDER__TAG_BELL);
	} else {
		wake_if_asleep(in, p);
	}
	/* Pairs with the load in eider__executor_wait_posters(). */
	eider__store_release(&p->target, NULL);
}

void eider__inbox_post_on_tray(struct eider__inbox *in, struct eider__poster *p,
			       struct eider_link *link)
{
	eider__store_relaxed(&p->target, in);
	eider__barrier_light();		/* then closing: see tray.c, "Closing" */
	if (eider__load_acquire(&in->closing) || !eider__tray_put(p->tray, link)) {
		eider__inbox_post_alone(in, p, link);
		return;
	}
	eider__barrier_light();		/* T2, then T3 */
	wake_if_asleep(in, p);
	/* Pairs with the load in eider__executor_wait_posters(). */
	eider__store_release(&p->target, NULL);
}

int eider__inbox_post_guest(struct eider__inbox *in, struct eider_link *link)
{
	int err = -ESHUTDOWN;

	eider__lock_take(&in->guest_lock);
	if (!in->refuses_guests && push(in, link)) {
		wake_if_asleep(in, &in->guest);
		err = 0;
	}
	eider__lock_give(&in->guest_lock);
	return err;
}

void eider__inbox_wake(struct eider__inbox *in)
{
	eider__lock_take(&in->guest_lock);
	wake_if_asleep(in, &in->guest);
	eider__lock_give(&in->guest_lock);
}

struct eider_link *eider__inbox_received(uint64_t user_data)
{
	struct eider_link *link;

	link = (struct eider_link *)(uintptr_t)(user_data & ~(uint64_t)EIDER__TAG_MASK);
	(void)eider__load_acquire(&link->_next);
	return link;
}

static struct eider__fifo oldest_first(struct eider_link *l)
{
	struct eider__fifo q = { NULL, l, 0 };

	while (l) {
		struct eider_link *next = l->_next;

		l->_next = q.first;
		q.first = l;
		q.count++;
		l = next;
	}
	return q;
}

/* What is in the ring up to the first place that is not filled, @max at most. */
static unsigned int take_ring(struct eider__inbox *in, struct eider_link **items,
			      unsigned int max)
{
	uint64_t tail = eider__load_acquire(&in->tail) & ~CLOSED;
	uint64_t at = in->taken;
	unsigned int n = 0;

	for (; at != tail && n < max; at++) {
		struct eider_link **place = &in->ring[at % EIDER__INBOX_RING];
		struct eider_link *l = eider__load_acquire(place);

		if (!l)
			break;
		eider__store_relaxed(place, NULL);
		items[n++] = l;
	}
	eider__store_release(&in->taken, at);
	return n;
}

unsigned int eider__inbox_take(struct eider__inbox *in, struct eider_link **items,
			       struct eider__fifo *ret_rest)
{
	unsigned int n;

	memset(ret_rest, 0, sizeof(*ret_rest));
	/* A plain look first: what follows takes the line from the posters. */
	if (eider__inbox_is_empty(in))
		return 0;
	n = take_ring(in, items, EIDER__INBOX_RING);
	if (in->number)
		n += eider__trays_empty(in->trays, in->number, items + n,
					EIDER__TRAY_RING);
	if (eider__load_relaxed(&in->head))
		*ret_rest = oldest_first(eider__swap_full(&in->head, NULL));
	else if (!n)
		sched_yield();		/* somebody is about to fill the first place */
	return n;
}

unsigned int eider__inbox_take_some(struct eider__inbox *in, struct eider_link **items,
				    unsigned int max)
{
	unsigned int n = take_ring(in, items, max);

	if (n < max && in->number)
		n += eider__trays_empty(in->trays, in->number, items + n, max - n);
	return n;
}

/* L2 of tray.c. */
static bool trays_have_nothing(struct eider__inbox *in, bool naps)
{
	if (!in->number)
		return true;
	/* What a nap may miss it finds when it is over. */
	if (!naps && eider__trays_are_in_use(in->trays) &&
	    !eider__trays_barrier(in->trays))
		return false;
	return !eider__trays_have(in->trays, in->number, 1);
}

bool eider__inbox_sleep(struct eider__inbox *in, bool naps)
{
	eider__store_full(&in->state, naps ? NAPPING : SLEEPING);	/* L1 */
	return trays_have_nothing(in, naps) &&
	       eider__load_full(&in->tail) == in->taken &&
	       !eider__load_full(&in->head);		/* L2 */
}

void eider__inbox_awake(struct eider__inbox *in)
{
	if (eider__load_relaxed(&in->state) != AWAKE)
		eider__store_full(&in->state, AWAKE);	/* L4 */
}

void eider__inbox_refuse_trays(struct eider__inbox *in)
{
	if (!in->number)
		return;
	eider__store_full(&in->closing, 1);
	if (eider__trays_barrier(in->trays))
		return;
	while (eider__trays_are_in_use(in->trays))
		eider__nap(1000000);
}

unsigned int eider__inbox_take_trays(struct eider__inbox *in,
				     struct eider_link **items)
{
	return in->number ? eider__trays_empty(in->trays, in->number, items,
					       EIDER__TRAY_RING) : 0;
}

void eider__inbox_refuse_guests(struct eider__inbox *in)
{
	eider__lock_take(&in->guest_lock);
	in->refuses_guests = true;
	eider__lock_give(&in->guest_lock);
}

void eider__inbox_wait_guests(struct eider__inbox *in)
{
	eider__lock_take(&in->guest_lock);
	eider__lock_give(&in->guest_lock);
}

unsigned int eider__inbox_close(struct eider__inbox *in, struct eider_link **items,
				struct eider__fifo *ret_rest)
{
	uint64_t tail = eider__add_full(&in->tail, CLOSED);
	unsigned int n = take_ring(in, items, EIDER__INBOX_RING);

	while (in->taken != tail) {
		sched_yield();		/* somebody is about to fill a place */
		n += take_ring(in, items + n, EIDER__INBOX_RING);
	}
	*ret_rest = oldest_first(eider__swap_full(&in->head, &closed));
	return n;
}
