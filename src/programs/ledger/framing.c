/*
 * framing.c - see framing.h
 *
 * Where a request ends is what a server and the proxies before it must agree upon: who
 * can make them differ sends a request that the proxy has never seen. The parser is
 * lenient about line ends. As Debian builds it, it takes any byte for the LF behind a
 * CR (at the end of the headers, of an empty value, of a chunk's size) and any two
 * bytes for the CR LF behind a chunk's data; it takes an LF alone for the end of a
 * line, but not in what follows a chunk's size. So its view is checked, of all that is
 * not body: a line ends in CR LF, neither byte is anywhere else, and none is folded,
 * that is: begins with a blank. Behind the digits of a chunk's size the parser takes a
 * blank for the beginning of an extension, whatever follows: that has to be a
 * semicolon. RFC 9112 lets a server refuse all of this.
 *
 *	POST / HTTP/1.1 CR LF ... CR LF CR LF 5 CR LF   hello   CR LF 0 CR LF CR LF
 *	|------------------ lines ------------------|   body   |------ lines ------|
 *
 * What is body only the parser knows. It says so while it reads, so a check follows it:
 * up to a body before that is taken, and up to the request's end before that is
 * answered. Lines may be cut by what happens to be received together; then the last
 * byte is all that has to be known of the part before.
 */
#include "framing.h"

#include <string.h>

/* Of a chunk's size: digits; then nothing, or what begins with a ; perhaps blanks. */
enum { NO_SIZE, DIGITS, BLANKS, EXTENSION };

static bool is_size(struct framing *f, const char *p, const char *end)
{
	for (; p < end && f->size != EXTENSION; p++) {
		if (*p == ';')
			f->size = EXTENSION;
		else if (is_blank(*p))
			f->size = BLANKS;
		else if (f->size != DIGITS)
			return false;	/* the parser knows digits */
	}
	return true;
}

/* Behind the head, and behind a chunk, is an empty line; and then a chunk's size. */
static void end_line(struct framing *f)
{
	f->size = !f->size && f->empty && f->begun ? DIGITS : NO_SIZE;
	f->begun |= !f->empty;
}

bool framing_check(struct framing *f, const char *end)
{
	const char *p = f->at, *cr, *line_end;
	char last = f->last;

	if (p == end)
		return true;
	if (f->after_chunk && *p != '\r')
		return false;
	while (p < end) {
		if (last == '\r') {
			if (*p++ != '\n')
				return false;
			last = '\n';
			end_line(f);
			continue;
		}
		if (last == '\n' && is_blank(*p))
			return false;
		cr = memchr(p, '\r', (size_t)(end - p));
		line_end = cr ? cr : end;
		if (memchr(p, '\n', (size_t)(line_end - p)))
			return false;
		f->empty = p == line_end && (!last || last == '\n');
		if (f->size && (!is_size(f, p, line_end) || (cr && f->size == BLANKS)))
			return false;
		p = cr ? cr + 1 : end;
		last = p[-1];
	}
	f->at = end;
	f->last = last;
	f->after_chunk = false;
	return true;
}
