/*
 * loop.h - the loop itself (see eider/loop.h)
 *
 * The loop knows links, and futures only as links that somebody completes. It
 * never sees a fiber, a job or a pool: those hang on to it by the pointers below,
 * and ask to be called by the lists.
 */
#ifndef EIDER_LOOP_LOOP_H
#define EIDER_LOOP_LOOP_H

#include <pthread.h>

#include <eider/loop.h>
#include <eider/stats.h>

#include "base/atomics.h"
#include "base/heap.h"
#include "base/patience.h"
#include "base/watched.h"
#include "buffers.h"
#include "future.h"
#include "inbox.h"
#include "ring.h"
#include "shots.h"

struct eider__fibers;
struct eider__lanes;

struct eider_loop {
	/* Constant after init. */
	struct eider_executor *executor;
	struct eider__fibers *fibers;
	struct eider__lanes *lanes;
	void (*resume)(void *fiber);
	void (*on_busy)(struct eider_loop *);	/* about to run something */
	void (*look)(struct eider_loop *);	/* each turn, while guards */
	void (*relieve)(struct eider_loop *);	/* when it stops turning */
	/* With jobs: see executor/rest.h. */
	bool (*is_nap)(const struct eider_loop *);
	int64_t (*rest_until)(struct eider_loop *, bool naps);
	unsigned int generation;	/* see eider__fork_generation() */
	bool accepts_many;		/* feature multishot_accept */

	/* Home thread only. */
	struct eider__ring ring;
	struct eider__fifo ready;	/* to be run */
	struct eider__fifo running;	/* in this turn; else empty */
	struct eider_link *arrived[EIDER__INBOX_ROOM];	/* and then these */
	unsigned int arrived_count;
	const struct eider_link *next_up;	/* while one of them runs: the next */
	struct eider__fifo handoff;	/* to be run before the ring is entered */
	struct eider__heap timers;
	unsigned int jobs;		/* accepted, future not done */
	unsigned int guards;		/* of executor/guard.c: pools it looks after */
	unsigned int ops;		/* CQEs that must still come */
	unsigned int live_fibers;	/* loads by any thread, atomic */
	unsigned int alarms;		/* started, not done */
	struct eider__patience patience;	/* for the results of jobs */
	int64_t now;			/* if it was asked for in this turn, else 0 */
	struct eider_node all_ops;	/* that are not done */
	struct eider_node requests;	/* of remote.c, taken and not returned */
	struct eider__shots shots;
	struct eider__buffers buffers;	/* for streams: see net/stream.c */
	bool turning;			/* inside eider_loop_run() or _turn() */
	bool dispatching;		/* inside a fiber or callback */
	bool polled;			/* by another event loop: see polled.c */
	unsigned int timeouts;	/* of polled.c, in the kernel */
	int64_t timeout_deadline;
	struct __kernel_timespec timeout_at;	/* until the kernel has taken it */
	bool left;			/* polled, and between two turns */
	struct eider__poster poster;	/* to post to other loops */
	unsigned int unsampled;		/* jobs since one was: see eider/stats.h */

	/* Home thread only, loads by any thread, atomic; counts.number constant. */
	struct eider_loop_stats counts;
	struct eider_histogram deliver;	/* of sampled jobs */

	/* Under the executor's lock. */
	struct eider_node node;

	/* Any thread, atomic. */
	uint32_t stop;
	unsigned int orphans;		/* see executor/assembly.c */

	/* As watched.h says: busy while something is run. */
	struct eider__watched watched;

	/* As inbox.h says. */
	struct eider__inbox inbox;
};

/* The loop of the calling thread. Not inlined: fibers must not cache it. */
extern __thread struct eider_loop *eider__loop_here;

static inline bool eider__is_home(const struct eider_loop *loop)
{
	return loop && loop == eider__loop_here;
}

/* What to answer where there is no loop: -EPERM, or -ECHILD in a forked child. */
int eider__not_here(void);
/*
 * A number that is another one in each forked child: what was made under another
 * number is the parent's. Watches for forks from the first call on.
 */
unsigned int eider__fork_generation(void);

/* 0 or -errno. @loop is zeroed memory, aligned to its type. */
int eider__loop_init(struct eider_loop *loop, const struct eider_options *o,
		     const struct eider_features *f, eider__features_t use,
		     struct eider__trays *trays,
		     void (*orphan)(struct eider__inbox *, struct eider_link *));
void eider__loop_release(struct eider_loop *loop);

/* [loop] Between two turns of a polled loop: the next one is due. */
void eider__loop_nudge(struct eider_loop *loop);

/* [loop] Have @link run soon. */
static inline void eider__loop_ready(struct eider_loop *loop,
				     struct eider_link *link)
{
	eider__fifo_push(&loop->ready, link);
	if (loop->left)
		eider__loop_nudge(loop);
}

/* [loop] Have @link run before the ring is next entered. */
static inline void eider__loop_before_enter(struct eider_loop *loop,
					    struct eider_link *link)
{
	eider__fifo_push(&loop->handoff, link);
	if (loop->left)
		eider__loop_nudge(loop);
}

/* [loop] Call fire() when @deadline has passed. @t must not be pending. */
void eider__loop_add_timer(struct eider_loop *loop, struct eider_timer *t,
			   int64_t deadline, void (*fire)(struct eider_timer *));
static inline void eider__loop_remove_timer(struct eider_loop *loop,
					    struct eider_timer *t)
{
	eider__heap_remove(&loop->timers, t);
}

/* [loop] Run what waits to be handed over. */
void eider__loop_hand(struct eider_loop *loop);

/* [loop] End a turn so that the ring's descriptor says when the next is due. */
int eider__loop_leave_asleep(struct eider_loop *loop);

/*
 * [loop] In the middle of a long turn: make ready what has come, if it is much, so
 * that there is room for more.
 */
void eider__loop_reap_early(struct eider_loop *loop);

/* [loop] Make ready all that has come. */
void eider__loop_reap(struct eider_loop *loop);

/* [loop] The parts of reaping, which runs nothing. */
void eider__loop_make_ready(struct eider_loop *loop, const struct eider__fifo *all);
void eider__loop_reap_inbox(struct eider_loop *loop);
void eider__loop_reap_ring(struct eider_loop *loop);

/*
 * [loop] The loop is being freed. Drop what is ready, instead of running it; what is
 * in the inbox, too; sleep for more, and drop that; cancel all ops, and wait until the
 * kernel has let go of them.
 */
void eider__loop_drop_ready(struct eider_loop *loop);
void eider__loop_drop_inbox(struct eider_loop *loop);
void eider__loop_close_inbox(struct eider_loop *loop);
void eider__loop_drop_trays(struct eider_loop *loop);
void eider__loop_reap_and_drop(struct eider_loop *loop);
void eider__loop_end_ops(struct eider_loop *loop);

/* [loop] Is there anything to wait for? */
static inline bool eider__loop_is_busy(const struct eider_loop *loop)
{
	return loop->ready.first || loop->handoff.first || loop->jobs ||
	       loop->ops || loop->live_fibers || loop->alarms ||
	       loop->requests.next != &loop->requests;
}

#endif
