/*
 * alarm.c - a timerfd under uv_poll (see bench.h)
 *
 * libuv's own timers count whole milliseconds, from the time at which the loop last
 * looked at the clock.
 */
#include <errno.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "bench.h"

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct alarm *a = poll->data;
	uint64_t expired;

	(void)events;
	perf_check(status, "uv_poll");
	if (read(a->fd, &expired, sizeof(expired)) < 0)
		perf_check(-errno, "timerfd");
	a->on_time();
}

void alarm_init(struct alarm *a, void (*on_time)(void))
{
	a->on_time = on_time;
	a->poll.data = a;
	a->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
	if (a->fd < 0)
		perf_check(-errno, "timerfd_create");
	perf_check(uv_poll_init(uv_default_loop(), &a->poll, a->fd), "uv_poll_init");
	perf_check(uv_poll_start(&a->poll, UV_READABLE, on_readable), "uv_poll_start");
}

static struct timespec from_us(long us)
{
	return (struct timespec){ us / 1000000, us % 1000000 * 1000 };
}

void alarm_start(struct alarm *a, long first_us, long period_us)
{
	struct itimerspec when = { from_us(period_us), from_us(first_us) };

	if (timerfd_settime(a->fd, 0, &when, NULL) < 0)
		perf_check(-errno, "timerfd_settime");
}

static void on_closed(uv_handle_t *handle)
{
	struct alarm *a = handle->data;

	close(a->fd);
}

void alarm_close(struct alarm *a)
{
	uv_close((uv_handle_t *)&a->poll, on_closed);
}
