/*
 * request_target.c - the target of a request, taken apart
 *
 *	/transfers?account=1		path and query
 *	http://host/transfers?account=1	the same; a proxy says it so, and host is ours
 *	*				for OPTIONS only: the server itself
 *
 * What stands behind a # is for the client alone, and has no business here.
 */
#include "request_private.h"

#include <ctype.h>
#include <string.h>

static int digit_of(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : (c | ' ') - 'a' + 10;
}

/* The letter, digit or one of -._~ that is written as %XX at @s; 0 if none is. */
static char decode(const char *s)
{
	int c;

	if (*s != '%' || !isxdigit((unsigned char)s[1]) ||
	    !isxdigit((unsigned char)s[2]))
		return 0;
	c = digit_of(s[1]) * 16 + digit_of(s[2]);
	return (c < 128 && isalnum(c)) || (c && strchr("-._~", c)) ? (char)c : 0;
}

/*
 * Which of two ways those are written in makes no other target of it (RFC 3986,
 * 6.2.2.2), so here it is one. All else stays as it was: a / that was written as %2F
 * divides nothing.
 */
static void normalize(char *s)
{
	char *to = s;

	while (*s) {
		char c = decode(s);

		*to++ = c ? c : *s;
		s += c ? 3 : 1;
	}
	*to = '\0';
}

/* Where path and query begin in a target that has more than these; NULL: it is none. */
static char *skip_host(struct reader *r)
{
	struct http_parser_url url;

	http_parser_url_init(&url);
	if (http_parser_parse_url(r->text, r->target_len,
				  r->parser.method == HTTP_CONNECT, &url))
		return NULL;
	if (url.field_set & (1 << UF_PATH))
		return r->text + url.field_data[UF_PATH].off;
	if (url.field_set & (1 << UF_QUERY))
		return r->text + url.field_data[UF_QUERY].off - 1;
	return r->text + r->target_len;
}

int target_split(struct reader *r, struct http_request *ret)
{
	char *end = r->text + r->target_len, *path = r->text, *query;
	bool is_encoded = memchr(path, '%', r->target_len);

	/* To the parser a * is as good a beginning as a /. */
	if (*path == '*' && (path[1] || r->parser.method != HTTP_OPTIONS))
		return reader_refuse(r, 400);
	if (*path != '/' && *path != '*')
		path = skip_host(r);
	if (!path || memchr(r->text, '#', r->target_len))
		return reader_refuse(r, 400);
	query = memchr(path, '?', (size_t)(end - path));
	if (query)
		*query++ = '\0';
	else
		query = end;
	if (is_encoded) {
		normalize(path);
		normalize(query);
	}
	ret->path = *path ? path : "/";
	ret->query = query;
	return 0;
}
