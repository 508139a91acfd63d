/*
 * rest.c - how a loop sleeps while its jobs are run
 *
 * As a rule until somebody rings, or a timer is due; not longer than the loop has to
 * look after a pool (guard.c). And where all CPUs are taken by workers, which have more
 * jobs at hand than they run, it takes a nap: there each doorbell would take a CPU from
 * a worker, for one result and perhaps one new job, at several us a time. So workers do
 * not ring for a loop that naps, unless the one that posts is about to run out of work;
 * and the loop comes by itself, after NAP_NS, to a whole row of results.
 *
 * What a nap may delay is a result, by NAP_NS and the accuracy of the kernel's timers,
 * half as much again, of a job that had to wait for a worker in any case. I/O, other
 * threads and timers end it as they end sleep; and a loop with a job anywhere else
 * sleeps as ever. Whether all CPUs are taken is guessed by how many threads of ours are
 * up; one that waits inside a job counts, and so does a loop that nobody turns.
 */
#include "rest.h"

#include "executor.h"
#include "guard.h"

enum {
	NAP_NS = 150000,
};

/* Jobs that @p has taken, or is asked for, beyond those that its workers run. */
static bool has_a_long_queue(const struct eider_pool *p, unsigned int jobs,
			     unsigned int cpus)
{
	unsigned int up = eider__load_relaxed(&p->workers) -
			  eider__load_relaxed(&p->idle);

	return jobs >= up + 2 * cpus;
}

/* Are all jobs of the loop with one pool, and more than it runs? */
static bool is_in_for_long(const struct eider_loop *loop)
{
	const struct eider_lane *lane = loop->lanes->of;
	const struct eider_lane *end = lane + EIDER__POOLS_MAX;

	while (lane < end && !lane->outstanding)
		lane++;
	return lane < end && lane->outstanding == loop->jobs &&
	       has_a_long_queue(lane->pool, lane->outstanding, loop->patience.cpus);
}

bool eider__rest_is_nap(const struct eider_loop *loop)
{
	return !loop->inbox.each && !loop->polled &&
	       eider__patience_is_crowded(&loop->patience) && is_in_for_long(loop);
}

int64_t eider__rest_until(struct eider_loop *loop, bool naps)
{
	int64_t until = loop->guards ? eider__guards_until(loop) : EIDER_NEVER;
	int64_t nap = naps ? eider_after(NAP_NS) : EIDER_NEVER;

	return nap < until ? nap : until;
}
