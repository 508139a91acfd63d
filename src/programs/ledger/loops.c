/*
 * loops.c - see loops.h
 *
 *	first loop      server   coordinator: signals, the deadline, who has ended
 *	other loops     server   each on a thread of its own
 *
 * Nothing is shared but the executor, the database and the limit of connections
 * (places.c). What the coordinator wants of
 * another loop it starts there as a fiber (eider_spawn_on()), and a server that has
 * ended tells the coordinator the same way. So a loop may not be freed before the
 * coordinator has ended: two semaphores see to that, one for "my loop is there", one
 * for "all is over".
 *
 * One port, many listening sockets: the kernel spreads the connections. A unix socket
 * cannot be shared like that, so there all loops accept from the same one.
 *
 * But the port is not to be shared with another ledger's loops, and so with its
 * accounts. So the first socket listens there alone: that fails if anybody listens
 * already, shared or not, and of two who come at the same moment the kernel lets one
 * listen, or none. Only then it is made one that may be shared, by sockets that say so
 * before they are bound, as another ledger's first one does not. (Any other program of
 * the same user could, whatever we do.)
 */
#include "loops.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <eider/fiber.h>
#include <eider/signal.h>

#include "status.h"

/*
 * Those who were cut off may take as long as that to notice. They are told again and
 * again: what is cancelled is one wait, and ending takes several. And where a database
 * does not answer any more, its driver gives it some seconds before it gives it up.
 */
#define ABORT_NS INT64_C(100000000)

enum {
	ABORTS_MAX = 100,
};

struct member {
	struct group *group;
	struct eider_loop *loop;	/* NULL: could not be made */
	pthread_t thread;		/* but for the first */
	long result;
	struct server server;
};

enum phase {
	SERVING,
	STOPPING,
	ABORTING,
};

struct group {
	const struct loops_options *options;
	struct eider_executor *executor;
	sem_t begun, over;		/* one for each member but the first */

	/* First loop's thread only. */
	enum phase phase;
	unsigned int aborts;
	unsigned int live;		/* servers that have not ended */
	long failed;			/* not all could begin */
	struct eider_alarm change;	/* rings at the phase's deadline */

	struct places places;
	unsigned int count;
	struct member members[];
};

static int say_lost(const char *what, long err)
{
	fprintf(stderr, "ledger: %s: %s\n", what, eider_strerror((int)err));
	return 1;
}

/* ---- on each loop ---- */

static long say_ended(void *arg)
{
	struct member *m = arg;

	m->group->live--;
	eider_cancel(&m->group->change.future);
	return 0;
}

static long serve(void *arg)
{
	struct member *m = arg;
	long err;

	m->result = server_run(&m->server);
	do {	/* must not get lost */
		err = eider_spawn_on(m->group->members[0].loop, say_ended, m);
	} while (err == -ENOMEM && !eider_sleep_until(eider_after(1000000)));
	return 0;
}

static void wait_for(sem_t *semaphore, unsigned int times)
{
	while (times)
		if (!sem_wait(semaphore))
			times--;
}

static void *run_member(void *arg)
{
	struct member *m = arg;

	m->result = eider_loop_new(m->group->executor, m->group->options->loop,
				   &m->loop);
	sem_post(&m->group->begun);
	if (m->loop) {
		long err = eider_block_on(m->loop, serve, m);

		if (err < 0)		/* it did not serve, or did not end */
			_exit(say_lost("a loop", err));
	}
	wait_for(&m->group->over, 1);
	if (m->loop)
		eider_loop_free(m->loop);
	return NULL;
}

/* ---- the coordinator ---- */

static long stop_one(void *arg)
{
	struct member *m = arg;

	server_stop(&m->server);
	return 0;
}

static long abort_one(void *arg)
{
	struct member *m = arg;

	server_abort(&m->server);
	return 0;
}

static void enter_phase(struct group *g, enum phase phase)
{
	if (phase == ABORTING && ++g->aborts > ABORTS_MAX)
		_exit(say_lost("does not end", -ETIME));
	g->phase = phase;
	for (unsigned int i = 0; i < g->count; i++)
		if (g->members[i].loop &&
		    eider_spawn_on(g->members[i].loop,
				   phase == STOPPING ? stop_one : abort_one,
				   &g->members[i]) < 0)
			_exit(say_lost("cannot stop", -ENOMEM));
}

static int64_t deadline_of(const struct group *g)
{
	switch (g->phase) {
	case SERVING:
		return EIDER_NEVER;
	case STOPPING:
		return eider_after(g->options->stop_ns);
	default:
		return eider_after(ABORT_NS);
	}
}

/* What to do now; SERVING: nothing, one of several has ended. */
static enum phase next_phase(const struct group *g, bool signalled)
{
	if (signalled)
		return g->phase == SERVING ? STOPPING : ABORTING;
	if (!eider_result(&g->change.future))
		return ABORTING;	/* the deadline */
	return g->phase == SERVING ? STOPPING : SERVING;
}

/* Until all servers have ended; if one fails, so do all. */
static void watch(struct group *g, struct eider_signal *signal)
{
	struct eider_future *both[] = { &g->change.future, &signal->op.future };
	int64_t deadline = deadline_of(g);

	if (g->live < g->count && g->phase == SERVING) {
		enter_phase(g, STOPPING);	/* one has failed already */
		deadline = deadline_of(g);
	}
	while (g->live) {
		enum phase next;
		bool signalled;

		if (eider_alarm_start(&g->change, deadline) < 0)
			return;		/* never: this is the loop's thread */
		signalled = eider_await_any(both, 2) == 1;
		if (signalled && eider_result(both[1]) < 0)
			_exit(say_lost("signals", eider_result(both[1])));
		if (signalled) {
			eider_cancel(both[0]);
			eider_await(both[0]);
			while (eider_signal_start(signal, g->options->signals) < 0)
				eider_yield();
		}
		next = next_phase(g, signalled);
		if (next == SERVING)
			continue;
		enter_phase(g, next);
		deadline = deadline_of(g);
	}
}

