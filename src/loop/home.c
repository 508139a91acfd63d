/*
 * home.c - the loop of the calling thread, if it has one
 *
 * A loop belongs to the thread that made it, and to the process: in a forked child
 * there is the memory of the parent's loops, but neither their rings nor their threads.
 */
#include <errno.h>

#include "base/assert.h"
#include "loop.h"

__thread struct eider_loop *eider__loop_here;

/* Counts forks, in the children: what has another number is the parent's. */
static unsigned int generation;

static void in_child(void)
{
	eider__loop_here = NULL;
	eider__patience_forget();
	generation++;
}

static void watch_forks(void)
{
	int err = pthread_atfork(NULL, NULL, in_child);

	EIDER_ASSERT(!err);
}

unsigned int eider__fork_generation(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	return generation;
}

int eider__not_here(void)
{
	return generation ? -ECHILD : -EPERM;
}

struct eider_loop *eider_loop_current(void)
{
	return eider__loop_here;
}
