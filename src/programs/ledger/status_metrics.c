/*
 * status_metrics.c - /metrics: Prometheus text
 *
 * First what the library says of the executor (eider_...), then the ledger's own
 * (ledger_...). All samples of a name stand together below one # TYPE line.
 */
#include "status.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include <eider/stats.h>

#include "api.h"

static void put_type(FILE *file, const char *name, const char *type, const char *help)
{
	fprintf(file, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_server(FILE *file, const struct tally *sum, unsigned int loops)
{
	put_type(file, "ledger_uptime_seconds", "gauge", "Since the server started.");
	fprintf(file, "ledger_uptime_seconds %.3f\n", (double)status_uptime() / 1e9);
	put_type(file, "ledger_connections", "gauge", "Open now, by loop.");
	for (unsigned int i = 0; i < loops; i++)
		fprintf(file, "ledger_connections{loop=\"%u\"} %" PRIu64 "\n", i + 1,
			status_loop_open(i));
	put_type(file, "ledger_connections_accepted_total", "counter",
		 "Connections taken.");
	fprintf(file, "ledger_connections_accepted_total %" PRIu64 "\n",
		sum->accepted);
	put_type(file, "ledger_connections_refused_total", "counter",
		 "Connections closed at once: too many.");
	fprintf(file, "ledger_connections_refused_total %" PRIu64 "\n", sum->refused);
}

static void put_requests(FILE *file, const struct tally *sum)
{
	static const char name[] = "ledger_request_errors_total";

	put_type(file, name, "counter", "Answers of 4xx and 5xx, by route.");
	for (int i = 0; i < ROUTE_COUNT; i++) {
		fprintf(file, "%s{route=\"%s\",class=\"4xx\"} %" PRIu64 "\n", name,
			status_route_name(i), sum->routes[i].client_errors);
		fprintf(file, "%s{route=\"%s\",class=\"5xx\"} %" PRIu64 "\n", name,
			status_route_name(i), sum->routes[i].server_errors);
	}
}

/* 0, or -EIO. */
static int put_times(FILE *file, const struct tally *sum)
{
	static const char name[] = "ledger_request_seconds";
	char label[64];
	int err = 0;

	put_type(file, name, "histogram",
		 "From a request's last byte to its answer, by route.");
	for (int i = 0; i < ROUTE_COUNT && !err; i++) {
		snprintf(label, sizeof(label), "route=\"%s\"", status_route_name(i));
		err = eider_histogram_print(&sum->routes[i].time, name, label, file);
	}
	return err;
}

struct database {
	const char *name;
	struct eider_db_counts counts;
};

static int count_databases(struct store *store, struct database *ret)
{
	int n = 0;

	for (int i = 0; i < STORE_USE_COUNT; i++) {
		struct eider_db *db = store_db(store, (enum store_use)i);

		if (!db)
			continue;
		eider_db_count(db, &ret[n].counts);
		ret[n++].name = store_use_name((enum store_use)i);
	}
	return n;
}

static void put_databases(FILE *file, const struct api *api)
{
	static const char ended[] = "ledger_transactions_total";
	struct database dbs[STORE_USE_COUNT];
	int n = count_databases(api->store, dbs);

	put_type(file, ended, "counter",
		 "How the database's transactions ended.");
	for (int i = 0; i < n; i++)
		fprintf(file, "%s{db=\"%s\",end=\"committed\"} %" PRIu64 "\n"
			"%s{db=\"%s\",end=\"rolled_back\"} %" PRIu64 "\n", ended,
			dbs[i].name, dbs[i].counts.committed, ended, dbs[i].name,
			dbs[i].counts.rolled_back);
	put_type(file, "ledger_transactions_retried_total", "counter",
		 "Attempts beyond a transaction's first.");
	for (int i = 0; i < n; i++)
		fprintf(file, "ledger_transactions_retried_total{db=\"%s\"} %" PRIu64
			"\n", dbs[i].name, dbs[i].counts.retried);
	put_type(file, "ledger_reports_total", "counter",
		 "Reports made; one may answer many requests.");
	fprintf(file, "ledger_reports_total %" PRIu64 "\n",
		store_reports_begun(api->store));
	put_type(file, "ledger_database_connections", "gauge", "Open now.");
	for (int i = 0; i < n; i++)
		fprintf(file, "ledger_database_connections{db=\"%s\"} %u\n",
			dbs[i].name, dbs[i].counts.connections);
}

int status_print_metrics(const struct api *api, FILE *file)
{
	struct tally *sum = status_sum();
	struct eider_stats *stats;
	int err;

	if (!sum)
		return -ENOMEM;
	err = eider_stats_read(api->executor, &stats);
	if (err)
		goto out;
	err = eider_stats_print(stats, file);
	if (!err) {
		put_server(file, sum, stats->loop_count);
		put_requests(file, sum);
		put_databases(file, api);
		err = put_times(file, sum);
	}
	eider_stats_free(stats);
	if (!err && ferror(file))
		err = -EIO;
out:
	free(sum);
	return err;
}
