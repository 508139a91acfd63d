/*
 * hold.c - many connections that do nothing
 *
 *	http_hold URL CONNECTIONS PATH [PATH...]
 *
 * Opens CONNECTIONS connections, asks one request on each, of the paths in turn, prints
 * "held N" and keeps them until its standard input ends. Every 20,000 come from a
 * source address of their own, as there are no more ports to one; and from others
 * than in the run before, whose ports are not free again until a minute has passed.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "../common/measure.h"
#include "client.h"

enum { FROM_ONE_ADDRESS = 20000 };

/* 127.A.B.2 and on, with A and B this process's. */
static uint32_t source_of(long i)
{
	uint32_t process = (uint32_t)getpid() & 0xffff;

	return (UINT32_C(127) << 24) + (process << 8) + 2 +
	       (uint32_t)(i / FROM_ONE_ADDRESS);
}

static void allow_descriptors(rlim_t count)
{
	struct rlimit limit;

	perf_check(getrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0, "getrlimit");
	if (limit.rlim_cur >= count)
		return;
	limit.rlim_cur = count;
	if (limit.rlim_max < count)
		limit.rlim_max = count;
	perf_check(setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0,
		   "RLIMIT_NOFILE");
}

int main(int argc, char **argv)
{
	static struct client_answer answer;
	long connections = perf_arg(argc, argv, 2, 10000);
	char c;

	if (argc < 4) {
		fprintf(stderr, "usage: http_hold URL CONNECTIONS PATH [PATH...]\n");
		return 2;
	}
	allow_descriptors((rlim_t)connections + 64);
	for (long i = 0; i < connections; i++) {
		const char *path = argv[3 + i % (argc - 3)];
		int fd = client_connect(client_port(argv[1]), source_of(i));
		int status;

		perf_check(fd, "connect");
		status = client_get(fd, path, &answer);
		perf_check(status, path);
		if (status != 200) {
			fprintf(stderr, "http_hold: %s: status %d\n", path, status);
			return 1;
		}
	}
	printf("held %ld\n", connections);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0;
}
