/*
 * test_stream.c - what peers send, read without a buffer for each
 *
 * Every test runs four ways, by what is switched off: nothing; multishot receives;
 * buffer rings, which multishot needs too; multishot accepts, which streams do not
 * notice. So each fallback does all that the best way does; that it is another way, the
 * number of its ops shows.
 *
 * Buffers do not show how many are in use. But a stream that was peeked at and not
 * consumed holds one: so many streams as there are buffers can do that at a time if,
 * and only if, nobody else holds any (all_buffers_are_free()).
 */
#include <errno.h>
#include <liburing.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sys.h"
#include "fixtures.h"

static const uint64_t ways[] = {
	0,
	EIDER_FEATURE_BIT(EIDER_FEATURE_MULTISHOT_RECV),
	EIDER_FEATURE_BIT(EIDER_FEATURE_BUFFER_RING),
	EIDER_FEATURE_BIT(EIDER_FEATURE_MULTISHOT_ACCEPT),
};

enum {
	WAYS = sizeof(ways) / sizeof(ways[0]),
	FEW = 4,
};

/* A fiber of a loop with these options, in one of the ways. */
#define STREAM_TEST(name, ...)                                                 \
	static long name##_body(void *arg);                                    \
	START_TEST(name)                                                       \
	{                                                                      \
		struct eider_options o = { .size = sizeof(o), __VA_ARGS__ };   \
                                                                               \
		o.disable = ways[_i];                                          \
		harness_in_loop(name##_body, NULL, &o);                        \
	}                                                                      \
	END_TEST                                                               \
	static long name##_body(__attribute__((unused)) void *arg)

#define FEW_BUFFERS .recv_buffers = FEW, .recv_buffer_bytes = 512

/* A stream, and a descriptor to send to it. */
struct pair {
	struct eider_stream stream;
	int peer;
};

static void open_pair(struct pair *p)
{
	int fds[2];

	harness_socketpair(fds);
	ck_assert_int_eq(eider_stream_init(&p->stream, fds[0]), 0);
	p->peer = fds[1];
}

static void open_tcp_pair(struct pair *p)
{
	uint16_t port;
	int listening = harness_listen(&port), fd;

	p->peer = harness_connect(port);
	fd = accept4(listening, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(eider_stream_init(&p->stream, fd), 0);
	close(listening);
}

static void close_peer(struct pair *p)
{
	if (p->peer >= 0)
		close(p->peer);
	p->peer = -1;
}

static void close_pair(struct pair *p)
{
	eider_stream_close(&p->stream);
	close_peer(p);
}

static struct pair *open_pairs(unsigned int n)
{
	struct pair *pairs = calloc(n, sizeof(*pairs));

	ck_assert_ptr_nonnull(pairs);
	for (unsigned int i = 0; i < n; i++)
		open_pair(&pairs[i]);
	return pairs;
}

static void close_pairs(struct pair *pairs, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++)
		close_pair(&pairs[i]);
	free(pairs);
}

/* The few bytes of @text, which fit into the socket. */
static void say(const struct pair *p, const char *text)
{
	ck_assert_int_eq(send(p->peer, text, strlen(text), MSG_NOSIGNAL),
			 (ssize_t)strlen(text));
}

/* What is there is @text, and is not consumed. */
static void see(struct pair *p, const char *text)
{
	const char *data;
	long n = eider_stream_peek(&p->stream, &data, EIDER_NEVER);

	ck_assert_int_eq(n, (long)strlen(text));
	ck_assert(!memcmp(data, text, (size_t)n));
}

static void hear(struct pair *p, const char *text)
{
	see(p, text);
	eider_stream_consume(&p->stream, strlen(text));
}

/* A moment: for what is not to come. */
static long peek_soon(struct pair *p)
{
	const char *data;

	return eider_stream_peek(&p->stream, &data, eider_after(2 * HARNESS_MS));
}

static int64_t in_good_time(void)
{
	return eider_after((int64_t)(10 * HARNESS_S * harness_slow()));
}

/* For what is to come: soon, however slow it is here. */
static long peek_in_time(struct pair *p)
{
	const char *data;

	return eider_stream_peek(&p->stream, &data, in_good_time());
}

static void all_buffers_are_free(unsigned int n)
{
	struct pair *pairs = open_pairs(n + 1);

	for (unsigned int i = 0; i <= n; i++)
		say(&pairs[i], "x");
	for (unsigned int i = 0; i < n; i++)
		see(&pairs[i], "x");
	ck_assert_int_eq(peek_soon(&pairs[n]), -ETIME);
	for (unsigned int i = 0; i <= n; i++)
		hear(&pairs[i], "x");
	close_pairs(pairs, n + 1);
}

/* ---- data, in order and complete ---- */

/* The byte at @at of all that is ever sent. */
static char byte_at(size_t at)
{
	return (char)((at * 2654435761u) >> 15 ^ at);
}

struct flow {
	int fd;
	size_t size;
	unsigned int seed;
};

static size_t some(unsigned int *seed, size_t max)
{
	size_t limit = (size_t)rand_r(seed) % 3 ? max : 1 + max / 100;

	return 1 + (size_t)rand_r(seed) % limit;
}

static long send_all(void *arg)
{
	struct flow *f = arg;
	static char bytes[65536];
	char *copy = malloc(sizeof(bytes));

	ck_assert_ptr_nonnull(copy);
	for (size_t sent = 0; sent < f->size;) {
		size_t n = some(&f->seed, sizeof(bytes));

		if (n > f->size - sent)
			n = f->size - sent;
		for (size_t i = 0; i < n; i++)
			copy[i] = byte_at(sent + i);
		ck_assert_int_eq(eider_send(f->fd, copy, n), (long)n);
		sent += n;
		if (rand_r(&f->seed) % 4 == 0)
			eider_yield();
	}
	free(copy);
	ck_assert_int_eq(shutdown(f->fd, SHUT_WR), 0);
	return 0;
}

/* Read on from @at, consuming in parts of any size; how much there was in all. */
static size_t check_all(struct eider_stream *s, size_t at, unsigned int seed)
{
	const char *data;
	long n;

	while ((n = eider_stream_peek(s, &data, EIDER_NEVER)) > 0) {
		size_t part = some(&seed, (size_t)n);

		for (size_t i = 0; i < part; i++)
			if (data[i] != byte_at(at + i))
				ck_abort_msg("wrong at %zu", at + i);
		eider_stream_consume(s, part);
		at += part;
	}
	ck_assert_int_eq(n, 0);
	return at;
}

static void flow_through(struct pair *p, size_t size, unsigned int seed)
{
	struct flow f = { p->peer, size, seed };
	struct eider_fiber *fiber = start(send_all, &f);

	ck_assert_uint_eq(check_all(&p->stream, 0, seed + 1), size);
	ck_assert_int_eq(peek_in_time(p), 0);
	ck_assert_int_eq(peek_in_time(p), 0);
	ck_assert_int_eq(eider_join(fiber), 0);
	close_pair(p);
}

static const size_t sizes[] = { 1,    2,     511,   512,    513,     4095,
				4096, 4097,  65536, 300000, 1048579, 5000000 };

STREAM_TEST(all_sizes)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		struct pair p;

		open_pair(&p);
		flow_through(&p, sizes[i], (unsigned int)i);
		open_tcp_pair(&p);
		flow_through(&p, sizes[i], (unsigned int)i + 100);
	}
	all_buffers_are_free(256);
	return 0;
}

