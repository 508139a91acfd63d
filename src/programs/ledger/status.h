/*
 * status.h - the server at work: for the page, and for Prometheus
 *
 * /status is one JSON object:
 *
 *	{"version": TEXT, "engine": "sqlite", "database": URL without a password,
 *	 "uptime_ms": N, "at_ms": N (since 1970),
 *	 "connections": {"open": N, "accepted": N, "refused": N},
 *	 "loops": [{"number", "turns", "sleeps", "links", "jobs_started", "jobs_done",
 *	            "fibers", "ready", "connections"}],
 *	 "pools": [{"name", "threads", "idle", "threads_max", "queued", "jobs_done"}],
 *	 "txn_pools": [{"name", "threads_max", "threads", "leased", "bound", "general",
 *	                "idle", "waiting", "leases"}],
 *	 "threads": [{"pool": index in txn_pools, "name", "job", "context",
 *	              "context_name", "context_ms", "queued", "jobs_done"}],
 *	 "databases": [{"name", "committed", "rolled_back", "retried", "connections"}],
 *	 "requests": [{"route": "POST /transfers", "count": N, "errors": N,
 *	               "p50_us", "p90_us", "p99_us", "p999_us",
 *	               "buckets": [[upper bound in us, count], ...] of those that
 *	               have any}],
 *	 "jobs": {"queue_wait": {...}, "run": {...}, "deliver": {...}} each with the
 *	          figures of a request, but route and errors}
 *
 * Numbers only grow, or are those of the moment; the page makes rates of them. A
 * bucket's bound is a decimal; that of the last one, which has no end, is where it
 * begins. Text is UTF-8.
 */
#ifndef LEDGER_STATUS_H
#define LEDGER_STATUS_H

#include <stdio.h>

#include <eider/histogram.h>

struct api;

/* What requests are counted by. */
enum route {
	ROUTE_OPEN_ACCOUNT, ROUTE_GET_ACCOUNT, ROUTE_TRANSFER, ROUTE_LIST_TRANSFERS,
	ROUTE_REPORT, ROUTE_HEALTH, ROUTE_METRICS, ROUTE_STATUS, ROUTE_PAGE,
	ROUTE_OTHER,			/* errors of HTTP, unknown paths */
	ROUTE_COUNT,
};

/* Of one loop, written by its thread alone, read by any: relaxed. */
struct tally {
	uint64_t accepted, refused;	/* connections */
	uint64_t open;
	struct {
		uint64_t client_errors, server_errors;	/* 4xx, 5xx */
		struct eider_histogram time;	/* from its last byte to its answer */
	} routes[ROUTE_COUNT];
};

/*
 * [any] Make a tally for this loop; lives until status_release(). NULL: no memory. The
 * first one is shown with the first loop, and so on.
 */
struct tally *status_add_loop(void);
/* [any] Once nobody counts or prints any more. */
void status_release(void);

/* [its loop] One more request of @route, answered with @http_status. */
void status_count(struct tally *tally, enum route route, unsigned int http_status,
		  int64_t ns);

/* "POST /transfers" and so on. */
const char *status_route_name(enum route route);

/* [any] All tallies together; the caller frees it. NULL: no memory. */
struct tally *status_sum(void);
/* [any] How many connections the @index-th loop to be added has open; 0 if none was. */
uint64_t status_loop_open(unsigned int index);
/* [any] How long ago the first loop was added, in ns; 0 before. */
int64_t status_uptime(void);

/* [fiber] Write the object above, or Prometheus text. 0, -ENOMEM, -EIO. */
int status_print_json(const struct api *api, FILE *file);
int status_print_metrics(const struct api *api, FILE *file);

#endif
