/*
 * overflow.h - say which fiber ran out of stack
 */
#ifndef EIDER_FIBER_OVERFLOW_H
#define EIDER_FIBER_OVERFLOW_H

/* [loop] For this thread: 0 or -ENOMEM. Once per loop. */
int eider__overflow_watch(void);
void eider__overflow_unwatch(void);

#endif
