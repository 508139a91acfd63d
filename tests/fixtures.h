/*
 * fixtures.h - what several test programs are made of
 *
 * Unlike the harness it has short names, and nothing that a test could not do
 * itself. What has to succeed is asserted here.
 */
#ifndef EIDER_TESTS_FIXTURES_H
#define EIDER_TESTS_FIXTURES_H

#include "harness.h"

/* A loop without eider_run(), and its executor. */
struct world {
	struct eider_executor *executor;
	struct eider_loop *loop;
};

struct world open_world(const struct eider_options *options);
void close_world(const struct world *w);

/* [fiber] Where it is. */
struct eider_executor *executor_here(void);
struct eider_pool *pool_here(void);

/* [fiber] Does the executor use it? */
bool uses(enum eider_feature f);
/* [fiber] How many ops the executor's only loop has started. */
uint64_t ops_started(void);

/* [fiber] Spawn one, to be joined. */
struct eider_fiber *start(eider_fn *fn, void *arg);
/* [fiber] Give all others time to do what they should not do. */
void yield_often(void);

/* ---- functions for jobs and fibers ---- */

long nothing(void *arg);
/* The long at @arg. */
long echo(void *arg);
/* One more in the unsigned int at @arg; the second returns how many it is now. */
long count(void *arg);
long count_up(void *arg);
/* The id of the context that it is in. */
long id_of_job(void *arg);

/*
 * What is in the way of others: a function that says it is inside, stays until the
 * gate is open, and returns 7. It takes no notice of being cancelled, and it never
 * loses patience.
 */
struct gate {
	unsigned int inside, open;
};

long pass_gate(void *arg);
long pass_atomic_gate(void *arg);	/* the same, declared EIDER_ATOMIC() */

/* [fiber] Open @g, in which @job is. */
void let_go(struct eider_job *job, struct gate *g);

/* Wait until there are no more threads than @before; false if they do not end. */
bool wait_for_threads(int before);

/* ---- pools ---- */

struct eider_pool_counts pool_counts_of(struct eider_pool *pool);
struct eider_txn_pool_counts counts_of(struct eider_txn_pool *pool);

/* [fiber] Wait until @pool has so many threads (those stopped take a moment to end), */
void until_threads(struct eider_txn_pool *pool, unsigned int n);
/* so many idle (they know it a moment after the last result), */
void until_idle(struct eider_txn_pool *pool, unsigned int n);
/* or so many stand in line. */
void until_waiting(struct eider_txn_pool *pool, unsigned int n);

/* A thread_start hook that answers with the long at @arg. */
long fail_to_start(struct eider_thread *t, void *arg);

/* A test that is a fiber, with so many threads in the default pool; no watchdog. */
#define TXN_TEST(name, threads, loop_count)                                    \
	HARNESS_FIBER_TEST_WITH(                                               \
		name, HARNESS_OPTIONS(.loops = loop_count,                     \
				      .txn_threads_max = threads,              \
				      .slow_job_ns = EIDER_NEVER,              \
				      .loop_stall_ns = EIDER_NEVER))

/* ---- warnings ---- */

/* The last one, and how many there were; "" for what it did not say. */
struct warned {
	unsigned int count;
	enum eider_warning_kind kind;
	uint64_t context;
	char name[32], detail[600];
};

extern struct warned warned;

/* [fiber] From now on those of its executor go to @warned. */
void note_warnings(void);

#endif
