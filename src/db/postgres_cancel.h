/*
 * postgres_cancel.h - ask the server to cancel what runs on one connection, and see to
 * it that it ends (postgres_cancel.c)
 */
#ifndef EIDER_DB_POSTGRES_CANCEL_H
#define EIDER_DB_POSTGRES_CANCEL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

struct eider__canceller;

/*
 * How long something that was to have ended is still waited for, before its connection
 * is given up. A constant but for tests, which are in a hurry.
 */
extern int64_t eider__postgres_grace_ns;
/* Likewise, how long one may take that is to have no bound: postgres_connect.c. */
extern int64_t eider__postgres_unbounded_ns;

/* 0; -ENOMEM, -EMFILE, -ENFILE. */
long eider__canceller_new(PGconn *pg, struct eider__canceller **ret);
/* [the connection's thread] Not while in use. NULL is allowed. */
void eider__canceller_free(struct eider__canceller *k);
/*
 * [the connection's thread] Between these two it may be fired, and is at @deadline.
 * The first one settles. 0, -ENOTCONN.
 */
long eider__canceller_start_use(struct eider__canceller *k, int64_t deadline);
void eider__canceller_end_use(struct eider__canceller *k);
/*
 * [the connection's thread] After this no cancellation is under way: 0. Or it has
 * been for so long that the connection is of no use any more: -ENOTCONN.
 */
long eider__canceller_settle(struct eider__canceller *k);
/* [the connection's thread] Whatever waits for the server from now on fails. */
void eider__canceller_cut(struct eider__canceller *k);
/* [any] Cancel what runs. Does not block. */
void eider__canceller_fire(struct eider__canceller *k);
bool eider__canceller_was_asked(struct eider__canceller *k);

#endif
