/*
 * address.c - addresses as people write them
 */
#include "net.h"

#include <ctype.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <eider/net.h>

/* unix:/path, or unix:@name, which is in no file system. */
static int parse_path(const char *path, struct eider__address *ret)
{
	size_t len = strlen(path);

	if (!len || len >= sizeof(ret->path.sun_path))
		return -EINVAL;
	ret->is_path = true;
	ret->path.sun_family = AF_UNIX;
	memcpy(ret->path.sun_path, path, len + 1);
	ret->path_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
	if (path[0] == '@') {
		ret->path.sun_path[0] = '\0';
		ret->path_len--;
	}
	return 0;
}

static int copy_part(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return -EINVAL;
	memcpy(to, from, len);
	to[len] = '\0';
	return 0;
}

/* A port, or the name of one; getaddrinfo() takes 65536 for 0, and -1 for a port. */
static bool is_service(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	if (text[digits])
		return isalpha((unsigned char)text[0]);
	return digits && digits <= 5 && atoi(text) <= UINT16_MAX;
}

int eider__address_parse(const char *text, struct eider__address *ret)
{
	const char *host = text, *colon = strrchr(text, ':'), *end = colon;

	memset(ret, 0, sizeof(*ret));
	if (!strncmp(text, "unix:", 5))
		return parse_path(text + 5, ret);
	if (!colon || !is_service(colon + 1))
		return -EINVAL;
	if (*host == '[') {
		host++;
		end--;
		if (end <= host || *end != ']')
			return -EINVAL;
	} else if (memchr(host, ':', (size_t)(end - host))) {
		return -EINVAL;		/* of an IPv6 address without its brackets */
	}
	if (end - host == 1 && *host == '*')
		end = host;
	if (copy_part(ret->host, sizeof(ret->host), host, (size_t)(end - host)) < 0)
		return -EINVAL;
	return copy_part(ret->service, sizeof(ret->service), colon + 1,
			 strlen(colon + 1));
}

static int write_path(const struct sockaddr_un *a, socklen_t len, char *buf,
		      size_t size)
{
	size_t n = len - offsetof(struct sockaddr_un, sun_path);

	if (len <= offsetof(struct sockaddr_un, sun_path))
		return snprintf(buf, size, "unix:");
	if (n > sizeof(a->sun_path))
		n = sizeof(a->sun_path);	/* it counts a NUL that had no room */
	if (!a->sun_path[0])
		return snprintf(buf, size, "unix:@%.*s", (int)n - 1, a->sun_path + 1);
	return snprintf(buf, size, "unix:%.*s", (int)n, a->sun_path);
}

/* With the interface, where an address of IPv6 says nothing without: fe80::1%eth0. */
static int write_number(const struct sockaddr *a, socklen_t len, char *buf, size_t size)
{
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 1], port[8];
	bool v6 = a->sa_family == AF_INET6;

	if (getnameinfo(a, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		return -EINVAL;
	return snprintf(buf, size, v6 ? "[%s]:%s" : "%s:%s", host, port);
}

int eider_socket_name(int fd, bool peer, char *buf, size_t size)
{
	union {
		struct sockaddr any;
		struct sockaddr_in6 v6;
		struct sockaddr_un path;
	} a;
	socklen_t len = sizeof(a);
	int err = peer ? getpeername(fd, &a.any, &len) : getsockname(fd, &a.any, &len);

	if (err < 0)
		return -errno;
	switch (a.any.sa_family) {
	case AF_INET:
	case AF_INET6:
		return write_number(&a.any, len, buf, size);
	case AF_UNIX:
		return write_path(&a.path, len, buf, size);
	default:
		return -EAFNOSUPPORT;
	}
}
