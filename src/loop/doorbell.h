/*
 * doorbell.h - three ways to make a CQE appear on another thread's ring
 *
 *	sync	IORING_REGISTER_SEND_MSG_RING: one system call, no ring on the
 *		sender's side (6.13)
 *	ring	IORING_OP_MSG_RING from a small ring of the posting thread (5.18)
 *	eventfd	a write to an eventfd, which the loop's ring reads (5.6)
 *
 * When to ring is inbox.c's business.
 */
#ifndef EIDER_LOOP_DOORBELL_H
#define EIDER_LOOP_DOORBELL_H

#include <eider/options.h>

#include "base/list.h"
#include "ring.h"

struct eider__inbox;
struct eider__tray;

/* The loop's side. */
struct eider__bell {
	/* Constant after init. */
	enum eider_doorbell kind;
	int fd;				/* the ring's, or an eventfd */

	/* Home thread only; and the kernel's, while armed. */
	uint64_t count;
	bool armed;
};

/*
 * A thread's side. Belongs to one thread, or is under a lock of the user's.
 */
struct eider__poster {
	/* Constant after init. */
	enum eider_doorbell kind;
	struct eider_executor *executor;	/* whose loops it may post to */

	/* The poster's thread only. */
	struct eider__ring ring;
	struct eider__tray *tray;	/* or NULL */
	bool is_patient;		/* more will come soon: no ring for a nap */
	unsigned int carries_for;	/* the number of a loop, while it is in use */

	/* Any thread, atomic: whose inbox this thread has in hand, see inbox.c. */
	struct eider__inbox *target;

	/* Under the executor's lock. */
	struct eider_node node;
};

/* The bell of the loop whose ring is @home. 0 or -errno. */
int eider__bell_init(struct eider__bell *b, enum eider_doorbell kind,
		     struct eider__ring *home);
void eider__bell_release(struct eider__bell *b);

/* [loop] Get ready to be rung; must be done before sleeping. 0 or -errno. */
int eider__bell_arm(struct eider__bell *b, struct eider__ring *home);

/* [loop] A CQE with EIDER__TAG_BELL came. */
void eider__bell_rang(struct eider__bell *b);

/* 0 or -errno; kind ring makes a small ring. */
int eider__poster_init(struct eider__poster *p, enum eider_doorbell kind);
void eider__poster_release(struct eider__poster *p);

/*
 * Make the CQE @user_data appear on @b's ring (eventfd: always EIDER__TAG_BELL).
 * 0, or -errno and nothing happened.
 */
int eider__bell_ring(struct eider__bell *b, struct eider__poster *p,
		     uint64_t user_data);

#endif
