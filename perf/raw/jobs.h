/*
 * jobs.h - empty jobs kept in flight, over whatever carries them
 */
#ifndef EIDER_PERF_RAW_JOBS_H
#define EIDER_PERF_RAW_JOBS_H

#include "raw.h"

struct job {
	void (*run)(struct job *);  /* by its worker */
	void (*done)(struct job *); /* by the loop, after that */
	unsigned int worker;	    /* always the same one */
};

/* Jobs of one worker are at most so many: what carries them has room for all. */
unsigned int raw_jobs_each(void);

/* True until the last one is done. Of the loop. */
bool raw_jobs_left(void);

/*
 * What carries jobs. pass() hands one to its worker, and is called from done();
 * carry() has threads that run what is passed, calls done() for each, and returns
 * when none is left. In between it calls raw_jobs_start() once.
 */
struct carrier {
	const char *system;
	void (*carry)(unsigned int workers);
	void (*pass)(struct job *);
};

extern const struct carrier raw_carrier_futex;
extern const struct carrier raw_carrier_spin;
extern const struct carrier raw_carrier_message;

void raw_jobs_start(void);

#endif
