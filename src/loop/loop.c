/*
 * loop.c - reap, then run
 *
 *	        +-------------------------------------------+
 *	        v                                           |
 *	hand    new jobs to the executor, entries to the kernel
 *	wait    in io_uring_enter(), if nothing is ready    |
 *	reap    CQEs, inbox, timers: all only make links ready
 *	run     what is ready: fibers and callbacks --------+
 *
 * What is ready is in a list, and behind it, as an array, what came through the inbox:
 * that is still in the cache of another CPU, and of an array the next ones' memory can
 * be asked for while one runs.
 *
 * What is made ready while others run is for the next turn, which looks at the ring
 * first. Only who waits for the end of a fiber hears of it in the same turn: a fiber
 * ends once, so that cannot go on for ever.
 *
 * Reaping runs nothing of the user's. So what a fiber starts can never complete
 * under its feet, and a burst of completions is taken in one go.
 *
 * Invariants
 *
 *  L1  Only the home thread touches the ring, the ready list and the timers.
 *  L2  A link is in at most one list (ready, running, handoff), or in the array.
 *      Between turns running and the array are empty; while links run only the end
 *      of a fiber adds to running, and nothing to the array.
 *  L3  The kernel is entered only if there is something to submit, to wait for,
 *      or the kernel said (TASKRUN, overflow) that it has something.
 *  L4  Between the announcement of sleep and the waking nothing is run.
 *
 * Watched. What is run is counted, and the watchdog looks on: the same for long is
 * a stall (base/watched.h).
 *
 * Not here: being driven by another event loop (polled.c), how a sleeping loop is
 * woken (inbox.c), what an op makes of its CQEs (op.c), being freed (drop.c).
 */
#include "loop.h"

#include <errno.h>

#include "base/sys.h"
#include "op.h"

enum {
	AHEAD = 32,		/* items whose memory is asked for in advance */
	LOOK_EVERY = 64,	/* items, while it stands guard */
};

struct eider_executor *eider_loop_executor(struct eider_loop *loop)
{
	return loop->executor;
}

int eider__loop_init(struct eider_loop *loop, const struct eider_options *o,
		     const struct eider_features *f, eider__features_t use,
		     struct eider__trays *trays,
		     void (*orphan)(struct eider__inbox *, struct eider_link *))
{
	int err;

	err = eider__ring_init(&loop->ring, o->ring_entries, use);
	if (err < 0)
		return err;
	err = eider__inbox_init(&loop->inbox, f->doorbell, f->delivery,
				&loop->ring, trays, orphan);
	if (err < 0)
		goto release_ring;
	err = eider__poster_init(&loop->poster, f->doorbell);
	if (err < 0)
		goto release_inbox;
	loop->polled = o->polled;
	if (o->slice_ns)
		eider__thread_set_slice(o->slice_ns);
	eider__patience_init(&loop->patience, o->poll_ns);
	eider__patience_awake();
	loop->accepts_many = eider__has(use, EIDER_FEATURE_MULTISHOT_ACCEPT);
	/* Else results come while nobody looks, and nobody can end it in time. */
	if (!loop->ring.defers)
		use &= ~EIDER_FEATURE_BIT(EIDER_FEATURE_MULTISHOT_RECV);
	eider__buffers_init(&loop->buffers, o, use);
	eider__node_init(&loop->all_ops);
	eider__node_init(&loop->requests);
	loop->generation = eider__fork_generation();
	return 0;

release_inbox:
	eider__inbox_release(&loop->inbox);
release_ring:
	eider__ring_release(&loop->ring);
	return err;
}

void eider__loop_release(struct eider_loop *loop)
{
	eider__patience_asleep();
	eider__poster_release(&loop->poster);
	eider__inbox_release(&loop->inbox);
	eider__ring_release(&loop->ring);
	eider__buffers_release(&loop->buffers);
	eider__shots_release(loop);
}

void eider__loop_add_timer(struct eider_loop *loop, struct eider_timer *t,
			   int64_t deadline, void (*fire)(struct eider_timer *))
{
	t->_deadline = deadline;
	t->_fire = fire;
	eider__heap_add(&loop->timers, t);
	if (loop->left)
		eider__loop_nudge(loop);
}

void eider__loop_hand(struct eider_loop *loop)
{
	struct eider_link *l;

	while ((l = eider__fifo_pop(&loop->handoff)))
		l->_kind->run(l);
}

int64_t eider_loop_now(struct eider_loop *loop)
{
	if (!loop->now)
		loop->now = eider_now();
	return loop->now;
}

/*
 * Flat: while a fiber runs, every return that is pending here is one that the CPU will
 * guess wrong, since the fiber made calls and returns of its own meanwhile.
 */
#define FLAT static inline __attribute__((always_inline))

FLAT void run_list(struct eider_loop *loop)
{
	struct eider_link *l;

	while ((l = eider__fifo_pop(&loop->running))) {
		eider__watched_next(&loop->watched);
		l->_kind->run(l);
		if (loop->guards && loop->running.count % LOOK_EVERY == 0)
			loop->look(loop);
	}
}

/* What the thread has written: 64 bytes, which seldom begin with a cache line. */
static inline void ask_for(const struct eider_link *arrived)
{
	eider__prefetch_write(arrived);
	eider__prefetch_write((const char *)arrived + 63);
}

