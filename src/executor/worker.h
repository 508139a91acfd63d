/*
 * worker.h - a thread that runs jobs
 */
#ifndef EIDER_EXECUTOR_WORKER_H
#define EIDER_EXECUTOR_WORKER_H

#include <pthread.h>

#include "base/patience.h"
#include "base/watched.h"
#include "batch.h"
#include "pool.h"

struct eider__worker {
	/* Constant after start. */
	struct eider_pool *pool;
	pthread_t thread;

	struct eider__batch batch;	/* as batch.h says */

	/* Under the pool's lock. */
	struct eider_node node;
	struct eider_node asleep;	/* in the pool's sleepers */
	uint32_t called;		/* from there; atomic, it sleeps on this */
	uint64_t seen_beat;		/* by a guard, when it looked last */

	/* Its own, loads by any thread, atomic. */
	bool busy;			/* has a job; set under the pool's lock */

	/* Its own, loads by any thread: belongs to the beat, see base/watched.h. */
	struct eider_job *job;
	struct eider_loop *loop;
	struct eider__watched watched;
	struct eider__poster poster;

	/* Its own. */
	bool inherits_slice;		/* of the loop that started it */
	long start_error;
	bool first;			/* job since it last took some */
	bool leaves;			/* some that nobody has begun: rule Q1 */
	struct eider__patience patience;	/* for the next job */

	/* Its own, loads by any thread, atomic: of sampled jobs. */
	struct eider_histogram queue_wait, run;
};

/* The worker of the calling thread, or NULL. Not inlined into fibers: jobs only. */
extern __thread struct eider__worker *eider__worker_here;

/*
 * [any] Start a worker of @p, which counts it already. 0 or -errno, and then it is
 * not counted any more.
 */
int eider__worker_start(struct eider_pool *p);

/*
 * [worker] Fill the batch. How many jobs it has, or 0: end. A worker of many ends in
 * the same moment, so that new work starts another; a single one is still to run its
 * stop hook.
 */
unsigned int eider__worker_take(struct eider__worker *me);
/* Under the pool's lock: call that sleeper. The word to wake, with or without it. */
uint32_t *eider__worker_call_locked(struct eider_node *asleep);
/* Under the pool's lock: it is counted no more. */
void eider__worker_retire_locked(struct eider__worker *me);

/*
 * [loop] Ask the function of @job, which a worker has, to stop; because of its
 * deadline if @expired. If it has not begun it does not, most of the time.
 */
void eider__worker_interrupt(struct eider_job *job, bool expired);

/* After this the hook of @job, which has returned, is not running, nor will be. */
void eider__worker_end_interrupts(struct eider_job *job);

/*
 * Under the pool's lock: jobs from other workers' batches, of one of them; all it has
 * left, or half of it if there is a @thief. How many.
 */
unsigned int eider__worker_steal_locked(struct eider_pool *p,
					const struct eider__worker *thief,
					struct eider_job **jobs);
/*
 * [loop] Under the pool's lock: find what runs for @loop, see eider__pool_leave(), and
 * put batches that may have jobs of it back into the queue.
 */
void eider__worker_leave_locked(struct eider_pool *p, struct eider_loop *loop,
				struct eider__running *running);
/*
 * [loop, no lock held] Ask them all to stop. They stay until the loop has taken what
 * came back.
 */
void eider__worker_interrupt_all(struct eider_job *running);
/* Under the pool's lock: has anybody else a job that is not begun? */
bool eider__worker_has_more_locked(struct eider_pool *p,
				   const struct eider__worker *but);
/* Under the pool's lock: take exactly @job out of a batch. */
bool eider__worker_give_up_locked(struct eider_pool *p, struct eider_job *job);

#endif
