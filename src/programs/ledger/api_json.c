/*
 * api_json.c - write answers, and errors
 *
 * What is asked for most, a transfer, is some 150 bytes: it is printed into one block
 * of memory, which then is the body. A fiber's stack is small: nothing is built there.
 *
 * Errors of the store become answers in one place, api_refuse(). One that leaves open
 * whether a transfer happened says so: the client may ask again with the same key.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_private.h"
#include "status.h"

enum { TEXT_FIRST = 512 };

/* Room for @more bytes and a NUL. */
static bool make_room(struct text *t, size_t more)
{
	size_t size = t->size ? t->size : TEXT_FIRST;
	char *at;

	if (t->failed)
		return false;
	while (size < t->len + more + 1)
		size *= 2;
	if (size == t->size)
		return true;
	at = realloc(t->at, size);
	if (!at) {
		t->failed = true;
		return false;
	}
	t->at = at;
	t->size = size;
	return true;
}

void text_print(struct text *t, const char *format, ...)
{
	va_list args, again;
	int len;

	if (!make_room(t, 0))
		return;
	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(t->at + t->len, t->size - t->len, format, args);
	if (len < 0)
		t->failed = true;
	else if ((size_t)len >= t->size - t->len && make_room(t, (size_t)len))
		vsnprintf(t->at + t->len, t->size - t->len, format, again);
	if (!t->failed)
		t->len += (size_t)len;
	va_end(again);
	va_end(args);
}

static void add(struct text *t, const char *bytes, size_t len)
{
	if (!make_room(t, len))
		return;
	memcpy(t->at + t->len, bytes, len);
	t->len += len;
	t->at[t->len] = 0;
}

static bool needs_escape(unsigned char c)
{
	return c < 0x20 || c == 0x7f || c == '"' || c == '\\';
}

void text_print_string(struct text *t, const char *s)
{
	size_t plain;

	add(t, "\"", 1);
	while (*s) {
		for (plain = 0; s[plain] && !needs_escape((unsigned char)s[plain]);)
			plain++;
		add(t, s, plain);
		s += plain;
		if (*s == '"' || *s == '\\')
			text_print(t, "\\%c", *s++);
		else if (*s)
			text_print(t, "\\u%04x", (unsigned char)*s++);
	}
	add(t, "\"", 1);
}

void text_print_account(struct text *t, const struct account *account)
{
	text_print(t, "{\"id\":%" PRId64 ",\"owner\":", account->id);
	text_print_string(t, account->owner);
	text_print(t, ",\"balance\":%" PRId64 "}", account->balance);
}

void text_print_transfer(struct text *t, const struct transfer *transfer)
{
	text_print(t, "{\"id\":%" PRId64 ",\"from\":%" PRId64 ",\"to\":%" PRId64
		   ",\"amount\":%" PRId64 ",\"key\":", transfer->id, transfer->from,
		   transfer->to, transfer->amount);
	text_print_string(t, transfer->key);
	text_print(t, ",\"created\":%" PRId64 "}", transfer->created_ms);
}

void text_answer(struct text *t, unsigned int status, struct http_response *response)
{
	if (t->failed) {
		free(t->at);
		api_error(response, 500, "internal", "out of memory");
		return;
	}
	response->status = status;
	response->type = NULL;
	response->body = response->owned = t->at;
	response->body_len = t->len;
}

/* --- errors ---------------------------------------------------------------- */

void api_error(struct http_response *response, unsigned int status, const char *word,
	       const char *message)
{
	static const char no_memory[] =
		"{\"error\":\"internal\",\"message\":\"out of memory\"}";
	struct text t = { .at = NULL };

	text_print(&t, "{\"error\":\"%s\",\"message\":\"%s\"}", word, message);
	response->status = status;
	response->type = NULL;
	if (!t.failed) {
		response->body = response->owned = t.at;
		response->body_len = t.len;
		return;
	}
	free(t.at);
	response->body = no_memory;
	response->body_len = sizeof(no_memory) - 1;
	response->owned = NULL;
}

void api_busy(struct http_response *response, const char *word, const char *message)
{
	api_error(response, 503, word, message);
	response->headers = "Retry-After: 1\r\n";
}

/* @message, and that it is open whether it happened. */
static void answer_open(struct http_response *response, unsigned int status,
			const char *word, const char *message)
{
	char text[160];

	snprintf(text, sizeof(text), "%s%s", message,
		 response->route == ROUTE_TRANSFER ?
		 "; it may have happened: ask again, same key" :
		 response->route == ROUTE_OPEN_ACCOUNT ?
		 "; the account may have been opened" : "");
	if (status == 503)
		api_busy(response, word, text);
	else
		api_error(response, status, word, text);
}

void api_refuse(struct http_response *response, long err)
{
	switch (err) {
	case -EAGAIN:
		api_busy(response, "busy",
			 "too many others at once; nothing has changed");
		return;
	case -ETIME:
		answer_open(response, 503, "busy", "out of time");
		return;
	case -ENOSPC:
		answer_open(response, 507, "out_of_space",
			    "the database's disk is full");
		return;
	case -EROFS:
		api_busy(response, "unavailable", "the database is read-only");
		return;
	case -ENOTCONN: case -ECONNREFUSED: case -ESHUTDOWN: case -ECANCELED:
		answer_open(response, 503, "unavailable",
			    "the database does not answer");
		return;
	case -EBADMSG:
		answer_open(response, 500, "internal",
			    "the database's file is damaged");
		return;
	default:
		answer_open(response, 500, "internal", eider_strerror((int)err));
	}
}
