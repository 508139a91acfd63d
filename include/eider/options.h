/*
 * options.h - every bound of Eider, in one struct
 *
 * Nothing grows silently: each number here is a limit chosen before the start.
 * Zero means the default, so `{ .size = sizeof(o), .workers_max = 4 }` says all
 * that is to be said; a NULL pointer to the struct is all defaults. `size` lets
 * a program built against an older header run with a newer library. A size that
 * the library does not know, or a value out of its range, is -EINVAL.
 *
 * At a bound a fiber waits its turn, first come first served; a caller that is
 * not a fiber gets -EAGAIN.
 */
#ifndef EIDER_OPTIONS_H
#define EIDER_OPTIONS_H

#include <eider/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How threads wake a sleeping loop; see features.h. */
enum eider_doorbell {
	EIDER_DOORBELL_AUTO,	/* the first of these that makes a round trip */
	EIDER_DOORBELL_SYNC,	/* IORING_REGISTER_SEND_MSG_RING, no ring needed */
	EIDER_DOORBELL_RING,	/* IORING_OP_MSG_RING, from the thread's own ring */
	EIDER_DOORBELL_EVENTFD,	/* an eventfd that the loop's ring reads */
};

/* How results reach the loop. */
enum eider_delivery {
	EIDER_DELIVERY_AUTO,	/* list */
	EIDER_DELIVERY_LIST,	/* an inbox; the doorbell only wakes a sleeper */
	EIDER_DELIVERY_EACH,	/* a message per result: the plain form, slower,
				   kept to compare with */
};

struct eider_options {
	size_t size;			/* sizeof(struct eider_options) */

	/* A loop. */
	unsigned int loops;		/* eider_run(): threads with a loop; 1 */
	unsigned int ring_entries;	/* submission queue; 256, 4 to 32768 */
	unsigned int fibers_max;	/* per loop; 1048576 */
	size_t stack_bytes;		/* per fiber; 65536, 16384 at least */
	unsigned int stacks_cached;	/* free stacks that keep their memory; 256 */
	int64_t slice_ns;		/* ask the scheduler for slices as short as that
					   for the loop's thread, so that it gets a CPU
					   soon after it woke, also beside threads that
					   compute; from 100 us. 0: leave it as it is */
	bool polled;			/* another event loop drives it: see
					   eider_loop_fd(). Costs DEFER_TASKRUN */

	unsigned int recv_buffers;	/* of all streams of a loop; 256, 4 to 32768,
					   a power of two */
	unsigned int recv_buffer_bytes;	/* of each; 4096, 512 to 1048576 */

	/* Workers. */
	unsigned int workers_max;	/* 4 x CPUs, 8 at least */
	unsigned int queue_max;		/* jobs that one loop may have accepted for
					   one pool and not seen done; 1048576 */
	int64_t keepalive_ns;		/* an idle worker stops after; 10 s */

	/* The default transaction pool. */
	unsigned int txn_threads_max;	/* 16 */
	unsigned int free_level;	/* per cent, 1 to 100; 50 */
	bool keep_general_threads;	/* true: the free rule never runs */

	/*
	 * How long a thread that expects something soon looks out for it before it
	 * sleeps: a loop with jobs under way, one worker of a pool, a transaction
	 * thread in a context. 50 us; less than 0: not at all. Then loops do not nap
	 * either, as they do for 150 us where workers have all CPUs and a long queue.
	 */
	int64_t poll_ns;

	/* Reports (observe.h). */
	int64_t slow_job_ns;		/* 0.3 s; EIDER_NEVER: no reports */
	int64_t loop_stall_ns;		/* 25 ms; EIDER_NEVER: no reports */

	/* eider_run(): how long jobs may still run after all loops ended. */
	int64_t shutdown_ns;		/* EIDER_NEVER: until the last has ended */

	/* What to use of the kernel. The environment goes before these. */
	uint64_t disable;		/* EIDER_FEATURE_ bits; EIDER_DISABLE=a,b */
	enum eider_doorbell doorbell;	/* EIDER_DOORBELL=sync|ring|eventfd */
	enum eider_delivery delivery;	/* EIDER_DELIVERY=list|each */
};

#ifdef __cplusplus
}
#endif

#endif
