/*
 * stats.h - what an executor is doing, and has done
 *
 * Counters cost an addition on the thread that has them anyway. Latencies are sampled:
 * of the jobs that a loop starts, one in EIDER_STATS_SAMPLE is timed on its way, and no
 * clock is read for the others. All of it is readable at any time, from any thread, and
 * each number is that of some recent moment; what is counted never falls.
 */
#ifndef EIDER_STATS_H
#define EIDER_STATS_H

#include <stdio.h>

#include <eider/histogram.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A prime: it keeps step with no program whose jobs come in twos, fours or tens. */
enum { EIDER_STATS_SAMPLE = 61 };

/* A loop that was not freed yet. */
struct eider_loop_stats {
	unsigned int number;		/* 1, 2, ... in the order they were made, as
					   in the names of warnings: loop-1 */
	unsigned int fibers;		/* that have not returned */
	unsigned int ready;		/* to be run, at the end of the last turn */
	uint64_t turns;
	uint64_t sleeps;		/* turns that waited in the kernel */
	uint64_t links;			/* fibers resumed, callbacks run */
	uint64_t jobs_started;		/* accepted, those of hooks as well */
	uint64_t jobs_done;		/* also those that were cancelled */
	uint64_t ops_started, ops_done;
};

struct eider_pool_stats {
	char name[32];
	unsigned int threads, idle, threads_max;
	unsigned int queued;		/* jobs that no thread has taken */
	uint64_t jobs_done;		/* whose functions have returned */
};

/* A transaction thread of the pool at that index of txn_pools. */
struct eider_thread_stats {
	unsigned int pool;
	unsigned int queued;		/* jobs behind the one that runs */
	char name[32];
	char job[32];			/* that it runs; "" none */
	char context_name[32];		/* that it is bound to; "" none */
	uint64_t context;		/* that has it, by lease or by number; 0 none */
	int64_t context_ns;		/* for how long it has been leased; 0 if it is
					   not */
	uint64_t jobs_done;		/* as above */
};

struct eider_txn_pool_stats {
	char name[32];
	unsigned int threads_max, threads, leased, bound, general, idle, waiting;
	uint64_t leases;		/* contexts that got a thread */
	uint64_t jobs_done;		/* as above; also of threads that have ended */
};

struct eider_stats {
	int64_t at;			/* eider_now() */
	unsigned int loop_count, pool_count, txn_pool_count, thread_count;
	struct eider_loop_stats *loops;
	struct eider_pool_stats *pools;
	struct eider_txn_pool_stats *txn_pools;
	struct eider_thread_stats *threads;	/* none of eider_thread_new() */
	/*
	 * Of the sampled jobs of all loops and threads, also those that have ended:
	 * from start to running, running, and from there to the loop.
	 */
	struct eider_histogram queue_wait, run, deliver;
};

/*
 * [any] A snapshot, to be freed by the caller with eider_stats_free(). 0; -ENOMEM,
 * -EINVAL, -ECHILD. Takes the locks of the executor for some microseconds: for a
 * request of an operator, not for each of everybody's.
 */
EIDER_API EIDER_MUST_CHECK int eider_stats_read(struct eider_executor *executor,
						struct eider_stats **ret_stats);
/* NULL is allowed. */
EIDER_API void eider_stats_free(struct eider_stats *stats);

/*
 * [any] Write @stats as Prometheus text: # HELP, # TYPE and the samples of eider_...,
 * counters with _total, histograms in seconds. Transaction threads come and go, so
 * they have no samples of their own. 0, or -EIO if @file has an error.
 */
EIDER_API int eider_stats_print(const struct eider_stats *stats, FILE *file);

#ifdef __cplusplus
}
#endif

#endif
