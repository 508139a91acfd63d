/*
 * observe.h - being told while it happens
 *
 * A thread of the executor, asleep while nothing runs, looks at what runs. It
 * reports a job that takes long while it still runs, and a loop that is held up
 * by one of its fibers or callbacks. The same thing is reported again when it
 * took twice as long, and again; more than 10 reports a second are counted, not
 * made.
 */
#ifndef EIDER_OBSERVE_H
#define EIDER_OBSERVE_H

#include <eider/base.h>

#ifdef __cplusplus
extern "C" {
#endif

enum eider_warning_kind {
	EIDER_TASK_TOOK_TOO_LONG,	/* a job runs longer than slow_job_ns */
	EIDER_LOOP_STALLED,		/* a fiber or callback holds its loop */
	EIDER_DEADLOCK,			/* an enter was refused: see detail */
	EIDER_POOL_FULL,		/* a queue is full, somebody has to wait */
	EIDER_STILL_RUNNING,		/* at a shutdown's deadline */
};

struct eider_warning {
	enum eider_warning_kind kind;
	const char *name;		/* the job, fiber or pool; NULL: unnamed */
	eider_fn *fn;			/* the job's function, or NULL */
	const char *thread;
	uint64_t context;		/* 0: none */
	int64_t age_ns;			/* so far; exact to a quarter of the limit */
	unsigned int waiting;		/* jobs behind it */
	unsigned int suppressed;	/* reports not made since the last one */
	const char *detail;		/* more, or NULL */
};

/*
 * Called on the watchdog's thread or on the one that noticed, with no lock held.
 * It must not block. The strings are gone when it returns.
 */
typedef void eider_warning_fn(const struct eider_warning *, void *arg);

/* [any] Have @fn called instead of the default, a line on stderr. NULL: that. */
EIDER_API void eider_on_warning(struct eider_executor *executor,
				eider_warning_fn *fn, void *arg);

/* [any] The default handler's line, cut to @len; what snprintf() returns. */
EIDER_API int eider_warning_format(const struct eider_warning *warning, char *buf,
				   size_t len);

#ifdef __cplusplus
}
#endif

#endif
