/*
 * test_net.c - to listen, accept, connect and look up names
 *
 * Acceptors run two ways: with one multishot op for all connections, and with an op
 * for each.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/sys.h"
#include "fixtures.h"

static const uint64_t ways[] = {
	0,
	EIDER_FEATURE_BIT(EIDER_FEATURE_MULTISHOT_ACCEPT),
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

#define NET_TEST(name)                                                         \
	static long name##_body(void *arg);                                    \
	START_TEST(name)                                                       \
	{                                                                      \
		struct eider_options o = { .size = sizeof(o),                  \
					   .disable = ways[_i] };              \
                                                                               \
		harness_in_loop(name##_body, NULL, &o);                        \
	}                                                                      \
	END_TEST                                                               \
	static long name##_body(__attribute__((unused)) void *arg)

/* When what has to come is there, however slow it is here. */
static int64_t in_good_time(void)
{
	return eider_after((int64_t)(20 * HARNESS_S * harness_slow()));
}

static int listen_at(const char *address)
{
	int fd = eider_listen(address, 0);

	ck_assert_msg(fd >= 0, "%s: %s", address, eider_strerror(fd));
	return fd;
}

/* Listens somewhere on this host; @name, of 64 bytes, is where. */
static int listen_somewhere(char *name)
{
	int fd = listen_at("127.0.0.1:0");

	ck_assert_int_gt(eider_socket_name(fd, false, name, 64), 0);
	return fd;
}

static int plain_connect(int listening)
{
	struct sockaddr_in a;
	socklen_t len = sizeof(a);

	ck_assert(!getsockname(listening, (struct sockaddr *)&a, &len));
	return harness_connect(ntohs(a.sin_port));
}

static const char *unix_address(const char *file)
{
	static char text[160];

	snprintf(text, sizeof(text), "unix:%s", harness_temp_file(file));
	return text;
}

/* In the namespace that all processes share: others run this at the same time. */
static const char *abstract_address(const char *name)
{
	static char text[64];

	snprintf(text, sizeof(text), "unix:@eider-test-%s-%d", name, (int)getpid());
	return text;
}

/* ---- addresses ---- */

static const char *const nonsense[] = {
	"", ":", "8080", "127.0.0.1", "127.0.0.1:", "::1:80", "[::1]", "[::1:80",
	"[]:80", "[:80", "unix:", "no.such.name:80", "localhost:80", "256.1.1.1:80",
	"127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:70000", "127.0.0.1:-1",
	"127.0.0.1:+80", "127.0.0.1: 80", "127.0.0.1:80x",
};

START_TEST(addresses_that_make_no_sense)
{
	char text[600];

	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
		int fd = eider_listen(nonsense[i], 0);

		ck_assert_msg(fd == -EINVAL, "%s: %d", nonsense[i], fd);
	}
	ck_assert_int_eq(eider_listen(NULL, 0), -EINVAL);
	ck_assert_int_eq(eider_listen("127.0.0.1:0", 2), -EINVAL);
	memset(text, 'x', sizeof(text));
	memcpy(text, "unix:", 5);
	text[5 + 108] = 0;
	ck_assert_int_eq(eider_listen(text, 0), -EINVAL);
	memcpy(text, "127.0.0.1:0", 11);
	text[599] = 0;
	ck_assert_int_eq(eider_listen(text, 0), -EINVAL);
}
END_TEST

static void expect_name(const char *address, const char *begin)
{
	int fd = listen_at(address);
	char name[128], cut[4];
	int n = eider_socket_name(fd, false, name, sizeof(name));

	ck_assert_int_eq(n, (int)strlen(name));
	ck_assert_msg(!strncmp(name, begin, strlen(begin)), "%s: %s", address, name);
	ck_assert_int_eq(eider_socket_name(fd, false, cut, sizeof(cut)), n);
	ck_assert(!strncmp(cut, name, 3) && !cut[3]);
	ck_assert_int_eq(eider_socket_name(fd, true, name, sizeof(name)), -ENOTCONN);
	close(fd);
}

START_TEST(names_of_sockets)
{
	int fds[2];
	char name[64];

	expect_name("127.0.0.1:0", "127.0.0.1:");
	expect_name("[127.0.0.1]:0", "127.0.0.1:");
	expect_name("*:0", "0.0.0.0:");
	expect_name(":0", "0.0.0.0:");
	expect_name(abstract_address("named"), abstract_address("named"));
	expect_name(unix_address("named"), unix_address("named"));
	ck_assert_int_eq(eider_socket_name(-1, false, name, 64), -EBADF);
	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(eider_socket_name(fds[0], false, name, 64), -ENOTSOCK);
	close(fds[0]);
	close(fds[1]);
	harness_socketpair(fds);
	ck_assert_int_eq(eider_socket_name(fds[0], true, name, 64), 5);
	ck_assert_str_eq(name, "unix:");
	close(fds[0]);
	close(fds[1]);
}
END_TEST

/* Of this host, in brackets and with its interface; false if it has none. */
static bool link_local_address(char *text, socklen_t size)
{
	struct ifaddrs *all;
	bool found = false;
	char host[60];

	ck_assert(!getifaddrs(&all));
	for (struct ifaddrs *i = all; i && !found; i = i->ifa_next) {
		const struct sockaddr_in6 *a = (struct sockaddr_in6 *)i->ifa_addr;

		if (!a || a->sin6_family != AF_INET6 ||
		    !IN6_IS_ADDR_LINKLOCAL(&a->sin6_addr))
			continue;
		found = !getnameinfo((const struct sockaddr *)a, sizeof(*a), host,
				     sizeof(host), NULL, 0, NI_NUMERICHOST);
		snprintf(text, size, "[%s]", host);
	}
	freeifaddrs(all);
	return found;
}

START_TEST(version_6)
{
	int fd = eider_listen("[::1]:0", 0);
	char name[64];

	if (fd == -EAFNOSUPPORT || fd == -EADDRNOTAVAIL)
		return;		/* the host has it not */
	ck_assert_int_ge(fd, 0);
	ck_assert_int_gt(eider_socket_name(fd, false, name, sizeof(name)), 0);
	ck_assert_msg(!strncmp(name, "[::1]:", 6), "%s", name);
	close(fd);
}
END_TEST

