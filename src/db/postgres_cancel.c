/*
 * postgres_cancel.c - interrupt what a connection to PostgreSQL is busy with
 *
 * PostgreSQL is asked to cancel by another connection, which PQcancel() makes, and
 * waits for. Who interrupts may not wait: he is a loop. So each interruption is a
 * thread of its own, for as long as the use that it interrupts.
 *
 *	connection's thread	any other		the thread
 *	-------------------	---------		----------
 *	start_use()
 *	  statements		fire()	 ------------>	PQcancel()
 *	  ...						pause, PQcancel(), ...
 *	end_use()		(fire() does nothing)	  until the use has ended
 *	settle()  <-------------------------------------  end
 *	the next statement
 *
 * Again and again, because the server forgets a cancellation that comes between two
 * statements, and a use may have more of them than one.
 *
 * Never too late. A cancellation names the connection, not the statement. But the
 * server's part of PQcancel() closes its connection after it has sent the signal, and
 * PQcancel() returns after that. The driver settles before it sends anything of its
 * own, and before the next use: so the signal was sent before the next statement was.
 * A server process takes a pending signal whenever it goes into the kernel, hence
 * before it has read that statement; and while it waits for one it ignores it.
 *
 * Lifetime. The PGcancel has all that it needs, and is freed after the thread was
 * joined. The thread uses nothing else of the connection.
 *
 * If no thread can be made the interruption is lost. The statement then ends by itself
 * or by its statement_timeout. The deadline that is passed was told to the server as
 * well.
 */
#include "postgres.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <string.h>
#include <time.h>

enum {
	STACK_BYTES = 256 * 1024,
	PAUSE_FIRST_MS = 20,
	PAUSE_MAX_MS = 1000,
};

static void init_condition(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

long eider__canceller_init(struct eider__canceller *k, PGconn *pg)
{
	k->handle = PQgetCancel(pg);
	if (!k->handle)
		return -ENOMEM;
	pthread_mutex_init(&k->lock, NULL);
	init_condition(&k->ended);
	return 0;
}

void eider__canceller_release(struct eider__canceller *k)
{
	if (!k->handle)
		return;
	eider__canceller_settle(k);
	PQfreeCancel(k->handle);
	pthread_cond_destroy(&k->ended);
	pthread_mutex_destroy(&k->lock);
	k->handle = NULL;
}

static void pause_locked(struct eider__canceller *k, int ms)
{
	int64_t end = eider_after(ms * INT64_C(1000000));
	struct timespec ts = { .tv_sec = end / 1000000000,
			       .tv_nsec = end % 1000000000 };

	while (k->in_use &&
	       pthread_cond_timedwait(&k->ended, &k->lock, &ts) != ETIMEDOUT)
		;
}

static void *run(void *arg)
{
	struct eider__canceller *k = arg;
	char why[256];		/* not asked for: the next one may succeed */
	int pause_ms = PAUSE_FIRST_MS;

	pthread_mutex_lock(&k->lock);
	while (k->in_use) {
		pthread_mutex_unlock(&k->lock);
		PQcancel(k->handle, why, sizeof(why));
		pthread_mutex_lock(&k->lock);
		pause_locked(k, pause_ms);
		pause_ms = pause_ms < PAUSE_MAX_MS / 2 ? pause_ms * 2 : PAUSE_MAX_MS;
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

/* With all signals blocked: they are not for us. */
static int start_thread(struct eider__canceller *k)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	/* If it is refused the default will do. */
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(&k->thread, &attr, run, k);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

void eider__canceller_fire(struct eider__canceller *k)
{
	pthread_mutex_lock(&k->lock);
	if (k->in_use && !k->asked) {
		k->asked = true;
		k->running = !start_thread(k);
	}
	pthread_mutex_unlock(&k->lock);
}

void eider__canceller_start_use(struct eider__canceller *k)
{
	eider__canceller_settle(k);
	pthread_mutex_lock(&k->lock);
	k->in_use = true;
	k->asked = false;
	pthread_mutex_unlock(&k->lock);
}

void eider__canceller_end_use(struct eider__canceller *k)
{
	pthread_mutex_lock(&k->lock);
	k->in_use = false;
	pthread_cond_signal(&k->ended);
	pthread_mutex_unlock(&k->lock);
}

/* Nobody starts a thread when it is not in use, so there is none afterwards. */
void eider__canceller_settle(struct eider__canceller *k)
{
	bool running;

	pthread_mutex_lock(&k->lock);
	running = k->running && !k->in_use;
	if (running)
		k->running = false;
	pthread_mutex_unlock(&k->lock);
	if (running)
		pthread_join(k->thread, NULL);
}

bool eider__canceller_was_asked(struct eider__canceller *k)
{
	bool asked;

	pthread_mutex_lock(&k->lock);
	asked = k->asked && k->in_use;
	pthread_mutex_unlock(&k->lock);
	return asked;
}
