/*
 * engine_sqlite.c - the ledger on SQLite
 *
 * A statement is reset as soon as its rows are taken, also after an error: one that is
 * not would keep its snapshot open, and with it the log from being folded back.
 *
 * The log. Who commits folds it back into the file every thousand pages, but not beyond
 * the oldest snapshot that somebody reads; and it begins anew at its start only if all
 * of it was folded back and nobody reads in it. One report after another leaves no such
 * moment: the log would grow as long as they are asked for, until the disk is full. So
 * before each of them fold() makes one, if the log has become long. First what can be
 * folded back while others write; then the rest of it, for which the writer waits. When
 * the log begins anew its file is cut (journal_size_limit): a long file is one that has
 * grown since. What is written during one report is so the most that there ever is.
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "engine.h"

static const char *const schemes[] = { "sqlite", NULL };

/* An id is never used again: nothing is ever deleted. */
static const char *const tables[] = {
	"CREATE TABLE IF NOT EXISTS accounts ("
	"	id INTEGER PRIMARY KEY,"
	"	owner TEXT NOT NULL,"
	"	balance INTEGER NOT NULL CHECK (balance >= 0),"
	"	opened_with INTEGER NOT NULL CHECK (opened_with >= 0))",
	"CREATE TABLE IF NOT EXISTS transfers ("
	"	id INTEGER PRIMARY KEY,"
	"	key TEXT NOT NULL UNIQUE,"
	"	from_id INTEGER NOT NULL REFERENCES accounts (id),"
	"	to_id INTEGER NOT NULL REFERENCES accounts (id),"
	"	amount INTEGER NOT NULL CHECK (amount > 0),"
	"	created_ms INTEGER NOT NULL,"
	"	CHECK (from_id <> to_id))",
	"CREATE INDEX IF NOT EXISTS transfers_from ON transfers (from_id, id DESC)",
	"CREATE INDEX IF NOT EXISTS transfers_to ON transfers (to_id, id DESC)",
	NULL,
};

enum {
	LOG_BYTES = 8 << 20,		/* twice what it is without reports */
	CHECK_TEXT = 160,
};

/* Of one connection. */
struct prepared {
	sqlite3_stmt *statements[STATEMENT_COUNT];
};

static void release_prepared(void *state)
{
	struct prepared *p = state;

	for (int i = 0; i < STATEMENT_COUNT; i++)
		sqlite3_finalize(p->statements[i]);
	free(p);
}

/* The engine's error, and never success. */
static long failure(struct eider_db *db)
{
	long err = eider_db_error(db);

	return err < 0 ? err : -EIO;
}

/* Only whether the file becomes short again depends on it: it needs no check. */
static void limit_log(struct eider_db *db)
{
	char sql[64];

	snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit = %d", LOG_BYTES);
	sqlite3_exec(eider_db_handle(db), sql, NULL, NULL, NULL);
}

static struct prepared *prepared_of(struct eider_db *db)
{
	struct prepared *p = eider_db_state(db);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	eider_db_set_state(db, p, release_prepared);
	limit_log(db);
	return p;
}

static long prepare(struct eider_db *db, enum statement which, sqlite3_stmt **ret)
{
	struct prepared *p = prepared_of(db);

	if (!p)
		return -ENOMEM;
	if (!p->statements[which] &&
	    sqlite3_prepare_v3(eider_db_handle(db), engine_sql(which), -1,
			       SQLITE_PREPARE_PERSISTENT, &p->statements[which], NULL))
		return failure(db);
	*ret = p->statements[which];
	return 0;
}

static int bind(sqlite3_stmt *s, int place, const struct value *value)
{
	if (value->text)
		return sqlite3_bind_text(s, place, value->text, -1, SQLITE_STATIC);
	return sqlite3_bind_int64(s, place, value->number);
}

static long run_statement(struct eider_db *db, enum statement which,
			  const struct value *values, take_row *take, void *arg)
{
	struct row row = { .engine = &engine_sqlite };
	sqlite3_stmt *s = NULL;
	long n = prepare(db, which, &s);
	int rc = SQLITE_OK;

	if (n < 0)
		return n;
	for (unsigned int i = 0; !rc && i < engine_value_count(which); i++)
		rc = bind(s, (int)i + 1, &values[i]);
	row.at = s;
	while (!rc && (rc = sqlite3_step(s)) == SQLITE_ROW) {
		if (take)
			take(&row, arg);
		row.index++;
		rc = SQLITE_OK;
	}
	n = rc == SQLITE_DONE ? row.index : failure(db);
	sqlite3_reset(s);
	sqlite3_clear_bindings(s);
	return n;
}

static long execute(struct eider_db *db, const char *sql)
{
	if (sqlite3_exec(eider_db_handle(db), sql, NULL, NULL, NULL))
		return failure(db);
	return 0;
}

static const char *message(struct eider_db *db)
{
	return sqlite3_errmsg(eider_db_handle(db));
}

/* --- the file, and its log ------------------------------------------------- */

/* A row of quick_check: "ok", or what is wrong; the first one will do. */
static int take_finding(void *why, int n, char **values, char **names)
{
	(void)names;
	snprintf(why, CHECK_TEXT, "%s", n && values[0] ? values[0] : "");
	return 0;
}

/* Damage is told where it can be read; all else is no damage. */
static long check(struct eider_db *db, char *why, size_t why_size)
{
	char finding[CHECK_TEXT] = "ok";
	int rc = sqlite3_exec(eider_db_handle(db), "PRAGMA quick_check(1)",
			      take_finding, finding, NULL);
	long err = rc ? failure(db) : 0;

	if (err == -EBADMSG)
		snprintf(finding, sizeof(finding), "%s", message(db));
	if ((err < 0 && err != -EBADMSG) || !strcmp(finding, "ok"))
		return 0;
	snprintf(why, why_size, "the file is damaged: %s", finding);
	return -EBADMSG;
}

static bool is_log_long(sqlite3 *db)
{
	const char *path = sqlite3_filename_wal(sqlite3_db_filename(db, "main"));
	struct stat st;

	return path && !stat(path, &st) && st.st_size > LOG_BYTES;
}

static long fold(struct eider_db *db, bool surely)
{
	sqlite3 *handle = eider_db_handle(db);
	int rc;

	if (!is_log_long(handle))
		return 0;
	rc = sqlite3_wal_checkpoint_v2(handle, NULL, surely ?
				       SQLITE_CHECKPOINT_RESTART :
				       SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
	if (rc == SQLITE_BUSY || rc == SQLITE_INTERRUPT)
		return 1;
	return rc ? failure(db) : !surely;
}

/* --- rows ------------------------------------------------------------------ */

static int64_t number(const struct row *row, int column)
{
	return sqlite3_column_int64(row->at, column);
}

static const char *text(const struct row *row, int column)
{
	const unsigned char *bytes = sqlite3_column_text(row->at, column);

	return bytes ? (const char *)bytes : "";
}

const struct engine engine_sqlite = {
	.schemes = schemes,
	.driver = &eider_sqlite,
	.tables = tables,
	.one_writer = true,
	.embedded = true,
	.execute = execute,
	.run = run_statement,
	.message = message,
	.check = check,
	.fold = fold,
	.number = number,
	.text = text,
};