/* An address of IPv6 that is none without its interface. */
START_TEST(scopes)
{
	struct sockaddr_in6 all = { .sin6_family = AF_INET6 };
	int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	char name[80], begin[64];

	all.sin6_addr.s6_addr[0] = 0xff;
	all.sin6_addr.s6_addr[1] = 0x02;
	all.sin6_addr.s6_addr[15] = 1;
	all.sin6_scope_id = if_nametoindex("lo");
	if (fd < 0)
		return;		/* the host has it not */
	if (!bind(fd, (struct sockaddr *)&all, sizeof(all))) {
		ck_assert_int_gt(eider_socket_name(fd, false, name, sizeof(name)), 0);
		ck_assert_msg(!strncmp(name, "[ff02::1%lo]:", 13), "%s", name);
	}
	close(fd);
	/* And back, where such an address can be had. */
	if (!link_local_address(begin, sizeof(begin)))
		return;
	snprintf(name, sizeof(name), "%s:0", begin);
	fd = eider_listen(name, EIDER_LISTEN_SHARED);
	ck_assert_msg(fd >= 0, "%s: %s", name, eider_strerror(fd));
	ck_assert_int_gt(eider_socket_name(fd, false, name, sizeof(name)), 0);
	ck_assert_msg(!strncmp(name, begin, strlen(begin)), "%s: %s", begin, name);
	ck_assert_int_eq(eider_listen(name, 0), -EADDRINUSE);
	close(fd);
}
END_TEST

/* A path of all the bytes that there are, without a NUL. */
START_TEST(longest_path)
{
	/* Valgrind looks for the NUL that there need not be. */
	struct {
		struct sockaddr_un a;
		char nul;
	} name_of_all = { .a.sun_family = AF_UNIX };
	struct sockaddr_un *a = &name_of_all.a;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), n;
	char name[160];

	/* With this process's number: others run this at the same time. */
	memset(a->sun_path, 'y', sizeof(a->sun_path));
	n = snprintf(a->sun_path, sizeof(a->sun_path), "y%d", (int)getpid());
	a->sun_path[n] = 'y';
	a->sun_path[0] = 0;
	ck_assert_int_eq(bind(fd, (struct sockaddr *)a, sizeof(*a)), 0);
	ck_assert_int_eq(eider_socket_name(fd, false, name, sizeof(name)), 6 + 107);
	close(fd);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert(!chdir(harness_temp_dir()));
	memset(a->sun_path, 'y', sizeof(a->sun_path));
	ck_assert_int_eq(bind(fd, (struct sockaddr *)a, sizeof(*a)), 0);
	ck_assert_int_eq(eider_socket_name(fd, false, name, sizeof(name)), 5 + 108);
	close(fd);
	ck_assert(!chdir("/"));
}
END_TEST

/* ---- listen ---- */

START_TEST(taken)
{
	char name[64];
	int fd = listen_somewhere(name);

	ck_assert_int_eq(eider_listen(name, 0), -EADDRINUSE);
	ck_assert_int_eq(eider_listen(name, EIDER_LISTEN_SHARED), -EADDRINUSE);
	close(fd);
	ck_assert_int_eq(eider_listen("192.0.2.1:0", 0), -EADDRNOTAVAIL);
}
END_TEST

START_TEST(shared)
{
	int first = eider_listen("127.0.0.1:0", EIDER_LISTEN_SHARED), fds[3];
	char name[64];

	ck_assert_int_ge(first, 0);
	ck_assert_int_gt(eider_socket_name(first, false, name, sizeof(name)), 0);
	for (int i = 0; i < 3; i++) {
		fds[i] = eider_listen(name, EIDER_LISTEN_SHARED);
		ck_assert_int_ge(fds[i], 0);
	}
	ck_assert_int_eq(eider_listen(name, 0), -EADDRINUSE);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	close(first);
}
END_TEST

START_TEST(a_path_left_behind)
{
	const char *address = unix_address("socket"), *path = address + 5;
	int fd = listen_at(address), again;

	ck_assert_int_eq(eider_listen(address, 0), -EADDRINUSE);
	close(fd);
	again = listen_at(address);
	close(again);
	ck_assert_int_eq(unlink(path), 0);
	/* What is no socket stays. */
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(eider_listen(address, 0), -EADDRINUSE);
	ck_assert_int_eq(access(path, F_OK), 0);
	ck_assert_int_eq(eider_listen("unix:/no/such/directory/x", 0), -ENOENT);
}
END_TEST

enum { STARTING = 4 };

struct starting {
	const char *address;
	pthread_barrier_t gate;
	unsigned int listening;
	int fd;
};

static void *listen_at_once(void *arg)
{
	struct starting *s = arg;
	int fd;

	pthread_barrier_wait(&s->gate);
	fd = eider_listen(s->address, 0);
	if (fd < 0) {
		ck_assert_int_eq(fd, -EADDRINUSE);
		return NULL;
	}
	harness_add(&s->listening, 1);
	harness_set(&s->fd, fd);
	return NULL;
}

/* Servers that start together at what one before them has left: one gets it. */
START_TEST(starting_at_one_path)
{
	struct starting s = { .address = unix_address("start") };
	unsigned int rounds = harness_count(200, 20);
	pthread_t threads[STARTING];

	ck_assert(!pthread_barrier_init(&s.gate, NULL, STARTING));
	for (unsigned int round = 0; round < rounds; round++) {
		close(listen_at(s.address));
		s.listening = 0;
		for (int i = 0; i < STARTING; i++)
			ck_assert(!pthread_create(&threads[i], NULL, listen_at_once,
						  &s));
		for (int i = 0; i < STARTING; i++)
			pthread_join(threads[i], NULL);
		ck_assert_uint_eq(s.listening, 1);
		ck_assert_int_eq(eider_listen(s.address, 0), -EADDRINUSE);
		close(s.fd);
	}
	pthread_barrier_destroy(&s.gate);
}
END_TEST

