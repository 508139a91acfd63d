/*
 * lane.c - from the loop to a pool, many jobs under one lock
 *
 * Jobs that a turn of the loop starts gather in the lane and are handed over
 * together: before the loop enters the kernel, or when there are LANE_BATCH of them, so
 * that a long turn does not keep the workers waiting.
 *
 * The bound. A lane has `max` slots; a job holds one from its start until it is
 * done. Fibers wait for a slot in turn, and a slot that becomes free goes to the
 * first of them: outstanding is not lowered then, so nobody can overtake.
 */
#include <errno.h>
#include <string.h>

#include "executor.h"
#include "pool.h"

enum {
	HOLD_NS = 20000,
};

static void run_handoff(struct eider_link *l)
{
	struct eider_lane *lane = eider__container(l, struct eider_lane, handoff);

	lane->handing = false;
	eider__lane_flush(lane);
}

static const struct eider_kind handoff_kind = { .run = run_handoff };

void eider__lane_init(struct eider_lane *lane, struct eider_loop *loop,
		      struct eider_pool *pool, unsigned int max)
{
	memset(lane, 0, sizeof(*lane));
	lane->loop = loop;
	lane->pool = pool;
	lane->max = max;
	lane->handoff._kind = &handoff_kind;
	eider__node_init(&lane->turns);
}

void eider__lane_flush(struct eider_lane *lane)
{
	struct eider__fifo batch = lane->batch;
	int err;

	if (!batch.first)
		return;
	memset(&lane->batch, 0, sizeof(lane->batch));
	err = eider__pool_add(lane->pool, &batch, lane);
	if (err < 0) {
		struct eider_link *l;

		while ((l = eider__fifo_pop(&batch)))
			eider__future_complete(eider__future_of(l), err);
	}
}

/*
 * Hand over now, rather than at the end of the turn? At once if a worker is awake.
 * Waking one costs more than hundreds of jobs do, and on one CPU it would run
 * instead of the loop: that waits a little, in case there is more to come.
 */
static bool is_due(struct eider_lane *lane)
{
	int64_t now;

	if (eider__load_relaxed(&lane->pool->idle) <
	    eider__load_relaxed(&lane->pool->workers))
		return true;
	now = eider_now();
	if (lane->batch.count == EIDER__LANE_BATCH)
		lane->since = now;
	return now - lane->since >= HOLD_NS;
}

void eider__lane_attend(struct eider_lane *lane)
{
	if (lane->batch.count % EIDER__LANE_BATCH == 0 && is_due(lane)) {
		eider__lane_flush(lane);
		eider__loop_reap_early(lane->loop);
		return;
	}
	if (!lane->handing) {
		lane->handing = true;
		eider__loop_before_enter(lane->loop, &lane->handoff);
	}
}
