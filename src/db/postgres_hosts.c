/*
 * postgres_hosts.c - which hosts of a URL are left when one does not answer
 *
 * A URL may name several hosts, and a name may have several addresses. libpq goes from
 * one to the next when it is refused; when there is no answer at all only its own
 * PQconnectdb() does, at connect_timeout, and we do not use that (postgres_connect.c).
 * So we begin anew there, with the hosts that come after the one that is silent:
 *
 *	host		a,b,c		what is left if b is silent at 10.0.0.2 and has
 *	hostaddr			10.0.0.3 as well:
 *	port		5432
 *					host b,c  hostaddr 10.0.0.3,  port 5432,5432
 *
 * Of a name all other addresses are left, as they may come in any order each time they
 * are asked for; each of them is named from then on, so there are less each time. The
 * host's name stays with its address: certificates and password files go by it.
 *
 * What PQconninfo() says is taken, so it is all one whether the hosts are in the URL,
 * in PGHOST or in a service file. With target_session_attrs=prefer-standby those left
 * are looked at by themselves, as libpq does with any list.
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "postgres.h"

enum {
	ENTRY_MAX = 300,	/* no host, address or port is longer */
};

/* Host, address or port number @n of @list, where each is "" if it is not said. */
static bool pick(const char *list, unsigned int n, char entry[ENTRY_MAX])
{
	size_t len;

	for (; list && n; n--) {
		list = strchr(list, ',');
		list += list != NULL;
	}
	len = list ? strcspn(list, ",") : 0;
	if (len < ENTRY_MAX) {
		memcpy(entry, list ? list : "", len);
		entry[len] = 0;
	}
	return list && len < ENTRY_MAX;
}

static bool append(char *list, size_t size, bool first, const char *entry)
{
	size_t used = strlen(list);

	return (size_t)snprintf(list + used, size - used, "%s%s", first ? "" : ",",
				entry) < size - used;
}

static bool add(struct eider__postgres_hosts *to, unsigned int n, const char *host,
		const char *addr, const char *port)
{
	return append(to->host, sizeof(to->host), !n, host) &&
	       append(to->hostaddr, sizeof(to->hostaddr), !n, addr) &&
	       append(to->port, sizeof(to->port), !n, port);
}

/* All addresses of @host but @silent; how many, or -1. */
static int add_others(struct eider__postgres_hosts *to, const char *host,
		      const char *port, const char *silent)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *found;
	char addr[ENTRY_MAX];
	int n = 0;

	if (getaddrinfo(host, NULL, &hints, &found))
		return 0;
	for (struct addrinfo *a = found; a && n >= 0; a = a->ai_next) {
		if (getnameinfo(a->ai_addr, a->ai_addrlen, addr, sizeof(addr), NULL, 0,
				NI_NUMERICHOST) || !strcmp(addr, silent))
			continue;
		n = add(to, (unsigned int)n, host, addr, port) ? n + 1 : -1;
	}
	freeaddrinfo(found);
	return n;
}

/* What a connection was told, or found out by itself. */
struct lists {
	const char *host, *hostaddr, *port;
};

struct entry {
	char host[ENTRY_MAX], addr[ENTRY_MAX], port[ENTRY_MAX];
};

#define DEFAULT_PORT "5432"	/* as libpq takes one of a list that is not said */

static bool pick_entry(const struct lists *l, unsigned int n, struct entry *e)
{
	bool host = pick(l->host, n, e->host), addr = pick(l->hostaddr, n, e->addr);

	/* One port is for all of them. */
	if (!pick(l->port, l->port && strchr(l->port, ',') ? n : 0, e->port))
		return false;
	/* An empty list would leave the URL's. */
	if (!*e->port)
		memcpy(e->port, DEFAULT_PORT, sizeof(DEFAULT_PORT));
	return host || addr;
}

static bool is_at(PGconn *pg, const struct entry *e)
{
	if (strcmp(e->port, PQport(pg)))
		return false;
	return *e->addr ? !strcmp(e->addr, PQhostaddr(pg)) :
			  !strcmp(e->host, PQhost(pg));
}

static bool next_hosts(PGconn *pg, const struct lists *l,
		       struct eider__postgres_hosts *to)
{
	struct eider__postgres_hosts one;
	struct entry e, again;
	unsigned int i = 0;
	int n = 0;

	do {
		if (!pick_entry(l, i++, &e))
			return false;
	} while (!is_at(pg, &e));
	/* The second of the two below has no addresses that the first has not. */
	while (!*e.addr && pick_entry(l, i, &again) && !*again.addr &&
	       !strcmp(again.host, e.host) && !strcmp(again.port, e.port))
		i++;
	if (!*e.addr && *e.host != '/' && *e.host != '@')
		n = add_others(to, e.host, e.port, PQhostaddr(pg));
	for (; n >= 0 && pick_entry(l, i, &e); i++)
		n = add(to, (unsigned int)n, e.host, e.addr, e.port) ? n + 1 : -1;
	/* An empty list of addresses would leave the URL's: so this one twice. */
	one = *to;
	if (n == 1 && l->hostaddr && !*one.hostaddr)
		n = add(to, 1, one.host, "", one.port) ? 2 : -1;
	return n > 0;
}

bool eider__postgres_next_hosts(PGconn *pg, struct eider__postgres_hosts *ret)
{
	PQconninfoOption *options = PQconninfo(pg);
	struct lists lists = { NULL, NULL, NULL };
	bool found;

	memset(ret, 0, sizeof(*ret));
	for (PQconninfoOption *o = options; o && o->keyword; o++) {
		if (!strcmp(o->keyword, "host"))
			lists.host = o->val;
		else if (!strcmp(o->keyword, "hostaddr"))
			lists.hostaddr = o->val;
		else if (!strcmp(o->keyword, "port"))
			lists.port = o->val;
	}
	found = options && next_hosts(pg, &lists, ret);
	PQconninfoFree(options);
	return found;
}
