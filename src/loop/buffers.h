/*
 * buffers.h - a loop's buffers for what its streams receive
 *
 * Few, and shared by all: a buffer is in use from the moment at which there is data
 * until that data is consumed. Home thread only, all of it.
 */
#ifndef EIDER_LOOP_BUFFERS_H
#define EIDER_LOOP_BUFFERS_H

#include <eider/future.h>

#include "ring.h"

struct eider__buffers {
	/* Constant after init. */
	unsigned int count;		/* a power of two */
	unsigned int bytes;		/* of each */
	bool chosen_by_kernel;		/* feature buffer_ring */
	bool multishot;			/* feature multishot_recv */

	/* Home thread only. */
	char *memory;			/* NULL: none yet */
	struct io_uring_buf_ring *shared;	/* what the kernel may choose from */
	uint32_t first_free;		/* if it does not: a list, and behind it */
	uint32_t unused;		/* those from here on, which never were in it */
	uint32_t puts;			/* how often one was given back */
	struct eider_node waiting;	/* streams, for one to be given back */
	struct eider_node streams;	/* all that are open */
};

enum {
	EIDER__BUFFER_GROUP = 1,	/* its number in the ring */
	EIDER__NO_BUFFER = UINT32_MAX,
};

void eider__buffers_init(struct eider__buffers *b, const struct eider_options *o,
			 eider__features_t use);
/* Have memory, at the first use. 0; -ENOMEM, or what the kernel says. */
int eider__buffers_open(struct eider__buffers *b, struct eider__ring *ring);
/* The ring is gone, and nothing can be received any more. */
void eider__buffers_release(struct eider__buffers *b);

/* One for a receive of one's own; EIDER__NO_BUFFER if all are in use. */
uint32_t eider__buffers_take(struct eider__buffers *b);
/* Give one back, wherever it came from. */
void eider__buffers_put(struct eider__buffers *b, uint32_t id);

static inline char *eider__buffers_at(const struct eider__buffers *b, uint32_t id)
{
	return b->memory + (size_t)id * b->bytes;
}

#endif
