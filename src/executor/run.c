/*
 * run.c - eider_run(): the whole in one call
 *
 *	executor, then per loop a thread: make the loop, wait for the others, run main
 *	as its first fiber, and the loop until nothing is left
 *
 * main runs on all loops or on none. A loop that is done is kept until all are: the
 * others may still hand it work, which it refuses then.
 */
#include <errno.h>
#include <string.h>

#include "base/sys.h"
#include "executor.h"

/* One thread of eider_run(). */
struct runner {
	struct run *run;
	pthread_t thread;
	long result;
};

struct run {
	/* Constant. */
	struct eider_executor *executor;
	const struct eider_options *options;
	eider_fn *main;
	void *arg;
	unsigned int loops;

	/* Under lock. */
	struct eider__lock lock;
	struct eider__cond change;
	unsigned int ready;		/* loops that were made, or failed to be */
	unsigned int done;		/* loops that have nothing left, or failed */
	int err;			/* of the first that failed */
};

/* Run main on all loops or on none. */
static int wait_for_others(struct run *r, int err)
{
	eider__lock_take(&r->lock);
	r->ready++;
	if (err < 0 && !r->err)
		r->err = err;
	eider__cond_wake_all(&r->change);
	while (r->ready < r->loops)
		eider__cond_wait(&r->change, &r->lock, EIDER_NEVER);
	err = r->err;
	eider__lock_give(&r->lock);
	return err;
}

/* Others may hold a pointer to this loop as long as they run. */
static void wait_for_end(struct run *r)
{
	eider__lock_take(&r->lock);
	r->done++;
	eider__cond_wake_all(&r->change);
	while (r->done < r->loops)
		eider__cond_wait(&r->change, &r->lock, EIDER_NEVER);
	eider__lock_give(&r->lock);
}

static long run_main(void *arg)
{
	struct runner *runner = arg;

	eider_fiber_set_name("main");
	runner->result = runner->run->main(runner->run->arg);
	return 0;
}

static long run_loop(struct eider_loop *loop, struct runner *runner)
{
	long err = eider_go(run_main, runner);

	if (!err)
		err = eider_loop_run(loop);
	eider__inbox_refuse_guests(&loop->inbox);
	if (err < 0 || eider__loop_is_busy(loop))
		return err;	/* it was stopped */
	return eider_loop_run(loop);	/* for what came just before */
}

static void run_one(struct runner *runner)
{
	struct run *r = runner->run;
	struct eider_loop *loop = NULL;
	long err = eider_loop_new(r->executor, r->options, &loop);

	err = wait_for_others(r, (int)err);
	if (!err)
		err = run_loop(loop, runner);
	wait_for_end(r);
	eider_loop_free(loop);
	if (err < 0)
		runner->result = err;
}

static void *run_thread(void *arg)
{
	eider__thread_set_name("eider-loop");
	run_one(arg);
	return NULL;
}

/* The loops that could not get a thread count as failed. */
static unsigned int start_threads(struct run *r, struct runner *runners)
{
	unsigned int started = 1;
	int err = 0;

	while (started < r->loops && !err) {
		err = eider__thread_start(&runners[started].thread, run_thread,
					  &runners[started]);
		started += !err;
	}
	for (unsigned int i = started; i < r->loops; i++) {
		eider__lock_take(&r->lock);
		r->ready++;
		r->done++;
		r->err = err;
		eider__cond_wake_all(&r->change);
		eider__lock_give(&r->lock);
	}
	return started;
}

static long run_all(struct run *r, struct runner *runners)
{
	unsigned int started;
	long result;

	for (unsigned int i = 0; i < r->loops; i++)
		runners[i].run = r;
	started = start_threads(r, runners);
	run_one(&runners[0]);
	for (unsigned int i = 1; i < started; i++)
		pthread_join(runners[i].thread, NULL);
	result = runners[0].result;
	for (unsigned int i = 1; i < started && result >= 0; i++)
		if (runners[i].result < 0)
			result = runners[i].result;
	return result;
}

static long run_with(struct eider_executor *e, const struct eider_options *options,
		     eider_fn *main, void *arg)
{
	struct run r = { .executor = e, .options = options, .main = main,
			 .arg = arg, .loops = e->options.loops };
	struct runner *runners = eider__alloc(r.loops * sizeof(*runners));
	long result;

	if (!runners)
		return -ENOMEM;
	eider__lock_init(&r.lock);
	eider__cond_init(&r.change);
	result = run_all(&r, runners);
	eider__cond_release(&r.change);
	eider__lock_release(&r.lock);
	eider__free(runners);
	return result;
}

long eider_run(eider_fn *main, void *arg, const struct eider_options *options)
{
	struct eider_executor *e;
	long result;
	int err;

	if (!main)
		return -EINVAL;
	if (eider__loop_here)
		return -EBUSY;
	err = eider_executor_new(options, &e);
	if (err < 0)
		return err;
	result = run_with(e, options, main, arg);
	err = eider_executor_shutdown(e, true, eider_after(e->options.shutdown_ns));
	eider_executor_free(e);
	return result < 0 || !err ? result : err;
}
