/*
 * echo.cc - a TCP echo server in a loop that also passes jobs
 *
 * Each connection has a buffer and one operation at a time: read what is there, write
 * it all back. Asio tries each of them at once, and waits for the socket only if it
 * has to.
 *
 * Jobs are paced as ours are: each half ms a timer of the loop starts those that are
 * due by the clock, at most those of one ms, and at most JOBS_OUT are out at a time.
 * So a loop that is late catches up, but not at once; one that cannot keep up passes
 * fewer, and echo_jobs says so. With rate=1 there is no timer and there are no jobs.
 */
#include <algorithm>
#include <array>
#include <chrono>
#include <memory>

#include "../common/echo.h"
#include "loop.h"
#include "works.h"

namespace {

using asio::ip::tcp;
using boost::system::error_code;

enum {
	BUFFER_BYTES = 64 * PERF_ECHO_BYTES,
	PERIOD_US = 500,
	BATCHES_A_SECOND = 1000,
	JOBS_OUT = 65536,
};

void check(const error_code &err, const char *what)
{
	if (err)
		throw boost::system::system_error(err, what);
}

class pacer {
public:
	pacer(loop &loop_, long rate_) : home(loop_), rate(rate_)
	{
	}

	void start()
	{
		next = begin = timer_clock::now();
		if (rate > 1)
			wait();
	}

	/* Jobs that are out still come back. */
	void stop()
	{
		stopped = true;
		end = timer_clock::now();
		passed_at_end = passed;
		timer.cancel();
	}

	double jobs_per_second() const
	{
		return static_cast<double>(passed_at_end) / seconds(begin, end);
	}

private:
	using timer_clock = asio::steady_timer::clock_type;
	using time = timer_clock::time_point;

	loop &home;
	asio::thread_pool pool{ 1 };
	asio::steady_timer timer{ home.context };
	const long rate;
	bool stopped = false;
	time begin, next, end;
	long started = 0, passed = 0, passed_at_end = 0;

	static double seconds(time from, time to)
	{
		return std::chrono::duration<double>(to - from).count();
	}

	void wait()
	{
		next += std::chrono::microseconds(PERIOD_US);
		timer.expires_at(next);
		timer.async_wait([this](const error_code &err) {
			if (stopped)
				return;
			check(err, "async_wait");
			wait();
			start_due();
		});
	}

	void start_due()
	{
		double due = seconds(begin, timer_clock::now()) *
			     static_cast<double>(rate);
		long n = static_cast<long>(due) - started;

		n = std::min({ n, rate / BATCHES_A_SECOND + 1,
			       JOBS_OUT - (started - passed) });
		for (; n > 0; n--)
			start_one();
	}

	void start_one()
	{
		started++;
		asio::post(pool, [this] {
			asio::post(home.context, [this] { passed++; });
		});
	}
};

class session : public std::enable_shared_from_this<session> {
public:
	explicit session(tcp::socket &&socket_) : socket(std::move(socket_))
	{
		socket.set_option(tcp::no_delay(true));
	}

	/* @on_end is called when the client has closed. */
	template <class OnEnd> void read(OnEnd on_end)
	{
		auto self = shared_from_this();

		socket.async_read_some(asio::buffer(buffer), [self, on_end](
							const error_code &err,
							size_t n) {
			if (err == asio::error::eof)
				return on_end();
			check(err, "async_read_some");
			self->write(n, on_end);
		});
	}

private:
	tcp::socket socket;
	std::array<char, BUFFER_BYTES> buffer;

	template <class OnEnd> void write(size_t n, OnEnd on_end)
	{
		auto self = shared_from_this();

		asio::async_write(socket, asio::buffer(buffer, n),
				  [self, on_end](const error_code &err, size_t) {
					  check(err, "async_write");
					  self->read(on_end);
				  });
	}
};

class server {
public:
	server(long connections, long rate) :
		jobs(home, rate), to_come(connections), open(connections)
	{
	}

	void run()
	{
		perf_echo_start(acceptor.local_endpoint().port());
		jobs.start();
		accept();
		home.run();
		perf_echo_finish("asio");
		perf_print("echo_jobs", "asio", jobs.jobs_per_second(), "jobs/s");
	}

private:
	loop home;
	tcp::acceptor acceptor{
		home.context,
		tcp::endpoint(asio::ip::address_v4::loopback(), 0)
	};
	pacer jobs;
	long to_come, open;

	void accept()
	{
		acceptor.async_accept([this](const error_code &err,
					     tcp::socket socket) {
			check(err, "async_accept");
			std::make_shared<session>(std::move(socket))->read([this] {
				end_one();
			});
			if (--to_come)
				accept();
		});
	}

	void end_one()
	{
		if (--open)
			return;
		jobs.stop();
		home.finish();
	}
};

} /* namespace */

void work_echo()
{
	server server(perf_get("connections"), perf_get("rate"));

	server.run();
}
