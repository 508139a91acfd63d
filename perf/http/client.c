/*
 * client.c - see client.h
 */
#include "client.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

static struct sockaddr_in loopback(uint32_t address, uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(address),
		.sin_port = htons(port),
	};
}

int client_connect(uint16_t port, uint32_t source)
{
	struct sockaddr_in from = loopback(source, 0);
	struct sockaddr_in to = loopback(INADDR_LOOPBACK, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int one = 1, err;

	if (fd < 0)
		return -errno;
	if ((source && bind(fd, (struct sockaddr *)&from, sizeof(from)) < 0) ||
	    connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int send_all(int fd, const char *text, size_t len)
{
	while (len > 0) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* The length of the answer that begins at @text, 0 if its headers are not all there. */
static size_t answer_length(const char *text)
{
	const char *end = strstr(text, "\r\n\r\n");
	const char *length = strcasestr(text, "\r\ncontent-length:");
	size_t body = 0;

	if (!end)
		return 0;
	if (length && length < end)
		body = strtoul(length + sizeof("\r\ncontent-length:") - 1, NULL, 10);
	return (size_t)(end - text) + 4 + body;
}

static int send_request(int fd, const char *path)
{
	char text[1024];
	int n = snprintf(text, sizeof(text),
			 "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);

	return n < (int)sizeof(text) ? send_all(fd, text, (size_t)n) : -E2BIG;
}

int client_get(int fd, const char *path, struct client_answer *answer)
{
	char *text = answer->text;
	size_t have = 0, need = 0;
	int err = send_request(fd, path), status;

	if (err < 0)
		return err;
	while (!need || have < need) {
		ssize_t n = recv(fd, text + have, sizeof(answer->text) - 1 - have, 0);

		if (n < 0)
			return -errno;
		if (!n)
			return -ECONNRESET;
		have += (size_t)n;
		text[have] = '\0';
		if (!need)
			need = answer_length(text);
		if (have == sizeof(answer->text) - 1 && have < need)
			return -EMSGSIZE;
	}
	if (have > need || sscanf(text, "HTTP/1.1 %d", &status) != 1)
		return -EPROTO;
	answer->len = have;
	return status;
}

uint16_t client_port(const char *text)
{
	const char *colon = strrchr(text, ':');
	long port = strtol(colon ? colon + 1 : text, NULL, 10);

	if (port < 1 || port > 65535) {
		fprintf(stderr, "'%s' has no port\n", text);
		exit(2);
	}
	return (uint16_t)port;
}
