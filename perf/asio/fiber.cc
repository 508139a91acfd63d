/*
 * fiber.cc - Boost.Context's switch, and a fiber from its start to its end
 *
 *	boost-context	boost::context::fiber, the public interface
 *	boost-fcontext	jump_fcontext() alone, on which that is built: no destructor,
 *			no exception that unwinds an abandoned stack
 *
 * Boost.Context has no scheduler. Its fiber runs as soon as it is made and resumed,
 * and who resumed it has waited for its end when that call returns: there is no queue
 * and no loop in between. The stacks come from a pool that keeps them, with the size
 * that ours have.
 */
#include <boost/context/detail/fcontext.hpp>
#include <boost/context/fiber.hpp>
#include <boost/context/fixedsize_stack.hpp>
#include <boost/context/pooled_fixedsize_stack.hpp>

#include "../common/measure.h"
#include "works.h"

namespace context = boost::context;
using context::detail::fcontext_t;
using context::detail::jump_fcontext;
using context::detail::make_fcontext;
using context::detail::transfer_t;

namespace {

enum {
	STACK_BYTES = 65536,
};

/* The ns of each of @count calls of @once, after a tenth as many that do not count. */
template <class Once> double time_each(long count, Once once)
{
	int64_t start;

	for (long i = 0; i < count / 10 + 1; i++)
		once();
	start = perf_clock();
	for (long i = 0; i < count; i++)
		once();
	return static_cast<double>(perf_clock() - start) / static_cast<double>(count);
}

double time_fiber_switch(long count)
{
	bool over = false;
	context::fiber there(std::allocator_arg,
			     context::fixedsize_stack(STACK_BYTES),
			     [&over](context::fiber &&home) {
				     while (!over)
					     home = std::move(home).resume();
				     return std::move(home);
			     });
	double ns = time_each(count,
			      [&there] { there = std::move(there).resume(); });

	over = true;
	there = std::move(there).resume();
	return ns;
}

void go_back(transfer_t from)
{
	for (;;)
		from = jump_fcontext(from.fctx, nullptr);
}

double time_fcontext_switch(long count)
{
	context::fixedsize_stack allocator(STACK_BYTES);
	context::stack_context stack = allocator.allocate();
	fcontext_t there = make_fcontext(stack.sp, stack.size, go_back);
	double ns = time_each(count, [&there] {
		there = jump_fcontext(there, nullptr).fctx;
	});

	allocator.deallocate(stack);
	return ns;
}

} /* namespace */

void work_switch()
{
	long count = perf_get("count");

	perf_print("switch", "boost-context", time_fiber_switch(count), "ns");
	perf_print("switch", "boost-fcontext", time_fcontext_switch(count), "ns");
}

void work_spawn()
{
	context::pooled_fixedsize_stack stacks(STACK_BYTES);
	double ns = time_each(perf_get("count"), [&stacks] {
		context::fiber fiber(std::allocator_arg, stacks,
				     [](context::fiber &&home) {
					     return std::move(home);
				     });

		fiber = std::move(fiber).resume();
	});

	perf_print("spawn_join", "boost-context", ns, "ns");
}
