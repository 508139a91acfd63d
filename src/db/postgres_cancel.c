/*
 * postgres_cancel.c - interrupt what a connection to PostgreSQL is busy with
 *
 * PostgreSQL is asked to cancel by another connection, which PQcancel() makes, and
 * waits for: for ever, if the server takes it and does not answer. Who interrupts may
 * not wait, he is a loop; and who supervises may not either. So there are three:
 *
 *	connection's thread	its supervisor		a messenger
 *	-------------------	--------------		-----------
 *	start_use(deadline) -->	sleeps until then
 *	  statements		  or fire(), of any
 *	  ...			asks:	----------->	PQcancel(), and ends
 *	  ...			pause, asks again, ...
 *	  PQexec() fails  <--	after the grace: cuts
 *	end_use()		does nothing more
 *	settle()  <------------------------------------ has ended
 *	the next statement
 *
 * The supervisor is a thread of the connection's, from the first use that has a
 * deadline or is interrupted until the connection is closed. It only ever waits for
 * the condition. A messenger is a thread of its own for one PQcancel().
 *
 * Again and again, because the server forgets a cancellation that comes between two
 * statements, and a use may have more of them than one. But if the use goes on for the
 * grace after it was asked to end, the server is not there, or does not want to: the
 * socket is shut down under it, what waits for it fails, and the connection is lost.
 *
 * Never too late. A cancellation names the connection, not the statement. But the
 * server's part of PQcancel() closes its connection after it has sent the signal, and
 * PQcancel() returns after that. The driver settles before it sends anything of its
 * own, and before the next use: so the signal was sent before the next statement was.
 * A server process takes a pending signal whenever it goes into the kernel, hence
 * before it has read that statement; and while it waits for one it ignores it. A
 * messenger that does not come back within the grace is not waited for: then the
 * connection is given up, and what the messenger says hits nobody.
 *
 * Threads. Everything but the constants is under the one lock, which nobody holds
 * while he waits for anything else: so there is no other order to think of. The
 * supervisor does something only if it sees, under the lock, a use that was asked to
 * end; end_use() takes that away under the same lock. Hence no use is interrupted for
 * the sake of the one before, though the supervisor may wake up in it.
 *
 * A use without a deadline wakes nobody. One with a deadline does only if it comes
 * before the moment for which the supervisor has set itself; deadlines that are alike
 * come later and later, so it is woken once in the time of one deadline.
 *
 * The socket. libpq closes its descriptor when it finds the connection dead, in the
 * middle of a use, and the number may be somebody else's at once. What is shut down is
 * therefore our own duplicate: of the same socket, and ours until release().
 *
 * Lifetime. The connection and each messenger hold a reference; the last one frees.
 * The messenger uses the PGcancel, the lock and nothing else. release() joins the
 * supervisor, which is as quick as the lock.
 *
 * If no thread can be made the interruption is lost. The statement then ends by itself
 * or by its statement_timeout, which was told to the server.
 */
#include "postgres_cancel.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <eider/base.h>

enum {
	STACK_BYTES = 256 * 1024,
};

#define PAUSE_FIRST_NS INT64_C(20000000)
#define PAUSE_MAX_NS INT64_C(1000000000)

int64_t eider__postgres_grace_ns = INT64_C(5000000000);

struct eider__canceller {
	/* Constant after init. */
	PGcancel *handle;
	int fd;				/* the socket, by a number of our own */

	/* Any thread, atomic. */
	atomic_uint refs;		/* the connection, messengers */

	/* Under lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;		/* whatever is below */
	bool in_use;
	bool asked;			/* to end: the use under way, or the last one */
	bool cut;			/* likewise */
	bool sending;			/* there is a messenger */
	bool supervised;		/* there is a supervisor, to be joined */
	bool closing;
	int64_t deadline;		/* of the use */
	int64_t cut_at;			/* these three if it was asked */
	int64_t ask_at;			/* the next time */
	int64_t pause_ns;
	int64_t sent_at;		/* the last messenger */
	int64_t look_at;		/* when the supervisor will, by itself */
	pthread_t supervisor;
};

static void init_condition(pthread_cond_t *cond)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(cond, &attr);
	pthread_condattr_destroy(&attr);
}

static void put(struct eider__canceller *k)
{
	if (atomic_fetch_sub(&k->refs, 1) > 1)
		return;
	PQfreeCancel(k->handle);
	pthread_cond_destroy(&k->changed);
	pthread_mutex_destroy(&k->lock);
	free(k);
}

/* Until @end at the latest. */
static void wait_locked(struct eider__canceller *k, int64_t end)
{
	struct timespec ts = { .tv_sec = end / 1000000000,
			       .tv_nsec = end % 1000000000 };

	pthread_cond_timedwait(&k->changed, &k->lock, &ts);
}

