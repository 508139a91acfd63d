/*
 * guard.h - a loop that looks after a pool whose jobs are short
 */
#ifndef EIDER_EXECUTOR_GUARD_H
#define EIDER_EXECUTOR_GUARD_H

#include "job.h"

/* [worker] A sampled job took so long. */
void eider__guard_note(struct eider_pool *p, int64_t run_ns);

/* [any] Have its last sampled jobs been short? */
bool eider__guard_is_brisk(const struct eider_pool *p);

/* Under the pool's lock: need nobody be summoned, as a loop looks after it? */
bool eider__guard_is_there_locked(const struct eider_pool *p);

/*
 * [loop] Under the lock of its pool: the lane has added jobs. True if its loop will
 * look after them, so that one worker is enough.
 */
bool eider__guard_stand_locked(struct eider_lane *lane);

/* [loop] Each turn, and now and then in a long one, while loop->guards. */
void eider__guards_look(struct eider_loop *loop);
/* [loop] About to sleep: until when at most. Lanes without jobs step down. */
int64_t eider__guards_until(struct eider_loop *loop);
/* [loop] It stops turning. */
void eider__guards_step_down(struct eider_loop *loop);

#endif
