/*
 * api_fields.c - read what a request says, strictly
 *
 * Money is at stake, so nothing is guessed: each field has to be there once, under its
 * name and of its type, and no other may be. A number is a whole number as JSON writes
 * one, without point and exponent: 1.0 is refused, as is what does not fit.
 *
 * The reader of JSON is jansson. It calls itself for each level of nesting, up to 2048
 * of them, which is more than the stack of a fiber: so what is nested at all is refused
 * before (no request has it), by counting brackets outside of strings.
 */
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "api_private.h"

enum {
	NESTING_MAX = 8,
	MESSAGE_SIZE = 160,
	NAME_SHOWN = 40,		/* bytes of a name that is not ours */
};

__attribute__((format(printf, 3, 4)))
static bool refuse(struct http_response *response, const char *word,
		   const char *format, ...)
{
	char message[MESSAGE_SIZE];
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	api_error(response, 400, word, message);
	return false;
}

/* Of somebody else's text what can be shown in a message without escaping it. */
static const char *harmless(const char *s, size_t len, char *ret)
{
	size_t n = len < NAME_SHOWN ? len : NAME_SHOWN;

	for (size_t i = 0; i < n; i++)
		ret[i] = s[i] < ' ' || s[i] > '~' || s[i] == '"' || s[i] == '\\' ?
				 '?' : s[i];
	ret[n] = 0;
	return ret;
}

static const struct field *find_field(const struct field *fields, size_t n,
				      const char *name, size_t len)
{
	for (size_t i = 0; i < n; i++)
		if (strlen(fields[i].name) == len && !memcmp(fields[i].name, name, len))
			return &fields[i];
	return NULL;
}

static bool refuse_name(struct http_response *response, const char *what,
			const char *name, size_t len)
{
	char shown[NAME_SHOWN + 1];

	return refuse(response, "bad_request", "unknown %s: %s", what,
		      harmless(name, len, shown));
}

static bool check_range(const struct field *f, int64_t value,
			struct http_response *response)
{
	if (value >= f->min && value <= f->max)
		return true;
	return refuse(response, "bad_request",
		      "%s has to be from %" PRId64 " to %" PRId64, f->name, f->min,
		      f->max);
}

/* --- JSON ------------------------------------------------------------------ */

static bool is_flat(const char *body, size_t len)
{
	unsigned int depth = 0;
	bool in_string = false;

	for (size_t i = 0; i < len; i++) {
		if (in_string && body[i] == '\\')
			i++;
		else if (body[i] == '"')
			in_string = !in_string;
		else if (in_string)
			continue;
		else if (body[i] == '{' || body[i] == '[')
			depth++;
		else if ((body[i] == '}' || body[i] == ']') && depth)
			depth--;
		if (depth > NESTING_MAX)
			return false;
	}
	return true;
}

/* Of jansson's "... near '"NAME"'". */
static bool refuse_duplicate(const json_error_t *e, struct http_response *response)
{
	const char *name = strchr(e->text, '"');
	const char *end = name ? strrchr(e->text, '"') : NULL;
	char shown[NAME_SHOWN + 1] = "a field";

	if (name && end > name)
		harmless(name + 1, (size_t)(end - name - 1), shown);
	return refuse(response, "bad_request", "%s is there twice", shown);
}

static bool refuse_json(const json_error_t *e, struct http_response *response)
{
	const char *near = strstr(e->text, " near '");
	int len = near ? (int)(near - e->text) : (int)strlen(e->text);
	char shown[NAME_SHOWN + 1];
	const char *word = "bad_json";

	switch (json_error_code(e)) {
	case json_error_out_of_memory:
		api_error(response, 500, "internal", "out of memory");
		return false;
	case json_error_duplicate_key:
		return refuse_duplicate(e, response);
	case json_error_null_character:
	case json_error_null_byte_in_key:
	case json_error_numeric_overflow:
		word = "bad_request";
		break;
	default:
		break;
	}
	return refuse(response, word, "line %d, column %d: %s", e->line, e->column,
		      harmless(e->text, (size_t)len, shown));
}

