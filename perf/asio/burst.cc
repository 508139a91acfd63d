/*
 * burst.cc - many jobs at once: empty ones, and ones that sleep
 *
 * Asio takes the memory for each handler from the heap when the job is posted, so the
 * caller has none to provide; what malloc got and what it gives back shows in the
 * peak.
 */
#include "loop.h"
#include "works.h"

namespace {

enum {
	WARM_JOBS = 1000,
	PAUSE_MS = 50,
};

class crowd {
public:
	crowd(long workers) : pool(static_cast<size_t>(workers))
	{
	}

	/* Start @count jobs at once and wait for all; returns when the last was back. */
	template <class Job> int64_t run(long count, Job job)
	{
		left = count;
		for (long i = 0; i < count; i++)
			start_one(job);
		home.run();
		home.context.restart();
		return last;
	}

private:
	loop home;
	asio::thread_pool pool;
	/* Of the loop's thread. */
	long left = 0;
	int64_t last = 0;

	template <class Job> void start_one(Job job)
	{
		asio::post(pool, [this, job] {
			job();
			asio::post(home.context, [this] { finish_one(); });
		});
	}

	void finish_one()
	{
		if (--left)
			return;
		last = perf_clock();
		home.context.stop();
	}
};

} /* namespace */

void work_burst()
{
	crowd crowd(perf_get("workers"));
	long count = perf_get("count"), before;
	auto nothing = [] {};
	int64_t start, end;

	crowd.run(WARM_JOBS, nothing);
	perf_sleep_ms(PAUSE_MS);
	before = perf_resident();
	perf_reset_peak();
	start = perf_clock();
	end = crowd.run(count, nothing);
	perf_print("burst", "asio", static_cast<double>(end - start) / 1e6, "ms");
	perf_print("burst_memory", "asio",
		   static_cast<double>(perf_peak() - before) /
			   static_cast<double>(count),
		   "bytes/job");
}

void work_sleepers()
{
	long threads = perf_get("threads"), ms = perf_get("ms");
	auto sleep = [ms] { perf_sleep_ms(ms); };
	crowd crowd(threads);
	int64_t start = crowd.run(threads, sleep), end = start;

	for (long i = 0; i < perf_get("rounds"); i++)
		end = crowd.run(threads, sleep);
	perf_print("sleepers", "asio", static_cast<double>(end - start) / 1e6, "ms");
}