static long coordinate(void *arg)
{
	struct group *g = arg;
	struct eider_signal signal;
	char address[160];
	long err;

	eider_fiber_set_name("coordinator");
	while ((err = eider_signal_start(&signal, g->options->signals)) == -EAGAIN)
		eider_yield();
	if (!err)
		err = eider_go(serve, &g->members[0]);
	if (err < 0)
		_exit(say_lost("cannot begin", err));
	if (g->failed < 0) {
		enter_phase(g, ABORTING);
	} else {
		eider_socket_name(g->members[0].server.fd, false, address,
				  sizeof(address));
		g->options->on_ready(address, g->options->arg);
	}
	watch(g, &signal);
	eider_cancel(&signal.op.future);
	eider_await(&signal.op.future);
	for (unsigned int i = 0; i < g->count && g->failed >= 0; i++)
		g->failed = g->members[i].result;
	return g->failed;
}

/* ---- putting it together ---- */

/* Of two who come at the same moment the kernel may refuse both: once more, then. */
static int listen_alone(const char *address)
{
	int fd = eider_listen(address, 0);

	for (int i = 0; fd == -EADDRINUSE && i < 3; i++) {
		usleep(1000 + (useconds_t)(eider_now() % 8000));
		fd = eider_listen(address, 0);
	}
	return fd;
}

/* Alone there, and from now on others of ours too. */
static int listen_first(const struct group *g)
{
	const char *address = g->options->address;
	int fd = listen_alone(address), err;

	if (fd < 0 || g->count == 1 || !strncmp(address, "unix:", 5))
		return fd;
	if (!setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &(int){ 1 }, sizeof(int)))
		return fd;
	err = -errno;
	close(fd);
	return err;
}

/* A socket for each, at one address; or of unix: one for all. */
static int listen_for(struct group *g, unsigned int i)
{
	char chosen[160];
	int copy;

	if (!i)
		return listen_first(g);
	eider_socket_name(g->members[0].server.fd, false, chosen, sizeof(chosen));
	if (strncmp(chosen, "unix:", 5))
		return eider_listen(chosen, EIDER_LISTEN_SHARED);
	copy = fcntl(g->members[0].server.fd, F_DUPFD_CLOEXEC, 0);
	return copy < 0 ? -errno : copy;
}

static int prepare(struct group *g, const char **ret_what)
{
	for (unsigned int i = 0; i < g->count; i++) {
		struct server *server = &g->members[i].server;

		g->members[i].group = g;
		server->options = g->options->server;
		server->places = &g->places;
		server->alone = g->count == 1;
		server->tally = status_add_loop();
		if (!server->tally)
			return -ENOMEM;
		server->fd = listen_for(g, i);
		if (server->fd < 0) {
			*ret_what = g->options->address;
			return server->fd;
		}
	}
	return 0;
}

/*
 * Those that could be; the others are as if they had ended. One after the other, so
 * that the loops are numbered as the members are.
 */
static void start_threads(struct group *g)
{
	unsigned int n;
	int err = 0;

	for (n = 1; n < g->count; n++) {
		err = pthread_create(&g->members[n].thread, NULL, run_member,
				     &g->members[n]);
		if (err)
			break;
		wait_for(&g->begun, 1);
	}
	g->count = n;
	g->live = 1;
	g->failed = -err;
	for (unsigned int i = 1; i < n; i++) {
		g->live += g->members[i].loop != NULL;
		if (!g->members[i].loop)
			g->failed = g->members[i].result;
	}
}

static void end_threads(struct group *g)
{
	for (unsigned int i = 1; i < g->count; i++)
		sem_post(&g->over);
	for (unsigned int i = 1; i < g->count; i++)
		pthread_join(g->members[i].thread, NULL);
}

static long run_group(struct group *g, struct eider_loop *first, const char **ret_what)
{
	unsigned int sockets = g->count;
	long err;

	*ret_what = "loops";
	err = prepare(g, ret_what);
	if (!err) {
		g->members[0].loop = first;
		start_threads(g);
		err = eider_block_on(first, coordinate, g);
		end_threads(g);
	}
	for (unsigned int i = 0; i < sockets; i++)
		if (g->members[i].server.fd >= 0)
			close(g->members[i].server.fd);
	return err;
}

long loops_run(struct eider_loop *first, const struct loops_options *options,
	       const char **ret_what)
{
	struct group *g = calloc(1, sizeof(*g) +
				 options->count * sizeof(g->members[0]));
	long err;

	if (!g)
		return -ENOMEM;
	g->options = options;
	g->executor = eider_loop_executor(first);
	g->count = options->count;
	for (unsigned int i = 0; i < g->count; i++)
		g->members[i].server.fd = -1;
	places_init(&g->places, options->connections_max);
	sem_init(&g->begun, 0, 0);
	sem_init(&g->over, 0, 0);
	err = run_group(g, first, ret_what);
	sem_destroy(&g->begun);
	sem_destroy(&g->over);
	places_release(&g->places);
	free(g);
	return err;
}