/* With all signals blocked: they are not for us. 0 or an errno. */
static int start_thread(pthread_t *thread, void *(*fn)(void *), void *arg,
			int detach_state)
{
	sigset_t all, before;
	pthread_attr_t attr;
	int err = pthread_attr_init(&attr);

	if (err)
		return err;
	/* If it is refused the default will do. */
	(void)pthread_attr_setstacksize(&attr, STACK_BYTES);
	(void)pthread_attr_setdetachstate(&attr, detach_state);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	err = pthread_create(thread, &attr, fn, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	return err;
}

/* --- the messenger --------------------------------------------------------- */

static void *send_message(void *arg)
{
	struct eider__canceller *k = arg;
	char why[256];		/* not asked for: the next one may succeed */

	PQcancel(k->handle, why, sizeof(why));
	pthread_mutex_lock(&k->lock);
	k->sending = false;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	put(k);
	return NULL;
}

static void send_messenger_locked(struct eider__canceller *k, int64_t now)
{
	pthread_t thread;

	k->ask_at = now + k->pause_ns;
	k->pause_ns *= k->pause_ns <= PAUSE_MAX_NS / 2 ? 2 : 1;
	atomic_fetch_add(&k->refs, 1);
	k->sending = !start_thread(&thread, send_message, k, PTHREAD_CREATE_DETACHED);
	if (k->sending)
		k->sent_at = now;
	else
		atomic_fetch_sub(&k->refs, 1);	/* not the last one */
}

/* --- the supervisor -------------------------------------------------------- */

static void ask_locked(struct eider__canceller *k, int64_t now)
{
	k->asked = true;
	k->ask_at = now;
	k->pause_ns = PAUSE_FIRST_NS;
	k->cut_at = now + eider__postgres_grace_ns;
}

/* Do what is due; when to look again. */
static int64_t look_locked(struct eider__canceller *k)
{
	int64_t now = eider_now();

	if (!k->in_use || k->cut)
		return EIDER_NEVER;
	if (!k->asked && now < k->deadline)
		return k->deadline;
	if (!k->asked)
		ask_locked(k, now);
	if (now >= k->cut_at) {
		shutdown(k->fd, SHUT_RDWR);
		k->cut = true;
		return EIDER_NEVER;
	}
	if (!k->sending && now >= k->ask_at)
		send_messenger_locked(k, now);
	return k->sending || k->cut_at < k->ask_at ? k->cut_at : k->ask_at;
}

static void *supervise(void *arg)
{
	struct eider__canceller *k = arg;

	pthread_setname_np(pthread_self(), "eider-cancel");
	pthread_mutex_lock(&k->lock);
	while (!k->closing) {
		k->look_at = look_locked(k);
		wait_locked(k, k->look_at);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

/* Have it look now. */
static void wake_locked(struct eider__canceller *k)
{
	if (k->supervised)
		pthread_cond_broadcast(&k->changed);
	else
		k->supervised = !start_thread(&k->supervisor, supervise, k,
					      PTHREAD_CREATE_JOINABLE);
}

/* --- for the connection ---------------------------------------------------- */

long eider__canceller_new(PGconn *pg, struct eider__canceller **ret)
{
	struct eider__canceller *k = calloc(1, sizeof(*k));
	long err = -ENOMEM;

	if (!k)
		return err;
	k->handle = PQgetCancel(pg);
	if (!k->handle)
		goto free;
	k->fd = fcntl(PQsocket(pg), F_DUPFD_CLOEXEC, 0);
	if (k->fd < 0) {
		err = -errno;
		goto free_cancel;
	}
	pthread_mutex_init(&k->lock, NULL);
	init_condition(&k->changed);
	k->refs = 1;
	k->look_at = EIDER_NEVER;
	*ret = k;
	return 0;
free_cancel:
	PQfreeCancel(k->handle);
free:
	free(k);
	return err;
}

void eider__canceller_free(struct eider__canceller *k)
{
	bool supervised;

	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->closing = true;
	supervised = k->supervised;
	pthread_cond_broadcast(&k->changed);
	pthread_mutex_unlock(&k->lock);
	if (supervised)
		pthread_join(k->supervisor, NULL);
	close(k->fd);
	put(k);
}

void eider__canceller_cut(struct eider__canceller *k)
{
	shutdown(k->fd, SHUT_RDWR);
}

static long settle_locked(struct eider__canceller *k)
{
	int64_t end = k->sent_at + eider__postgres_grace_ns;

	while (k->sending && eider_now() < end)
		wait_locked(k, end);
	return k->sending ? -ENOTCONN : 0;
}

long eider__canceller_settle(struct eider__canceller *k)
{
	long err;

	pthread_mutex_lock(&k->lock);
	err = settle_locked(k);
	pthread_mutex_unlock(&k->lock);
	return err;
}

long eider__canceller_start_use(struct eider__canceller *k, int64_t deadline)
{
	long err;

	pthread_mutex_lock(&k->lock);
	err = settle_locked(k);
	if (!err) {
		k->in_use = true;
		k->asked = k->cut = false;
		k->deadline = deadline;
		if (deadline < k->look_at)
			wake_locked(k);
	}
	pthread_mutex_unlock(&k->lock);
	return err;
}

void eider__canceller_end_use(struct eider__canceller *k)
{
	pthread_mutex_lock(&k->lock);
	k->in_use = false;
	pthread_mutex_unlock(&k->lock);
}

void eider__canceller_fire(struct eider__canceller *k)
{
	pthread_mutex_lock(&k->lock);
	if (k->in_use && !k->asked) {
		ask_locked(k, eider_now());
		wake_locked(k);
	}
	pthread_mutex_unlock(&k->lock);
}

bool eider__canceller_was_asked(struct eider__canceller *k)
{
	bool asked;

	pthread_mutex_lock(&k->lock);
	asked = k->asked && k->in_use;
	pthread_mutex_unlock(&k->lock);
	return asked;
}
