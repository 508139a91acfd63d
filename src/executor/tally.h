/*
 * tally.h - what threads have done, for eider/stats.h
 *
 * A worker has its own while it lives; its pool has that of those that have ended, and
 * the executor that of what came and went: so no number falls. What is alive is counted
 * where it is, under the lock that its end takes too.
 *
 *	worker --retires--> pool's past			under the pool's lock
 *	transaction thread --ends--> txn_past		under txn_lock
 *	thread of its own, loop --ends--> past		under the executor's lock
 *
 * A worker's jobs are in its beat already (base/watched.h), two to a job.
 */
#ifndef EIDER_EXECUTOR_TALLY_H
#define EIDER_EXECUTOR_TALLY_H

#include <eider/stats.h>

struct eider_loop;
struct eider__worker;

struct eider__tally {
	uint64_t jobs_done;
	struct eider_histogram queue_wait, run, deliver;
};

void eider__tally_add(struct eider__tally *to, const struct eider__tally *from);
void eider__tally_add_worker(struct eider__tally *to, const struct eider__worker *w);

/* [loop] Have it in the executor's list of loops; and no longer. */
void eider__stats_add_loop(struct eider_loop *loop);
void eider__stats_remove_loop(struct eider_loop *loop);

#endif
