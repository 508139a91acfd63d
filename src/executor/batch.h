/*
 * batch.h - the jobs that a worker has taken and not begun
 *
 * Open to all: nobody's job waits behind another one that is slow. The worker takes
 * them out one after another, as it goes; others, under the pool's lock, take what it
 * has not come to. See batch.c for how they agree.
 */
#ifndef EIDER_EXECUTOR_BATCH_H
#define EIDER_EXECUTOR_BATCH_H

#include "base/atomics.h"
#include "base/lock.h"
#include "job.h"

enum {
	EIDER__BATCH_MAX = 64,
};

struct eider__batch {
	/* Constant after init. */
	struct eider__lock *lock;	/* the pool's */

	/* Any thread, atomic. NULL: gone. */
	struct eider_job *jobs[EIDER__BATCH_MAX];

	/* The worker's, loads by any thread; atomic. */
	unsigned int begun;		/* it has come so far */

	/* Under the lock, loads by the worker; atomic. */
	uint32_t raided;		/* others are at it */

	/* Under the lock, and the worker's to read. */
	unsigned int count;
	bool lopsided;			/* raids pay, claims do not */
};

static inline void eider__batch_init(struct eider__batch *b, struct eider__lock *lock)
{
	b->lock = lock;
}

struct eider_job *eider__batch_claim_slowly(struct eider__batch *b, unsigned int i);

/* [its worker] The i-th job, which is its own from now on; NULL if others have it. */
static inline struct eider_job *eider__batch_claim(struct eider__batch *b,
						   unsigned int i)
{
	struct eider_job *job;

	if (!b->lopsided)
		return eider__swap_acq_rel(&b->jobs[i], NULL);
	eider__store_relaxed(&b->begun, i + 1);		/* C1 */
	eider__barrier_light();
	if (eider__load_acquire(&b->raided))		/* C2 */
		return eider__batch_claim_slowly(b, i);
	job = b->jobs[i];
	eider__store_relaxed(&b->jobs[i], NULL);
	return job;
}

/*
 * [its worker] Ask for what it needs of the i-th, if there is one, in advance: 64
 * bytes, which seldom begin with a cache line.
 */
static inline void eider__batch_prefetch(const struct eider__batch *b, unsigned int i)
{
	const struct eider_job *job = NULL;

	if (i < b->count)
		job = eider__load_relaxed(&b->jobs[i]);
	if (job) {
		eider__prefetch_write(job);
		eider__prefetch_write((const char *)job + 63);
	}
}

/* Under the lock: how many it has not begun, about. */
unsigned int eider__batch_left(const struct eider__batch *b);

/*
 * Under the lock: the worker has @count new ones in jobs. @lopsided if there are
 * asymmetric barriers, and the jobs are expected to be short.
 */
void eider__batch_fill_locked(struct eider__batch *b, unsigned int count,
			      bool lopsided);

/*
 * Under the lock: take what the worker has not begun, the last ones, up to half of them
 * if @half; to @jobs, in their order. How many.
 */
unsigned int eider__batch_raid_locked(struct eider__batch *b, struct eider_job **jobs,
				      bool half);

/* Under the lock: take exactly @job out. */
bool eider__batch_remove_locked(struct eider__batch *b, struct eider_job *job);

#endif
