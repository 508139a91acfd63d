/*
 * sqlite_error.c - what SQLite's result codes mean, and why a file cannot be opened
 *
 * Input and output. SQLITE_IOERR has some thirty kinds, by what was tried. What the
 * system said to it matters where somebody can do something: the disk is full, or may
 * not be written. SQLITE_FULL and SQLITE_READONLY are not all there is to these: the
 * file -shm, which has the index of the log, grows as well, and an error of that is
 * SQLITE_IOERR_SHMSIZE. It is then not known what became of a commit: it stands in the
 * log, complete, before its index has to grow. Nobody sees it there, and the next one
 * to write goes over it; but if all die before, who opens the database next takes it
 * in.
 *
 * sqlite3_system_errno() is what errno was when SQLite gave up, if it did in the middle
 * of a statement. After one that failed to commit it is still what it was before, and
 * then it is errno itself that tells. Neither is set by errors that are not the
 * system's: so errno is made 0 first.
 *
 * Opening. What cannot be opened to be written is tried once more, to be read, and then
 * errno is of that: "no such file" where a file cannot be made, as nothing may be
 * written there. The same is said of the log of a file that is there. So we look what
 * there is. Never by opening the file: to close it again would drop all locks that this
 * process has on it (POSIX), those of its other connections too. A file without a name
 * in the same directory says why none can be made.
 */
#include "sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What has a better name than EIO. */
static int io_error(int extended, int err)
{
	if (extended == SQLITE_IOERR_NOMEM)
		return ENOMEM;
	/* No memory can be shared by way of a file there. */
	if (extended == SQLITE_IOERR_SHMMAP && (err == ENODEV || err == EINVAL))
		return EMEDIUMTYPE;
	return err == ENOSPC || err == EDQUOT || err == EROFS || err == ENOMEM ? err :
										 EIO;
}

long eider__sqlite_meaning(int extended, int system_error)
{
	static const struct {
		int code, err;
	} table[] = {
		{ SQLITE_BUSY, EAGAIN },	{ SQLITE_LOCKED, EAGAIN },
		{ SQLITE_PROTOCOL, EAGAIN },	{ SQLITE_SCHEMA, EAGAIN },
		{ SQLITE_CONSTRAINT, EEXIST },	{ SQLITE_INTERRUPT, ECANCELED },
		{ SQLITE_ABORT, ECANCELED },	{ SQLITE_FULL, ENOSPC },
		{ SQLITE_READONLY, EROFS },	{ SQLITE_NOMEM, ENOMEM },
		{ SQLITE_CORRUPT, EBADMSG },	{ SQLITE_NOTADB, EBADMSG },
		{ SQLITE_PERM, EACCES },	{ SQLITE_AUTH, EACCES },
		{ SQLITE_TOOBIG, E2BIG },	{ SQLITE_NOLFS, EFBIG },
		{ SQLITE_ERROR, EINVAL },	{ SQLITE_MISUSE, EINVAL },
		{ SQLITE_RANGE, EINVAL },	{ SQLITE_MISMATCH, EINVAL },
	};
	int code = extended & 0xff;

	if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE)
		return 0;
	if (code == SQLITE_IOERR)
		return -io_error(extended, system_error);
	if (code == SQLITE_CANTOPEN)
		return system_error ? -system_error : -ENOENT;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (table[i].code == code)
			return -table[i].err;
	return -EIO;
}

/* --- opening --------------------------------------------------------------- */

/* 0, or why no file can be made where @path is, which is cut. */
static int try_directory(char *path)
{
	int fd = open(dirname(path), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	if (fd >= 0) {
		close(fd);
		return 0;
	}
	/* Not every file system has such files. Whether one may is asked before. */
	return errno == EOPNOTSUPP || errno == EISDIR || errno == EINVAL ? 0 : errno;
}

/* There is no reason, or it is that there is no such file. */
static long look_at(const char *path, bool opened, int err)
{
	struct stat st;
	int found = stat(path, &st) ? errno : 0;
	char *copy;

	if (found && found != ENOENT)
		return -found;
	/* The engine has a bound of its own, and does not say so. */
	if (!err && !opened)
		return -ENAMETOOLONG;
	copy = strdup(path);
	if (!copy)
		return -ENOMEM;
	err = try_directory(copy);
	free(copy);
	if (err)
		return -err;
	/* It is there, and a log could be, if the engine knew how to share it. */
	return found ? -found : -EMEDIUMTYPE;
}

long eider__sqlite_open_error(sqlite3 *db, const char *path)
{
	int now = errno, extended = sqlite3_extended_errcode(db);
	int err = sqlite3_system_errno(db);
	const char *file = sqlite3_db_filename(db, "main");
	bool opened = file && *file;
	bool by_directory = extended == SQLITE_READONLY_DIRECTORY;

	if (!by_directory && (extended & 0xff) != SQLITE_CANTOPEN)
		return eider__sqlite_meaning(extended, err ? err : now);
	if (!by_directory && err && err != ENOENT)
		return -err;
	/* Of a URI it alone knows which file that is. */
	if (!opened && !strncmp(path, "file:", 5))
		return -ENOENT;
	return look_at(opened ? file : path, opened, err);
}

/* What the system said adds something where the engine only says what it tried. */
static const char *system_words(sqlite3 *db, long err)
{
	int code = sqlite3_errcode(db) & 0xff, number = sqlite3_system_errno(db);

	if (code == SQLITE_IOERR && number)
		return strerrordesc_np(number);
	if (code == SQLITE_IOERR || (code == SQLITE_CANTOPEN && err != -EMEDIUMTYPE))
		return strerrordesc_np((int)-err);
	return NULL;
}

void eider__sqlite_explain(sqlite3 *db, long err, char *why, size_t why_size)
{
	bool said = sqlite3_errcode(db) != SQLITE_OK;
	const char *system = system_words(db, err);

	snprintf(why, why_size, "%s%s%s%s%s%s",
		 err == -EMEDIUMTYPE ? "no write-ahead log can be kept there" : "",
		 err == -EMEDIUMTYPE && said ? ": " : "",
		 said ? sqlite3_errmsg(db) : "",
		 system ? " (" : "", system ? system : "", system ? ")" : "");
}
