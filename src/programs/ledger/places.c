/*
 * places.c - see places.h
 *
 * One lock for all of it: it is taken when a connection begins or ends, for a few
 * instructions, and never with another one.
 *
 *	who leaves, any loop                who waits, home loop
 *	--------------------                --------------------
 *	G1  lock                            W1  lock
 *	G2  somebody in the line?           W2  a place unused?
 *	      yes: out of it, waits = false       no: into the line, waits = true
 *	      no: unused + 1                W3  unlock
 *	G3  unlock                          W4  sleep
 *	G4  yes: a fiber on his loop,       W5  lock, waits?, unlock; if so, to W4
 *	      which ends W4
 *
 * Why no place is lost, and no wake-up. Unused places and the line change under the
 * lock alone, so one of G2 and W2 is the first: either the place is unused when W2
 * looks, or he is in the line when G2 does. A place is never unused while somebody
 * waits, so nobody who comes later takes it before him: the line is in the order of
 * arrival. And between W2, or W5, and W4 his loop runs nothing else: the fiber of G4
 * runs before that look, which then sees what was stored at G2, because posting it
 * came later; or it runs while he sleeps, and wakes him.
 *
 * To start that fiber takes memory, and there may be none. The place is his all the
 * same, so he sleeps for a second at most, and then looks by himself.
 *
 * G4 uses a turn and a loop of others, outside of the lock. Both are there until the
 * last server has ended, and the one whose connection leaves has not: it ends on this
 * same thread.
 */
#include "places.h"

void places_init(struct places *p, unsigned int max)
{
	pthread_mutex_init(&p->lock, NULL);
	p->unused = max;
	p->waiting = 0;
	p->first = NULL;
	p->end = &p->first;
}

void places_release(struct places *p)
{
	pthread_mutex_destroy(&p->lock);
}

static void count_locked(struct places *p, int more)
{
	__atomic_store_n(&p->waiting, p->waiting + (unsigned int)more,
			 __ATOMIC_RELAXED);
}

bool places_take(struct places *p, struct turn *t)
{
	bool taken;

	pthread_mutex_lock(&p->lock);
	taken = p->unused > 0;
	t->waits = !taken;
	if (taken) {
		p->unused--;
	} else {
		t->next = NULL;
		*p->end = t;
		p->end = &t->next;
		count_locked(p, 1);
	}
	pthread_mutex_unlock(&p->lock);
	return taken;
}

bool places_has(struct places *p, const struct turn *t)
{
	bool waits;

	pthread_mutex_lock(&p->lock);
	waits = t->waits;
	pthread_mutex_unlock(&p->lock);
	return !waits;
}

static void remove_locked(struct places *p, struct turn *t)
{
	struct turn **link = &p->first;

	while (*link != t)
		link = &(*link)->next;
	*link = t->next;
	if (p->end == &t->next)
		p->end = link;
	t->waits = false;
	count_locked(p, -1);
}

bool places_step_out(struct places *p, struct turn *t)
{
	bool waits;

	pthread_mutex_lock(&p->lock);
	waits = t->waits;
	if (waits)
		remove_locked(p, t);
	pthread_mutex_unlock(&p->lock);
	return !waits;
}

void places_give(struct places *p)
{
	struct turn *t;

	pthread_mutex_lock(&p->lock);
	t = p->first;
	if (t)
		remove_locked(p, t);
	else
		p->unused++;
	pthread_mutex_unlock(&p->lock);
	/* If that fails he finds out by himself. */
	if (t)
		(void)!eider_spawn_on(t->loop, t->wake, t->arg);
}

bool places_any(struct places *p)
{
	bool any;

	pthread_mutex_lock(&p->lock);
	any = p->unused > 0;
	pthread_mutex_unlock(&p->lock);
	return any;
}

bool places_are_short(const struct places *p)
{
	return __atomic_load_n(&p->waiting, __ATOMIC_RELAXED);
}
