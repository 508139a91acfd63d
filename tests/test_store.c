/*
 * test_store.c - the ledger's accounts and transfers, on SQLite
 */
#include <fcntl.h>
#include <limits.h>
#include <sqlite3.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store_cases.h"

static const char *database_url(void)
{
	static char url[300];

	snprintf(url, sizeof(url), "sqlite:%s?synchronous=off",
		 harness_temp_file("ledger.db"));
	return url;
}

/* Each test has a directory of its own. */
static void database_clean(void)
{
}

/* --- what goes wrong ------------------------------------------------------- */

/* Behind somebody who writes for long. */
STORE_TEST(a_deadline_may_pass)
{
	int64_t a = open_with(10), b = open_with(10), unknown;
	struct transfer t = moving(a, b, 1, "key");
	struct eider_fiber *holder = start(hold, (void *)"SELECT 1");
	long result;

	ck_assert(harness_wait_count(&holding, 1));
	result = store_transfer(store, &t, &unknown, eider_after(30 * HARNESS_MS));
	ck_assert_msg(result == -ETIME || result == -EAGAIN, "%ld", result);
	let_them_go = 1;
	ck_assert_int_eq(eider_join(holder), 0);
	ck_assert_int_eq(balance_of(a), 10);
	ck_assert_int_eq(move_money(a, b, 1, "key"), 0);
	return 0;
}

STORE_TEST(an_error_in_the_middle_leaves_nothing)
{
	int64_t a = open_with(100), b = open_with(10);

	ck_assert_int_eq(move_money(a, b, 1, "before"), 0);
	/* Taking and giving work, adding does not. */
	sql("ALTER TABLE transfers RENAME TO elsewhere");
	ck_assert_int_eq(move_money(a, b, 10, "key"), -EIO);
	ck_assert_int_eq(move_money(b, a, 10, "key"), -EIO);
	ck_assert_int_eq(balance_of(a), 99);
	ck_assert_int_eq(balance_of(b), 11);
	sql("ALTER TABLE elsewhere RENAME TO transfers");
	ck_assert_int_eq(report_now().transfers, 1);
	ck_assert_int_eq(report_now().wrong, 0);
	ck_assert_int_eq(move_money(a, b, 10, "key"), 0);
	return 0;
}

STORE_TEST_WITH(a_full_disk_stops_writing_alone, .connections_max = 1)
{
	int64_t a = open_with(100000), b = open_with(0);
	struct account more = { .owner = "no room" };
	long result = 0, done = 0;

	sql("PRAGMA max_page_count = 8");
	for (; !result && done < 100000; done++) {
		char key[STORE_TEXT_MAX];

		snprintf(key, sizeof(key), "%060ld", done);
		result = move_money(a, b, 1, key);
	}
	done--;
	ck_assert_int_eq(result, -ENOSPC);
	ck_assert_int_gt(done, 0);
	ck_assert_int_eq(balance_of(a), 100000 - done);
	ck_assert_int_eq(balance_of(b), done);
	ck_assert_int_eq(report_now().transfers, done);
	ck_assert_int_eq(report_now().wrong, 0);
	sql("PRAGMA max_page_count = 1000000");
	ck_assert_int_eq(move_money(a, b, 1, "again"), 0);
	ck_assert_int_eq(store_open_account(store, &more, EIDER_NEVER), 0);
	return 0;
}

/* --- opening --------------------------------------------------------------- */

static void refuse(const char *url, int expected)
{
	struct store *opened = NULL;
	char why[200] = "unset";
	int err = store_open(executor, url, NULL, &opened, why, sizeof(why));

	ck_assert_msg(err == expected, "%s: %d", url, err);
	ck_assert_ptr_null(opened);
	ck_assert_str_ne(why, "unset");
}

/* The ledger's words are these, behind those for the error. */
static void refuse_file(const char *path, int expected, const char *words)
{
	char url[6000], why[200] = "";
	struct store *opened = NULL;
	int err;

	snprintf(url, sizeof(url), "sqlite:%s?synchronous=normal", path);
	err = store_open(executor, url, NULL, &opened, why, sizeof(why));
	ck_assert_ptr_null(opened);
	ck_assert_msg(err == expected && strstr(why, words), "%.100s: %s: %s", path,
		      strerrorname_np(-err), why);
}

START_TEST(what_cannot_be_opened_is_refused)
{
	set_up();
	refuse("mysql://localhost/x", -EPROTONOSUPPORT);
	refuse("sqlit:x", -EPROTONOSUPPORT);
	refuse("ledger.db", -EPROTONOSUPPORT);
	refuse("", -EPROTONOSUPPORT);
	refuse("sqlite:", -EINVAL);
	refuse("sqlite:/no/such/directory/ledger.db", -ENOENT);
	tear_down();
}
END_TEST