/* Somebody has locked the directory, as systemd-tmpfiles respects it: all the same. */
START_TEST(a_locked_directory)
{
	int lock = open(harness_temp_dir(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	ck_assert_int_ge(lock, 0);
	close(listen_at(unix_address("locked")));
	ck_assert(!flock(lock, LOCK_EX));
	close(listen_at(unix_address("locked")));
	close(lock);
}
END_TEST

/* Somebody listens, and has no room for the question whether he does. */
START_TEST(a_path_in_use_with_a_full_queue)
{
	const char *address = unix_address("full");
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = listen_at(address), clients[8], n = 0;

	ck_assert(!listen(fd, 0));
	memcpy(a.sun_path, address + 5, strlen(address + 5) + 1);
	for (;;) {
		clients[n] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(clients[n++], (struct sockaddr *)&a, sizeof(a)) < 0)
			break;
		ck_assert_int_lt(n, 8);
	}
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(eider_listen(address, 0), -EADDRINUSE);
	while (n)
		close(clients[--n]);
	close(fd);
}
END_TEST

/* ---- accept ---- */

struct crowd {
	int listening;
	unsigned int n;
};

static void *come_and_go(void *arg)
{
	struct crowd *c = arg;

	for (unsigned int i = 0; i < c->n; i++) {
		int fd = plain_connect(c->listening);
		char byte;

		ck_assert_int_eq(read(fd, &byte, 1), 0);
		close(fd);
	}
	return NULL;
}

NET_TEST(thousands)
{
	struct eider_acceptor a;
	struct crowd c = { .n = harness_count(1500, 100) };
	pthread_t threads[2];
	char name[64];

	c.listening = listen_somewhere(name);
	eider_acceptor_init(&a, c.listening);
	for (int i = 0; i < 2; i++)
		ck_assert(!pthread_create(&threads[i], NULL, come_and_go, &c));
	for (unsigned int i = 0; i < 2 * c.n; i++) {
		long fd = eider_acceptor_next(&a, EIDER_NEVER);

		ck_assert_int_ge(fd, 0);
		ck_assert(fcntl((int)fd, F_GETFD) & FD_CLOEXEC);
		close((int)fd);
	}
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	eider_acceptor_close(&a);
	close(c.listening);
	return 0;
}

/* The next connection, which there has to be; and it is closed. */
static void take_one(struct eider_acceptor *a)
{
	long got = eider_acceptor_next(a, in_good_time());

	ck_assert_msg(got >= 0, "no connection: %ld", got);
	close((int)got);
}

NET_TEST(an_acceptor_deadline)
{
	struct eider_acceptor a;
	char name[64];
	int fd = listen_somewhere(name), client;

	eider_acceptor_init(&a, fd);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_acceptor_next(&a, eider_after(HARNESS_MS)),
				 -ETIME);
	client = plain_connect(fd);
	take_one(&a);
	close(client);
	eider_acceptor_close(&a);
	ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -ECANCELED);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

static bool descriptors_are_more_than(void *arg)
{
	return harness_descriptors() > *(int *)arg;
}

/* Stopped with connections that were accepted and not taken: they are still given. */
NET_TEST(stopping)
{
	struct eider_acceptor a;
	int clients[5], ours;
	char name[64];
	int fd = listen_somewhere(name);
	long got, n = 0;

	eider_acceptor_init(&a, fd);
	ck_assert_int_eq(eider_acceptor_next(&a, eider_after(HARNESS_MS)), -ETIME);
	ours = harness_descriptors() + 5;
	for (int i = 0; i < 5; i++)
		clients[i] = plain_connect(fd);
	ck_assert(harness_wait_until(descriptors_are_more_than, &ours));
	eider_acceptor_stop(&a);
	while ((got = eider_acceptor_next(&a, EIDER_NEVER)) >= 0) {
		n++;
		close((int)got);
	}
	ck_assert_int_eq(got, -ECANCELED);
	ck_assert_int_ge(n, 1);
	ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -ECANCELED);
	for (int i = 0; i < 5; i++)
		close(clients[i]);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

/* The harness counts descriptors. */
NET_TEST(closing_with_connections_not_taken)
{
	for (int round = 0; round < 20; round++) {
		struct eider_acceptor a;
		int clients[40];
		char name[64];
		int fd = listen_somewhere(name);

		eider_acceptor_init(&a, fd);
		ck_assert_int_eq(eider_acceptor_next(&a, 0), -ETIME);
		for (int i = 0; i < 2 * round; i++)
			clients[i] = plain_connect(fd);
		if (round % 3)
			eider_sleep_until(eider_after(HARNESS_MS));
		eider_acceptor_close(&a);
		for (int i = 0; i < 2 * round; i++)
			close(clients[i]);
		close(fd);
	}
	return 0;
}

/* Few are accepted before they are asked for; all are given when they are. */
NET_TEST(few_ahead)
{
	enum { CLIENTS = 300 };
	struct eider_acceptor a;
	int *clients = calloc(CLIENTS, sizeof(*clients));
	char name[64];
	int fd = listen_somewhere(name), before;

	ck_assert_ptr_nonnull(clients);
	eider_acceptor_init(&a, fd);
	ck_assert_int_eq(eider_acceptor_next(&a, eider_after(HARNESS_MS)), -ETIME);
	before = harness_descriptors();
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = plain_connect(fd);
		eider_yield();
	}
	eider_sleep_until(eider_after(5 * HARNESS_MS));
	ck_assert_int_le(harness_descriptors() - before - CLIENTS, 64);
	for (int i = 0; i < CLIENTS; i++) {
		take_one(&a);
		close(clients[i]);
	}
	ck_assert_int_eq(eider_acceptor_next(&a, eider_after(HARNESS_MS)), -ETIME);
	eider_acceptor_close(&a);
	close(fd);
	free(clients);
	return 0;
}

static void limit_descriptors(rlim_t n)
{
	struct rlimit l;

	ck_assert(!getrlimit(RLIMIT_NOFILE, &l));
	l.rlim_cur = n;
	ck_assert(!setrlimit(RLIMIT_NOFILE, &l));
}

NET_TEST(no_descriptor_left)
{
	struct eider_acceptor a;
	struct rlimit limit;
	char name[64];
	int fd, client;

	if (harness_under_valgrind())
		return 0;
	fd = listen_somewhere(name);
	ck_assert(!getrlimit(RLIMIT_NOFILE, &limit));
	eider_acceptor_init(&a, fd);
	client = plain_connect(fd);
	limit_descriptors((rlim_t)client + 1);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -EMFILE);
	limit_descriptors(limit.rlim_cur);
	take_one(&a);
	close(client);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

/*
 * A client that resets before it was accepted is in nobody's way. Linux gives it all
 * the same, and reading from it says so; other systems say -ECONNABORTED.
 */