static bool read_number(const struct field *f, const json_t *value,
			struct http_response *response)
{
	if (!json_is_integer(value))
		return refuse(response, "bad_request", "%s has to be a whole number",
			      f->name);
	if (!check_range(f, json_integer_value(value), response))
		return false;
	*(int64_t *)f->ret = json_integer_value(value);
	return true;
}

static bool read_text(const struct field *f, const json_t *value,
		      struct http_response *response)
{
	size_t len = json_string_length(value);

	if (!json_is_string(value))
		return refuse(response, "bad_request", "%s has to be a string",
			      f->name);
	if (!len || len > STORE_TEXT_MAX)
		return refuse(response, "bad_request",
			      "%s has to be of 1 to %d bytes in UTF-8", f->name,
			      STORE_TEXT_MAX);
	memcpy(f->ret, json_string_value(value), len + 1);
	return true;
}

static bool read_object(json_t *object, const struct field *fields, size_t n,
			struct http_response *response)
{
	const char *name;
	json_t *value;

	if (!json_is_object(object))
		return refuse(response, "bad_request", "the body has to be an object");
	json_object_foreach(object, name, value)
		if (!find_field(fields, n, name, strlen(name)))
			return refuse_name(response, "field", name, strlen(name));
	for (size_t i = 0; i < n; i++) {
		const struct field *f = &fields[i];

		value = json_object_get(object, f->name);
		if (!value)
			return refuse(response, "bad_request", "%s is missing",
				      f->name);
		if (!(f->kind == FIELD_NUMBER ? read_number : read_text)(f, value,
									 response))
			return false;
	}
	return true;
}

bool fields_read_body(const struct http_request *request, const struct field *fields,
		      size_t n, struct http_response *response)
{
	json_error_t e;
	json_t *object;
	bool fine;

	if (!is_flat(request->body, request->body_len))
		return refuse(response, "bad_json", "nested too deep");
	object = json_loadb(request->body, request->body_len,
			    JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);
	if (!object)
		return refuse_json(&e, response);
	fine = read_object(object, fields, n, response);
	json_decref(object);
	return fine;
}

/* --- queries --------------------------------------------------------------- */

bool fields_read_number(const char *digits, size_t len, int64_t max, int64_t *ret)
{
	int64_t value = 0;

	if (!len)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (digits[i] < '0' || digits[i] > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) ||
		    __builtin_add_overflow(value, digits[i] - '0', &value))
			return false;
	}
	if (value > max)
		return false;
	*ret = value;
	return true;
}

/* One "name=digits"; @seen has a bit for each field. */
static bool read_parameter(const char *text, size_t len, const struct field *fields,
			   size_t n, unsigned int *seen, struct http_response *response)
{
	const char *equals = memchr(text, '=', len);
	size_t name_len = equals ? (size_t)(equals - text) : len;
	const struct field *f = find_field(fields, n, text, name_len);
	int64_t value;

	if (!f)
		return refuse_name(response, "parameter", text, name_len);
	if (*seen & 1u << (f - fields))
		return refuse(response, "bad_request", "%s is there twice", f->name);
	*seen |= 1u << (f - fields);
	if (!equals || !fields_read_number(equals + 1, len - name_len - 1, INT64_MAX,
					   &value))
		return refuse(response, "bad_request", "%s has to be a whole number",
			      f->name);
	if (!check_range(f, value, response))
		return false;
	*(int64_t *)f->ret = value;
	return true;
}

bool fields_read_query(const struct http_request *request, const struct field *fields,
		       size_t n, struct http_response *response)
{
	const char *at = request->query;
	unsigned int seen = 0;
	size_t len;

	while (*at) {
		len = strcspn(at, "&");
		if (!read_parameter(at, len, fields, n, &seen, response))
			return false;
		at += len;
		if (*at == '&' && !*++at)
			return refuse_name(response, "parameter", "", 0);
	}
	for (size_t i = 0; i < n; i++)
		if (!fields[i].optional && !(seen & 1u << i))
			return refuse(response, "bad_request", "%s is missing",
				      fields[i].name);
	return true;
}
