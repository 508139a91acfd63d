/*
 * get.c - what a server answers, as it is on the wire
 *
 *	http_get URL PATH
 *
 * Prints the answer, headers and body; for perf/ledger, which has the libuv server
 * answer the same. Exits with 1 if there is none, whatever its status.
 */
#include <stdio.h>
#include <unistd.h>

#include "../common/measure.h"
#include "client.h"

int main(int argc, char **argv)
{
	static struct client_answer answer;
	int fd;

	if (argc != 3) {
		fprintf(stderr, "usage: http_get URL PATH\n");
		return 2;
	}
	fd = client_connect(client_port(argv[1]), 0);
	perf_check(fd, argv[1]);
	perf_check(client_get(fd, argv[2], &answer), argv[2]);
	close(fd);
	return fwrite(answer.text, 1, answer.len, stdout) != answer.len;
}