NET_TEST(a_reset_before)
{
	struct linger at_once = { 1, 0 };
	struct eider_acceptor a;
	char name[64];
	int fd = listen_somewhere(name), client = plain_connect(fd), other;
	unsigned int given = 0;

	ck_assert(!setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once,
			      sizeof(at_once)));
	close(client);
	other = plain_connect(fd);
	ck_assert_int_eq(send(other, "x", 1, 0), 1);
	eider_acceptor_init(&a, fd);
	for (char byte = 0; byte != 'x' && given < 2; given++) {
		long got = eider_acceptor_next(&a, EIDER_NEVER);

		ck_assert_int_ge(got, 0);
		eider_recv((int)got, &byte, 1);
		close((int)got);
		ck_assert(byte == 'x' || !given);
	}
	close(other);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

/* And if this one said it too, it would be passed over. */
NET_TEST(an_aborted_connection)
{
	struct eider_acceptor a;
	char name[64];
	int fd = listen_somewhere(name), client = plain_connect(fd);
	long got;

	eider_acceptor_init(&a, fd);
	eider__fault_arm(1, 2);
	got = eider_acceptor_next(&a, in_good_time());
	ck_assert_uint_eq(eider__fault_hits(), 3);
	eider__fault_arm(0, 0);
	ck_assert_int_ge(got, 0);
	close((int)got);
	close(client);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

/* One op for all, or one for each: so it is known which of the ways was gone. */
NET_TEST(as_many_ops_as_needed)
{
	struct eider_acceptor a;
	char name[64];
	int fd = listen_somewhere(name);
	uint64_t before = ops_started();

	eider_acceptor_init(&a, fd);
	for (int i = 0; i < 10; i++) {
		int client = plain_connect(fd);

		take_one(&a);
		close(client);
	}
	ck_assert_uint_eq(ops_started() - before,
			  uses(EIDER_FEATURE_MULTISHOT_ACCEPT) ? 1 : 10);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

static long ask(void *arg)
{
	return eider_acceptor_next(arg, EIDER_NEVER);
}

NET_TEST(closing_under_somebody_who_asks)
{
	struct eider_acceptor a;
	struct eider_fiber *fiber;
	char name[64];
	int fd = listen_somewhere(name);

	eider_acceptor_init(&a, fd);
	fiber = start(ask, &a);
	yield_often();
	ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -EBUSY);
	eider_acceptor_close(&a);
	ck_assert_int_eq(eider_join(fiber), -ECANCELED);
	close(fd);
	return 0;
}

/* A cancelled fiber, and another one that goes on with the same acceptor. */
NET_TEST(a_cancelled_question)
{
	struct eider_acceptor a;
	char name[64];
	int fd = listen_somewhere(name);

	eider_acceptor_init(&a, fd);
	for (int i = 0; i < 10; i++) {
		struct eider_fiber *fiber = start(ask, &a);
		int client;

		if (i % 2)
			yield_often();
		eider_cancel(eider_fiber_future(fiber));
		ck_assert_int_eq(eider_join(fiber), -ECANCELED);
		client = plain_connect(fd);
		take_one(&a);
		close(client);
	}
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

/*
 * Cancelled when the connection is there already: he gets it, and that the op then ends
 * is nothing to who asks next.
 */
NET_TEST(a_question_cancelled_too_late)
{
	struct eider_acceptor a;
	char name[64];
	int fd = listen_somewhere(name);
	int late = 0;

	eider_acceptor_init(&a, fd);
	for (int i = 0; i < 12; i++) {
		struct eider_fiber *fiber = start(ask, &a);
		int first, second;
		long got;

		yield_often();
		first = plain_connect(fd);
		for (int n = 0; n < i % 3; n++)
			eider_yield();
		eider_cancel(eider_fiber_future(fiber));
		got = eider_join(fiber);
		ck_assert_msg(got >= 0 || got == -ECANCELED, "%ld", got);
		if (got >= 0) {
			late++;
			close((int)got);
		}
		second = plain_connect(fd);
		if (got < 0)	/* then it is the first one's */
			take_one(&a);
		take_one(&a);
		close(first);
		close(second);
	}
	ck_assert_int_gt(late, 0);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

/* ---- no room in the submission queue ---- */

enum { ENTRIES = 4 };

/* A NET_TEST with a queue of so many. */
#define SMALL_TEST(name)                                                       \
	static long name##_body(void *arg);                                    \
	START_TEST(name)                                                       \
	{                                                                      \
		struct eider_options o = { .size = sizeof(o),                  \
					   .ring_entries = ENTRIES,            \
					   .disable = ways[_i] };              \
                                                                               \
		harness_in_loop(name##_body, NULL, &o);                        \
	}                                                                      \
	END_TEST                                                               \
	static long name##_body(__attribute__((unused)) void *arg)

struct full_queue {
	struct eider_op ops[ENTRIES];
	unsigned int fault;
	struct eider_fiber *fiber;
};

static long fill_queue(void *arg)
{
	struct full_queue *q = arg;

	for (int i = 0; i < ENTRIES; i++)
		ck_assert_ptr_nonnull(eider_sqe(&q->ops[i]));
	eider__fault_arm(q->fault, UINT64_MAX / 2);
	return 0;
}

/*
 * Who is started behind this finds no entry, and the kernel takes none, until... @fault
 * is the first that fails: of an acceptor that begins, the second.
 */
static void shut_queue(struct full_queue *q, unsigned int fault)
{
	q->fault = fault;
	q->fiber = start(fill_queue, q);
}

static void open_queue(struct full_queue *q)
{
	ck_assert_uint_gt(eider__fault_hits(), 0);
	eider__fault_arm(0, 0);
	ck_assert_int_eq(eider_join(q->fiber), 0);
	for (int i = 0; i < ENTRIES; i++)
		ck_assert_int_eq(eider_await(&q->ops[i].future), 0);
}

SMALL_TEST(stopped_without_an_entry)
{
	struct eider_acceptor a;
	struct eider_fiber *fiber;
	struct full_queue q;
	char name[64];
	int fd = listen_somewhere(name);

	eider_acceptor_init(&a, fd);
	shut_queue(&q, 2);
	fiber = start(ask, &a);
	eider_yield();
	eider_acceptor_stop(&a);
	open_queue(&q);
	ck_assert_int_eq(eider_join(fiber), -ECANCELED);
	ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -ECANCELED);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

SMALL_TEST(asked_by_two_without_an_entry)
{
	struct eider_acceptor a;
	struct eider_fiber *first, *second;
	struct full_queue q;
	char name[64];
	int fd = listen_somewhere(name), client = plain_connect(fd);
	long got;

	eider_acceptor_init(&a, fd);
	shut_queue(&q, 2);
	first = start(ask, &a);
	second = start(ask, &a);
	eider_yield();
	eider_acceptor_pause(&a);	/* somebody has asked: nothing */
	open_queue(&q);
	ck_assert_int_eq(eider_join(second), -EBUSY);
	got = eider_join(first);
	ck_assert_int_ge(got, 0);
	close((int)got);
	close(client);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

static long close_acceptor(void *arg)
{
	eider_acceptor_close(arg);
	return 0;
}

/* Nobody touches what was closed. */
SMALL_TEST(closed_without_an_entry)
{
	struct eider_acceptor a;
	struct eider_fiber *asks, *closes;
	struct full_queue q;
	char name[64];
	int fd = listen_somewhere(name);

	eider_acceptor_init(&a, fd);
	shut_queue(&q, 2);
	asks = start(ask, &a);
	closes = start(close_acceptor, &a);
	for (int i = 0; i < 10; i++)
		eider_yield();
	ck_assert(!eider_is_done(eider_fiber_future(closes)));
	open_queue(&q);
	ck_assert_int_eq(eider_join(closes), 0);
	memset(&a, 0xff, sizeof(a));
	ck_assert_int_eq(eider_join(asks), -ECANCELED);
	close(fd);
	return 0;
}

struct question {
	struct eider_acceptor *acceptor;
	int64_t deadline;
};

static long ask_until(void *arg)
{
	struct question *q = arg;

	return eider_acceptor_next(q->acceptor, q->deadline);
}

/* The kernel cannot be asked to end it, and the deadline comes before that. */
SMALL_TEST(cancelled_at_the_deadline)
{
	struct eider_acceptor a;
	struct question question = { .acceptor = &a };
	struct eider_fiber *fiber;
	struct full_queue q;
	char name[64];
	int fd = listen_somewhere(name), client;
	long got;

	eider_acceptor_init(&a, fd);
	question.deadline = eider_after((int64_t)(100 * HARNESS_MS * harness_slow()));
	fiber = start(ask_until, &question);
	for (int i = 0; i < 3; i++)
		eider_yield();
	shut_queue(&q, 1);
	eider_yield();
	eider_cancel(eider_fiber_future(fiber));
	got = eider_join(fiber);
	ck_assert_int_eq(got, -ETIME);
	open_queue(&q);
	client = plain_connect(fd);
	got = eider_acceptor_next(&a, in_good_time());
	ck_assert_msg(got >= 0, "for somebody else: %ld", got);
	close((int)got);
	close(client);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

/* ---- a listening socket for each loop ---- */

enum { SHARING = 2, SHARED_CLIENTS = 100 };

static struct {
	char name[64];
	unsigned int begun, listening, accepted, of[SHARING];
	struct eider_loop *loops[SHARING];
} sharing;

static void *connect_often(void *arg)
{
	int clients[SHARED_CLIENTS];

	for (int i = 0; i < SHARED_CLIENTS; i++)
		clients[i] = plain_connect(*(int *)arg);
	ck_assert(harness_wait_count(&sharing.accepted, SHARED_CLIENTS));
	for (int i = 0; i < SHARED_CLIENTS; i++)
		close(clients[i]);
	return NULL;
}

static void accept_until_all_are(struct eider_acceptor *a, unsigned int *own)
{
	while (harness_get(&sharing.accepted) < SHARED_CLIENTS) {
		long got = eider_acceptor_next(a, eider_after(5 * HARNESS_MS));

		if (got == -ETIME)
			continue;
		ck_assert_int_ge(got, 0);
		close((int)got);
		(*own)++;
		harness_add(&sharing.accepted, 1);
	}
}

/* The first to come says where; then each accepts at a socket of its own. */
HARNESS_FIBER_TEST_WITH(one_address_for_two_loops, HARNESS_OPTIONS(.loops = SHARING))
{
	unsigned int me = harness_add(&sharing.begun, 1) - 1;
	struct eider_acceptor a;
	pthread_t thread;
	int fd;

	if (me)
		ck_assert(harness_wait_count(&sharing.listening, 1));
	fd = eider_listen(me ? sharing.name : "127.0.0.1:0", EIDER_LISTEN_SHARED);
	ck_assert_int_ge(fd, 0);
	if (!me)
		ck_assert_int_gt(eider_socket_name(fd, false, sharing.name, 64), 0);
	sharing.loops[me] = eider_loop_current();
	harness_add(&sharing.listening, 1);
	ck_assert(harness_wait_count(&sharing.listening, SHARING));
	ck_assert_ptr_ne(sharing.loops[0], sharing.loops[1]);
	if (!me)
		ck_assert(!pthread_create(&thread, NULL, connect_often, &fd));
	eider_acceptor_init(&a, fd);
	accept_until_all_are(&a, &sharing.of[me]);
	eider_acceptor_close(&a);
	ck_assert_uint_gt(sharing.of[me], 0);
	ck_assert_uint_lt(sharing.of[me], SHARED_CLIENTS);
	ck_assert_uint_eq(harness_get(&sharing.accepted), SHARED_CLIENTS);
	if (!me)
		pthread_join(thread, NULL);
	close(fd);
	return 0;
}

/* ---- pausing ---- */

/* How many more are accepted than there were: they are at both ends here. */
static int accepted_ahead(int before, int clients)
{
	eider_sleep_until(eider_after(5 * HARNESS_MS));
	return harness_descriptors() - before - clients;
}

enum { QUEUED = 50 };

NET_TEST(pausing)
{
	struct eider_acceptor a;
	int clients[QUEUED], before;
	char name[64];
	int fd = listen_somewhere(name);

	eider_acceptor_init(&a, fd);
	eider_acceptor_pause(&a);	/* before the first question */
	for (int round = 0; round < 3; round++) {
		ck_assert_int_eq(eider_acceptor_next(&a, eider_after(HARNESS_MS)),
				 -ETIME);
		eider_acceptor_pause(&a);
		eider_acceptor_pause(&a);
		yield_often();
		before = harness_descriptors();
		for (int i = 0; i < QUEUED; i++) {
			clients[i] = plain_connect(fd);
			eider_yield();
		}
		ck_assert_int_eq(accepted_ahead(before, QUEUED), 0);
		for (int i = 0; i < QUEUED; i++) {
			take_one(&a);
			close(clients[i]);
			if (i % 7 == 0)
				eider_acceptor_pause(&a);
		}
	}
	eider_acceptor_pause(&a);
	eider_acceptor_close(&a);
	ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -ECANCELED);
	close(fd);
	return 0;
}

/* A burst that is there before the pause is given all the same. */
NET_TEST(pausing_behind_a_burst)
{
	struct eider_acceptor a;
	int clients[QUEUED];
	char name[64];
	int fd = listen_somewhere(name);

	eider_acceptor_init(&a, fd);
	ck_assert_int_eq(eider_acceptor_next(&a, eider_after(HARNESS_MS)), -ETIME);
	for (int i = 0; i < QUEUED; i++)
		clients[i] = plain_connect(fd);
	eider_sleep_until(eider_after(5 * HARNESS_MS));
	eider_acceptor_pause(&a);
	for (int i = 0; i < QUEUED; i++) {
		take_one(&a);
		close(clients[i]);
	}
	eider_acceptor_stop(&a);
	ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -ECANCELED);
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

/* Whose question is under way gets its answer, or its cancellation. */
NET_TEST(pausing_under_somebody_who_asks)
{
	struct eider_acceptor a;
	char name[64];
	int fd = listen_somewhere(name);

	eider_acceptor_init(&a, fd);
	for (int i = 0; i < 12; i++) {
		struct eider_fiber *fiber;
		int client = -1;
		long got;

		if (i % 4 > 1) {	/* paused, and asked before that is over */
			ck_assert_int_eq(eider_acceptor_next(
						 &a, eider_after(HARNESS_MS)), -ETIME);
			eider_acceptor_pause(&a);
		}
		fiber = start(ask, &a);
		eider_yield();
		if (i >= 8)
			yield_often();
		if (i % 4 < 2)
			eider_acceptor_pause(&a);
		if (i % 2)
			eider_cancel(eider_fiber_future(fiber));
		else
			client = plain_connect(fd);
		ck_assert_int_eq(eider_await_until(eider_fiber_future(fiber),
						   in_good_time()), 0);
		got = eider_join(fiber);
		if (i % 2) {
			ck_assert_int_eq(got, -ECANCELED);
			continue;
		}
		ck_assert_int_ge(got, 0);
		close((int)got);
		close(client);
	}
	eider_acceptor_close(&a);
	close(fd);
	return 0;
}

NET_TEST(what_does_not_listen)
{
	struct eider_acceptor a;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	eider_acceptor_init(&a, fd);
	ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -EOPNOTSUPP);
	eider_acceptor_close(&a);
	close(fd);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	eider_acceptor_init(&a, fd);
	ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -EINVAL);
	eider_acceptor_close(&a);
	close(fd);
	eider_acceptor_init(&a, -1);
	ck_assert_int_eq(eider_acceptor_next(&a, EIDER_NEVER), -EBADF);
	eider_acceptor_close(&a);
	return 0;
}

/* ---- connect ---- */

/* A connection to @address reaches @listening, and bytes pass. */
static void reach(int listening, const char *address)
{
	long fd = eider_connect(address, in_good_time()), got;
	char byte = 0;

	ck_assert_msg(fd >= 0, "%s: %s", address, eider_strerror((int)fd));
	ck_assert(fcntl((int)fd, F_GETFD) & FD_CLOEXEC);
	got = eider_accept(listening);
	ck_assert_int_ge(got, 0);
	ck_assert_int_eq(eider_send((int)fd, "x", 1), 1);
	ck_assert_int_eq(eider_recv((int)got, &byte, 1), 1);
	ck_assert_int_eq(byte, 'x');
	close((int)fd);
	close((int)got);
}

HARNESS_FIBER_TEST(connecting)
{
	char name[64], by_name[80];
	int fd = listen_somewhere(name);

	reach(fd, name);
	snprintf(by_name, sizeof(by_name), "localhost%s", strrchr(name, ':'));
	reach(fd, by_name);
	close(fd);
	fd = listen_at(abstract_address("connect"));
	reach(fd, abstract_address("connect"));
	close(fd);
	fd = listen_at(unix_address("connect"));
	reach(fd, unix_address("connect"));
	close(fd);
	return 0;
}

HARNESS_FIBER_TEST(refused)
{
	/* A port that is taken, so that nobody else can listen there. */
	struct sockaddr_in a = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char name[64];

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert(!bind(fd, (struct sockaddr *)&a, sizeof(a)));
	ck_assert_int_gt(eider_socket_name(fd, false, name, sizeof(name)), 0);
	ck_assert_int_eq(eider_connect(name, EIDER_NEVER), -ECONNREFUSED);
	close(fd);
	ck_assert_int_eq(eider_connect("unix:@eider-nobody", EIDER_NEVER),
			 -ECONNREFUSED);
	ck_assert_int_eq(eider_connect("unix:/no/such/file", EIDER_NEVER), -ENOENT);
	ck_assert_int_eq(eider_connect(NULL, EIDER_NEVER), -EINVAL);
	ck_assert_int_eq(eider_connect(":80", EIDER_NEVER), -EINVAL);
	ck_assert_int_eq(eider_connect("127.0.0.1:65536", EIDER_NEVER), -EINVAL);
	ck_assert_int_eq(eider_connect_to(NULL, 0, EIDER_NEVER), -EINVAL);
	return 0;
}

/* The first address of a name swallows all that it is sent; the second is there. */
HARNESS_FIBER_TEST(a_silent_address)
{
	char name[64], by_name[80];
	int silent = listen_somewhere(name), clients[16], n = 0, fd;
	int64_t patience;

	ck_assert(!listen(silent, 0));
	do {
		ck_assert_int_lt(n, 16);
		clients[n] = (int)eider_connect(name, eider_after(100 * HARNESS_MS));
	} while (clients[n++] >= 0);
	ck_assert_int_eq(clients[--n], -ETIME);
	snprintf(by_name, sizeof(by_name), "127.0.0.2%s", strrchr(name, ':'));
	fd = listen_at(by_name);
	snprintf(by_name, sizeof(by_name), "two.example%s", strrchr(name, ':'));
	patience = eider_after((int64_t)(2 * HARNESS_S * harness_slow()));
	clients[n] = (int)eider_connect(by_name, patience);
	ck_assert_msg(clients[n] >= 0, "%s", eider_strerror(clients[n]));
	ck_assert_int_gt(eider_socket_name(clients[n++], true, name, 64), 0);
	ck_assert(!strncmp(name, "127.0.0.2:", 10));
	while (n)
		close(clients[--n]);
	close(fd);
	close(silent);
	return 0;
}

static long connect_for_ever(void *arg)
{
	return eider_connect(arg, EIDER_NEVER);
}

/* Nobody takes connections, and the queue is full: a deadline or a cancel ends it. */
static void do_not_reach(int listening, char *address)
{
	int64_t patience = (int64_t)(100 * HARNESS_MS * harness_slow());
	long fds[16], n = 0, fd;
	struct eider_fiber *fiber;

	ck_assert(!listen(listening, 0));
	while ((fd = eider_connect(address, eider_after(patience))) >= 0) {
		ck_assert_int_lt(n, 16);
		fds[n++] = fd;
	}
	ck_assert_int_eq(fd, -ETIME);
	fiber = start(connect_for_ever, address);
	yield_often();
	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(fiber), -ECANCELED);
	while (n)
		close((int)fds[--n]);
	close(listening);
}

HARNESS_FIBER_TEST(a_full_queue)
{
	char name[64];

	do_not_reach(listen_somewhere(name), name);
	return 0;
}

HARNESS_FIBER_TEST(a_full_unix_queue)
{
	char name[64];

	snprintf(name, sizeof(name), "%s", abstract_address("full"));
	do_not_reach(listen_at(name), name);
	return 0;
}

/* ---- resolve ---- */

/*
 * Before that of the system: a name with two addresses, and one whose server takes its
 * time, until the test has it answer.
 */
static struct {
	unsigned int inside, open, done;
} slow;

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *,
		    struct addrinfo **);
	int code;

	*(void **)&real = dlsym(RTLD_NEXT, "getaddrinfo");
	if (!host || (hints->ai_flags & AI_NUMERICHOST))
		return real(host, service, hints, ret);
	if (!strcmp(host, "two.example")) {
		code = real("127.0.0.1", service, hints, ret);
		return code ? code : real("127.0.0.2", service, hints,
					  &(*ret)->ai_next);
	}
	if (strcmp(host, "slow.example"))
		return real(host, service, hints, ret);
	harness_add(&slow.inside, 1);
	while (!harness_get(&slow.open))
		harness_nap(HARNESS_MS);
	code = real("127.0.0.1", service, hints, ret);
	harness_add(&slow.done, 1);
	return code;
}