/* A file in harness_temp_dir(), and what is in it. */
static const char *make_file(const char *name, const char *text)
{
	const char *path = harness_temp_file(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

/* A database with a table, in journal mode @mode. */
static const char *make_database(const char *name, const char *mode)
{
	const char *path = harness_temp_file(name);
	char text[100];
	sqlite3 *made;

	snprintf(text, sizeof(text), "PRAGMA journal_mode = %s; CREATE TABLE t (x)",
		 mode);
	ck_assert_int_eq(sqlite3_open(path, &made), SQLITE_OK);
	ck_assert_int_eq(sqlite3_exec(made, text, NULL, NULL, NULL), SQLITE_OK);
	ck_assert_int_eq(sqlite3_close(made), SQLITE_OK);
	return path;
}

START_TEST(what_is_no_database_is_told)
{
	char text[2000];

	set_up();
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = 0;
	refuse_file(make_file("text", text), -EBADMSG, "file is not a database");
	refuse_file(harness_temp_dir(), -EISDIR, "(Is a directory)");
	refuse_file(harness_temp_file("text/ledger.db"), -ENOTDIR, "(Not a directory)");
	refuse_file(harness_temp_file("no/ledger.db"), -ENOENT, "(No such file or");
	ck_assert_int_eq(symlink("loop", harness_temp_file("loop")), 0);
	refuse_file(harness_temp_file("loop"), -ELOOP, "(Too many levels of");
	ck_assert_int_eq(symlink("no/such", harness_temp_file("nowhere")), 0);
	refuse_file(harness_temp_file("nowhere"), -ENOENT, "(No such file or");
	refuse(":memory:", -EPROTONOSUPPORT);
	refuse_file(":memory:", -EINVAL, "in memory");
	refuse_file("", -EINVAL, "in memory");
	tear_down();
}
END_TEST

/* The system's bounds, of a name and of a path; and the engine's, which is less. */
START_TEST(a_path_may_be_too_long)
{
	static const struct {
		size_t part, len;
	} table[] = { { NAME_MAX + 1, 300 }, { 100, 520 }, { 100, 700 },
		      { 100, PATH_MAX + 100 } };
	char path[6000];

	set_up();
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		size_t len = (size_t)snprintf(path, sizeof(path), "%s/",
					      harness_temp_dir());

		while (len < table[i].len) {
			/* It is there, as far as can be: nothing else is amiss. */
			path[len] = 0;
			ck_assert(!mkdir(path, 0755) || errno == EEXIST ||
				  errno == ENAMETOOLONG);
			memset(path + len, 'd', table[i].part);
			len += table[i].part;
			path[len++] = '/';
		}
		path[len - 1] = 0;
		refuse_file(path, -ENAMETOOLONG, "(File name too long)");
	}
	tear_down();
}
END_TEST

/* As many descriptors as are open, one more, ...: until there are enough. */
START_TEST(descriptors_may_run_out)
{
	struct store *opened = NULL;
	struct rlimit limit, old;
	unsigned int refused = 0;
	char why[200];
	int err;

	set_up();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	limit = old;
	limit.rlim_cur = (rlim_t)dup(0);
	close((int)limit.rlim_cur);
	for (; !opened; limit.rlim_cur++) {
		ck_assert_uint_lt(refused, 20);
		ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
		err = store_open(executor, database_url(), NULL, &opened, why,
				 sizeof(why));
		ck_assert_msg(!err || (err == -EMFILE && !strstr(why, "o such file")),
			      "%s: %s", strerrorname_np(-err), why);
		refused += err != 0;
	}
	ck_assert_uint_gt(refused, 2);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	store_close(opened);
	tear_down();
}
END_TEST

/* Root may do anything, so this is nobody. */
START_TEST(what_nobody_may_do_is_told)
{
	uid_t me = geteuid();

	if (me) {
		printf("not here: to be somebody else\n");
		return;
	}
	set_up();
	ck_assert_int_eq(chmod(make_database("secret.db", "WAL"), 0600), 0);
	ck_assert_int_eq(chmod(make_database("ours.db", "WAL"), 0666), 0);
	ck_assert_int_eq(mkdir(harness_temp_file("closed"), 0700), 0);
	ck_assert_int_eq(chmod(harness_temp_dir(), 0755), 0);
	ck_assert_int_eq(seteuid(65534), 0);
	refuse_file(harness_temp_file("secret.db"), -EACCES, "(Permission denied)");
	refuse_file(harness_temp_file("closed/x.db"), -EACCES, "(Permission denied)");
	/* The file could be written; what belongs beside it cannot be made. */
	refuse_file(harness_temp_file("ours.db"), -EACCES, "readonly");
	refuse_file(harness_temp_file("new.db"), -EACCES, "(Permission denied)");
	ck_assert_int_eq(seteuid(me), 0);
	ck_assert_int_lt(access(harness_temp_file("new.db"), F_OK), 0);
	tear_down();
}
END_TEST

/* --- without a write-ahead log --------------------------------------------- */

/* SQLite's own, for file systems that have not even locks. */
START_TEST(there_must_be_a_log)
{
	static const char *const systems[] = { "unix-none", "unix-dotfile" };
	sqlite3_vfs *usual;

	set_up();
	make_database("logged.db", "WAL");
	make_database("other.db", "PERSIST");
	usual = sqlite3_vfs_find(NULL);
	sqlite3_vfs_register(sqlite3_vfs_find(systems[_i]), 1);
	refuse_file(harness_temp_file("new.db"), -EMEDIUMTYPE, "no write-ahead log");
	refuse_file(harness_temp_file("other.db"), -EMEDIUMTYPE, "no write-ahead log");
	refuse_file(harness_temp_file("logged.db"), -EMEDIUMTYPE, "no write-ahead log");
	sqlite3_vfs_register(usual, 1);
	/* It is a matter of the place, and nothing has happened to them. */
	refuse_file(harness_temp_dir(), -EISDIR, "(Is a directory)");
	store = open_store(NULL);
	store_close(store);
	tear_down();
}
END_TEST

static void *no_mmap(void *at, size_t len, int protection, int flags, int fd,
		     off_t from)
{
	if (fd >= 0 && flags & MAP_SHARED) {
		errno = ENODEV;
		return MAP_FAILED;
	}
	return mmap(at, len, protection, flags, fd, from);
}

static void override(const char *name, sqlite3_syscall_ptr call)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);

	ck_assert_int_eq(vfs->xSetSystemCall(vfs, name, call), SQLITE_OK);
}

