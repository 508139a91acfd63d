/*
 * eider.h - the whole of Eider
 *
 * Eider runs synchronous functions on other threads and gives their results
 * back to an event loop through its io_uring ring, so that a server waits in
 * one place for everything: I/O completions and function results alike.
 *
 *	static long slow(void *arg) { ... return n; }	a worker runs it
 *
 *	static long serve(void *arg)			a fiber on the loop
 *	{
 *		long n = eider_call(slow, arg);		the loop goes on
 *		...
 *	}
 *
 *	int main(void) { return eider_run(serve, NULL, NULL) < 0; }
 *
 * Words	loop: one thread and its ring. future: a box for one result. op: a
 *		future for a kernel operation. job: a future for a function that
 *		runs on another thread. fiber: a coroutine of a loop. worker: a
 *		thread that runs any job. transaction thread: a thread that runs
 *		the jobs of one transaction context, in order.
 *
 * Threads	Every function says who may call it:
 *		  [any]    any thread
 *		  [loop]   the thread that made the loop, in callbacks, in
 *		           fibers, or between turns
 *		  [fiber]  inside a fiber
 *		  [job]    inside a job's function
 *		Elsewhere the answer is -EPERM; in a forked child, -ECHILD.
 *
 * Results	long or int: >= 0, or -errno, exactly as a CQE's res.
 *
 * Each header below is the manual of its part.
 */
#ifndef EIDER_H
#define EIDER_H

#include <eider/base.h>
#include <eider/options.h>
#include <eider/future.h>
#include <eider/op.h>
#include <eider/io.h>
#include <eider/net.h>
#include <eider/stream.h>
#include <eider/signal.h>
#include <eider/loop.h>
#include <eider/fiber.h>
#include <eider/job.h>
#include <eider/txn.h>
#include <eider/txn_pool.h>
#include <eider/thread.h>
#include <eider/executor.h>
#include <eider/observe.h>
#include <eider/histogram.h>
#include <eider/stats.h>
#include <eider/features.h>

#endif
