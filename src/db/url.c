/*
 * url.c - schemes, and URLs that may be shown
 *
 * Where a password may be:
 *
 *	scheme://user:PASSWORD@host/name?a=b&password=PASSWORD&c=d
 *
 * Both are left out with what introduces them, so that the rest is a URL again:
 *
 *	scheme://user@host/name?a=b&c=d
 *
 * When in doubt more is left out. User and password end at the last '@' before the
 * path, because somebody may have written one into the password and not as %40 (the
 * driver refuses that later, but a URL has to be good for an error message first). A
 * parameter's name may be percent-encoded, and any that has "password" or "secret" in
 * it goes, in capitals or not: there are sslpassword and its like.
 *
 * Hosts may be several, with commas between; user and password come before all.
 */
#include "url.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

enum {
	NAME_MAX_LEN = 64,	/* no parameter's name is longer */
};

bool eider__url_has_scheme(const char *url, const char *scheme)
{
	size_t len = scheme ? strlen(scheme) : 0;

	return len && !strncmp(url, scheme, len) && url[len] == ':' && url[len + 1];
}

static char *append(char *to, const char *from, size_t len)
{
	memcpy(to, from, len);
	return to + len;
}

static int digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' :
	       isxdigit((unsigned char)c) ? tolower((unsigned char)c) - 'a' + 10 : -1;
}

/* The name at @from, decoded and in small letters. */
static void decode_name(const char *from, size_t len, char name[NAME_MAX_LEN])
{
	size_t n = 0;

	for (size_t i = 0; i < len && n < NAME_MAX_LEN - 1; i++) {
		char c = from[i];

		if (c == '%' && i + 2 < len && digit(from[i + 1]) >= 0 &&
		    digit(from[i + 2]) >= 0) {
			c = (char)(digit(from[i + 1]) * 16 + digit(from[i + 2]));
			i += 2;
		}
		name[n++] = (char)tolower((unsigned char)c);
	}
	name[n] = 0;
}

static bool is_secret(const char *parameter, size_t len)
{
	char name[NAME_MAX_LEN];

	if (len >= NAME_MAX_LEN)
		return true;
	decode_name(parameter, len, name);
	return strstr(name, "password") || strstr(name, "secret");
}

/* "//user:password@" at *from, where it goes on to; what may be shown to @to. */
static char *append_user(char *to, const char **from)
{
	const char *begin = *from, *end, *colon, *at = NULL;

	if (strncmp(begin, "//", 2))
		return to;
	to = append(to, begin, 2);
	begin += 2;
	end = begin + strcspn(begin, "/");
	for (const char *p = begin; p < end; p++)
		if (*p == '@')
			at = p;
	*from = begin;
	if (!at)
		return to;
	colon = memchr(begin, ':', (size_t)(at - begin));
	*from = at;
	return append(to, begin, (size_t)((colon ? colon : at) - begin));
}

/* Behind the '?'. */
static char *append_parameters(char *to, const char *from)
{
	char between = '?';

	while (*from) {
		size_t len = strcspn(from, "&");

		if (len && !is_secret(from, strcspn(from, "=&"))) {
			*to++ = between;
			to = append(to, from, len);
			between = '&';
		}
		from += len;
		from += *from == '&';
	}
	return to;
}

char *eider__url_redact(const char *url)
{
	char *shown = malloc(strlen(url) + 1), *to = shown;
	const char *from = url;
	size_t len = strcspn(from, ":");

	if (!shown)
		return NULL;
	len += url[len] == ':';
	to = append(to, from, len);
	from += len;
	to = append_user(to, &from);
	len = strcspn(from, "?");
	to = append(to, from, len);
	from += len;
	if (*from)
		to = append_parameters(to, from + 1);
	*to = 0;
	return shown;
}
