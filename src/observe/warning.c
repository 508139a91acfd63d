/*
 * warning.c - warnings in words
 *
 * One line, with what somebody who reads a log needs to act: which function, where,
 * for how long, and who suffers. A job without a name is called by its function's
 * address, which addr2line and gdb turn into a name.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#include "watchdog.h"

static const char *const kinds[] = {
	[EIDER_TASK_TOOK_TOO_LONG] = "TASK_TOOK_TOO_LONG",
	[EIDER_LOOP_STALLED] = "LOOP_STALLED",
	[EIDER_DEADLOCK] = "DEADLOCK",
	[EIDER_POOL_FULL] = "POOL_FULL",
	[EIDER_STILL_RUNNING] = "STILL_RUNNING",
};

/* A text that is built a piece at a time, and cut where it ends. */
struct text {
	char *buf;
	size_t size, len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *t,
						      const char *format, ...)
{
	size_t room = t->len < t->size ? t->size - t->len : 0;
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(room ? t->buf + t->len : NULL, room, format, args);
	va_end(args);
	if (n > 0)
		t->len += (size_t)n;
}

static void add_name(struct text *t, const struct eider_warning *w)
{
	if (w->name)
		add(t, " %s", w->name);
	else if (w->fn)
		add(t, " function %p", (void *)(uintptr_t)w->fn);
	else if (w->kind == EIDER_LOOP_STALLED)
		add(t, " a fiber or callback");
}

int eider_warning_format(const struct eider_warning *w, char *buf, size_t len)
{
	struct text t = { buf, len, 0 };

	add(&t, "eider: %s:", kinds[w->kind]);
	add_name(&t, w);
	if (w->thread)
		add(&t, " on %s", w->thread);
	if (w->context)
		add(&t, " in context %" PRIu64, w->context);
	if (w->age_ns)
		add(&t, " for %.3f s so far", (double)w->age_ns / 1e9);
	if (w->waiting)
		add(&t, ", %u waiting", w->waiting);
	if (w->detail)
		add(&t, ": %s", w->detail);
	if (w->suppressed)
		add(&t, " (%u reports not made)", w->suppressed);
	return (int)t.len;
}

void eider__warning_print(const struct eider_warning *w)
{
	char line[1024];

	eider_warning_format(w, line, sizeof(line));
	fprintf(stderr, "%s\n", line);
}