STREAM_TEST(all_sizes_in_few_buffers, FEW_BUFFERS)
{
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) - 1; i++) {
		struct pair p;

		open_pair(&p);
		flow_through(&p, sizes[i], (unsigned int)i);
		open_tcp_pair(&p);
		flow_through(&p, sizes[i], (unsigned int)i + 100);
	}
	all_buffers_are_free(FEW);
	return 0;
}

static long flow_alone(void *arg)
{
	struct pair p;

	open_pair(&p);
	flow_through(&p, 100000, *(unsigned int *)arg);
	return 0;
}

/* Many at the same time, each with a seed of its own. */
STREAM_TEST(many_flows_in_few_buffers, FEW_BUFFERS)
{
	struct eider_fiber *fibers[32];
	unsigned int seeds[32];

	for (unsigned int i = 0; i < 32; i++) {
		seeds[i] = i;
		fibers[i] = start(flow_alone, &seeds[i]);
	}
	for (unsigned int i = 0; i < 32; i++)
		ck_assert_int_eq(eider_join(fibers[i]), 0);
	all_buffers_are_free(FEW);
	return 0;
}

/* ---- which way it went ---- */

/* What @n receives take: an op for all, one each, or a poll and one each. */
static unsigned int ops_for(unsigned int n)
{
	if (!uses(EIDER_FEATURE_BUFFER_RING))
		return 2 * n;
	return uses(EIDER_FEATURE_MULTISHOT_RECV) &&
	       uses(EIDER_FEATURE_DEFER_TASKRUN) &&
	       uses(EIDER_FEATURE_SINGLE_ISSUER) &&
	       uses(EIDER_FEATURE_TASKRUN) ? 1 : n;
}

static bool kernel_has_buffer_rings(void)
{
	struct io_uring_buf_reg reg = { .ring_entries = FEW, .bgid = 1 };
	struct io_uring ring;
	int err;

	reg.ring_addr = (uintptr_t)aligned_alloc(4096, 4096);
	ck_assert_uint_ne(reg.ring_addr, 0);
	ck_assert_int_eq(io_uring_queue_init(FEW, &ring, 0), 0);
	err = io_uring_register_buf_ring(&ring, &reg, 0);
	io_uring_queue_exit(&ring);
	free((void *)(uintptr_t)reg.ring_addr);
	return !err;
}

/* Asked as simply as can be; what is found is what the next tests go by. */
STREAM_TEST(what_is_there_is_found)
{
	struct eider_features all;

	eider_executor_features(executor_here(), &all);
	ck_assert(all.of[EIDER_FEATURE_BUFFER_RING].state == EIDER_FEATURE_OFF ||
		  uses(EIDER_FEATURE_BUFFER_RING) == kernel_has_buffer_rings());
	return 0;
}

/* So none of the ways does all that is tested here in another one's place. */
STREAM_TEST(as_many_ops_as_needed)
{
	uint64_t before = ops_started();
	struct pair p;

	open_pair(&p);
	for (int i = 0; i < 10; i++) {
		say(&p, "x");
		hear(&p, "x");
	}
	ck_assert_uint_eq(ops_started() - before, ops_for(10));
	close_pair(&p);
	return 0;
}

/* A loop that is polled receives one by one: nobody could end it in time. */
STREAM_TEST(as_many_ops_as_needed_polled, .polled = true)
{
	uint64_t before = ops_started();
	struct pair p;

	open_pair(&p);
	for (int i = 0; i < 10; i++) {
		say(&p, "x");
		hear(&p, "x");
	}
	ck_assert_uint_eq(ops_started() - before,
			  uses(EIDER_FEATURE_BUFFER_RING) ? 10 : 20);
	close_pair(&p);
	return 0;
}

/* ---- peek and consume ---- */

STREAM_TEST(peeking_again)
{
	const char *first, *second;
	struct pair p;

	open_pair(&p);
	say(&p, "abcdef");
	ck_assert_int_eq(eider_stream_peek(&p.stream, &first, EIDER_NEVER), 6);
	say(&p, "more");
	yield_often();
	ck_assert_int_eq(eider_stream_peek(&p.stream, &second, EIDER_NEVER), 6);
	ck_assert_ptr_eq(first, second);
	hear(&p, "abcdef");
	hear(&p, "more");
	close_pair(&p);
	return 0;
}

STREAM_TEST(consuming_a_part)
{
	struct pair p;

	open_pair(&p);
	say(&p, "abcdef");
	see(&p, "abcdef");
	eider_stream_consume(&p.stream, 0);
	see(&p, "abcdef");
	eider_stream_consume(&p.stream, 1);
	hear(&p, "bcdef");
	ck_assert_int_eq(peek_soon(&p), -ETIME);
	close_pair(&p);
	return 0;
}

STREAM_TEST(receiving_copies)
{
	char buf[4] = { 0 };
	struct pair p;

	open_pair(&p);
	say(&p, "abcdef");
	ck_assert_int_eq(eider_stream_recv(&p.stream, buf, 4, EIDER_NEVER), 4);
	ck_assert(!memcmp(buf, "abcd", 4));
	ck_assert_int_eq(eider_stream_recv(&p.stream, buf, 4, EIDER_NEVER), 2);
	ck_assert(!memcmp(buf, "efcd", 4));
	ck_assert_int_eq(eider_stream_recv(&p.stream, buf, 4,
					   eider_after(HARNESS_MS)), -ETIME);
	close_peer(&p);
	ck_assert_int_eq(eider_stream_recv(&p.stream, buf, 4, EIDER_NEVER), 0);
	close_pair(&p);
	return 0;
}

