/*
 * alarm.c - a moment as a future
 */
#include <errno.h>
#include <string.h>

#include <eider/io.h>

#include "fiber.h"

static void cancel_alarm(struct eider_future *f)
{
	struct eider_alarm *a = eider__container(f, struct eider_alarm, future);

	eider__loop_remove_timer(f->_loop, &a->_timer);
	f->_loop->alarms--;
	eider__future_complete(f, -ECANCELED);
}

static const struct eider_kind alarm_kind = {
	.run = eider__future_run,
	.cancel = cancel_alarm,
};

static void pass_alarm(struct eider_timer *t)
{
	struct eider_alarm *a = eider__container(t, struct eider_alarm, _timer);

	a->future._loop->alarms--;
	eider__future_complete(&a->future, 0);
}

int eider_alarm_start(struct eider_alarm *alarm, int64_t deadline)
{
	struct eider_loop *loop = eider__loop_here;

	if (!loop)
		return eider__not_here();
	memset(alarm, 0, sizeof(*alarm));
	eider__future_start(&alarm->future, loop, &alarm_kind);
	loop->alarms++;
	eider__loop_add_timer(loop, &alarm->_timer, deadline, pass_alarm);
	return 0;
}

long eider_sleep_until(int64_t deadline)
{
	struct eider_alarm alarm;
	int err;

	if (!eider_in_fiber())
		return eider__not_here();
	err = eider_alarm_start(&alarm, deadline);
	return err < 0 ? err : eider_await(&alarm.future);
}