HARNESS_FIBER_TEST(resolving)
{
	struct addrinfo *found = NULL;
	int err;

	ck_assert_int_eq(eider_resolve("127.0.0.1", "80", EIDER_NEVER, &found), 0);
	ck_assert_int_eq(found->ai_family, AF_INET);
	freeaddrinfo(found);
	ck_assert_int_eq(eider_resolve("localhost", "80", EIDER_NEVER, &found), 0);
	ck_assert_ptr_nonnull(found);
	freeaddrinfo(found);
	ck_assert_int_eq(eider_resolve("localhost", NULL, EIDER_NEVER, &found), 0);
	freeaddrinfo(found);
	found = NULL;
	err = eider_resolve("no-such-name.invalid", "80",
			    eider_after(5 * HARNESS_S), &found);
	ck_assert_msg(err == -ENOENT || err == -EAGAIN || err == -ETIME, "%d", err);
	ck_assert_ptr_null(found);
	ck_assert_int_eq(eider_resolve(NULL, "80", EIDER_NEVER, &found), -EINVAL);
	ck_assert_int_eq(eider_resolve("", "80", EIDER_NEVER, &found), -EINVAL);
	ck_assert_int_eq(eider_resolve("localhost", "80", EIDER_NEVER, NULL), -EINVAL);
	return 0;
}

