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
	LOOKS = 16,		/* from one look at the clock to the next: about 1 us */
	GAP_NS = 1000000,	/* longer than that: somebody else ran, for a slice */
};

void eider__patience_init(struct eider__patience *p, int64_t max_ns)
{
	cpu_set_t cpus;

	memset(p, 0, sizeof(*p));
	if (max_ns <= 0)
		return;
	if (!sched_getaffinity(0, sizeof(cpus), &cpus))
		p->cpus = (unsigned int)CPU_COUNT(&cpus);
	if (p->cpus > 1)
		p->max_ns = max_ns;
}

/* Counts alone: nothing is ordered by them. */
static unsigned int awake, polling;

void eider__patience_awake(void)
{
	eider__add_relaxed(&awake, 1);
}

void eider__patience_asleep(void)
{
	eider__add_relaxed(&awake, -1u);
}

void eider__patience_forget(void)
{
	eider__store_relaxed(&awake, 0);
	eider__store_relaxed(&polling, 0);
}

bool eider__patience_is_crowded(const struct eider__patience *p)
{
	return p->cpus && eider__load_relaxed(&awake) > p->cpus;
}

enum outcome {
	CAME,
	IN_VAIN,
	CROWDED,		/* somebody else had our CPU meanwhile */
};

static enum outcome poll_for(int64_t ns, bool (*is_there)(void *), void *arg)
{
	int64_t now = eider_now(), end = now + ns, before;

	do {
		for (int i = 0; i < LOOKS; i++) {
			if (is_there(arg))
				return CAME;
			eider__cpu_relax();
		}
		before = now;
		now = eider_now();
		if (now - before > GAP_NS)
			return CROWDED;
	} while (now < end);
	return IN_VAIN;
}

bool eider__patience_poll(struct eider__patience *p, bool (*is_there)(void *),
			  void *arg)
{
	enum outcome outcome;

	if (!p->max_ns)
		return false;
	if (p->skip) {
		p->skip--;
		return false;
	}
	/* More of them than CPUs would keep each other from what they wait for. */
	if (eider__add_relaxed(&polling, 1) < p->cpus)
		outcome = poll_for(p->max_ns, is_there, arg);
	else
		outcome = IN_VAIN;
	eider__add_relaxed(&polling, -1u);
	if (outcome == CAME) {
		p->misses = 0;
		return true;
	}
	p->misses = outcome == CROWDED || p->misses == MISSES_MAX ? MISSES_MAX :
								    p->misses + 1;
	p->skip = (uint16_t)((1u << p->misses) - 1);
	return is_there(arg);
}
