/*
 * shots.h - results of multishot operations that nobody has asked for yet
 *
 * One result is 24 bytes, from a free list that belongs to the loop. It grows as
 * the backlog does, which op.c bounds; it shrinks when the loop is freed.
 */
#ifndef EIDER_LOOP_SHOTS_H
#define EIDER_LOOP_SHOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "ring.h"

struct eider_loop;

struct eider_shot {
	struct eider_shot *next;
	struct eider_shot *all;		/* of the loop, free or not */
	int32_t res;
	uint32_t flags;
};

struct eider__shots {
	struct eider_shot *free;
	struct eider_shot *all;
	bool is_held;			/* a CQE there was no memory for */
	struct eider__cqe held;
};

/* A shot, or NULL: no memory. */
struct eider_shot *eider__shot_get(struct eider__shots *s);
void eider__shot_put(struct eider__shots *s, struct eider_shot *shot);

#endif