static long resolve_late(void *arg)
{
	struct addrinfo *found;
	int err = eider_resolve("no-such-name.invalid", "80",
				*(int *)arg % 2 ? 0 : eider_after(HARNESS_MS),
				&found);

	ck_assert_msg(err == -ENOENT || err == -EAGAIN || err == -ETIME ||
		      err == -ECANCELED, "%d", err);
	return 0;
}

/* More names than threads that look, and nobody waits for the answers. */
HARNESS_FIBER_TEST(resolving_too_late)
{
	struct eider_fiber *fibers[40];
	int numbers[40];

	for (int i = 0; i < 40; i++) {
		numbers[i] = i;
		fibers[i] = start(resolve_late, &numbers[i]);
	}
	eider_yield();
	for (int i = 0; i < 40; i += 5)
		eider_cancel(eider_fiber_future(fibers[i]));
	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	return 0;
}

static long resolve_slow(void *arg)
{
	struct addrinfo *found;
	int err = eider_resolve("slow.example", "80", EIDER_NEVER, &found);

	(void)arg;
	if (!err)
		freeaddrinfo(found);
	return err;
}

/* With those that have begun, and those that have not; the harness looks for leaks. */
HARNESS_FIBER_TEST(resolving_is_left_at_once)
{
	struct eider_fiber *fibers[12], *patient;
	struct addrinfo *found = NULL;

	for (int i = 0; i < 12; i++)
		fibers[i] = start(resolve_slow, NULL);
	ck_assert(harness_wait_count(&slow.inside, 1));
	for (int i = 0; i < 12; i++)
		eider_cancel(eider_fiber_future(fibers[i]));
	for (int i = 0; i < 12; i++) {
		ck_assert_msg(!eider_await_until(eider_fiber_future(fibers[i]),
						 in_good_time()),
			      "a cancelled look-up is waited for");
		ck_assert_int_eq(eider_join(fibers[i]), -ECANCELED);
	}
	ck_assert_int_eq(eider_resolve("slow.example", "80",
				       eider_after(20 * HARNESS_MS), &found), -ETIME);
	ck_assert_int_eq(eider_resolve("slow.example", "80", 0, &found), -ETIME);
	ck_assert_ptr_null(found);
	ck_assert_int_eq(eider_connect("slow.example:80",
				       eider_after(20 * HARNESS_MS)), -ETIME);
	ck_assert_uint_eq(harness_get(&slow.done), 0);
	patient = start(resolve_slow, NULL);
	yield_often();
	harness_set(&slow.open, 1);
	ck_assert_int_eq(eider_join(patient), 0);
	ck_assert(harness_wait_count(&slow.done, harness_get(&slow.inside)));
	eider_sleep_until(eider_after(20 * HARNESS_MS));
	return 0;
}

