/*
 * request_head.c - the headers that the parser leaves to us
 *
 *	Host			has to be there once, and to be a host
 *	Transfer-Encoding	chunked, once: nothing else is understood here, and what
 *				we do not understand has an end that we do not know
 *	Expect			100-continue, nothing else
 *	Sec-Fetch-Site, Origin	whether a page of another site makes the browser ask
 *
 * Names and values come in pieces. Of most there is nothing to know, or a word: as much
 * of it as is needed is kept, in lower case. Host and Origin are held against each
 * other, so they are kept whole, behind the target, until the head is over.
 *
 * Foreign pages. A browser lets any page send a POST anywhere, also to a ledger that
 * only this machine can reach; the page does not see the answer, but money has moved.
 * Browsers say where such a request comes from. Sec-Fetch-Site does so in one word,
 * but only to servers that they trust (https, localhost), so else it is Origin, which
 * has to be our own: the Host they asked for. Other programs say neither, and are no
 * browsers. Who has a name of his own point to our address can still have pages that
 * are ours, as far as a browser knows: against that a proxy has to look at Host.
 *
 * What comes behind a body in chunks (trailers) are headers to the parser; to us none,
 * as RFC 9110 has it.
 */
#include "request_private.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum header {
	HEADER_OTHER, HEADER_HOST, HEADER_EXPECT, HEADER_ORIGIN, HEADER_SITE,
	HEADER_CODING,
};

enum site { SITE_UNSAID, SITE_OWN, SITE_FOREIGN };

static enum header which(const struct head *h)
{
	static const struct {
		const char *name;
		uint8_t len;
		enum header header;
	} known[] = {
		{ "host", 4, HEADER_HOST },
		{ "expect", 6, HEADER_EXPECT },
		{ "origin", 6, HEADER_ORIGIN },
		{ "sec-fetch-site", 14, HEADER_SITE },
		{ "transfer-encoding", 17, HEADER_CODING },
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (known[i].len == h->name_len &&
		    !memcmp(known[i].name, h->name, h->name_len))
			return known[i].header;
	return HEADER_OTHER;
}

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c | ' ') : c;
}

/* One more than fits is no match, whatever it begins with. */
static uint8_t add_lower(char *to, size_t size, size_t so_far, const char *at,
			 size_t len)
{
	for (size_t i = 0; i < len && so_far < size; i++)
		to[so_far++] = lower(at[i]);
	return (uint8_t)so_far;
}

static bool is_value(const struct head *h, const char *word)
{
	return h->value_len == strlen(word) && !memcmp(h->value, word, h->value_len);
}

/* There is room for a NUL behind all text. */
static void end_kept(struct reader *r, uint32_t from)
{
	while (r->text_len > from && is_blank(r->text[r->text_len - 1]))
		r->text_len--;
	r->text[r->text_len++] = '\0';
}

static void end_word(struct head *h)
{
	while (h->value_len < sizeof(h->value) && h->value_len &&
	       is_blank(h->value[h->value_len - 1]))
		h->value_len--;
	if (h->header == HEADER_CODING) {
		h->coded_otherwise |= h->chunked || !is_value(h, "chunked");
		h->chunked = true;
	} else if (h->header == HEADER_EXPECT) {
		h->expects_continue = true;
		h->expects_more |= !is_value(h, "100-continue");
	} else if (h->header == HEADER_SITE && h->site != SITE_FOREIGN) {
		h->site = is_value(h, "same-origin") || is_value(h, "none") ?
				  SITE_OWN : SITE_FOREIGN;
	}
}

static void end_value(struct reader *r)
{
	struct head *h = &r->head;

	h->in_value = false;
	if (h->header == HEADER_HOST)
		end_kept(r, h->host);
	else if (h->header == HEADER_ORIGIN)
		end_kept(r, h->origin);
	else if (h->header != HEADER_OTHER)
		end_word(h);
}

int head_add_name(struct reader *r, const char *at, size_t len)
{
	struct head *h = &r->head;

	/* The parser would let it pass; others see another header than we. */
	if (memchr(at, ' ', len))
		return reader_refuse(r, 400);
	if (h->over)
		return 0;
	if (h->in_value) {
		end_value(r);
		h->name_len = 0;
	}
	h->name_len = add_lower(h->name, sizeof(h->name), h->name_len, at, len);
	return 0;
}

static void begin_value(struct reader *r)
{
	struct head *h = &r->head;

	h->in_value = true;
	h->value_len = 0;
	h->header = which(h);
	if (h->header == HEADER_HOST) {
		h->hosts += h->hosts < 2;
		h->host = r->text_len;
	} else if (h->header == HEADER_ORIGIN) {
		h->site = h->origin ? SITE_FOREIGN : h->site;	/* there are two */
		h->origin = r->text_len;
	}
}

int head_add_value(struct reader *r, const char *at, size_t len)
{
	struct head *h = &r->head;

	if (h->over)
		return 0;
	if (!h->in_value)
		begin_value(r);
	if (h->header == HEADER_HOST || h->header == HEADER_ORIGIN)
		return reader_append(r, at, len);
	if (h->header != HEADER_OTHER)
		h->value_len = add_lower(h->value, sizeof(h->value), h->value_len, at,
					 len);
	return 0;
}

/* ---- what they say ---- */

/* RFC 3986: unreserved, sub-delims, and % of what is encoded. */
static const bool is_of_name[256] = {
	['a' ... 'z'] = true, ['A' ... 'Z'] = true, ['0' ... '9'] = true, ['-'] = true,
	['.'] = true, ['_'] = true, ['~'] = true, ['%'] = true, ['!'] = true,
	['$'] = true, ['&'] = true, ['\''] = true, ['('] = true, [')'] = true,
	['*'] = true, ['+'] = true, [','] = true, [';'] = true, ['='] = true,
};

/* A host, perhaps nobody's, and perhaps a port. */
static bool is_host(const char *s)
{
	bool is_number = *s == '[';	/* of IPv6, or what comes after it */

	s += is_number;
	while (is_of_name[(unsigned char)*s] || (is_number && *s == ':'))
		s++;
	if (is_number && *s++ != ']')
		return false;
	if (*s == ':')
		do
			s++;
		while (isdigit((unsigned char)*s));
	return !*s;
}

static bool is_foreign(const struct reader *r)
{
	const struct head *h = &r->head;
	const char *name;

	if (h->site != SITE_UNSAID || !h->origin)
		return h->site == SITE_FOREIGN;
	name = strstr(r->text + h->origin, "://");
	return !name || !h->host || strcasecmp(name + 3, r->text + h->host);
}

int head_end(struct reader *r)
{
	struct head *h = &r->head;
	bool is_new = r->parser.http_minor >= 1;

	if (h->in_value)
		end_value(r);
	h->over = true;
	if (h->hosts > 1 || (is_new && !h->hosts) ||
	    (h->hosts && !is_host(r->text + h->host)))
		return reader_refuse(r, 400);
	if (h->coded_otherwise)
		return reader_refuse(r, 501);
	if (h->chunked && !is_new)	/* 1.0 does not know it: who added it? */
		return reader_refuse(r, 400);
	h->expects_continue &= is_new;	/* nor that; to be ignored */
	if (h->expects_continue && h->expects_more)
		return reader_refuse(r, 417);
	h->foreign = is_foreign(r);
	return 0;
}
