/*
 * sys.h - every allocation and system call that can fail
 *
 * All of them go through here, so that one place can make the n-th of them fail
 * (SQLite's test_malloc.c showed what that finds). The library as it is installed
 * has none of it: EIDER_FAULTS is defined for the test build alone.
 *
 * Everything returns 0 or a value, or -errno; errno itself is not looked at.
 */
#ifndef EIDER_BASE_SYS_H
#define EIDER_BASE_SYS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed, or NULL. */
void *eider__alloc(size_t bytes);
void *eider__alloc_aligned(size_t align, size_t bytes);
char *eider__strdup(const char *s);
void eider__free(void *p);

/* Private anonymous memory, never huge pages, not reserved. */
int eider__map(size_t bytes, void **ret);
void eider__unmap(void *p, size_t bytes);
/* Make [p, p + bytes) fault for ever: MADV_GUARD_INSTALL; -EINVAL before 6.13. */
int eider__guard(void *p, size_t bytes);
/* The same by a mapping of its own. */
int eider__protect(void *p, size_t bytes);
/* Give the memory back, keep the addresses. */
void eider__drop(void *p, size_t bytes);

/*
 * The dear half of a lopsided barrier: when it returns, every thread of this process
 * has passed a full barrier since it was called, wherever it was: see
 * eider__barrier_light(). The first says whether the kernel has it, 0 or -errno, and
 * must have been called. The second can fail all the same, once a program has forbidden
 * itself the call: false, and no barrier was passed.
 */
int eider__barrier_prepare(void);
bool eider__barrier_heavy(void);

/* A thread with all signals blocked. @name is cut to 15 bytes. */
int eider__thread_start(pthread_t *ret, void *(*fn)(void *), void *arg);
void eider__thread_set_name(const char *name);

/*
 * Ask the scheduler for slices of @ns for this thread; whether it listens (Linux 6.12
 * does) is not known, and a refusal does no harm.
 */
void eider__thread_set_slice(int64_t ns);
/* Was it asked so? Threads that this one starts inherit it. 0 ends it. */
bool eider__thread_has_slice(void);

/*
 * Ask that this thread, when it is woken, not take the CPU from who runs there, such as
 * the one that woke it (SCHED_BATCH); threads that it starts are not like that. A
 * refusal does no harm.
 */
void eider__thread_set_modest(void);

int eider__eventfd(void);
void eider__close(int fd);
/* Add one to an eventfd. */
int eider__eventfd_ring(int fd);

/* For probing. Two stream sockets, connected; one that listens, and one that it has
   to accept: both unix sockets without a name. 0 or -errno. */
int eider__socket_pair(int ret[2]);
int eider__socket_accepting(int *ret_listening, int *ret_client);

/*
 * Sleep as long as *@word is @value, until it is woken, or for no reason. False if
 * @deadline has passed.
 */
bool eider__futex_wait(uint32_t *word, uint32_t value, int64_t deadline);
void eider__futex_wake(uint32_t *word, int n);

/* Sleep, not to be interrupted. */
void eider__nap(int64_t ns);

/*
 * Fail? Called by whoever is about to do something that can fail, here and in
 * ring.c.
 */
#ifdef EIDER_FAULTS
bool eider__fault(void);

/* Let the @n-th call from now (1 is the next) and @more after it fail; 0: none. */
void eider__fault_arm(uint64_t n, uint64_t more);

/* How often eider__fault() was asked, and said yes, since it was armed. */
uint64_t eider__fault_asked(void);
uint64_t eider__fault_hits(void);
#else
static inline bool eider__fault(void)
{
	return false;
}
#endif

#endif