/* Their memory is on another CPU: ask for it well before. */
FLAT void run_arrived(struct eider_loop *loop)
{
	unsigned int n = loop->arrived_count;

	loop->arrived_count = 0;
	for (unsigned int i = 0; i < n && i < AHEAD; i++)
		ask_for(loop->arrived[i]);
	for (unsigned int i = 0; i < n; i++) {
		if (i + AHEAD < n)
			ask_for(loop->arrived[i + AHEAD]);
		loop->next_up = i + 1 < n ? loop->arrived[i + 1] : NULL;
		eider__watched_next(&loop->watched);
		loop->arrived[i]->_kind->run(loop->arrived[i]);
		if (loop->guards && i % LOOK_EVERY == 0)
			loop->look(loop);
	}
	loop->next_up = NULL;
}

FLAT void run(struct eider_loop *loop)
{
	unsigned int links = loop->ready.count + loop->arrived_count;

	if (!links)
		return;
	loop->running = loop->ready;
	loop->ready.first = NULL;
	loop->ready.count = 0;
	loop->dispatching = true;
	eider__watched_begin(&loop->watched);
	loop->on_busy(loop);
	run_list(loop);
	run_arrived(loop);
	run_list(loop);			/* what ended meanwhile */
	eider__watched_end(&loop->watched);
	eider__count(&loop->counts.links, links);
	loop->dispatching = false;
}

static bool has_news(void *arg)
{
	struct eider_loop *loop = arg;

	return !eider__inbox_is_empty(&loop->inbox) ||
	       eider__ring_has_news(&loop->ring) || eider__load_relaxed(&loop->stop);
}

/*
 * A job's result is expected: true if it, or anything else, came within a moment. Not
 * asleep all the while, so nobody has to ring.
 */
static bool poll_for_results(struct eider_loop *loop)
{
	struct eider_timer *t = eider__heap_first(&loop->timers);

	if (!loop->jobs || !loop->patience.max_ns ||
	    (t && t->_deadline - eider_loop_now(loop) < loop->patience.max_ns))
		return false;
	if (eider__ring_has_work(&loop->ring) && eider__ring_submit(&loop->ring) < 0)
		return false;
	return eider__patience_poll(&loop->patience, has_news, loop);
}

/* Sleep, if nothing came meanwhile. */
static int sleep_until(struct eider_loop *loop, int64_t deadline, bool naps)
{
	struct eider_timer *t = eider__heap_first(&loop->timers);
	int err = eider__bell_arm(&loop->inbox.bell, &loop->ring);

	if (err < 0)
		return eider__ring_submit(&loop->ring);
	if (t && t->_deadline < deadline)
		deadline = t->_deadline;
	if (loop->shots.is_held && deadline > eider_after(1000000))
		deadline = eider_after(1000000);	/* no memory: look again soon */
	if (loop->jobs || loop->guards) {
		int64_t until = loop->rest_until(loop, naps);

		deadline = until < deadline ? until : deadline;
	}
	/* stop pairs with eider_loop_stop(), as head and state do: see inbox.c. */
	if (eider__inbox_sleep(&loop->inbox, naps) &&
	    !eider__load_full(&loop->stop)) {
		eider__count(&loop->counts.sleeps, 1);
		eider__patience_asleep();
		err = eider__ring_wait(&loop->ring, deadline);
		eider__patience_awake();
	}
	eider__inbox_awake(&loop->inbox);
	return err;
}

static int enter(struct eider_loop *loop, int64_t deadline)
{
	bool naps;

	if (!loop->ready.first && deadline > 0) {
		naps = loop->jobs && loop->is_nap(loop);
		if (naps || !poll_for_results(loop))
			return sleep_until(loop, deadline, naps);
	}
	return eider__ring_has_work(&loop->ring) ?
		       eider__ring_submit(&loop->ring) : 0;
}

FLAT int turn(struct eider_loop *loop, int64_t deadline)
{
	int err;

	loop->left = false;
	eider__inbox_awake(&loop->inbox);
	eider__loop_hand(loop);
	if (loop->guards)
		loop->look(loop);
	err = enter(loop, deadline);
	eider__loop_reap(loop);
	run(loop);
	eider__count(&loop->counts.turns, 1);
	eider__store_relaxed(&loop->counts.ready, loop->ready.count);
	/* The kernel had no room: what was reaped made some, or time will. */
	if (err == -EAGAIN || err == -ENOMEM) {
		if (!loop->ready.first)
			eider__nap(1000000);
		err = 0;
	}
	return err;
}

static int may_turn(const struct eider_loop *loop)
{
	if (!eider__is_home(loop))
		return eider__not_here();
	return loop->dispatching ? -EBUSY : 0;
}

int eider_loop_turn(struct eider_loop *loop, int64_t deadline)
{
	int err = may_turn(loop);

	if (err < 0)
		return err;
	loop->turning = true;
	err = turn(loop, deadline);
	loop->turning = false;
	if (loop->guards)
		loop->relieve(loop);
	eider__store_relaxed(&loop->stop, 0);
	if (!err && loop->polled)
		err = eider__loop_leave_asleep(loop);
	return err < 0 ? err : eider__loop_is_busy(loop);
}

long eider_loop_run(struct eider_loop *loop)
{
	int64_t deadline = 0;
	int err = may_turn(loop);

	if (err < 0)
		return err;
	loop->turning = true;
	do {
		err = turn(loop, deadline);
		deadline = EIDER_NEVER;
	} while (!err && !eider__load_acquire(&loop->stop) &&
		 (eider__loop_is_busy(loop) || !eider__inbox_is_empty(&loop->inbox)));
	loop->turning = false;
	if (loop->guards)
		loop->relieve(loop);
	eider__store_relaxed(&loop->stop, 0);
	return err;
}

void eider_loop_stop(struct eider_loop *loop)
{
	eider__store_full(&loop->stop, 1);
	eider__inbox_wake(&loop->inbox);
}
