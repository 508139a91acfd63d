/*
 * rest.h - how a loop sleeps while its jobs are run
 */
#ifndef EIDER_EXECUTOR_REST_H
#define EIDER_EXECUTOR_REST_H

#include "loop/loop.h"

/* [loop] With jobs, and nothing to do: is it time for a nap? */
bool eider__rest_is_nap(const struct eider_loop *loop);

/* [loop] About to sleep, or nap: until when at most. */
int64_t eider__rest_until(struct eider_loop *loop, bool naps);

#endif
