/*
 * jobs.cc - jobs kept in flight: empty ones, ones that compute, from several loops
 *
 * The works `jobs`, `busy` and `loops`. The lane of all jobs is the executor of the
 * pool; its only queue is one under a mutex, whatever the number of threads.
 */
#include <algorithm>
#include <memory>
#include <thread>

#include "loop.h"
#include "works.h"

namespace {

using pool_lane = asio::thread_pool::executor_type;

uint64_t get(const char *name)
{
	return static_cast<uint64_t>(perf_get(name));
}

/* A class and no function: a call of it can be inlined, as a user's lambda is. */
struct nothing {
	void operator()() const
	{
	}
};

void measure_jobs(const char *system, loop_kind kind)
{
	asio::thread_pool pool(get("workers"));
	loop loop(kind);
	pump<pool_lane, nothing> jobs(loop, { pool.get_executor() }, get("count"), {});

	jobs.run(get("inflight"));
	pool.join();
	perf_print_rate("jobs", system, get("count"), &jobs.start, &jobs.end);
}

/* One loop of several: its thread runs what it has. */
struct member {
	loop home;
	pump<pool_lane, nothing> jobs;
	std::thread thread;

	explicit member(asio::thread_pool &pool) :
		jobs(home, { pool.get_executor() }, get("count"), {})
	{
		thread = std::thread([this] { jobs.run(get("inflight")); });
	}

	~member()
	{
		join();
	}

	void join()
	{
		if (thread.joinable())
			thread.join();
	}
};

} /* namespace */

void work_jobs()
{
	measure_jobs("asio", loop_kind::bare);
	measure_jobs("asio-io", loop_kind::io);
}

void work_busy()
{
	long threads;
	long rounds = perf_calibrate(perf_get("ns"), perf_get("workers"), &threads);
	auto compute = [rounds] { perf_spin(rounds); };
	asio::thread_pool pool(get("workers"));
	loop loop;
	pump<pool_lane, decltype(compute)> jobs(loop, { pool.get_executor() },
						get("count"), compute);

	jobs.run(get("inflight"));
	pool.join();

	double work = static_cast<double>(get("count")) *
		      static_cast<double>(get("ns"));
	double wall = static_cast<double>(jobs.end.wall_ns - jobs.start.wall_ns);

	perf_print("busy_efficiency", "asio",
		   100 * work / (wall * static_cast<double>(threads)), "%");
}

/* From the moment the first loop is warm to the end of the last. */
void work_loops()
{
	asio::thread_pool pool(get("workers"));
	std::vector<std::unique_ptr<member>> members;
	int64_t start = INT64_MAX, end = 0;

	for (uint64_t i = 0; i < get("loops"); i++)
		members.push_back(std::make_unique<member>(pool));
	for (auto &m : members) {
		m->join();
		start = std::min(start, m->jobs.start.wall_ns);
		end = std::max(end, m->jobs.end.wall_ns);
	}
	pool.join();
	perf_print("loops", "asio",
		   static_cast<double>(get("loops") * get("count")) * 1e9 /
			   static_cast<double>(end - start),
		   "jobs/s");
}
