/*
 * job.h - jobs inside (see eider/job.h)
 *
 *	        start               hand over             take           return
 *	 ------> in a lane ----------> queued ----------> taken --------> READY
 *	          |  (loop's own)       | (pool's lock)    |  (a worker)
 *	          +---- cancel ---------+                  +-- cancel: a flag, and the
 *	                  -ECANCELED                           interrupt hook
 *
 * A lane is where jobs of one loop wait for the hand-over to one pool, and where
 * they are counted: so many accepted, not yet done, at most. It is the home
 * thread's alone, so counting costs no atomic operation.
 *
 * A sampled job (eider/stats.h) carries a moment: of its start, and once a thread has
 * run its function of the return, negative. Who has the job stores it.
 */
#ifndef EIDER_EXECUTOR_JOB_H
#define EIDER_EXECUTOR_JOB_H

#include <eider/job.h>

#include "fiber/fiber.h"

struct eider_context;

/* job->future._flags; atomic. */
enum eider__job_flags {
	EIDER__JOB_NAMED = 1,		/* constant from start on */
	EIDER__JOB_INTERRUPTIBLE = 2,	/* likewise */
	EIDER__JOB_TIMED = 4,		/* likewise: has a timer */
	EIDER__JOB_CANCELLED = 8,	/* eider_cancelled() says so */
	EIDER__JOB_QUEUED = 16,		/* in the list of a backlog; pool's lock */
	EIDER__JOB_WAITING = 32,	/* in a transaction pool's; under txn_lock */
	EIDER__JOB_EXPIRED = 512,	/* cancelled by its deadline */
	EIDER__JOB_SAMPLED = 1024,	/* constant from start on: has a moment */

	/* Of interruptible jobs, the state of the handshake in interrupt.c. */
	EIDER__JOB_RUNNING = 64,
	EIDER__JOB_INTERRUPTING = 128,
	EIDER__JOB_RETURNED = 256,
};

struct eider_lane {
	/* Constant after init. */
	struct eider_loop *loop;
	struct eider_pool *pool;	/* NULL: jobs are placed one by one */
	struct eider_context *context;	/* whose it is, or NULL */
	unsigned int max;

	/* Home thread only. */
	struct eider_link handoff;	/* to be run before the ring is entered */
	bool handing;			/* handoff is linked */
	struct eider__fifo batch;	/* jobs, by their future's link */
	int64_t since;			/* when there were LANE_BATCH of them */
	bool guards;			/* as guard.c says */
	unsigned int outstanding;	/* accepted, not done; slots given count too */
	struct eider_node turns;	/* fibers that wait for a slot */
	struct eider_future *idle;	/* completed when outstanding becomes 0 */
};

enum {
	EIDER__LANE_BATCH = 64,
};

/* The lanes of a loop to the pools of its executor, by their index. */
enum {
	EIDER__POOLS_MAX = 34,		/* two are the executor's own */
};

struct eider__lanes {
	struct eider_lane direct;	/* to threads, and for atomic jobs */
	struct eider_node contexts;	/* made on this loop */
	struct eider_lane of[EIDER__POOLS_MAX];
};

static inline struct eider_job *eider__job_of(struct eider_link *l)
{
	return (struct eider_job *)l;	/* the first member of its first member */
}

void eider__lane_init(struct eider_lane *lane, struct eider_loop *loop,
		      struct eider_pool *pool, unsigned int max);

/* [loop] Hand the batch to the pool now. */
void eider__lane_flush(struct eider_lane *lane);

/*
 * [loop] A slot in @lane for @job, which becomes PENDING. A fiber waits for it. 0;
 * -EAGAIN, -ECANCELED. The slot goes back when the job is done.
 */
int eider__job_accept(struct eider_job *job, struct eider_lane *lane);
/* [loop] It was not to be: give the slot back. */
void eider__job_reject(struct eider_job *job);

/* [loop] It is on its way. */
static inline void eider__job_count(struct eider_loop *loop)
{
	eider__count(&loop->counts.jobs_started, 1);
}

/* Of the next. */
void eider__lane_attend(struct eider_lane *lane);

/* [loop] Have @job, set up and with its lane's slot taken, on its way. */
static inline void eider__lane_add(struct eider_lane *lane, struct eider_job *job)
{
	eider__job_count(lane->loop);
	eider__fifo_push(&lane->batch, &job->future._link);
	if (!lane->handing || lane->batch.count % EIDER__LANE_BATCH == 0)
		eider__lane_attend(lane);
}

/* Has any function been declared atomic? The answer of most programs. */
extern uint32_t eider__any_atomic;

/* [loop] What every way to start a job checks first. 0 or -errno. */
int eider__job_check(const struct eider_job *job);

/* What runs for a loop that is being freed, as far as it was seen. */
struct eider__running {
	struct eider_job *to_stop;	/* linked by their timers */
	unsigned int count;		/* these, and those asked before */
};

#endif
