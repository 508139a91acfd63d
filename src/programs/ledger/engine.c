/*
 * engine.c - the ledger's SQL
 *
 * Each statement says by the rows it returns what it found, and never by an error: an
 * error would end a transaction of PostgreSQL, and nobody could look why any more.
 *
 * The keys' index is never read on the way to a new transfer, only written. Under
 * serializable isolation PostgreSQL watches what was read by the page: when each
 * transfer looked for its key first, there were fifteen times as many conflicts, and
 * half as many transfers in a second.
 *
 * Sums. Balances are small, but nothing bounds how many there are: SUM() adds high and
 * low bits apart, which cannot overflow, where sum() of SQLite fails. What is beyond 64
 * bits in the end is read as the largest number.
 */
#include <stdio.h>
#include <string.h>

#include "engine.h"

#define SUM(x)                                                                         \
	"(coalesce(sum((" x ") >> 20), 0) * 1048576"                                   \
	" + coalesce(sum((" x ") & 1048575), 0))"

#define TRANSFER "id, from_id, to_id, amount, created_ms, key"

/* Of one end of transfers, the newest: what an index gives in order. */
#define HALF(end, name)                                                                \
	"SELECT * FROM (SELECT " TRANSFER " FROM transfers WHERE " end " = $1"         \
	" AND id < $2 ORDER BY id DESC LIMIT $3) AS " name

static const struct {
	const char *sql;
	unsigned int values;
} statements[STATEMENT_COUNT] = {
	[OPEN_ACCOUNT] = {
		"INSERT INTO accounts (owner, balance, opened_with) "
		"VALUES ($1, $2, $2) RETURNING id", 2 },
	[GET_ACCOUNT] = {
		"SELECT id, balance, owner FROM accounts WHERE id = $1", 1 },
	[TAKE_MONEY] = {
		"UPDATE accounts SET balance = balance - $1 "
		"WHERE id = $2 AND balance >= $1 RETURNING id", 2 },
	/* STORE_AMOUNT_MAX. */
	[GIVE_MONEY] = {
		"UPDATE accounts SET balance = balance + $1 "
		"WHERE id = $2 AND balance <= 1000000000000000 - $1 RETURNING id", 2 },
	[ADD_TRANSFER] = {
		"INSERT INTO transfers (key, from_id, to_id, amount, created_ms) "
		"VALUES ($1, $2, $3, $4, $5) ON CONFLICT (key) DO NOTHING "
		"RETURNING id", 5 },
	[FIND_TRANSFER] = {
		"SELECT " TRANSFER " FROM transfers WHERE key = $1", 1 },
	[LIST_TRANSFERS] = {
		HALF("from_id", "sent") " UNION ALL " HALF("to_id", "received")
		" ORDER BY id DESC LIMIT $3", 3 },
	/* One statement is one snapshot. */
	[MAKE_REPORT] = {
		"WITH moves AS ("
		"	SELECT from_id AS account, -amount AS amount FROM transfers"
		"	UNION ALL SELECT to_id, amount FROM transfers), "
		"said AS ("
		"	SELECT account, " SUM("amount") " AS net"
		"	FROM moves GROUP BY account), "
		"books AS ("
		"	SELECT count(*) AS accounts, " SUM("balance") " AS total,"
		"	" SUM("opened_with") " AS opened_with,"
		"	coalesce(sum(CASE WHEN balance = opened_with"
		"		+ coalesce(net, 0) THEN 0 ELSE 1 END), 0) AS wrong"
		"	FROM accounts LEFT JOIN said ON account = id), "
		"moved AS ("
		"	SELECT count(*) AS transfers, " SUM("amount") " AS volume"
		"	FROM transfers), "
		"richest AS ("
		"	SELECT id, balance, owner FROM accounts"
		"	ORDER BY balance DESC, id LIMIT 1) "
		"SELECT accounts, transfers, total, opened_with, volume, wrong,"
		"	id, balance, owner "
		"FROM books CROSS JOIN moved LEFT JOIN richest ON 1 = 1", 0 },
};

const char engine_probe[] =
	"SELECT a.id, a.owner, a.balance, a.opened_with, t.id, t.key, t.from_id, "
	"t.to_id, t.amount, t.created_ms "
	"FROM accounts AS a, transfers AS t WHERE 1 = 0";

const char *engine_sql(enum statement statement)
{
	return statements[statement].sql;
}

unsigned int engine_value_count(enum statement statement)
{
	return statements[statement].values;
}

static bool has_scheme(const struct engine *engine, const char *url)
{
	size_t len = strcspn(url, ":");

	if (!url[len])
		return false;
	for (int i = 0; engine->schemes[i]; i++)
		if (strlen(engine->schemes[i]) == len &&
		    !strncmp(url, engine->schemes[i], len))
			return true;
	return false;
}

const struct engine *engine_for(const char *url)
{
	static const struct engine *const engines[] = {
		&engine_sqlite, &engine_postgres,
	};

	for (size_t i = 0; i < sizeof(engines) / sizeof(engines[0]); i++)
		if (has_scheme(engines[i], url))
			return engines[i];
	return NULL;
}

void engine_copy_text(const struct row *row, int column, char *ret)
{
	snprintf(ret, STORE_TEXT_MAX + 1, "%s", row->engine->text(row, column));
}
