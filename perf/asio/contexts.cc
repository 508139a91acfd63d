/*
 * contexts.cc - serial contexts: strands, and threads of their own
 *
 *	asio-strand	a strand for each context, on a pool of 2 threads. In order
 *			and one at a time, on either of the threads
 *	asio-threads	an io_context and a thread for each context: all its jobs run
 *			on that thread
 *
 * The second is what Asio has for jobs that are tied to a thread, as those of a
 * database connection are.
 */
#include <algorithm>
#include <memory>
#include <system_error>
#include <thread>

#include "loop.h"
#include "works.h"

namespace {

enum {
	STRAND_THREADS = 2,
};

struct nothing {
	void operator()() const
	{
	}
};

class own_thread {
public:
	loop home;

	own_thread() : thread([this] { home.run(); })
	{
	}

	~own_thread()
	{
		home.finish();
		thread.join();
	}

private:
	std::thread thread;
};

/*
 * The threads behind the lanes end before @home goes: one of them may still be about
 * to leave the post() whose result was the last.
 */
template <class Lane>
void measure(const char *system, loop &home, const std::vector<Lane> &lanes)
{
	uint64_t count = static_cast<uint64_t>(perf_get("count"));
	pump<Lane, nothing> jobs(home, lanes, count, {});

	/* At least one for each context. */
	jobs.run(std::max(static_cast<uint64_t>(perf_get("inflight")),
			  static_cast<uint64_t>(lanes.size())));
	perf_print_rate("contexts", system, count, &jobs.start, &jobs.end);
}

void measure_strands(long contexts)
{
	loop home;
	asio::thread_pool pool(STRAND_THREADS);
	std::vector<asio::strand<asio::thread_pool::executor_type>> lanes;

	for (long i = 0; i < contexts; i++)
		lanes.emplace_back(asio::make_strand(pool));
	measure("asio-strand", home, lanes);
}

void measure_threads(long contexts)
{
	loop home;
	std::vector<std::unique_ptr<own_thread>> threads;
	std::vector<asio::io_context::executor_type> lanes;

	for (long i = 0; i < contexts; i++) {
		try {
			threads.push_back(std::make_unique<own_thread>());
		} catch (const std::system_error &e) {
			throw std::system_error(e.code(),
						"a thread for each context");
		}
		lanes.push_back(threads.back()->home.context.get_executor());
	}
	measure("asio-threads", home, lanes);
}

} /* namespace */

void work_contexts()
{
	measure_strands(perf_get("contexts"));
	measure_threads(perf_get("contexts"));
}