static long resolve_and_sleep(void *arg)
{
	long first = resolve_slow(arg);
	long second = eider_sleep_until(eider_after(HARNESS_S));

	return first == -ECANCELED || second == -ECANCELED ? -ECANCELED : first;
}

/* Cancelled in the turn in which the answer comes: told now, or by what is next. */
HARNESS_FIBER_TEST(resolving_is_cancelled_just_then)
{
	struct eider_fiber *fiber = start(resolve_and_sleep, NULL);

	ck_assert(harness_wait_count(&slow.inside, 1));
	harness_set(&slow.open, 1);
	while (!harness_get(&slow.done))
		harness_nap(HARNESS_MS);
	harness_nap(20 * HARNESS_MS);	/* meanwhile it reaches the loop's inbox */
	eider_yield();			/* in the next turn we are the first */
	eider_cancel(eider_fiber_future(fiber));
	ck_assert_int_eq(eider_join(fiber), -ECANCELED);
	return 0;
}

static long resolve_slow_soon(void *arg)
{
	struct addrinfo *found;

	return eider_resolve("slow.example", "80", *(int64_t *)arg, &found);
}

/* So many wait for names that the next ones wait for a place: not any longer. */
HARNESS_FIBER_TEST_WITH(resolving_behind_a_full_queue, HARNESS_OPTIONS(.queue_max = 2))
{
	int64_t soon = eider_after(50 * HARNESS_MS), never = EIDER_NEVER;
	struct eider_fiber *patient[2], *fibers[4];

	for (int i = 0; i < 2; i++)
		patient[i] = start(resolve_slow_soon, &never);
	for (int i = 0; i < 4; i++)
		fibers[i] = start(resolve_slow_soon, i < 3 ? &soon : &never);
	yield_often();
	eider_cancel(eider_fiber_future(fibers[3]));
	for (int i = 0; i < 4; i++) {
		ck_assert_msg(!eider_await_until(eider_fiber_future(fibers[i]),
						 in_good_time()),
			      "the deadline of a look-up is not kept");
		ck_assert_int_eq(eider_join(fibers[i]), i < 3 ? -ETIME : -ECANCELED);
	}
	soon = 0;
	ck_assert_int_eq(resolve_slow_soon(&soon), -ETIME);
	ck_assert_uint_eq(harness_get(&slow.done), 0);
	for (int i = 0; i < 2; i++) {
		eider_cancel(eider_fiber_future(patient[i]));
		ck_assert_int_eq(eider_join(patient[i]), -ECANCELED);
	}
	harness_set(&slow.open, 1);
	return 0;
}