/* As some of networks and virtual machines. */
START_TEST(a_file_system_may_share_no_memory)
{
	set_up();
	override("mmap", (sqlite3_syscall_ptr)no_mmap);
	refuse_file(harness_temp_file("new.db"), -EMEDIUMTYPE,
		    "no write-ahead log can be kept there: disk I/O error (No such");
	override("mmap", NULL);
	store = open_store(NULL);
	store_close(store);
	tear_down();
}
END_TEST

static bool disk_is_full;

static ssize_t no_room_for_index(int fd, const void *from, size_t len, off_t at)
{
	char link[64], path[PATH_MAX] = "";

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	if (disk_is_full && readlink(link, path, sizeof(path) - 1) > 4 &&
	    !strcmp(path + strlen(path) - 4, "-shm")) {
		errno = ENOSPC;
		return -1;
	}
	return pwrite(fd, from, len, at);
}

static long count_up_body(void *arg)
{
	return eider_db_call(store->db, run_sql, arg);
}

/*
 * As long as somebody reads, the log grows and is not folded. From 4062 pages on its
 * index needs more than it has at first; the commit is in the log by then.
 */
STORE_TEST_WITH(a_commit_may_be_unknown, .connections_max = 1)
{
	struct eider_db_counts n;
	sqlite3 *reader;
	long err = 0;

	sql("CREATE TABLE n (x); INSERT INTO n VALUES (1)");
	ck_assert_int_eq(sqlite3_open(harness_temp_file("ledger.db"), &reader), 0);
	ck_assert_int_eq(sqlite3_exec(reader, "BEGIN; SELECT * FROM n", 0, 0, 0), 0);
	override("pwrite", (sqlite3_syscall_ptr)no_room_for_index);
	override("pwrite64", (sqlite3_syscall_ptr)no_room_for_index);
	disk_is_full = true;
	for (int i = 0; !err && i < 5000; i++)
		err = eider_db_atomic(store->db, count_up_body,
				      (void *)"UPDATE n SET x = x + 1");
	ck_assert_int_eq(err, -ENOSPC);
	eider_db_count(store->db, &n);
	ck_assert_uint_eq(n.unknown, 1);
	disk_is_full = false;
	ck_assert_int_eq(eider_db_atomic(store->db, count_up_body,
					 (void *)"UPDATE n SET x = x + 1"), 0);
	override("pwrite", NULL);
	override("pwrite64", NULL);
	ck_assert_int_eq(sqlite3_close(reader), SQLITE_OK);
	return 0;
}

