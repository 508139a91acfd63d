/*
 * roundtrip.cc - how long one job takes, there and back
 *
 * The time is from just before asio::post() to the first line of what it brings about
 * on the loop. A gap needs a timer, and a loop with a timer waits in epoll: with a
 * gap there is only that kind of loop.
 */
#include <chrono>
#include <cstdlib>
#include <memory>

#include "loop.h"
#include "works.h"

namespace {

class trip {
public:
	trip(loop_kind kind, size_t count_, long gap_us) :
		home(kind), warm(count_ / 10 + 1), count(count_), gap(gap_us),
		ns(static_cast<int64_t *>(perf_alloc(warm + count, sizeof(int64_t))),
		   free)
	{
		if (gap_us)
			pause.emplace(home.context);
	}

	void run()
	{
		start_one();
		home.run();
		pool.join();
	}

	void print(const char *system)
	{
		perf_print_times("roundtrip", system, ns.get() + warm, count);
		perf_print("roundtrip_cpu", system,
			   static_cast<double>(end.cpu_ns - start.cpu_ns) /
				   static_cast<double>(count) / 1000,
			   "us");
	}

private:
	asio::thread_pool pool{ 1 };
	loop home;
	std::optional<asio::steady_timer> pause;
	const size_t warm, count;
	const std::chrono::microseconds gap;
	std::unique_ptr<int64_t[], void (*)(void *)> ns;
	size_t done = 0;
	int64_t began = 0;
	perf_moment start, end;

	void start_one()
	{
		began = perf_clock();
		asio::post(pool, [this] {
			asio::post(home.context, [this] { finish_one(); });
		});
	}

	void finish_one()
	{
		ns[done++] = perf_clock() - began;
		if (done == warm)
			perf_now(&start);
		if (done == warm + count) {
			perf_now(&end);
			home.finish();
		} else if (pause) {
			start_after_gap();
		} else {
			start_one();
		}
	}

	void start_after_gap()
	{
		pause->expires_after(gap);
		pause->async_wait([this](const boost::system::error_code &err) {
			if (err)
				throw boost::system::system_error(err, "async_wait");
			start_one();
		});
	}
};

void measure(const char *system, loop_kind kind)
{
	trip trip(kind, static_cast<size_t>(perf_get("count")), perf_get("gap_us"));

	trip.run();
	trip.print(system);
}

} /* namespace */

void work_roundtrip()
{
	if (!perf_get("gap_us"))
		measure("asio", loop_kind::bare);
	measure("asio-io", loop_kind::io);
}
