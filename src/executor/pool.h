/*
 * pool.h - a queue of jobs and the workers that run them
 *
 * A transaction thread is a pool of exactly one worker that stays, with hooks; so
 * everything about queues, taking, cancelling and stopping is here and in worker.c,
 * once.
 */
#ifndef EIDER_EXECUTOR_POOL_H
#define EIDER_EXECUTOR_POOL_H

#include <eider/executor.h>

#include "base/lock.h"
#include "backlog.h"
#include "job.h"
#include "tally.h"

struct eider__worker;

/* What a transaction thread adds. All on the worker's own thread, no lock held. */
struct eider__pool_hooks {
	long (*start)(struct eider_pool *);	/* < 0: every job fails so */
	void (*stop)(struct eider_pool *);	/* if start gave >= 0 */
	void (*drained)(struct eider_pool *);	/* nothing is left to run */
	void (*ended)(struct eider_pool *);	/* last of all; the pool may go */
};

enum eider__pool_state {
	EIDER__POOL_OPEN,
	EIDER__POOL_DRAINING,	/* runs what it has, and what loops still hand over */
	EIDER__POOL_CLOSED,	/* what is handed over is cancelled */
};

struct eider_pool {
	/* Constant after init. */
	struct eider_executor *executor;
	unsigned int index;		/* of its lane; none for single ones */
	unsigned int threads_max;
	unsigned int queue_max;
	int64_t keepalive_ns;
	char name[24];
	bool single;			/* of a transaction thread */
	const struct eider__pool_hooks *hooks;	/* or NULL */
	struct eider_thread *thread;	/* whose it is, if single */

	/* Any thread, atomic. */
	uint64_t context;		/* what its jobs run in; single ones */
	unsigned int serial;		/* numbers the names of workers */
	uint32_t brisk;			/* how short its jobs are: see guard.c */
	int64_t looked_at;		/* when a guard did; stored under lock */

	/* Under lock; queued, workers, idle and state are atomic, for all. */
	struct eider__lock lock __attribute__((aligned(64)));
	struct eider__backlog backlog;
	unsigned int queued;		/* in backlog */
	unsigned int workers;		/* started and not ended */
	unsigned int idle;		/* asleep, and nobody called them */
	struct eider_node sleepers;	/* these, the last to fall asleep first */
	uint32_t takes;			/* how often a worker has taken jobs */
	unsigned int guards;		/* lanes whose loops look after it: guard.c */
	uint32_t seen_takes;		/* at looked_at */
	bool polling;			/* a worker does, and nobody counts on it yet */
	enum eider__pool_state state;
	bool drained;			/* hooks->drained() knows there is no work */
	struct eider_node all;		/* workers */
	struct eider__tally past;	/* of those that have ended */
};

void eider__pool_init(struct eider_pool *p, struct eider_executor *executor,
		      const char *name, unsigned int threads_max,
		      unsigned int queue_max);
void eider__pool_release(struct eider_pool *p);

/*
 * [any] Queue @batch, which comes by @lane, or by none (NULL). 0; -ECANCELED if the
 * pool is closed, and then the jobs are still the caller's. Jobs for which no thread
 * can be had come back with -EAGAIN.
 */
int eider__pool_add(struct eider_pool *p, struct eider__fifo *batch,
		    struct eider_lane *lane);

/* [any] The same for one job. */
int eider__pool_add_one(struct eider_pool *p, struct eider_job *job);

/* [any] Take @job out: true if no worker has it, and then none will. */
bool eider__pool_remove(struct eider_pool *p, struct eider_job *job);

/*
 * [loop] @loop is being freed: complete its jobs that do not run, on the loop, and
 * add the others to @running, for eider__worker_interrupt_all().
 */
void eider__pool_leave(struct eider_pool *p, struct eider_loop *loop,
		       struct eider__running *running);

/*
 * [any] Change the state, OPEN to DRAINING to CLOSED only. Closing gives what was
 * queued, linked by the futures' links, for the caller to complete.
 */
struct eider_link *eider__pool_set_state(struct eider_pool *p,
					 enum eider__pool_state state);

/* [any] Start the worker of a single pool now. 0 or -errno. */
int eider__pool_start_worker(struct eider_pool *p);

/* [any] True if nothing is queued and nothing runs. */
bool eider__pool_is_free(struct eider_pool *p);

/* For workers: the oldest jobs in the queue, @n at most; how many. The way back. */
unsigned int eider__pool_take_locked(struct eider_pool *p, struct eider_job **jobs,
				     unsigned int n);
void eider__pool_put_back_locked(struct eider_pool *p, struct eider_job *job);

/*
 * For workers and guards: there is work that nobody has begun. Says who is to come for
 * it, and the caller calls that one when it has let go of the lock.
 */
struct eider__summons {
	uint32_t *sleeper;		/* the word that one sleeps on, or NULL */
	bool newcomer;			/* one is to be started */
};

struct eider__summons eider__pool_summon_locked(struct eider_pool *p);
/* 0, or -errno: a worker could not be started. */
int eider__pool_call(struct eider_pool *p, struct eider__summons who);
/* The same for who is not a worker: if nobody is there now, the jobs fail. */
void eider__pool_call_from_outside(struct eider_pool *p, struct eider__summons who);

#endif
