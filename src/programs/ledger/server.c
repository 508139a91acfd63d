/*
 * server.c - see server.h
 *
 * At the limit of connections, and where descriptors or memory have run out, the server
 * stops asking for more: those who come wait in the socket's queue, and are served when
 * somebody has left.
 */
#include "server.h"

#include <errno.h>
#include <unistd.h>

#include "connection.h"
#include "status.h"

#define PAUSE_NS INT64_C(20000000)

/* Until a connection has ended, or @deadline. */
static void wait_for_change(struct server *s, int64_t deadline)
{
	if (eider_alarm_start(&s->change, deadline) < 0)
		return;
	s->waiting = true;
	eider_await(&s->change.future);
	s->waiting = false;
}

static void wake(struct server *s)
{
	if (s->waiting)
		eider_cancel(&s->change.future);
}

void server_left(struct server *s)
{
	s->open--;
	__atomic_store_n(&s->tally->open, s->open, __ATOMIC_RELAXED);
	wake(s);
}

static void greet(struct server *s, int fd)
{
	uint64_t *counter = &s->tally->accepted;

	if (connection_start(s, fd) < 0) {
		close(fd);
		counter = &s->tally->refused;
	} else {
		s->open++;
		__atomic_store_n(&s->tally->open, s->open, __ATOMIC_RELAXED);
	}
	__atomic_store_n(counter, *counter + 1, __ATOMIC_RELAXED);
}

static bool is_shortage(long err)
{
	return err == -EMFILE || err == -ENFILE || err == -ENOBUFS || err == -ENOMEM;
}

static long accept_all(struct server *s)
{
	while (!s->stopping) {
		long fd;

		if (s->open >= s->options->connections_max) {
			eider_acceptor_pause(&s->acceptor);
			wait_for_change(s, EIDER_NEVER);
			continue;
		}
		fd = eider_acceptor_next(&s->acceptor, EIDER_NEVER);
		if (fd >= 0)
			greet(s, (int)fd);
		else if (is_shortage(fd))
			wait_for_change(s, eider_after(PAUSE_NS));
		else if (!s->stopping)
			return fd;
	}
	return 0;
}

long server_run(struct server *s)
{
	long err;

	eider_fiber_set_name("server");
	eider_acceptor_init(&s->acceptor, s->fd);
	err = accept_all(s);
	server_stop(s);
	eider_acceptor_close(&s->acceptor);
	close(s->fd);			/* so that nobody waits in its queue */
	s->fd = -1;
	while (s->open)
		wait_for_change(s, EIDER_NEVER);
	return err;
}

void server_stop(struct server *s)
{
	s->stopping = true;
	eider_acceptor_stop(&s->acceptor);
	for (struct connection *c = s->connections; c; c = c->next)
		connection_finish(c);
	wake(s);
}

void server_abort(struct server *s)
{
	server_stop(s);
	for (struct connection *c = s->connections; c; c = c->next)
		connection_abort(c);
}
