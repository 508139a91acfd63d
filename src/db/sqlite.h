/*
 * sqlite.h - the driver for SQLite inside
 */
#ifndef EIDER_DB_SQLITE_H
#define EIDER_DB_SQLITE_H

#include <sqlite3.h>

#include "driver.h"

/*
 * What @extended, a result code, means: 0 or -errno. @system_error is errno after the
 * call that it is the result of; it was 0 before.
 */
long eider__sqlite_meaning(int extended, int system_error);
/* The same where @path could not be opened; looks what is there. */
long eider__sqlite_open_error(sqlite3 *db, const char *path);
/* The words for it, @err; none if the engine has none. */
void eider__sqlite_explain(sqlite3 *db, long err, char *why, size_t why_size);

#endif
