/*
 * probe.c - what one more client of a busy server sees
 *
 *	http_probe URL PATH SECONDS NAME SYSTEM PARAMETER
 *
 * One connection and one request a millisecond, each timed from just before it is sent
 * to the last byte of its answer. A request is sent when it is due, or when the one
 * before it has been answered if that is later.
 *
 * What was not sent because an answer was late would have waited too: an answer that
 * took 5 ms stands for one of 5 ms, and for those of 4, 3, 2 and 1 ms of the requests
 * that were due meanwhile. Without that a server that stops for a second has one bad
 * request among a thousand.
 *
 * The probe waits for a CPU like everyone else, before it sends (not counted) and
 * after the answer has come (counted). So perf/ledger runs it against an idle server
 * of another make as well, under the same load of the machine.
 *
 * Prints NAME_p50, NAME_p99 and NAME_max.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../common/measure.h"
#include "client.h"

enum { INTERVAL_NS = 1000000 };

struct times {
	int64_t *ns;
	size_t count, max;
};

static void add(struct times *times, int64_t ns)
{
	for (; ns > 0 && times->count < times->max; ns -= INTERVAL_NS)
		times->ns[times->count++] = ns;
}

static void sleep_until(int64_t ns)
{
	struct timespec ts = { .tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static void probe(int fd, const char *path, struct times *times, int64_t end)
{
	int64_t due = perf_clock();
	static struct client_answer answer;
	int64_t began, now;
	int status;

	while (due < end) {
		sleep_until(due);
		began = perf_clock();
		status = client_get(fd, path, &answer);
		perf_check(status, path);
		if (status != 200) {
			fprintf(stderr, "http_probe: %s: status %d\n", path, status);
			exit(1);
		}
		now = perf_clock();
		add(times, now - began);
		do
			due += INTERVAL_NS;
		while (due < now - INTERVAL_NS);
	}
}

int main(int argc, char **argv)
{
	long seconds = perf_arg(argc, argv, 3, 5);
	struct times times = { .max = (size_t)seconds * 2000 };
	int fd;

	if (argc != 7) {
		fprintf(stderr, "usage: http_probe URL PATH SECONDS NAME SYSTEM "
				"PARAMETER\n");
		return 2;
	}
	times.ns = perf_alloc(times.max, sizeof(*times.ns));
	fd = client_connect(client_port(argv[1]), 0);
	perf_check(fd, argv[1]);
	probe(fd, argv[2], &times, perf_clock() + seconds * 1000000000);
	perf_set_parameter(argv[6]);
	perf_print_times(argv[4], argv[5], times.ns, times.count);
	free(times.ns);
	return 0;
}
