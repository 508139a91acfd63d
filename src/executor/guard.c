/*
 * guard.c - a loop that looks after a pool whose jobs are short
 *
 * Waking a worker costs about 20 us of whoever does it, where an idle CPU is halted:
 * as much as hundreds of jobs that do next to nothing. With such jobs a second worker
 * costs more than it brings, and rule Q1 of pool.c (whoever leaves work summons) would
 * call one with each batch. So while a pool is brisk, that is while its sampled jobs
 * took less than SHORT_NS each, but for one now and then that was held up, a loop that
 * hands over jobs sees to it that one worker is awake, and summons no other. It stands
 * guard instead:
 *
 *	- each turn, and before it sleeps, it looks whether there is work not begun
 *	  where nothing has moved for LOOK_NS: in the queue, of which nobody took
 *	  any, or behind a job that is still the same. (That others take from the
 *	  queue says nothing of what is behind a slow one.) Sleep is cut so that it
 *	  can look in time
 *	- there is: something is not brisk any more. It steps down, and summons as Q1
 *	  says
 *	- there is none left, or none of its own jobs is out and it goes to sleep: it
 *	  steps down too
 *	- eider_loop_run() or _turn() returns: who knows when it turns again? Nor does
 *	  it begin outside of them
 *
 * A job may so wait behind a slow one, with idle workers, for about twice LOOK_NS: not
 * much longer than it takes to wake them; or until the guard's callback returns, if
 * that computes. Only the first slow one can do that; it ends the pool's being brisk
 * for as long as it takes to see so many short ones again.
 *
 * Invariant	G1  while guards > 0, each of those loops turns, looks while it does, or
 *		    sleeps or polls no longer than LOOK_NS. Else Q1 holds without
 *		    exception.
 *
 * Ownership	lane->guards and loop->guards are the home thread's; pool->guards counts
 *		lanes, under the pool's lock.
 */
#include "guard.h"

#include "executor.h"
#include "pool.h"
#include "worker.h"

enum {
	SHORT_NS = 400,
	BRISK = 8,		/* short ones more than it takes to forget long ones */
	BRISK_MAX = 32,
	BRISK_LONG = 16,	/* what one that is not short takes away */
	LOOK_NS = 50000,
};

void eider__guard_note(struct eider_pool *p, int64_t run_ns)
{
	uint32_t brisk = eider__load_relaxed(&p->brisk);

	/* Workers may overtake each other here: it is a guess in any case. */
	if (run_ns < SHORT_NS && brisk < BRISK_MAX)
		eider__store_relaxed(&p->brisk, brisk + 1);
	else if (run_ns >= SHORT_NS)
		eider__store_relaxed(&p->brisk,
				     brisk < BRISK_LONG ? 0 : brisk - BRISK_LONG);
}

bool eider__guard_is_brisk(const struct eider_pool *p)
{
	return eider__load_relaxed(&p->brisk) >= BRISK;
}

bool eider__guard_is_there_locked(const struct eider_pool *p)
{
	return p->guards && eider__guard_is_brisk(p);
}

/* Look: is there work that was not begun, where nothing moved since the last look? */
static bool is_stuck_locked(struct eider_pool *p, int64_t now)
{
	bool stuck = p->queued && p->takes == p->seen_takes;

	p->seen_takes = p->takes;
	eider__store_relaxed(&p->looked_at, now);
	eider__node_each(node, &p->all) {
		struct eider__worker *w =
			eider__container(node, struct eider__worker, node);
		uint64_t beat = eider__load_relaxed(&w->watched.beat);

		if (beat == w->seen_beat && eider__batch_left(&w->batch))
			stuck = true;
		w->seen_beat = beat;
	}
	return stuck;
}

static bool is_due(const struct eider_pool *p, int64_t now)
{
	return now - eider__load_relaxed(&p->looked_at) >= LOOK_NS;
}

bool eider__guard_stand_locked(struct eider_lane *lane)
{
	struct eider_pool *p = lane->pool;
	struct eider_loop *loop = lane->loop;
	int64_t now;

	if (!eider__guard_is_brisk(p) || p->threads_max == 1 || !loop->turning ||
	    loop->polled || loop->patience.max_ns > LOOK_NS)
		return false;
	now = eider_now();
	if (p->guards && is_due(p, now) && is_stuck_locked(p, now)) {
		eider__store_relaxed(&p->brisk, 0);
		return false;
	}
	if (!p->guards)
		(void)is_stuck_locked(p, now);
	if (!lane->guards) {
		lane->guards = true;
		loop->guards++;
		p->guards++;
	}
	return true;
}

static void step_down(struct eider_lane *lane)
{
	struct eider_pool *p = lane->pool;
	struct eider__summons who = { NULL, false };

	lane->guards = false;
	lane->loop->guards--;
	eider__lock_take(&p->lock);
	p->guards--;
	if (p->queued || eider__worker_has_more_locked(p, NULL))
		who = eider__pool_summon_locked(p);
	eider__lock_give(&p->lock);
	eider__pool_call_from_outside(p, who);
}

static void look_at(struct eider_lane *lane, int64_t now)
{
	struct eider_pool *p = lane->pool;
	bool stuck, there_is_more;

	if (!is_due(p, now))
		return;
	eider__lock_take(&p->lock);
	/* Once more: another guard may have looked a moment ago. */
	stuck = is_due(p, now) && is_stuck_locked(p, now);
	there_is_more = p->queued || eider__worker_has_more_locked(p, NULL);
	eider__lock_give(&p->lock);
	if (stuck)
		eider__store_relaxed(&p->brisk, 0);
	if (stuck || !there_is_more)
		step_down(lane);
}

/* The next lane of @loop that guards, after @lane, or the first; NULL: no more. */
static struct eider_lane *next_guard(struct eider_loop *loop, struct eider_lane *lane)
{
	struct eider_lane *end = loop->lanes->of + EIDER__POOLS_MAX;

	lane = lane ? lane + 1 : loop->lanes->of;
	while (lane < end && !lane->guards)
		lane++;
	return lane < end ? lane : NULL;
}

void eider__guards_look(struct eider_loop *loop)
{
	struct eider_lane *lane = NULL;
	int64_t now = eider_now();

	while (loop->guards && (lane = next_guard(loop, lane)))
		look_at(lane, now);
}

int64_t eider__guards_until(struct eider_loop *loop)
{
	struct eider_lane *lane = NULL;
	int64_t deadline = EIDER_NEVER, due;

	while (loop->guards && (lane = next_guard(loop, lane))) {
		due = eider__load_relaxed(&lane->pool->looked_at) + LOOK_NS;
		if (!lane->outstanding)
			step_down(lane);
		else if (due < deadline)
			deadline = due;
	}
	return deadline;
}

void eider__guards_step_down(struct eider_loop *loop)
{
	struct eider_lane *lane = NULL;

	while (loop->guards && (lane = next_guard(loop, lane)))
		step_down(lane);
}
