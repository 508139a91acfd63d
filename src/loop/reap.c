/*
 * reap.c - make ready what has come: CQEs, results of other threads, timers
 *
 * Nothing of the user's is run here. While links are run only eider__loop_reap_early()
 * may be called: the others fill the array that is being gone through.
 */
#include "loop.h"
#include "op.h"

enum {
	REAP_EARLY = 64,
};

static void reap_timers(struct eider_loop *loop)
{
	struct eider_timer *t = eider__heap_first(&loop->timers);
	int64_t now;

	if (!t)
		return;
	now = eider_loop_now(loop);
	while ((t = eider__heap_first(&loop->timers)) && t->_deadline <= now) {
		eider__heap_remove(&loop->timers, t);
		t->_fire(t);
	}
}

void eider__loop_make_ready(struct eider_loop *loop, const struct eider__fifo *all)
{
	if (!all->first)
		return;
	eider__fifo_append(&loop->ready, all);
	if (loop->left)
		eider__loop_nudge(loop);
}

void eider__loop_reap_inbox(struct eider_loop *loop)
{
	struct eider__fifo rest;

	loop->arrived_count = eider__inbox_take(&loop->inbox, loop->arrived, &rest);
	eider__loop_make_ready(loop, &rest);
}

void eider__loop_reap_early(struct eider_loop *loop)
{
	struct eider_link *items[REAP_EARLY];
	unsigned int n;

	if (!eider__inbox_is_filling(&loop->inbox))
		return;
	do {
		n = eider__inbox_take_some(&loop->inbox, items, REAP_EARLY);
		for (unsigned int i = 0; i < n; i++)
			eider__prefetch_write(items[i]);
		for (unsigned int i = 0; i < n; i++)
			eider__loop_ready(loop, items[i]);
	} while (n == REAP_EARLY);
}

void eider__loop_reap_ring(struct eider_loop *loop)
{
	struct eider__cqe cqe;

	if (!eider__shots_settle(loop))
		return;
	while (eider__ring_next(&loop->ring, &cqe)) {
		switch (cqe.user_data & EIDER__TAG_MASK) {
		case EIDER__TAG_OP:
		case EIDER__TAG_CANCEL:
			if (!eider__op_reap(loop, &cqe))
				return;
			break;
		case EIDER__TAG_POSTED:
			eider__loop_ready(loop,
					  eider__inbox_received(cqe.user_data));
			break;
		case EIDER__TAG_BELL:
			eider__bell_rang(&loop->inbox.bell);
			break;
		case EIDER__TAG_TIMEOUT:
			loop->timeouts--;
			break;
		default:
			break;
		}
	}
}

void eider__loop_reap(struct eider_loop *loop)
{
	loop->now = 0;
	eider__loop_reap_ring(loop);
	eider__loop_reap_inbox(loop);
	reap_timers(loop);
}
