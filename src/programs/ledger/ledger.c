/*
 * ledger.c - a bank ledger over HTTP
 *
 *	ledger --db sqlite:ledger.db --listen 127.0.0.1:8080 --loops 1
 *
 * A server on Eider, small enough to be read in an hour. A request's way through it:
 *
 *	server.c	accepts, within a limit
 *	connection.c	a fiber for each peer: read, answer, again
 *	request.c	bytes to a request; reply.c an answer to bytes
 *	api.c		which request it is, JSON to values and back
 *	store.c		what a transfer is: a transaction of several statements
 *	engine_*.c	the statements, each a job on the transaction's thread
 *
 * loops.c starts and stops all that on several loops; status.c watches it.
 *
 * This file opens the database, runs the loops and closes. Requests are lost by no way
 * of ending: what was acknowledged is committed, and what was not may be asked again
 * under its key.
 *
 * Signals. Only while it serves there is something to finish, so only then the loops
 * deal with SIGTERM and SIGINT. To open or close the database may take as long as a
 * network likes, and there they end the program at once, as they would any other.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <eider/executor.h>
#include <eider/signal.h>

#include "api.h"
#include "loops.h"
#include "options.h"
#include "request.h"
#include "status.h"

/* How long jobs that were cancelled may still take at the end. */
#define SHUTDOWN_NS INT64_C(5000000000)

struct program {
	struct ledger_options options;
	struct eider_options eider;
	struct eider_executor *executor;
	struct eider_loop *loop;
	struct store *store;
};

static int say_failed(const char *what, long err, const char *why)
{
	fprintf(stderr, "ledger: %s: %s%s%s\n", what, eider_strerror((int)err),
		*why ? ": " : "", why);
	return 1;
}

/* As many descriptors as we may have: each connection is one. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur == limit.rlim_max)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * Who starts us without them would have a connection or the database take their place,
 * and what is printed written into it.
 */
static int have_standard_files(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

/*
 * By default a signal does not end process 1 of a container, so there is a handler. It
 * gives the default its chance first, which it has once the signal is not blocked any
 * more: who waits for us should see what it was.
 */
static void end_now(int number)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, number);
	raise(number);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	_exit(128 + number);
}

