/*
 * batch.c - see batch.h
 *
 * A job belongs to whoever takes its pointer out of the batch. Where the kernel has
 * asymmetric barriers, that costs the worker no locked operation:
 *
 *	worker                              raider, under the pool's lock
 *	------                              -----------------------------
 *	C1  begun = i + 1                   R1  raided = 1
 *	    light                               heavy
 *	C2  raided?                         R2  takes jobs from begun on
 *	    no: the i-th is its own         R3  raided = 0, release
 *	    yes: waits for the lock, and
 *	    takes what is there
 *
 * Why no job has two owners. The heavy barrier lies before or after the light one of
 * C1-C2: before, and C2 comes after R1 and sees that it is raided; after, and R2 comes
 * after C1 and leaves the i-th job alone. It may be both; then the job is the
 * worker's, which takes it later. And if C2 finds the raid over it finds, by R3, the
 * places empty that were taken. tests/model/raid.pml tries all orders.
 *
 * Elsewhere worker and raider swap the pointer for NULL: who gets it has the job. And
 * where jobs are not short: the heavy barrier interrupts every CPU that runs a thread
 * of ours, which on a virtual machine is 20 us, and what it saves is 5 ns a job. So
 * nobody begins a raid, either, who sees nothing to take. A heavy barrier that fails
 * (tray.c, "Refused") is a raid that takes nothing.
 *
 * A raid takes the last jobs, not the first: those are the worker's next.
 */
#include "batch.h"

#include "base/sys.h"

struct eider_job *eider__batch_claim_slowly(struct eider__batch *b, unsigned int i)
{
	struct eider_job *job;

	eider__lock_take(b->lock);
	job = b->jobs[i];
	eider__store_relaxed(&b->jobs[i], NULL);
	eider__lock_give(b->lock);
	return job;
}

void eider__batch_fill_locked(struct eider__batch *b, unsigned int count,
			      bool lopsided)
{
	b->lopsided = lopsided;
	eider__store_relaxed(&b->begun, 0);
	b->count = count;
}

/* R1 and R2. The first place that is not the worker's own; if in doubt, none. */
static unsigned int begin_raid(struct eider__batch *b)
{
	if (!b->lopsided)
		return 0;
	eider__store_relaxed(&b->raided, 1);
	return eider__barrier_heavy() ? eider__load_relaxed(&b->begun) : b->count;
}

static void end_raid(struct eider__batch *b)
{
	if (b->lopsided)	/* pairs with C2: the places are empty */
		eider__store_release(&b->raided, 0);
}

unsigned int eider__batch_left(const struct eider__batch *b)
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < b->count; i++)
		n += eider__load_relaxed(&b->jobs[i]) != NULL;
	return n;
}

unsigned int eider__batch_raid_locked(struct eider__batch *b, struct eider_job **jobs,
				      bool half)
{
	struct eider_job *taken[EIDER__BATCH_MAX], *job;
	unsigned int n = 0, want = eider__batch_left(b), first;

	if (!want)
		return 0;
	first = begin_raid(b);
	if (half)
		want = (want + 1) / 2;
	for (unsigned int i = b->count; i-- > first && n < want;) {
		job = eider__load_relaxed(&b->jobs[i]) ?
			      eider__swap_acq_rel(&b->jobs[i], NULL) : NULL;
		if (job)
			taken[n++] = job;
	}
	end_raid(b);
	for (unsigned int i = 0; i < n; i++)
		eider__store_relaxed(&jobs[i], taken[n - 1 - i]);
	return n;
}

bool eider__batch_remove_locked(struct eider__batch *b, struct eider_job *job)
{
	bool removed = false;
	unsigned int i = 0;

	while (i < b->count && eider__load_relaxed(&b->jobs[i]) != job)
		i++;
	if (i == b->count)
		return false;
	if (begin_raid(b) <= i) {
		struct eider_job *expected = job;

		removed = eider__cas_acq_rel(&b->jobs[i], &expected, NULL);
	}
	end_raid(b);
	return removed;
}
