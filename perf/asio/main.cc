/*
 * main.cc - bench_asio: the works for Boost.Asio and Boost.Context
 *
 * What is fair to Asio: Debian's Boost, all of it in headers and so compiled with the
 * same flags as ours; an io_context with the concurrency hint 1, the documented
 * setting for one that a single thread runs; a thread_pool with the number of threads
 * that is asked for. loop.h says how jobs go there and back, and which kinds of loop
 * there are.
 *
 * What is left out: asio::spawn() needs Boost.Coroutine, which is deprecated, and
 * co_spawn() needs C++20. So there is no work `waiting`; `spawn` and `switch` are
 * those of Boost.Context, on which such fibers are built.
 */
#include <boost/version.hpp>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include "loop.h"
#include "works.h"


namespace {

/* perf_main() is C: no exception may go through it. */
template <void (*work)()> void guarded()
{
	try {
		work();
		return;
	} catch (const std::exception &e) {
		fprintf(stderr, "bench_asio: %s\n", e.what());
	}
	exit(1);
}

const perf_work works[] = {
	{ "jobs",
	  guarded<work_jobs>,
	  { { "workers", 1 }, { "inflight", 1024 }, { ".count", 2000000 } } },
	{ "roundtrip",
	  guarded<work_roundtrip>,
	  { { ".count", 100000 }, { "gap_us", 0 } } },
	{ "busy",
	  guarded<work_busy>,
	  { { "workers", 2 },
	    { "inflight", 64 },
	    { "ns", 10000 },
	    { ".count", 100000 } } },
	{ "burst", guarded<work_burst>, { { "workers", 2 }, { "count", 100000 } } },
	{ "sleepers",
	  guarded<work_sleepers>,
	  { { "threads", 64 }, { "ms", 10 }, { "rounds", 10 } } },
	{ "contexts",
	  guarded<work_contexts>,
	  { { "contexts", 16 }, { "inflight", 256 }, { ".count", 500000 } } },
	{ "loops",
	  guarded<work_loops>,
	  { { "loops", 2 },
	    { "workers", 2 },
	    { "inflight", 256 },
	    { ".count", 500000 } } },
	{ "echo",
	  guarded<work_echo>,
	  { { "connections", 16 }, { "rate", 1 }, { ".seconds", 5 } } },
	{ "spawn", guarded<work_spawn>, { { ".count", 1000000 } } },
	{ "switch", guarded<work_switch>, { { ".count", 10000000 } } },
	{ nullptr, nullptr, {} },
};

} /* namespace */

int main(int argc, char **argv)
{
	char version[64];

	snprintf(version, sizeof(version), "Boost.Asio %d.%d.%d (Boost %d.%d.%d)",
		 BOOST_ASIO_VERSION / 100000, BOOST_ASIO_VERSION / 100 % 1000,
		 BOOST_ASIO_VERSION % 100, BOOST_VERSION / 100000,
		 BOOST_VERSION / 100 % 1000, BOOST_VERSION % 100);
	return perf_main(argc, argv, version, works);
}
