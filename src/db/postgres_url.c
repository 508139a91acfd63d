/*
 * postgres_url.c - is a URL of PostgreSQL what its writer thinks it is?
 *
 * libpq takes user and password up to the first '@' before the first '/'. A password
 * with one of these in it, which belongs there as %40 and %2F, is cut in two, and the
 * second half becomes a host, a port or a database: in error messages for all to read.
 * So what looks like that is refused here, in words of our own. libpq's own words
 * about a URL that it cannot read have parts of it, and are not repeated for the same
 * reason.
 */
#include <ctype.h>
#include <libpq-fe.h>
#include <stdlib.h>
#include <string.h>

#include "postgres.h"

/*
 * "host:port,host:port", the host perhaps in brackets. A number that is none of a port
 * may be a password, in a URL without a host.
 */
static bool has_odd_port(const char *hosts, size_t len)
{
	const char *end = hosts + len;
	bool in_port = false, in_brackets = false;
	long port = 0;

	for (const char *p = hosts; p < end; p++) {
		if (*p == '[')
			in_brackets = true;
		else if (*p == ']')
			in_brackets = false;
		else if (*p == ',')
			in_port = false;
		else if (in_port && !isdigit((unsigned char)*p))
			return true;
		else if (in_port && (port = port * 10 + *p - '0') > 65535)
			return true;
		else if (*p == ':' && !in_brackets) {
			in_port = true;
			port = 0;
		}
	}
	return false;
}

const char *eider__postgres_url_fault(const char *url)
{
	const char *p = strchr(url, ':') + 1, *user_end;
	PQconninfoOption *parsed;

	if (strncmp(p, "//", 2))
		return "the URL has no // after its scheme";
	p += 2;
	user_end = p + strcspn(p, "@/");
	if (*user_end == '@')
		p = user_end + 1;
	if (memchr(p, '@', strcspn(p, "?")))
		return "in user, password and database a URL has %40 for @, %2F for /";
	if (has_odd_port(p, strcspn(p, "/?")))
		return "the URL's port is not a number up to 65535; in user and "
		       "password a URL has %3A for :, %2F for /";
	parsed = PQconninfoParse(url, NULL);
	if (!parsed)
		return "libpq cannot read the URL: an unknown parameter, or a % that "
		       "is not followed by two hexadecimal digits";
	PQconninfoFree(parsed);
	return NULL;
}
