/*
 * patience.c - see patience.h
 */
#include "patience.h"

#include <sched.h>
#include <string.h>

#include <eider/base.h>

#include "atomics.h"

enum {
	MISSES_MAX = 8,
	LOOKS = 16,		/* from one yield to the next */
};

void eider__patience_init(struct eider__patience *p, int64_t max_ns)
{
	cpu_set_t cpus;

	memset(p, 0, sizeof(*p));
	if (!sched_getaffinity(0, sizeof(cpus), &cpus) && CPU_COUNT(&cpus) > 1)
		p->max_ns = max_ns > 0 ? max_ns : 0;
}

static bool poll_for(int64_t ns, bool (*is_there)(void *), void *arg)
{
	int64_t end = eider_after(ns);

	do {
		for (int i = 0; i < LOOKS; i++) {
			if (is_there(arg))
				return true;
			eider__cpu_relax();
		}
	} while (eider_now() < end);
	return is_there(arg);
}

bool eider__patience_poll(struct eider__patience *p, bool (*is_there)(void *),
			  void *arg)
{
	if (!p->max_ns)
		return false;
	if (p->skip) {
		p->skip--;
		return false;
	}
	if (poll_for(p->max_ns, is_there, arg)) {
		p->misses = 0;
		return true;
	}
	p->misses += p->misses < MISSES_MAX;
	p->skip = (uint16_t)((1u << p->misses) - 1);
	return false;
}
