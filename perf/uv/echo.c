/*
 * echo.c - an echo server on a loop that passes jobs at the same time
 *
 * The server is the usual one: uv_tcp without delay, one buffer for each connection,
 * and uv_try_write() first, which needs no request and no callback; what does not fit
 * goes into a uv_write(). It reads no more of a connection until that is over, as the
 * buffer is still in use.
 *
 * Jobs are paced as ours are: each half millisecond an alarm queues what jobs are due
 * by the clock, those of one millisecond at most, of a fixed stock of requests. A loop
 * that is late catches up, but not at once, and one that cannot keep up passes fewer.
 * It is no uv_timer, as those cannot be that short (alarm.c).
 *
 * The rate is that of the time from the last connection's accept to the first one's
 * end. There are no jobs with rate=1, and no alarm: the loop is idle but for the echo.
 */
#include <netinet/in.h>
#include <stdlib.h>

#include "../common/echo.h"
#include "bench.h"

enum {
	PERIOD_US = 500,
	BATCH_US = 1000,
	STOCK = 65536, /* requests: what may be out at a time */
	WARM = 1000,   /* jobs before all, which start the thread */
};

struct connection {
	uv_tcp_t tcp;
	uv_write_t write;
	char bytes[16 * PERF_ECHO_BYTES];
};

struct server {
	uv_tcp_t listener;
	struct connection *connections;
	long wanted, accepted, ended;

	/* The jobs. */
	struct alarm alarm;
	uv_work_t *free;	/* linked by their data */
	uv_work_t *stock;
	long rate;
	int64_t begin_ns;
	int64_t queued, done;

	/* While all connections were there. */
	int64_t start_ns, end_ns;
	int64_t done_at_start, done_at_end;
};

static struct server server;

/* ---- jobs ---- */

static void put_back(uv_work_t *work)
{
	work->data = server.free;
	server.free = work;
}

static void on_job_done(uv_work_t *work, int status)
{
	perf_check(status, "job");
	server.done++;
	put_back(work);
}

static void queue_due(void)
{
	double seconds = (double)(perf_clock() - server.begin_ns) / 1e9;
	int64_t due = (int64_t)(seconds * (double)server.rate) - server.queued;
	int64_t most = server.rate * BATCH_US / 1000000 + 1;

	for (int64_t n = due < most ? due : most; n > 0 && server.free; n--) {
		uv_work_t *work = server.free;

		server.free = work->data;
		server.queued++;
		perf_check(uv_queue_work(uv_default_loop(), work, do_nothing,
					 on_job_done),
			   "uv_queue_work");
	}
}

static void start_jobs(void)
{
	struct pump warm = { .work = do_nothing, .in_flight = 10, .count = WARM };

	pool_set_size(1);
	pump_run(&warm);
	server.stock = perf_alloc(STOCK, sizeof(*server.stock));
	for (int i = STOCK; i-- > 0;)
		put_back(&server.stock[i]);
	server.begin_ns = perf_clock();
	alarm_init(&server.alarm, queue_due);
	alarm_start(&server.alarm, PERIOD_US, PERIOD_US);
}

/* ---- echo ---- */

static void on_closed(uv_handle_t *handle)
{
	(void)handle;
	if (++server.ended < server.wanted)
		return;
	uv_close((uv_handle_t *)&server.listener, NULL);
	if (server.stock)
		alarm_close(&server.alarm);
}

static void end(struct connection *c)
{
	if (!server.end_ns) {
		server.end_ns = perf_clock();
		server.done_at_end = server.done;
	}
	uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_buffer_wanted(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer)
{
	struct connection *c = handle->data;

	(void)suggested;
	*buffer = uv_buf_init(c->bytes, sizeof(c->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer);

static void on_written(uv_write_t *write, int status)
{
	struct connection *c = write->data;

	perf_check(status, "uv_write");
	perf_check(uv_read_start((uv_stream_t *)&c->tcp, on_buffer_wanted, on_read),
		   "uv_read_start");
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct connection *c = stream->data;
	uv_buf_t rest = uv_buf_init(buffer->base, n > 0 ? (unsigned int)n : 0);
	int written;

	if (n == UV_EOF) {
		end(c);
		return;
	}
	perf_check(n, "uv_read");
	if (!n)
		return;
	written = uv_try_write(stream, &rest, 1);
	if (written == UV_EAGAIN)
		written = 0;
	perf_check(written, "uv_try_write");
	if ((size_t)written == rest.len)
		return;
	rest.base += written;
	rest.len -= (size_t)written;
	c->write.data = c;
	uv_read_stop(stream);
	perf_check(uv_write(&c->write, stream, &rest, 1, on_written), "uv_write");
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct connection *c;

	perf_check(status, "uv_listen");
	if (server.accepted == server.wanted)
		return;
	c = &server.connections[server.accepted++];
	c->tcp.data = c;
	perf_check(uv_tcp_init(listener->loop, &c->tcp), "uv_tcp_init");
	perf_check(uv_accept(listener, (uv_stream_t *)&c->tcp), "uv_accept");
	perf_check(uv_tcp_nodelay(&c->tcp, 1), "uv_tcp_nodelay");
	perf_check(uv_read_start((uv_stream_t *)&c->tcp, on_buffer_wanted, on_read),
		   "uv_read_start");
	if (server.accepted == server.wanted) {
		server.start_ns = perf_clock();
		server.done_at_start = server.done;
	}
}

static int listen_somewhere(void)
{
	struct sockaddr_in address;
	int length = sizeof(address);

	perf_check(uv_ip4_addr("127.0.0.1", 0, &address), "uv_ip4_addr");
	perf_check(uv_tcp_init(uv_default_loop(), &server.listener), "uv_tcp_init");
	perf_check(uv_tcp_bind(&server.listener, (struct sockaddr *)&address, 0),
		   "uv_tcp_bind");
	perf_check(uv_listen((uv_stream_t *)&server.listener, 1024, on_connection),
		   "uv_listen");
	perf_check(uv_tcp_getsockname(&server.listener, (struct sockaddr *)&address,
				      &length),
		   "uv_tcp_getsockname");
	return ntohs(address.sin_port);
}

void run_echo(void)
{
	double seconds;

	server.rate = perf_get("rate");
	server.wanted = perf_get("connections");
	server.connections =
		perf_alloc((size_t)server.wanted, sizeof(*server.connections));
	if (server.rate > 1)
		start_jobs();
	perf_echo_start(listen_somewhere());
	loop_run(NULL);
	perf_echo_finish("libuv");
	seconds = (double)(server.end_ns - server.start_ns) / 1e9;
	perf_print("echo_jobs", "libuv",
		   (double)(server.done_at_end - server.done_at_start) / seconds,
		   "jobs/s");
	free(server.connections);
	free(server.stock);
}