/* Whoever else has it for himself may let go of it: it is busy, not unfit. */
START_TEST(a_database_may_be_taken)
{
	struct eider_db_options o = { .size = sizeof(o), .busy_ns = HARNESS_MS };
	char url[300], why[200] = "";
	struct eider_db *db;
	sqlite3 *owner;

	set_up();
	o.why = why;
	o.why_size = sizeof(why);
	make_database("taken.db", _i ? "WAL" : "DELETE");
	ck_assert_int_eq(sqlite3_open(harness_temp_file("taken.db"), &owner), 0);
	ck_assert_int_eq(sqlite3_exec(owner, "PRAGMA locking_mode = EXCLUSIVE;"
				      "INSERT INTO t VALUES (1)", NULL, NULL, NULL),
			 SQLITE_OK);
	snprintf(url, sizeof(url), "sqlite:%s", harness_temp_file("taken.db"));
	ck_assert_int_eq(eider_db_open(executor, &eider_sqlite, url, &o, &db), -EAGAIN);
	ck_assert_str_eq(why, "database is locked");
	ck_assert_int_eq(sqlite3_close(owner), SQLITE_OK);
	ck_assert_int_eq(eider_db_open(executor, &eider_sqlite, url, &o, &db), 0);
	ck_assert_int_eq(eider_db_close(db), 0);
	tear_down();
}
END_TEST

START_TEST(tables_of_somebody_else_are_refused)
{
	static const char *const theirs[] = {
		"CREATE TABLE accounts (x); CREATE TABLE transfers (from_id, to_id)",
		"CREATE TABLE accounts (id);"
		"CREATE TABLE transfers (id, from_id, to_id)",
	};
	struct store *opened = NULL;
	char why[200];
	sqlite3 *other;

	set_up();
	ck_assert_int_eq(sqlite3_open(harness_temp_file("ledger.db"), &other), 0);
	ck_assert_int_eq(sqlite3_exec(other, theirs[_i], NULL, NULL, NULL), 0);
	sqlite3_close(other);
	ck_assert_int_lt(store_open(executor, database_url(), NULL, &opened, why,
				    sizeof(why)), 0);
	ck_assert_ptr_null(opened);
	ck_assert_msg(strstr(why, "no tables: ") && strstr(why, "no such column"), "%s",
		      why);
	tear_down();
}
END_TEST

static long read_alone(void *arg)
{
	struct account a = { .owner = "nobody" };

	ck_assert_int_eq(balance_of(1), 91);
	ck_assert_int_eq(move_money(1, 2, 9, "new"), -EROFS);
	ck_assert_int_eq(move_money(1, 2, 9, arg), -EROFS);
	ck_assert_int_eq(store_open_account(store, &a, EIDER_NEVER), -EROFS);
	ck_assert_int_eq(balance_of(1), 91);
	check_books(101);
	return 0;
}

/* Root may write anything, so this is nobody. */
START_TEST(a_read_only_file_is_read)
{
	uid_t me = geteuid();

	set_up();
	store = open_store(NULL);
	ck_assert_int_eq(eider_block_on(loop, leave_something, (void *)"key"), 0);
	store_close(store);
	tear_down();
	ck_assert_int_eq(chmod(harness_temp_file("ledger.db"), 0444), 0);
	ck_assert_int_eq(chmod(harness_temp_dir(), 0777), 0);
	ck_assert_int_eq(me ? 0 : seteuid(65534), 0);
	begin();
	store = open_store(NULL);
	ck_assert_int_eq(eider_block_on(loop, read_alone, (void *)"key"), 0);
	store_close(store);
	tear_down();
	ck_assert_int_eq(me ? 0 : seteuid(me), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("store");
	TCase *t;

	add_store_cases(s);
	t = harness_case(s, "errors");
	tcase_add_test(t, a_deadline_may_pass);
	tcase_add_test(t, an_error_in_the_middle_leaves_nothing);
	tcase_add_test(t, a_full_disk_stops_writing_alone);

	t = harness_case(s, "refused");
	tcase_add_test(t, what_cannot_be_opened_is_refused);
	tcase_add_loop_test(t, tables_of_somebody_else_are_refused, 0, 2);
	tcase_add_test(t, a_read_only_file_is_read);
	tcase_add_test(t, what_is_no_database_is_told);
	tcase_add_test(t, a_path_may_be_too_long);
	tcase_add_test(t, descriptors_may_run_out);
	tcase_add_test(t, what_nobody_may_do_is_told);

	t = harness_case(s, "log");
	tcase_add_loop_test(t, there_must_be_a_log, 0, 2);
	tcase_add_test(t, a_file_system_may_share_no_memory);
	tcase_add_loop_test(t, a_database_may_be_taken, 0, 2);
	tcase_add_test(t, a_commit_may_be_unknown);
	return harness_run(s);
}
