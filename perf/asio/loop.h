/*
 * loop.h - what the works for Boost.Asio share: a loop, and jobs kept in flight
 *
 * The loop is an io_context that one thread runs, so it has the concurrency hint 1; a
 * work guard keeps it running while it waits for results. The workers are a
 * thread_pool of as many threads as are wanted. A job is
 *
 *	asio::post(pool, job), and at its end asio::post(loop, what follows)
 *
 * which is how Asio's manual passes work to a pool and its result back.
 *
 * Two kinds of loop. An io_context that has never had a socket or a timer has no
 * epoll either: it sleeps on a condition variable, and results come through a queue
 * under a mutex. That is the fastest Asio there is, and such a loop is called "asio"
 * here. As soon as it has one it waits in epoll_wait() and looks there between its
 * handlers: a loop of a server. `jobs` and `roundtrip` are done with both, and the
 * second one is called "asio-io". The others are done with the first if they need no
 * socket and no timer.
 *
 * Handlers use the allocator they have by default, which keeps one free block a
 * thread. Handlers with memory of their own, as in the example "allocation" of the
 * manual, were tried and were not faster: the blocks go from one thread to the other
 * and back in equal numbers, so malloc's caches have what is needed.
 */
#ifndef EIDER_PERF_ASIO_LOOP_H
#define EIDER_PERF_ASIO_LOOP_H

#include <boost/asio.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "../common/measure.h"

namespace asio = boost::asio;

enum class loop_kind { bare, io };

class loop {
public:
	asio::io_context context{ 1 };

	explicit loop(loop_kind kind = loop_kind::bare)
	{
		if (kind == loop_kind::io)
			timer.emplace(context);
	}

	/* Returns after finish(), when nothing is left to do. */
	void run()
	{
		context.run();
	}

	void finish()
	{
		guard.reset();
	}

private:
	asio::executor_work_guard<asio::io_context::executor_type> guard{
		context.get_executor()
	};
	/* Never set. That it exists makes the io_context open an epoll. */
	std::optional<asio::steady_timer> timer;
};

/*
 * Keeps jobs in flight: what follows each, on the loop, starts the next one on the
 * same lane. A lane is an executor: a pool's, a strand, that of a single thread.
 */
template <class Lane, class Job> class pump {
public:
	perf_moment start, end;

	pump(loop &loop_, std::vector<Lane> lanes_, uint64_t count_, Job job_) :
		home(loop_), lanes(std::move(lanes_)), warm(count_ / 10 + 1),
		count(count_), job(std::move(job_))
	{
	}

	pump(const pump &) = delete;

	/* Runs the loop until all is done. */
	void run(uint64_t in_flight)
	{
		for (uint64_t i = 0; i < in_flight && started < warm + count; i++)
			start_one(lanes[i % lanes.size()]);
		home.run();
	}

private:
	loop &home;
	const std::vector<Lane> lanes;
	const uint64_t warm, count;
	const Job job;			/* called by workers */
	/* Of the loop's thread. */
	uint64_t started = 0, done = 0;

	void start_one(const Lane &lane)
	{
		started++;
		asio::post(lane, [this, &lane] {
			job();
			asio::post(home.context, [this, &lane] { finish_one(lane); });
		});
	}

	void finish_one(const Lane &lane)
	{
		done++;
		if (done == warm)
			perf_now(&start);
		if (done == warm + count) {
			perf_now(&end);
			home.finish();
		}
		if (started < warm + count)
			start_one(lane);
	}
};

#endif
