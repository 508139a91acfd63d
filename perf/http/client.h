/*
 * client.h - one connection to an HTTP server, blocking, for the programs here
 *
 * Knows as much of HTTP as the servers under test answer: a status line, a
 * Content-Length, a body of fewer than 64 KiB.
 */
#ifndef EIDER_PERF_CLIENT_H
#define EIDER_PERF_CLIENT_H

#include <stddef.h>
#include <stdint.h>

/*
 * Connect to 127.0.0.1:@port from @source, an IPv4 address in host byte order; 0 leaves
 * it to the kernel. The descriptor, or -errno.
 */
int client_connect(uint16_t port, uint32_t source);

struct client_answer {
	size_t len;
	char text[65536];		/* with a final NUL; headers first */
};

/* Send "GET @path" and read all of the answer. Its status, or -errno. */
int client_get(int fd, const char *path, struct client_answer *answer);

/* The port of "http://127.0.0.1:PORT/" or of "PORT"; ends the program if it is none. */
uint16_t client_port(const char *text);

#endif
