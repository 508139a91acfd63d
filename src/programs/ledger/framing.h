/*
 * framing.h - are the lines of a request lines?
 */
#ifndef LEDGER_FRAMING_H
#define LEDGER_FRAMING_H

#include <stdbool.h>
#include <stdint.h>

static inline bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Of one request; all zero is its beginning. */
struct framing {
	const char *at;			/* up to here what was received is checked */
	char last;			/* the byte before, if it was none of a body */
	bool after_chunk;		/* the next byte ends a chunk's data */
	bool begun;			/* there was a line that is not empty */
	bool empty;			/* the line so far */
	uint8_t size;			/* where in a line of that; 0: in another */
};

/* More was received, and begins at @data. */
static inline void framing_feed(struct framing *f, const char *data)
{
	f->at = data;
}

/* Up to @end all is of lines, and in order: or false, and it is no HTTP. */
bool framing_check(struct framing *f, const char *end);

/*
 * What begins at f->at is of a body, up to @end. @ends_chunk: it is chunked, and that
 * was the last of a chunk.
 */
static inline void framing_pass(struct framing *f, const char *end, bool ends_chunk)
{
	f->at = end;
	f->after_chunk = ends_chunk;
}

#endif
