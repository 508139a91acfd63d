/*
 * server.c - see server.h
 *
 * At the limit of connections, and where descriptors or memory have run out, the server
 * stops asking for more: those who come wait in the socket's queue, and are served when
 * somebody has left.
 *
 * The limit is one for all loops (places.h), because the kernel spreads connections by
 * a hash of their addresses, and some loops get more than others. So a loop asks for
 * the next one without a place for it: one kept free for it here could be what those
 * who came to another loop wait for. Only with the connection in hand does it take a
 * place, or stand in line for one. (To ask may accept a burst of them, beyond the
 * limit: they have descriptors, but are not served. A loop that is alone asks for none
 * while it has no place.)
 *
 * To pause leaves connections in this loop's own queue (SO_REUSEPORT), out of which no
 * other loop can take them. They miss no place by that: the pause begins when there is
 * none anywhere, and of those that become free this loop gets its share, whoever gives
 * them. But the line is one of loops: each loop with somebody at its door gets as many,
 * so who is one of three here may be served before one of a hundred there who came
 * earlier. And who is in a loop's queue stays with that loop, however busy it is.
 */
#include "server.h"

#include <errno.h>
#include <unistd.h>

#include <eider/loop.h>

#include "connection.h"
#include "status.h"

#define PAUSE_NS INT64_C(20000000)
/* For who waits for a place, and has it, and for want of memory was not woken. */
#define LOOK_NS INT64_C(1000000000)

/* Until a connection has ended, a place is there, or @deadline. */
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

bool server_is_full(const struct server *s)
{
	return places_are_short(s->places);
}

void server_left(struct server *s)
{
	s->open--;
	__atomic_store_n(&s->tally->open, s->open, __ATOMIC_RELAXED);
	places_give(s->places);
	wake(s);
}

/* On behalf of who gave us the place, on another loop perhaps. */
static long look_again(void *arg)
{
	wake(arg);
	return 0;
}

/* A place for a connection; false if there is none until the stop. */
static bool have_place(struct server *s)
{
	bool has = places_take(s->places, &s->turn);

	if (has)
		return true;
	eider_acceptor_pause(&s->acceptor);
	while (!has && !s->stopping) {
		wait_for_change(s, eider_after(LOOK_NS));
		has = places_has(s->places, &s->turn);
	}
	return has || places_step_out(s->places, &s->turn);
}

/* With a place. */
static void greet(struct server *s, int fd)
{
	uint64_t *counter = &s->tally->accepted;

	if (connection_start(s, fd) < 0) {
		close(fd);
		places_give(s->places);
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

		if (s->alone && !places_any(s->places)) {
			eider_acceptor_pause(&s->acceptor);
			wait_for_change(s, EIDER_NEVER);
			continue;
		}
		fd = eider_acceptor_next(&s->acceptor, EIDER_NEVER);
		if (fd >= 0 && have_place(s))
			greet(s, (int)fd);
		else if (fd >= 0)
			close((int)fd);
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
	s->turn = (struct turn){ .loop = eider_loop_current(), .wake = look_again,
				 .arg = s };
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
