/*
 * backlog.h - jobs that wait for a worker, oldest first
 *
 * A ring of pointers; what does not fit waits behind it in a list, which costs no
 * memory. The ring is what makes a pool fast: a worker on another CPU can ask for
 * many jobs' memory at once, where a list would make it wait for each to learn where
 * the next one is.
 *
 * Under the lock of whoever owns it.
 */
#ifndef EIDER_EXECUTOR_BACKLOG_H
#define EIDER_EXECUTOR_BACKLOG_H

#include "job.h"
#include "loop/queue.h"

enum {
	EIDER__BACKLOG_RING = 1024,	/* a power of two */
};

struct eider__backlog {
	struct eider_job *ring[EIDER__BACKLOG_RING];	/* NULL: taken out */
	uint32_t head, tail;		/* counts, taken modulo the ring */
	struct eider__queue rest;	/* not empty only if the ring was full */
};

void eider__backlog_append(struct eider__backlog *b, struct eider__fifo *jobs);
/* Before all others. */
void eider__backlog_prepend(struct eider__backlog *b, struct eider_job *job);

/* Take the oldest, @n at most, and store them to @jobs, atomic. How many. */
unsigned int eider__backlog_take(struct eider__backlog *b, struct eider_job **jobs,
				 unsigned int n);

/* Take out @job: true if it was there. It may be anywhere, but not be done. */
bool eider__backlog_remove(struct eider__backlog *b, struct eider_job *job);

/* Take out all of @loop's, linked by their futures' links. How many are left. */
struct eider_link *eider__backlog_take_of(struct eider__backlog *b,
					  const struct eider_loop *loop,
					  unsigned int *ret_left);

#endif
