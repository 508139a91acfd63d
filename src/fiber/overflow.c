/*
 * overflow.c - say which fiber ran out of stack
 *
 * An overflow touches the guard page and would end the process with a bare SIGSEGV.
 * A handler on a stack of its own looks whether the address is in the guard of the
 * running fiber, and if so writes a line first. In any case the fault then goes to
 * whatever was installed before: the user's handler, a sanitizer's, or the default
 * that ends the process.
 *
 * The handler is put in place once per process, when the first loop is made; the
 * signal stack is per thread. A thread that has one already keeps its own.
 *
 * Only functions that are safe in signal handlers are used, and the loop's fields
 * are read on the thread that writes them.
 */
#include "overflow.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/sys.h"
#include "fiber.h"

enum {
	SIGNAL_STACK_BYTES = 65536,
};

static struct sigaction before;
static __thread void *signal_stack;

/* In a handler there is no printf(). */
static void put(const char *text)
{
	(void)!write(STDERR_FILENO, text, strlen(text));
}

static void put_number(size_t n)
{
	char digits[24];
	char *p = digits + sizeof(digits);

	*--p = 0;
	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	put(p);
}

static void say(const struct eider_fiber *fiber, size_t bytes)
{
	put("eider: fiber '");
	put(fiber->name ? fiber->name : "unnamed");
	put("' overflowed its stack of ");
	put_number(bytes);
	put(" bytes; raise stack_bytes or move the work into a job\n");
}

static void on_fault(int signal, siginfo_t *info, void *context)
{
	struct eider_loop *loop = eider__loop_here;
	struct eider_fiber *fiber = eider__fiber_here();

	if (fiber && eider__stack_guards(&loop->fibers->stacks, fiber->stack,
					 info->si_addr))
		say(fiber, eider__stack_usable(&loop->fibers->stacks));
	if (before.sa_flags & SA_SIGINFO && before.sa_sigaction) {
		before.sa_sigaction(signal, info, context);
		return;
	}
	if (before.sa_handler != SIG_DFL && before.sa_handler != SIG_IGN) {
		before.sa_handler(signal);
		return;
	}
	/* Returning repeats the fault, and the default ends the process. */
	sigaction(signal, &before, NULL);
}

static void install(void)
{
	struct sigaction action;

	memset(&action, 0, sizeof(action));
	action.sa_sigaction = on_fault;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK;
	sigemptyset(&action.sa_mask);
	sigaction(SIGSEGV, &action, &before);
}

int eider__overflow_watch(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	stack_t old, mine;

	pthread_once(&once, install);
	if (sigaltstack(NULL, &old) || !(old.ss_flags & SS_DISABLE))
		return 0;
	memset(&mine, 0, sizeof(mine));
	mine.ss_size = SIGNAL_STACK_BYTES;
	mine.ss_sp = eider__alloc(SIGNAL_STACK_BYTES);
	if (!mine.ss_sp)
		return -ENOMEM;
	signal_stack = mine.ss_sp;
	sigaltstack(&mine, NULL);
	return 0;
}

void eider__overflow_unwatch(void)
{
	stack_t off;

	if (!signal_stack)
		return;
	memset(&off, 0, sizeof(off));
	off.ss_flags = SS_DISABLE;
	sigaltstack(&off, NULL);
	eider__free(signal_stack);
	signal_stack = NULL;
}