static void let_signals_end(void)
{
	struct sigaction action = {
		.sa_handler = end_now,
		.sa_flags = SA_RESETHAND,
	};

	sigemptyset(&action.sa_mask);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static void set_of_signals(sigset_t *ret)
{
	sigemptyset(ret);
	sigaddset(ret, SIGINT);
	sigaddset(ret, SIGTERM);
}

static void say_listening(const char *address, void *arg)
{
	const struct program *p = arg;
	const char *path = strncmp(address, "unix:", 5) ? NULL : address + 5;
	char curl[256], url[256];

	snprintf(curl, sizeof(curl), path ? "curl --unix-socket %s" : "curl",
		 path ? path : "");
	snprintf(url, sizeof(url), "http://%s", path ? "ledger" : address);
	if (path)
		printf("ledger: listening at %s\n", address);
	else
		printf("ledger: listening at %s/\n", url);
	printf("ledger: database %s; to try it:\n"
	       "  %s -d '{\"owner\":\"ann\",\"balance\":1000}' %s/accounts\n"
	       "  %s -d '{\"owner\":\"bob\",\"balance\":0}' %s/accounts\n"
	       "  %s -d '{\"from\":1,\"to\":2,\"amount\":5,\"key\":\"k1\"}' "
	       "%s/transfers\n",
	       store_url(p->store), curl, url, curl, url, curl, url);
	fflush(stdout);
}

static int say_loops_failed(const struct program *p, long err, const char *what)
{
	const char *address = p->options.listen;

	if (what != address)
		return say_failed(what, err, "");
	fprintf(stderr, "ledger: --listen %s: ", address);
	if (err != -EINVAL)
		fprintf(stderr, "%s\n", eider_strerror((int)err));
	else
		fprintf(stderr, "expected NUMBER:PORT, such as 127.0.0.1:8080, "
			"[::1]:8080 or *:8080 (names are not looked up), or unix:PATH "
			"of 107 bytes at most\n");
	return 1;
}

static int serve_until(struct program *p, int signals)
{
	const struct ledger_options *o = &p->options;
	struct api api = {
		.store = p->store,
		.executor = p->executor,
		.deadline_ns = o->request_deadline_ns,
		.report_ns = o->report_deadline_ns,
	};
	struct server_options server = {
		.limits = o->limits,
		.handler = api_handle,
		.handler_arg = &api,
	};
	struct loops_options loops = {
		.count = o->loops,
		.address = o->listen,
		.connections_max = o->connections_max,
		.server = &server,
		.loop = &p->eider,
		.signals = signals,
		.stop_ns = o->stop_ns,
		.on_ready = say_listening,
		.arg = p,
	};
	const char *what;
	long err = loops_run(p->loop, &loops, &what);

	return err < 0 ? say_loops_failed(p, err, what) : 0;
}

/* Other threads do not take them: the library's never do, the loops' begin in here. */
static int serve(struct program *p)
{
	sigset_t set;
	int signals, status;

	set_of_signals(&set);
	signals = eider_signal_open(&set);
	if (signals < 0)
		return say_failed("signals", signals, "");
	status = serve_until(p, signals);
	close(signals);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
	return status;
}

/* Not with the URL: it may have a password. */
static int say_not_opened(long err, const char *why)
{
	if (!strcmp(why, eider_strerror((int)err)))
		why = err == -EINVAL ? "expected --db sqlite:PATH or "
		      "postgresql://[USER@]HOST[:PORT]/NAME" : "";
	return say_failed("the database cannot be opened", err, why);
}

static int run_with_store(struct program *p)
{
	struct store_options o = {
		.connections_max = p->options.db_connections,
		.reports_max = p->options.report_connections,
	};
	char why[256];
	int err = store_open(p->executor, p->options.db, &o, &p->store, why,
			     sizeof(why));
	int status;

	if (err < 0)
		return say_not_opened(err, why);
	status = serve(p);
	store_close(p->store);
	return status;
}

static int run_with_loop(struct program *p)
{
	int err = eider_loop_new(p->executor, &p->eider, &p->loop), status;

	if (err < 0)
		return say_failed("no loop", err, "");
	status = run_with_store(p);
	eider_loop_free(p->loop);
	return status;
}

/*
 * Reports compute, for as long as they take; an answer that is ready must not wait for
 * their slices to end. A database server of its own needs CPUs, perhaps of this
 * machine: who polls for its answer keeps them from it.
 */
static void fill_options(struct program *p)
{
	p->eider = (struct eider_options){
		.size = sizeof(p->eider),
		.workers_max = p->options.workers,
		.ring_entries = 1024,
		.slice_ns = 100000,
		.poll_ns = store_is_embedded(p->options.db) ? 0 : -1,
	};
}

static int run_with_executor(struct program *p)
{
	int err = eider_executor_new(&p->eider, &p->executor), status;

	if (err < 0)
		return say_failed("no executor", err, "");
	status = run_with_loop(p);
	eider_executor_shutdown(p->executor, false, eider_after(SHUTDOWN_NS));
	eider_executor_free(p->executor);
	return status;
}

int main(int argc, char **argv)
{
	struct program p = { .store = NULL };
	int err, status;

	let_signals_end();
	signal(SIGPIPE, SIG_IGN);
	err = have_standard_files();
	if (err < 0)
		return say_failed("/dev/null", err, "");
	status = options_parse(argc, argv, &p.options);
	if (status >= 0)
		return status;
	raise_limit();
	http_parser_set_max_header_size(p.options.limits.header_bytes);
	fill_options(&p);
	status = run_with_executor(&p);
	status_release();
	return status;
}