START_TEST(nowhere)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct eider_acceptor a;
	struct addrinfo *found;

	eider_acceptor_init(&a, 0);
	ck_assert_int_eq(eider_acceptor_next(&a, 0), -EPERM);
	eider_acceptor_close(&a);
	ck_assert_int_eq(eider_connect("127.0.0.1:1", 0), -EPERM);
	ck_assert_int_eq(eider_connect_to((struct sockaddr *)&v4, sizeof(v4), 0),
			 -EPERM);
	ck_assert_int_eq(eider_resolve("127.0.0.1", "1", 0, &found), -EPERM);
}
END_TEST

static void add_listening(Suite *s)
{
	TCase *t = harness_case(s, "addresses");

	tcase_add_test(t, addresses_that_make_no_sense);
	tcase_add_test(t, names_of_sockets);
	tcase_add_test(t, version_6);
	tcase_add_test(t, scopes);
	tcase_add_test(t, longest_path);
	t = harness_case(s, "listen");
	tcase_add_test(t, taken);
	tcase_add_test(t, shared);
	tcase_add_test(t, a_path_left_behind);
	tcase_add_test(t, starting_at_one_path);
	tcase_add_test(t, a_locked_directory);
	tcase_add_test(t, a_path_in_use_with_a_full_queue);
}

static void add_accepting(Suite *s)
{
	TCase *t = harness_case(s, "accept");

	tcase_add_loop_test(t, thousands, 0, WAYS);
	tcase_add_loop_test(t, an_acceptor_deadline, 0, WAYS);
	tcase_add_loop_test(t, stopping, 0, WAYS);
	tcase_add_loop_test(t, closing_with_connections_not_taken, 0, WAYS);
	tcase_add_loop_test(t, few_ahead, 0, WAYS);
	tcase_add_loop_test(t, no_descriptor_left, 0, WAYS);
	tcase_add_loop_test(t, a_reset_before, 0, WAYS);
	tcase_add_loop_test(t, an_aborted_connection, 0, WAYS);
	tcase_add_loop_test(t, as_many_ops_as_needed, 0, WAYS);
	tcase_add_loop_test(t, closing_under_somebody_who_asks, 0, WAYS);
	tcase_add_loop_test(t, a_cancelled_question, 0, WAYS);
	tcase_add_loop_test(t, a_question_cancelled_too_late, 0, WAYS);
	tcase_add_loop_test(t, stopped_without_an_entry, 0, WAYS);
	tcase_add_loop_test(t, asked_by_two_without_an_entry, 0, WAYS);
	tcase_add_loop_test(t, closed_without_an_entry, 0, WAYS);
	tcase_add_loop_test(t, cancelled_at_the_deadline, 0, WAYS);
	tcase_add_test(t, one_address_for_two_loops);
	tcase_add_loop_test(t, pausing, 0, WAYS);
	tcase_add_loop_test(t, pausing_behind_a_burst, 0, WAYS);
	tcase_add_loop_test(t, pausing_under_somebody_who_asks, 0, WAYS);
	tcase_add_loop_test(t, what_does_not_listen, 0, WAYS);
}

static void add_connecting(Suite *s)
{
	TCase *t = harness_case(s, "connect");

	tcase_add_test(t, connecting);
	tcase_add_test(t, refused);
	tcase_add_test(t, a_silent_address);
	tcase_add_test(t, a_full_queue);
	tcase_add_test(t, a_full_unix_queue);
	t = harness_case(s, "resolve");
	harness_timeout(t, 180);
	tcase_add_test(t, resolving);
	tcase_add_test(t, resolving_too_late);
	tcase_add_test(t, resolving_is_left_at_once);
	tcase_add_test(t, resolving_is_cancelled_just_then);
	tcase_add_test(t, resolving_behind_a_full_queue);
	tcase_add_test(t, nowhere);
}

int main(void)
{
	Suite *s = suite_create("net");

	add_listening(s);
	add_accepting(s);
	add_connecting(s);
	return harness_run(s);
}