/* What is held stays as it is while others receive. */
STREAM_TEST(what_is_peeked_at_stays, FEW_BUFFERS)
{
	struct pair *held = open_pairs(3), p;
	const char *data[3];

	for (int i = 0; i < 3; i++) {
		say(&held[i], i == 0 ? "first" : i == 1 ? "other" : "third");
		ck_assert_int_eq(eider_stream_peek(&held[i].stream, &data[i],
						   EIDER_NEVER), 5);
	}
	open_pair(&p);
	flow_through(&p, 100000, 1);
	ck_assert(!memcmp(data[0], "first", 5));
	ck_assert(!memcmp(data[1], "other", 5));
	ck_assert(!memcmp(data[2], "third", 5));
	close_pairs(held, 3);
	all_buffers_are_free(FEW);
	return 0;
}

/* ---- the end ---- */

static void come_to_the_end(struct pair *p, bool waits)
{
	if (waits)
		ck_assert_int_eq(peek_soon(p), -ETIME);
	say(p, "last");
	close_peer(p);
	hear(p, "last");
	for (int i = 0; i < 3; i++) {
		const char *data;

		ck_assert_int_eq(eider_stream_peek(&p->stream, &data,
						   in_good_time()), 0);
	}
	close_pair(p);
}

/* Of both kinds of sockets, whether the receive was under way before or not. */
STREAM_TEST(the_end)
{
	struct pair p;

	for (int i = 0; i < 10; i++) {
		open_tcp_pair(&p);
		come_to_the_end(&p, i % 2);
		open_pair(&p);
		come_to_the_end(&p, i % 2);
	}
	return 0;
}

/* Data and end are there before they are asked for, in one go: no buffer is lost. */
STREAM_TEST(data_and_end_at_once, FEW_BUFFERS)
{
	for (int i = 0; i < 50; i++) {
		struct pair p;
		char bytes[1200];

		open_pair(&p);
		memset(bytes, 'a' + i % 26, sizeof(bytes));
		ck_assert_int_eq(peek_soon(&p), -ETIME);
		ck_assert_int_eq(send(p.peer, bytes, sizeof(bytes), 0),
				 sizeof(bytes));
		close_peer(&p);
		for (size_t left = sizeof(bytes); left;) {
			char buf[512];
			long n = eider_stream_recv(&p.stream, buf, sizeof(buf),
						   EIDER_NEVER);

			ck_assert_int_gt(n, 0);
			ck_assert(!memcmp(buf, bytes, (size_t)n));
			left -= (size_t)n;
		}
		ck_assert_int_eq(peek_in_time(&p), 0);
		close_pair(&p);
	}
	all_buffers_are_free(FEW);
	return 0;
}

STREAM_TEST(a_peer_that_only_listens)
{
	struct pair p;
	char buf[8];

	open_pair(&p);
	ck_assert_int_eq(shutdown(p.peer, SHUT_WR), 0);
	ck_assert_int_eq(peek_in_time(&p), 0);
	ck_assert_int_eq(eider_send(p.stream.fd, "answer", 6), 6);
	ck_assert_int_eq(recv(p.peer, buf, sizeof(buf), 0), 6);
	ck_assert_int_eq(peek_in_time(&p), 0);
	close_pair(&p);
	return 0;
}

STREAM_TEST(a_reset)
{
	struct linger at_once = { 1, 0 };
	struct pair p;

	for (int waits = 0; waits < 2; waits++) {
		open_tcp_pair(&p);
		say(&p, "x");
		hear(&p, "x");
		if (waits)
			ck_assert_int_eq(peek_soon(&p), -ETIME);
		ck_assert_int_eq(setsockopt(p.peer, SOL_SOCKET, SO_LINGER, &at_once,
					    sizeof(at_once)), 0);
		close_peer(&p);
		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(peek_in_time(&p), -ECONNRESET);
		close_pair(&p);
	}
	all_buffers_are_free(256);
	return 0;
}

