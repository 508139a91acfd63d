/*
 * future.h - what the kinds of futures share (see eider/future.h)
 *
 *	            start                 complete               run
 *	IDLE/DONE --------> PENDING -----------------> READY ---------> DONE
 *	                                 (on the ready list)
 *
 * Between READY and DONE the loop still holds the future's address, in a list: a
 * future is done only when the loop has let go of it, and then its waiter runs.
 *
 * A kind is a table of functions, in the file of that kind. run() is called from
 * the ready list and ends in eider__future_finish(). cancel() asks for an early
 * end of one that is PENDING, and may be NULL. drop() is called instead of run()
 * if the loop is freed first, and may be NULL.
 */
#ifndef EIDER_LOOP_FUTURE_H
#define EIDER_LOOP_FUTURE_H

#include <eider/future.h>

struct eider_kind {
	void (*run)(struct eider_link *);
	void (*cancel)(struct eider_future *);
	void (*drop)(struct eider_link *);
};

enum eider__future_state {
	EIDER__IDLE,
	EIDER__PENDING,
	EIDER__READY,
	EIDER__DONE,
	EIDER__STATE_MASK = 3,

	EIDER__WAITED_BY_FIBER = 4,
	EIDER__WAITED_BY_CALLBACK = 8,
	EIDER__WAITED_MASK = 12,
};

/* _flags, which other threads may read: a job's, see executor/job.h. */

static inline struct eider_future *eider__future_of(struct eider_link *l)
{
	return (struct eider_future *)l;	/* its first member */
}

static inline unsigned int eider__future_state(const struct eider_future *f)
{
	return f->_state & EIDER__STATE_MASK;
}

static inline void eider__future_start(struct eider_future *f,
				       struct eider_loop *loop,
				       const struct eider_kind *kind)
{
	f->_link._kind = kind;
	f->_loop = loop;
	f->_state = EIDER__PENDING;
	f->_flags = 0;
}

/* A future that other code of the home thread completes: a gate to wait at. */
extern const struct eider_kind eider__plain_kind;

/* [loop] The result is in: PENDING to READY. */
void eider__future_complete(struct eider_future *f, long result);

/* [loop, while it runs something] The same, and it is run in this turn. */
void eider__future_complete_now(struct eider_future *f, long result);

/* [loop] What run() ends in: READY to DONE, and the waiter runs. */
void eider__future_finish(struct eider_future *f);

/* [loop] That as a run(), for kinds which have nothing else to do. */
void eider__future_run(struct eider_link *l);

/* [loop] Be @f's waiter. 0; -EBUSY. @f must not be done. */
int eider__future_wait(struct eider_future *f, void *fiber);
/* [loop] No longer. */
void eider__future_unwait(struct eider_future *f);

#endif
