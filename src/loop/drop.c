/*
 * drop.c - what is left in a loop that is being freed
 *
 * Nothing is run any more: what is ready, in the inbox, or still comes from the kernel
 * is dropped. In which order, and what else has to happen between: executor/assembly.c.
 */
#include "base/sys.h"
#include "loop.h"
#include "op.h"

static void drop(struct eider_link *l)
{
	if (l->_kind->drop)
		l->_kind->drop(l);
}

void eider__loop_drop_ready(struct eider_loop *loop)
{
	struct eider_link *l;

	while ((l = eider__fifo_pop(&loop->ready)))
		drop(l);
	for (unsigned int i = 0; i < loop->arrived_count; i++)
		drop(loop->arrived[i]);
	loop->arrived_count = 0;
}

void eider__loop_close_inbox(struct eider_loop *loop)
{
	struct eider__fifo rest;

	loop->arrived_count = eider__inbox_close(&loop->inbox, loop->arrived, &rest);
	eider__loop_make_ready(loop, &rest);
	eider__loop_drop_ready(loop);
}

void eider__loop_drop_trays(struct eider_loop *loop)
{
	while ((loop->arrived_count = eider__inbox_take_trays(&loop->inbox,
							      loop->arrived)))
		eider__loop_drop_ready(loop);
}

void eider__loop_drop_inbox(struct eider_loop *loop)
{
	eider__loop_reap_inbox(loop);
	eider__loop_drop_ready(loop);
}

void eider__loop_reap_and_drop(struct eider_loop *loop)
{
	if (eider__ring_wait(&loop->ring, eider_after(10000000)) < 0)
		eider__nap(1000000);
	eider__loop_reap_ring(loop);
	eider__loop_drop_inbox(loop);
}

void eider__loop_end_ops(struct eider_loop *loop)
{
	/* In steps: the queue may not have room for all requests to cancel. */
	while (loop->ops) {
		eider__op_cancel_all(loop);
		eider__loop_reap_and_drop(loop);
	}
}
