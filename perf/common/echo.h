/*
 * echo.h - who asks an echo server, and measures how long the answer takes
 *
 * A client on a thread of its own, the same for every system. It opens `connections`
 * (a key of the work) to the server at 127.0.0.1, and asks on them in turn, 64 bytes
 * every 250 us in all, for `seconds`. The schedule is absolute, and each time counts
 * from the moment at which the question was due: a server that stalls is late for all
 * that were due meanwhile. At the end it closes its connections: the server is over
 * when all of them have ended.
 */
#ifndef EIDER_PERF_ECHO_H
#define EIDER_PERF_ECHO_H

#ifdef __cplusplus
extern "C" {
#endif

enum {
	PERF_ECHO_BYTES = 64,
};

/* Start asking at @port. Ends the program with a word if that fails. */
void perf_echo_start(int port);

/* Wait for its end, and print lines echo_p01 to echo_max. */
void perf_echo_finish(const char *system);

#ifdef __cplusplus
}
#endif

#endif
