/*
 * op.h - what the loop does with the CQEs of ops (see eider/op.h)
 */
#ifndef EIDER_LOOP_OP_H
#define EIDER_LOOP_OP_H

#include "loop.h"

/*
 * [loop] A CQE of an op, or of the request to cancel one. False if there was no
 * memory to keep it: it is held, and nothing more may be reaped before it is settled.
 */
bool eider__op_reap(struct eider_loop *loop, const struct eider__cqe *cqe);

/* [loop] Deal with a held CQE; false if it still must be held. */
bool eider__shots_settle(struct eider_loop *loop);
void eider__shots_release(struct eider_loop *loop);

/* [loop] Ask the kernel to end all ops of @loop. */
void eider__op_cancel_all(struct eider_loop *loop);

/* [loop] Just started: end @op when more than @results, 65535 at most, wait. */
void eider__op_limit(struct eider_op *op, unsigned int results);
/* Was it ended for that? */
bool eider__op_was_overfull(const struct eider_op *op);

/* Has @op something that eider_next_now() would give? */
bool eider__op_has_next(const struct eider_op *op);
/*
 * [loop] A fiber waits for the next result, not for the last; at @deadline it runs
 * again without one.
 */
int eider__op_wait_next(struct eider_op *op, void *fiber, int64_t deadline);
/* [loop] That fiber runs again. */
void eider__op_end_wait(struct eider_op *op);

#endif