STREAM_TEST(no_socket)
{
	struct eider_stream s;
	const char *data;
	int fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(eider_stream_init(&s, fds[0]), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(eider_stream_peek(&s, &data, EIDER_NEVER), -ENOTSOCK);
	eider_stream_close(&s);
	ck_assert_int_eq(eider_stream_peek(&s, &data, EIDER_NEVER), -EBADF);
	close(fds[1]);
	all_buffers_are_free(256);
	return 0;
}

/* ---- waits that end early ---- */

STREAM_TEST(a_deadline)
{
	struct pair p;

	open_pair(&p);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(peek_soon(&p), -ETIME);
	say(&p, "late");
	hear(&p, "late");
	ck_assert_int_eq(peek_soon(&p), -ETIME);
	say(&p, "again");
	hear(&p, "again");
	close_pair(&p);
	return 0;
}

static long peek_at(void *arg)
{
	struct pair *p = arg;
	const char *data;

	return eider_stream_peek(&p->stream, &data, EIDER_NEVER);
}

STREAM_TEST(a_cancelled_fiber)
{
	struct pair p;

	open_pair(&p);
	for (int i = 0; i < 20; i++) {
		struct eider_fiber *fiber = start(peek_at, &p);

		if (i % 2)
			yield_often();
		eider_cancel(eider_fiber_future(fiber));
		ck_assert_int_eq(eider_join(fiber), -ECANCELED);
		say(&p, "x");
		hear(&p, "x");
	}
	close_pair(&p);
	return 0;
}

/* In line for a buffer, which then comes to the next one. */
STREAM_TEST(cancelled_in_line, FEW_BUFFERS)
{
	struct pair *pairs = open_pairs(FEW + 2);
	struct eider_fiber *first, *second;

	for (int i = 0; i < FEW + 2; i++)
		say(&pairs[i], "x");
	for (int i = 0; i < FEW; i++)
		see(&pairs[i], "x");
	first = start(peek_at, &pairs[FEW]);
	second = start(peek_at, &pairs[FEW + 1]);
	yield_often();
	eider_cancel(eider_fiber_future(first));
	ck_assert_int_eq(eider_join(first), -ECANCELED);
	hear(&pairs[0], "x");
	ck_assert_int_eq(eider_join(second), 1);
	hear(&pairs[1], "x");
	hear(&pairs[FEW], "x");
	close_pairs(pairs, FEW + 2);
	all_buffers_are_free(FEW);
	return 0;
}

STREAM_TEST(two_fibers)
{
	struct eider_fiber *fiber;
	struct pair p;

	open_pair(&p);
	fiber = start(peek_at, &p);
	yield_often();
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(peek_in_time(&p), -EBUSY);
	say(&p, "x");
	ck_assert_int_eq(eider_join(fiber), 1);
	hear(&p, "x");
	close_pair(&p);
	all_buffers_are_free(256);
	return 0;
}

/* The first of them waits for a buffer, not for data. */
STREAM_TEST(two_fibers_in_line, FEW_BUFFERS)
{
	struct pair *pairs = open_pairs(FEW + 1);
	struct eider_fiber *fiber;

	for (int i = 0; i <= FEW; i++)
		say(&pairs[i], "x");
	for (int i = 0; i < FEW; i++)
		see(&pairs[i], "x");
	fiber = start(peek_at, &pairs[FEW]);
	yield_often();
	ck_assert_int_eq(peek_in_time(&pairs[FEW]), -EBUSY);
	hear(&pairs[0], "x");
	ck_assert_int_eq(eider_join(fiber), 1);
	close_pairs(pairs, FEW + 1);
	all_buffers_are_free(FEW);
	return 0;
}

/* ---- fewer buffers than streams ---- */

/* A stream without data is in nobody's way, if it waits first or not. */
STREAM_TEST(silence_holds_nobody_up, FEW_BUFFERS)
{
	struct pair *pairs = open_pairs(FEW + 3);
	struct eider_fiber *silent[2], *fiber;

	for (int i = 0; i < FEW; i++) {
		say(&pairs[i], "x");
		see(&pairs[i], "x");
	}
	silent[0] = start(peek_at, &pairs[FEW]);
	silent[1] = start(peek_at, &pairs[FEW + 1]);
	yield_often();
	say(&pairs[FEW + 2], "x");
	fiber = start(peek_at, &pairs[FEW + 2]);
	yield_often();
	hear(&pairs[0], "x");
	ck_assert_int_eq(eider_join(fiber), 1);
	for (int i = 0; i < 2; i++) {
		eider_cancel(eider_fiber_future(silent[i]));
		ck_assert_int_eq(eider_join(silent[i]), -ECANCELED);
	}
	close_pairs(pairs, FEW + 3);
	all_buffers_are_free(FEW);
	return 0;
}

/* Those in line whose peers end take no buffer: those behind them do. */
STREAM_TEST(ends_in_line, FEW_BUFFERS)
{
	struct pair *pairs = open_pairs(3 * FEW);
	struct eider_fiber *fibers[2 * FEW];

	for (int i = 0; i < FEW; i++) {
		say(&pairs[i], "x");
		see(&pairs[i], "x");
	}
	for (int i = 0; i < 2 * FEW; i++) {
		if (i < FEW)
			close_peer(&pairs[FEW + i]);
		else
			say(&pairs[FEW + i], "x");
		fibers[i] = start(peek_at, &pairs[FEW + i]);
		yield_often();
	}
	for (int i = 0; i < FEW; i++)
		hear(&pairs[i], "x");
	for (int i = 0; i < 2 * FEW; i++)
		ck_assert_int_eq(eider_join(fibers[i]), i >= FEW);
	close_pairs(pairs, 3 * FEW);
	all_buffers_are_free(FEW);
	return 0;
}

struct turn {
	struct pair *pair;
	unsigned int *served, nth;
};

static long take_turn(void *arg)
{
	struct turn *t = arg;

	ck_assert_int_eq(peek_at(t->pair), 1);
	t->nth = (*t->served)++;
	eider_yield();
	hear(t->pair, "x");
	return 0;
}

/* All have unread data: each gets its turn, those who came first about first. */
STREAM_TEST(more_streams_than_buffers, FEW_BUFFERS)
{
	struct pair *pairs = open_pairs(64 + FEW);
	struct eider_fiber *fibers[64];
	struct turn turns[64];
	unsigned int served = 0;

	for (int i = 0; i < FEW + 64; i++)
		say(&pairs[i], "x");
	for (int i = 64; i < FEW + 64; i++)
		see(&pairs[i], "x");
	for (unsigned int i = 0; i < 64; i++) {
		turns[i] = (struct turn){ &pairs[i], &served, 0 };
		fibers[i] = start(take_turn, &turns[i]);
		yield_often();
	}
	ck_assert_uint_eq(served, 0);
	for (int i = 64; i < FEW + 64; i++)
		hear(&pairs[i], "x");
	for (unsigned int i = 0; i < 64; i++) {
		ck_assert_int_eq(eider_join(fibers[i]), 0);
		ck_assert_uint_le(turns[i].nth, i + 32);
	}
	ck_assert_uint_eq(served, 64);
	close_pairs(pairs, 64 + FEW);
	all_buffers_are_free(FEW);
	return 0;
}

/* What a sender that does not wait gets rid of, while others go on. */
static size_t push(int fd, struct pair *other)
{
	static char bytes[4096];
	size_t pushed = 0;

	for (int idle = 0; idle < 10; idle++) {
		ssize_t n;

		while ((n = send(fd, bytes, sizeof(bytes),
				 MSG_DONTWAIT | MSG_NOSIGNAL)) > 0) {
			for (ssize_t i = 0; i < n; i++)
				ck_assert_int_eq(bytes[i], 0);
			pushed += (size_t)n;
			idle = 0;
			eider_yield();	/* a loop that turns keeps its bounds */
		}
		ck_assert_int_eq(errno, EAGAIN);
		if (other) {
			say(other, "on");
			hear(other, "on");
		}
		eider_sleep_until(eider_after(HARNESS_MS));
	}
	return pushed;
}

static size_t read_zeros(struct eider_stream *s)
{
	static const char zeros[4096];
	const char *data;
	size_t all = 0;
	long n;

	while ((n = eider_stream_peek(s, &data, EIDER_NEVER)) > 0) {
		ck_assert(!memcmp(data, zeros, (size_t)n));
		eider_stream_consume(s, (size_t)n);
		all += (size_t)n;
	}
	ck_assert_int_eq(n, 0);
	return all;
}

/*
 * A stream that nobody reads holds few buffers: its peer gets rid of little more than
 * to a socket alone, and for ever if it were not so.
 */
STREAM_TEST(nobody_reads)
{
	struct pair p, other;
	size_t alone, pushed;
	int fds[2];

	harness_socketpair(fds);
	alone = push(fds[0], NULL);
	close(fds[0]);
	close(fds[1]);
	open_pair(&p);
	open_pair(&other);
	ck_assert_int_eq(peek_soon(&p), -ETIME);
	pushed = push(p.peer, &other);
	ck_assert_uint_le(pushed, alone + 64 * 4096);
	close_peer(&p);
	ck_assert_uint_eq(read_zeros(&p.stream), pushed);
	close_pair(&p);
	close_pair(&other);
	all_buffers_are_free(256);
	return 0;
}

/* ---- unread, and in nobody's way ---- */

/* @n bytes of the flow from @at on, which fit into the socket. */
static void pour(const struct pair *p, size_t at, size_t n)
{
	char *bytes = malloc(n);

	ck_assert_ptr_nonnull(bytes);
	for (size_t i = 0; i < n; i++)
		bytes[i] = byte_at(at + i);
	ck_assert_int_eq(send(p->peer, bytes, n, MSG_NOSIGNAL | MSG_DONTWAIT),
			 (ssize_t)n);
	free(bytes);
}

/* As many as the socket takes of them, while the loop turns. */
static size_t flood(const struct pair *p, size_t at, size_t end)
{
	char bytes[4096];
	ssize_t n;

	do {
		for (size_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = byte_at(at + i);
		n = send(p->peer, bytes, sizeof(bytes), MSG_NOSIGNAL | MSG_DONTWAIT);
		at += n > 0 ? (size_t)n : 0;
		eider_yield();
	} while (n > 0 && at < end);
	return at;
}

/* Soon, however slow it is here; those that hang do so for ever. */
static void hear_in_time(struct pair *p, const char *text)
{
	const char *data;
	long n = eider_stream_peek(&p->stream, &data, in_good_time());

	ck_assert_msg(n == (long)strlen(text), "%ld while others are not read", n);
	ck_assert(!memcmp(data, text, (size_t)n));
	eider_stream_consume(&p->stream, (size_t)n);
}

enum { DEAF = 6, MUCH = 400000 };

/* Deaf ones of all kinds; nothing of theirs is lost. */
STREAM_TEST(unread_ones_hold_nobody_up, FEW_BUFFERS)
{
	struct pair *deaf = calloc(DEAF, sizeof(*deaf)), *good = open_pairs(3);
	size_t poured[DEAF], done[DEAF];

	for (int i = 0; i < DEAF; i++) {
		done[i] = 0;
		open_tcp_pair(&deaf[i]);
		if (i != 1)		/* so its receive is under way */
			ck_assert_int_eq(peek_soon(&deaf[i]), -ETIME);
		poured[i] = flood(&deaf[i], 0, MUCH);
		if (i % 3 == 2) {	/* begun, and put by */
			ck_assert_int_ge(peek_at(&deaf[i]), 3);
			eider_stream_consume(&deaf[i].stream, 3);
			done[i] = 3;
			ck_assert_int_eq(eider_stream_detach(&deaf[i].stream), 0);
		}
		say(&good[0], "first");
		hear_in_time(&good[0], "first");
	}
	for (int i = 0; i < 100; i++) {
		for (int j = 0; j < 3; j++)
			say(&good[j], "on");
		for (int j = 0; j < 3; j++)
			hear_in_time(&good[j], "on");
		for (int j = 0; j < DEAF; j++)
			poured[j] = flood(&deaf[j], poured[j], MUCH);
	}
	for (unsigned int i = 0; i < DEAF; i++) {
		close_peer(&deaf[i]);
		ck_assert_uint_eq(check_all(&deaf[i].stream, done[i], i), poured[i]);
	}
	close_pairs(deaf, DEAF);
	close_pairs(good, 3);
	all_buffers_are_free(FEW);
	return 0;
}

/* One result each, the last of its op: it comes out of its buffer all the same. */
STREAM_TEST(what_came_after_a_deadline, FEW_BUFFERS)
{
	struct pair *late = open_pairs(2 * FEW), good;

	open_pair(&good);
	for (int i = 0; i < 2 * FEW; i++)
		ck_assert_int_eq(peek_soon(&late[i]), -ETIME);
	for (int i = 0; i < 2 * FEW; i++)
		say(&late[i], "late");
	eider_sleep_until(eider_after(2 * HARNESS_MS));
	for (int i = 0; i < 20; i++) {
		say(&good, "x");
		hear_in_time(&good, "x");
	}
	for (int i = 0; i < 2 * FEW; i++)
		hear_in_time(&late[i], "late");
	close_pairs(late, 2 * FEW);
	close_pair(&good);
	all_buffers_are_free(FEW);
	return 0;
}

/* Results behind the one that its fiber looks at are in nobody's way either. */
STREAM_TEST(behind_what_is_peeked_at, FEW_BUFFERS)
{
	struct pair rude, good;

	for (int i = 0; i < 20; i++) {
		struct eider_fiber *first, *second;

		open_pair(&rude);
		open_pair(&good);
		first = start(peek_at, &rude);
		second = start(peek_at, &good);
		yield_often();
		pour(&rude, 0, 8000);
		say(&good, "x");
		ck_assert_int_ge(eider_join(first), 1);
		ck_assert_int_eq(eider_join(second), 1);
		hear_in_time(&good, "x");
		close_peer(&rude);
		ck_assert_uint_eq(check_all(&rude.stream, 0, 1), 8000);
		close_pair(&rude);
		close_pair(&good);
	}
	all_buffers_are_free(FEW);
	return 0;
}

/* What was sent to @p, and is in no buffer of ours. */
static size_t in_kernel(const struct pair *p)
{
	int received = 0, sent = 0;	/* Valgrind does not see the kernel write */

	ck_assert(!ioctl(p->stream.fd, FIONREAD, &received));
	ck_assert(!ioctl(p->peer, SIOCOUTQNSD, &sent));
	return (size_t)(received + sent);
}

struct outstanding {
	const struct pair *pair;
	size_t bytes;
};

static bool is_nearly_all_in_kernel(void *arg)
{
	const struct outstanding *o = arg;

	return o->bytes <= in_kernel(o->pair) + 4096;
}

/*
 * From then on nothing is received ahead: not more than what one receive gives. What is
 * on its way from one socket to the other is in neither, for a moment.
 */
STREAM_TEST(once_overfull)
{
	struct pair p;
	size_t poured, at = 0;

	open_tcp_pair(&p);
	ck_assert_int_eq(peek_soon(&p), -ETIME);
	for (int round = 0; round < 4; round++) {
		const char *data;
		long n;

		poured = flood(&p, at, at + 60000);
		if (round)
			ck_assert(harness_wait_until(is_nearly_all_in_kernel,
				(&(struct outstanding){ &p, poured - at })));
		while (at < poured) {
			n = eider_stream_peek(&p.stream, &data, in_good_time());
			ck_assert_int_gt(n, 0);
			for (long i = 0; i < n; i++)
				ck_assert_int_eq(data[i], byte_at(at + (size_t)i));
			eider_stream_consume(&p.stream, (size_t)n);
			at += (size_t)n;
		}
		ck_assert_int_eq(peek_soon(&p), -ETIME);
	}
	close_peer(&p);
	ck_assert_int_eq(peek_in_time(&p), 0);
	close_pair(&p);
	all_buffers_are_free(256);
	return 0;
}

/* ---- detaching ---- */

static void detach(struct pair *p)
{
	ck_assert_int_eq(eider_stream_detach(&p->stream), 0);
	all_buffers_are_free(FEW);
}

static bool is_unread(void *stream)
{
	return eider_stream_has_unread(stream);
}

/*
 * Is there something unread, or is it yet to come? In the plain way it is in the socket
 * until somebody asks.
 */
static void has_unread(struct pair *p, bool expected)
{
	if (expected)
		ck_assert(harness_wait_until(is_unread, &p->stream));
	else
		ck_assert(!eider_stream_has_unread(&p->stream));
}

static bool is_plain(void)
{
	struct eider_features f;

	eider_executor_features(executor_here(), &f);
	return f.of[EIDER_FEATURE_BUFFER_RING].state != EIDER_FEATURE_YES;
}

STREAM_TEST(detaching, FEW_BUFFERS)
{
	struct pair p;

	open_pair(&p);
	has_unread(&p, false);
	detach(&p);			/* never armed */
	ck_assert_int_eq(peek_soon(&p), -ETIME);
	detach(&p);			/* armed */
	has_unread(&p, false);
	say(&p, "abcdef");
	see(&p, "abcdef");
	detach(&p);			/* all of it */
	has_unread(&p, true);
	see(&p, "abcdef");
	eider_stream_consume(&p.stream, 2);
	detach(&p);			/* a part of what is detached */
	see(&p, "cdef");
	say(&p, "ghi");
	eider_sleep_until(eider_after(2 * HARNESS_MS));
	detach(&p);
	hear(&p, "cdef");
	see(&p, "ghi");
	eider_stream_consume(&p.stream, 1);
	detach(&p);			/* a part of a buffer */
	hear(&p, "hi");
	has_unread(&p, false);
	ck_assert_int_eq(peek_soon(&p), -ETIME);
	close_pair(&p);
	all_buffers_are_free(FEW);
	return 0;
}

static void hear_slowly(struct pair *p, const char *text)
{
	for (; *text; text++) {
		const char *data;

		ck_assert_int_ge(eider_stream_peek(&p->stream, &data, EIDER_NEVER), 1);
		ck_assert_int_eq(*data, *text);
		eider_stream_consume(&p->stream, 1);
		detach(p);
	}
}

/* What came while nobody read; with more or an end behind, or closed with it. */
STREAM_TEST(detaching_what_waits, FEW_BUFFERS)
{
	struct pair p;

	for (int i = 0; i < 3; i++) {
		open_tcp_pair(&p);
		ck_assert_int_eq(peek_soon(&p), -ETIME);
		say(&p, "ab");
		eider_sleep_until(eider_after(5 * HARNESS_MS));
		has_unread(&p, !is_plain());
		detach(&p);
		say(&p, "cd");
		if (i == 1)
			close_peer(&p);
		eider_sleep_until(eider_after(2 * HARNESS_MS));
		detach(&p);
		hear_slowly(&p, "ab");
		if (i == 2)
			break;	/* closed with it */
		hear_slowly(&p, "cd");
		has_unread(&p, false);
		ck_assert_int_eq(i == 1 ? peek_in_time(&p) : peek_soon(&p),
				 i == 1 ? 0 : -ETIME);
		detach(&p);
		ck_assert_int_eq(i == 1 ? peek_in_time(&p) : peek_soon(&p),
				 i == 1 ? 0 : -ETIME);
		close_pair(&p);
	}
	close_pair(&p);
	all_buffers_are_free(FEW);
	return 0;
}

/* Under a fiber that reads: what is there is for that one. */
STREAM_TEST(detaching_under_somebody_who_peeks, FEW_BUFFERS)
{
	struct pair p;

	open_pair(&p);
	for (int i = 0; i < 20; i++) {
		struct eider_fiber *fiber = start(peek_at, &p);

		yield_often();
		say(&p, "abc");
		for (int j = 0; j < 20; j++) {
			eider_yield();
			ck_assert_int_eq(eider_stream_detach(&p.stream), 0);
		}
		ck_assert_int_eq(eider_join(fiber), 3);
		hear(&p, "abc");
	}
	close_pair(&p);
	all_buffers_are_free(FEW);
	return 0;
}

/* At random, against a flow whose every byte is known. */
STREAM_TEST(detaching_at_random, FEW_BUFFERS)
{
	size_t at = 0, poured = 0;
	unsigned int seed = 7;
	struct pair p;

	open_tcp_pair(&p);
	for (unsigned int i = 0; i < harness_count(2000, 300); i++) {
		const char *data;
		long n;

		if (rand_r(&seed) % 2 && poured - at < 20000) {
			n = 1 + rand_r(&seed) % 3000;
			pour(&p, poured, (size_t)n);
			poured += (size_t)n;
		}
		if (rand_r(&seed) % 3 == 0)
			eider_yield();
		if (rand_r(&seed) % 3 == 0)
			ck_assert_int_eq(eider_stream_detach(&p.stream), 0);
		if (at == poured) {
			has_unread(&p, false);
			continue;
		}
		if (rand_r(&seed) % 2)
			continue;
		n = eider_stream_peek(&p.stream, &data, in_good_time());
		ck_assert_int_gt(n, 0);
		n = 1 + (long)rand_r(&seed) % n;
		for (long j = 0; j < n; j++)
			ck_assert_int_eq(data[j], byte_at(at + (size_t)j));
		eider_stream_consume(&p.stream, (size_t)n);
		at += (size_t)n;
	}
	close_peer(&p);
	ck_assert_uint_eq(check_all(&p.stream, at, 3), poured);
	close_pair(&p);
	all_buffers_are_free(FEW);
	return 0;
}

STREAM_TEST(no_memory_to_detach, FEW_BUFFERS)
{
	struct pair p;

	open_pair(&p);
	ck_assert_int_eq(peek_soon(&p), -ETIME);
	say(&p, "abc");
	hear(&p, "abc");
	say(&p, "def");
	see(&p, "def");
	say(&p, "ghi");
	eider_sleep_until(eider_after(2 * HARNESS_MS));
	for (uint64_t n = 1; n <= 2; n++) {
		int err;

		eider__fault_arm(n, 0);
		err = eider_stream_detach(&p.stream);
		ck_assert_int_eq(err, eider__fault_hits() ? -ENOMEM : 0);
		if (n == 1)
			ck_assert_int_eq(err, -ENOMEM);
		eider__fault_arm(0, 0);
		see(&p, "def");
	}
	detach(&p);
	hear(&p, "def");
	hear(&p, "ghi");
	close_pair(&p);
	all_buffers_are_free(FEW);
	return 0;
}

/* Others wait then; not longer than the memory is short. */
STREAM_TEST(no_memory_to_spill, FEW_BUFFERS)
{
	struct pair deaf, good;
	struct eider_fiber *fiber;
	size_t poured;

	open_tcp_pair(&deaf);
	open_pair(&good);
	ck_assert_int_eq(peek_soon(&deaf), -ETIME);
	poured = flood(&deaf, 0, MUCH);
	say(&good, "x");
	fiber = start(peek_at, &good);
	eider__fault_arm(1, 100000);
	yield_often();
	harness_nap(5 * HARNESS_MS);
	yield_often();
	eider__fault_arm(0, 0);
	ck_assert_int_eq(eider_await_until(eider_fiber_future(fiber),
					   in_good_time()), 0);
	ck_assert_int_eq(eider_join(fiber), 1);
	hear(&good, "x");
	close_peer(&deaf);
	ck_assert_uint_eq(check_all(&deaf.stream, 0, 1), poured);
	close_pair(&deaf);
	close_pair(&good);
	all_buffers_are_free(FEW);
	return 0;
}

/* ---- a turn that comes with the deadline ---- */

struct patient {
	struct pair *pair;
	int64_t at;
};

static long consume_at(void *arg)
{
	struct patient *w = arg;

	ck_assert_int_eq(eider_sleep_until(w->at - 1), 0);
	hear(w->pair, "x");
	return 0;
}

static long peek_until(void *arg)
{
	struct patient *w = arg;
	const char *data;

	return eider_stream_peek(&w->pair->stream, &data, w->at);
}

/*
 * The deadline of the first in line passes, and in the same turn of the loop a buffer
 * is given back: who gets it then, that one or the next, is left open, but one does.
 */
STREAM_TEST(a_turn_with_the_deadline, FEW_BUFFERS, .loop_stall_ns = EIDER_NEVER)
{
	for (int i = 0; i < 3; i++) {
		struct pair *pairs = open_pairs(FEW + 2);
		struct patient w = { &pairs[FEW], eider_after(40 * HARNESS_MS) };
		struct patient first = { &pairs[0], w.at };
		struct eider_fiber *fibers[3];
		long n;

		for (int j = 0; j < FEW + 2; j++)
			say(&pairs[j], "x");
		for (int j = 0; j < FEW; j++)
			see(&pairs[j], "x");
		fibers[0] = start(consume_at, &first);
		fibers[1] = start(peek_until, &w);
		yield_often();
		fibers[2] = start(peek_at, &pairs[FEW + 1]);
		yield_often();
		harness_spin(w.at + HARNESS_MS - eider_now());
		ck_assert_int_eq(eider_join(fibers[0]), 0);
		n = eider_join(fibers[1]);
		ck_assert_msg(n == 1 || n == -ETIME, "%ld", n);
		if (n == 1)
			hear(&pairs[FEW], "x");
		n = eider_await_until(eider_fiber_future(fibers[2]),
				      in_good_time());
		ck_assert_msg(!n, "a buffer is free, and nobody told");
		ck_assert_int_eq(eider_join(fibers[2]), 1);
		close_pairs(pairs, FEW + 2);
		all_buffers_are_free(FEW);
	}
	return 0;
}

/* ---- closing ---- */

/* With more or less unread, in the buffers and in the socket. */
STREAM_TEST(closing_with_unread_data, FEW_BUFFERS)
{
	unsigned int rounds = harness_count(3000, 300), seed = 1;
	static char bytes[8192];

	for (unsigned int i = 0; i < rounds; i++) {
		size_t n = (size_t)rand_r(&seed) % sizeof(bytes);
		const char *data;
		struct pair p;
		long got;

		open_pair(&p);
		if (i % 3 == 0)
			ck_assert_int_eq(eider_stream_peek(&p.stream, &data, 0),
					 -ETIME);
		if (n)
			ck_assert_int_eq(send(p.peer, bytes, n, 0), (ssize_t)n);
		if (i % 5 == 0)
			close_peer(&p);
		got = eider_stream_peek(&p.stream, &data, eider_after(HARNESS_US));
		ck_assert(got >= 0 || got == -ETIME);
		if (got > 0 && i % 2)
			eider_stream_consume(&p.stream, (size_t)rand_r(&seed) %
							(size_t)(got + 1));
		if (i % 7 == 0)
			eider_yield();
		close_pair(&p);
	}
	all_buffers_are_free(FEW);
	return 0;
}

struct closer {
	struct pair pair;
	struct eider_fiber *fiber;
};

static long close_when_cancelled(void *arg)
{
	struct closer *c = arg;

	ck_assert_int_eq(peek_at(&c->pair), -ECANCELED);
	ck_assert_int_eq(peek_soon(&c->pair), -ETIME);
	eider_cancel(eider_fiber_future(c->fiber));
	close_pair(&c->pair);
	ck_assert_int_eq(eider_sleep_until(eider_after(HARNESS_S)), -ECANCELED);
	return 0;
}

/* Closing waits for the kernel, and is not to be cancelled. */
STREAM_TEST(closing_in_a_cancelled_fiber, FEW_BUFFERS)
{
	struct closer c;

	for (int i = 0; i < 50; i++) {
		open_pair(&c.pair);
		c.fiber = start(close_when_cancelled, &c);
		yield_often();
		eider_cancel(eider_fiber_future(c.fiber));
		ck_assert_int_eq(eider_join(c.fiber), 0);
	}
	all_buffers_are_free(FEW);
	return 0;
}

STREAM_TEST(closing_under_somebody_who_peeks, FEW_BUFFERS)
{
	struct eider_fiber *fiber;
	struct pair p;

	for (int i = 0; i < 20; i++) {
		open_pair(&p);
		fiber = start(peek_at, &p);
		if (i % 2)
			yield_often();
		else
			eider_yield();
		eider_stream_close(&p.stream);
		ck_assert_int_eq(eider_join(fiber), -ECANCELED);
		close_peer(&p);
	}
	all_buffers_are_free(FEW);
	return 0;
}

STREAM_TEST(closing_what_was_never_read)
{
	for (int i = 0; i < 100; i++) {
		struct pair p;

		open_pair(&p);
		say(&p, "x");
		close_pair(&p);
	}
	all_buffers_are_free(256);
	return 0;
}

static void raise_descriptor_limit(rlim_t n)
{
	struct rlimit l;

	ck_assert(!getrlimit(RLIMIT_NOFILE, &l));
	if (l.rlim_cur < n)
		l.rlim_cur = l.rlim_max < n ? l.rlim_max : n;
	ck_assert(!setrlimit(RLIMIT_NOFILE, &l));
}

/* A thousand that have been heard of and wait for more hold not one of four buffers. */
STREAM_TEST(idle_streams_hold_nothing, FEW_BUFFERS)
{
	unsigned int n = harness_count(1000, 200);
	struct pair *pairs;

	raise_descriptor_limit(2 * n + 100);
	pairs = open_pairs(n);
	for (unsigned int i = 0; i < n; i++) {
		const char *data;

		say(&pairs[i], "x");
		hear(&pairs[i], "x");
		ck_assert_int_eq(eider_stream_peek(&pairs[i].stream, &data, 0),
				 -ETIME);
	}
	all_buffers_are_free(FEW);
	for (unsigned int i = 0; i < n; i++) {
		say(&pairs[i], "y");
		hear(&pairs[i], "y");
	}
	close_pairs(pairs, n);
	all_buffers_are_free(FEW);
	return 0;
}

/* ---- a loop that is freed first ---- */

static long hear_and_stay(void *arg)
{
	struct pair *p = arg;

	open_pair(p);
	say(p, "x");
	see(p, "x");
	say(p, "unread");
	eider_stream_consume(&p->stream, 1);
	return peek_at(p);
}

static long silent_and_stay(void *arg)
{
	open_pair(arg);
	return peek_at(arg);
}

/*
 * With a fiber that peeks, one that is in line, and with data that nobody reads; after
 * more and more turns. (Once in a process: AddressSanitizer takes a stack where a
 * dropped one was for that.)
 */
START_TEST(a_loop_that_is_freed)
{
	struct eider_options o = { .size = sizeof(o), FEW_BUFFERS,
				   .disable = ways[_i % WAYS] };
	struct world w = open_world(&o);
	struct pair pairs[2 * FEW] = { 0 };

	for (int i = 0; i < 2 * FEW; i++)
		start(i % 3 ? hear_and_stay : silent_and_stay, &pairs[i]);
	ck_assert_int_ge(eider_loop_turn(w.loop, 0), 0);
	for (int i = 0; i < _i / WAYS; i++)
		ck_assert_int_ge(eider_loop_turn(w.loop, eider_after(HARNESS_MS)), 0);
	close_world(&w);
	for (int i = 0; i < 2 * FEW; i++) {
		close(pairs[i].peer);
		close(pairs[i].stream.fd);
	}
}
END_TEST

START_TEST(nowhere)
{
	struct eider_stream s;
	const char *data;

	ck_assert_int_eq(eider_stream_init(&s, 0), -EPERM);
	memset(&s, 0, sizeof(s));
	ck_assert_int_eq(eider_stream_peek(&s, &data, 0), -EPERM);
	eider_stream_close(&s);
}
END_TEST

static void add_reading(Suite *s)
{
	TCase *t = harness_case(s, "flows");

	harness_timeout(t, 120);
	tcase_add_loop_test(t, all_sizes, 0, WAYS);
	tcase_add_loop_test(t, all_sizes_in_few_buffers, 0, WAYS);
	tcase_add_loop_test(t, many_flows_in_few_buffers, 0, WAYS);
	t = harness_case(s, "ways");
	tcase_add_loop_test(t, what_is_there_is_found, 0, WAYS);
	tcase_add_loop_test(t, as_many_ops_as_needed, 0, WAYS);
	tcase_add_loop_test(t, as_many_ops_as_needed_polled, 0, WAYS);
	t = harness_case(s, "peek");
	tcase_add_loop_test(t, peeking_again, 0, WAYS);
	tcase_add_loop_test(t, consuming_a_part, 0, WAYS);
	tcase_add_loop_test(t, receiving_copies, 0, WAYS);
	tcase_add_loop_test(t, what_is_peeked_at_stays, 0, WAYS);
	t = harness_case(s, "end");
	tcase_add_loop_test(t, the_end, 0, WAYS);
	tcase_add_loop_test(t, data_and_end_at_once, 0, WAYS);
	tcase_add_loop_test(t, a_peer_that_only_listens, 0, WAYS);
	tcase_add_loop_test(t, a_reset, 0, WAYS);
	tcase_add_loop_test(t, no_socket, 0, WAYS);
	t = harness_case(s, "early");
	tcase_add_loop_test(t, a_deadline, 0, WAYS);
	tcase_add_loop_test(t, a_cancelled_fiber, 0, WAYS);
	tcase_add_loop_test(t, cancelled_in_line, 0, WAYS);
	tcase_add_loop_test(t, two_fibers, 0, WAYS);
	tcase_add_loop_test(t, two_fibers_in_line, 0, WAYS);
}

static void add_bounds(Suite *s)
{
	TCase *t = harness_case(s, "bounds");

	tcase_add_loop_test(t, silence_holds_nobody_up, 0, WAYS);
	tcase_add_loop_test(t, ends_in_line, 0, WAYS);
	tcase_add_loop_test(t, more_streams_than_buffers, 0, WAYS);
	tcase_add_loop_test(t, nobody_reads, 0, WAYS);
	tcase_add_loop_test(t, idle_streams_hold_nothing, 0, WAYS);
	tcase_add_loop_test(t, unread_ones_hold_nobody_up, 0, WAYS);
	tcase_add_loop_test(t, what_came_after_a_deadline, 0, WAYS);
	tcase_add_loop_test(t, behind_what_is_peeked_at, 0, WAYS);
	tcase_add_loop_test(t, once_overfull, 0, WAYS);
	tcase_add_loop_test(t, a_turn_with_the_deadline, 0, WAYS);
	t = harness_case(s, "detach");
	tcase_add_loop_test(t, detaching, 0, WAYS);
	tcase_add_loop_test(t, detaching_what_waits, 0, WAYS);
	tcase_add_loop_test(t, detaching_under_somebody_who_peeks, 0, WAYS);
	tcase_add_loop_test(t, detaching_at_random, 0, WAYS);
	tcase_add_loop_test(t, no_memory_to_detach, 0, WAYS);
	tcase_add_loop_test(t, no_memory_to_spill, 0, WAYS);
	t = harness_case(s, "close");
	tcase_add_loop_test(t, closing_with_unread_data, 0, WAYS);
	tcase_add_loop_test(t, closing_in_a_cancelled_fiber, 0, WAYS);
	tcase_add_loop_test(t, closing_under_somebody_who_peeks, 0, WAYS);
	tcase_add_loop_test(t, closing_what_was_never_read, 0, WAYS);
	tcase_add_loop_test(t, a_loop_that_is_freed, 0, 6 * WAYS);
	tcase_add_test(t, nowhere);
}

int main(void)
{
	Suite *s = suite_create("stream");

	add_reading(s);
	add_bounds(s);
	return harness_run(s);
}
