/*
 * patience.h - who is up, and to poll for a moment before going to sleep
 *
 * Waking a sleeping thread on another CPU is the dearest step there is between two
 * threads: some 20 us for the waker, and up to 60 until the sleeper runs, where an idle
 * CPU is halted, as a virtual one's is. Who will be needed again within that time does
 * better to stay awake for it.
 *
 * Bounded: max_ns at a time, and by one thread for each CPU at a time. Adaptive: who
 * polled in vain does not the next time, then the next 3 times, 7, ... up to 255; a
 * success forgets that. Modest: who finds that somebody else had the CPU for a slice
 * leaves it to him, 255 times. It does not yield: beside a thread that computes, that
 * is to give a whole slice away, milliseconds. Where there is one CPU only, polling is
 * waiting for nobody, and not done at all.
 *
 * The count of threads that are up says whether there is a CPU for one more: see
 * executor/rest.c.
 */
#ifndef EIDER_BASE_PATIENCE_H
#define EIDER_BASE_PATIENCE_H

#include <stdbool.h>
#include <stdint.h>

struct eider__patience {
	int64_t max_ns;			/* 0: none */
	unsigned int cpus;		/* that the thread may run on */
	uint16_t skip;			/* so many times more */
	uint8_t misses;			/* in a row, 8 at most */
};

/*
 * Threads of ours that are up. Said by each when it is started, and around its sleep:
 * one that is inside a job counts.
 */
void eider__patience_awake(void);
void eider__patience_asleep(void);
/* None, in a forked child. */
void eider__patience_forget(void);

/* Are more of them up than there are CPUs? Not where polling is switched off. */
bool eider__patience_is_crowded(const struct eider__patience *p);

/* @max_ns, none if it is less than 0, or if this thread may run on one CPU only. */
void eider__patience_init(struct eider__patience *p, int64_t max_ns);

/* Poll is_there(arg): true as soon as it is, false if it did not come, or at once. */
bool eider__patience_poll(struct eider__patience *p, bool (*is_there)(void *),
			  void *arg);

#endif
