/*
 * base.h - what every other header of Eider uses
 *
 * Time is CLOCK_MONOTONIC in nanoseconds. A wait takes an absolute deadline,
 * not a timeout: a deadline can be handed down through any number of calls and
 * still means the same moment (the idea is libdill's).
 */
#ifndef EIDER_BASE_H
#define EIDER_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define EIDER_VERSION_MAJOR 0
#define EIDER_VERSION_MINOR 1

#define EIDER_API __attribute__((visibility("default")))
#define EIDER_MUST_CHECK __attribute__((warn_unused_result))

/* The deadline of a wait that may take for ever. */
#define EIDER_NEVER INT64_MAX

/* A function that a thread or a fiber runs: >= 0, or -errno. */
typedef long eider_fn(void *arg);

struct eider_executor;
struct eider_fiber;
struct eider_future;
struct eider_job;
struct eider_loop;
struct eider_pool;
struct eider_thread;
struct eider_txn_pool;

/* [any] The clock of all deadlines, in ns. */
EIDER_API int64_t eider_now(void);

/*
 * [any] The moment @ns from now. Saturates: EIDER_NEVER stays EIDER_NEVER, and
 * a negative @ns is now.
 */
EIDER_API int64_t eider_after(int64_t ns);

/*
 * [any] What @err, an errno or its negative, means when a call of Eider returns
 * it, and what to do about it. A constant string; for codes that Eider gives no
 * meaning of its own it is what strerror() would say, or "unknown error".
 */
EIDER_API const char *eider_strerror(int err);

#ifdef __cplusplus
}
#endif

#endif
