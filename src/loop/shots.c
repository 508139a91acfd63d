/*
 * shots.c - the memory of results that wait
 *
 * Taken from a list of free ones, made when that is empty, and given back to the heap
 * with the loop: so a server in its stride allocates nothing.
 */
#include "op.h"

#include "base/sys.h"

struct eider_shot *eider__shot_get(struct eider__shots *s)
{
	struct eider_shot *shot = s->free;

	if (!shot) {
		shot = eider__alloc(sizeof(*shot));
		if (shot) {
			shot->all = s->all;
			s->all = shot;
		}
		return shot;
	}
	s->free = shot->next;
	return shot;
}

void eider__shot_put(struct eider__shots *s, struct eider_shot *shot)
{
	shot->next = s->free;
	s->free = shot;
}

void eider__shots_release(struct eider_loop *loop)
{
	struct eider_shot *shot;

	while ((shot = loop->shots.all)) {
		loop->shots.all = shot->all;
		eider__free(shot);
	}
}
