/*
 * test_ledger_crash.c - no money is made or lost, whatever dies
 *
 * Eight threads transfer money all the time, and note what the ledger has said. Then
 * the ledger is killed, or its database, or the disk is full or may not be written;
 * and afterwards the book of the threads and that of the ledger have to agree
 * (ledger_load.h).
 *
 * A full disk is a small file system of the test's own, in a mount namespace of its
 * own, which goes with it; where that is not allowed, a limit to the size of files.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ledger_load.h"

static struct ledger ledger;
static char url[300];

/* ---- killed ---- */

START_TEST(killed_it_forgets_nothing)
{
	unsigned int rounds = harness_count(20, 5), random = (unsigned int)eider_now();

	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "test.db", "--loops 2");
	load_open(&ledger, 1, 16);
	for (unsigned int i = 0; i < rounds; i++) {
		load_start();
		ck_assert(load_wait(10));
		harness_nap(rand_r(&random) % 100 * HARNESS_MS);
		ledger_kill(&ledger);
		load_stop();
		ledger.port = 0;
		ledger_start_file(&ledger, "test.db", "--loops 2");
		load_settle();
	}
	load_check();
	printf("killed %u times: %u acknowledged, %u not known\n", rounds,
	       load.acknowledged, load.unknown);
	ck_assert_uint_gt(load.unknown, 0);
	load_release();
	ledger_stop(&ledger);
}
END_TEST

/* ---- a full disk ---- */

/* A directory of the test's own; the only one. */
static const char *make_dir(const char *name)
{
	static char dir[300];

	snprintf(dir, sizeof(dir), "%s", harness_temp_file(name));
	ck_assert_int_eq(mkdir(dir, 0755), 0);
	return dir;
}

/* Is there a mount namespace of this process's own? */
static bool have_mounts(void)
{
	return !unshare(CLONE_NEWNS) &&
	       !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
}

/*
 * A file system of the test's own, in the directory that this returns: the database is
 * there, and so will be the ballast. NULL if it cannot be.
 */
static const char *make_disk(const char *options, char ballast[300])
{
	const char *dir = make_dir("small");

	if (!have_mounts() || mount("none", dir, "tmpfs", 0, options)) {
		printf("not here: a file system of its own\n");
		return NULL;
	}
	snprintf(url, sizeof(url), "sqlite:%s/full.db", dir);
	snprintf(ballast, 300, "%s/ballast", dir);
	memset(&ledger, 0, sizeof(ledger));
	return dir;
}

/* All that is left of the disk, but @left. */
static void fill(const char *path, off_t left)
{
	static char block[4096];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	off_t all = 0;

	ck_assert_int_ge(fd, 0);
	while (write(fd, block, sizeof(block)) == sizeof(block))
		all += (off_t)sizeof(block);
	ck_assert_int_eq(errno, ENOSPC);
	ck_assert_int_eq(ftruncate(fd, all - left), 0);
	close(fd);
}

static void limit_files(rlim_t size)
{
	struct rlimit limit = { size, RLIM_INFINITY };

	ck_assert_int_eq(prlimit(ledger.pid, RLIMIT_FSIZE, &limit, NULL), 0);
}

/* Reading goes on. */
static void can_read(void)
{
	struct client c;
	char path[64];

	snprintf(path, sizeof(path), "/accounts/%lld", (long long)load.ids[0]);
	ledger_get(&ledger, path, &c);
	client_close(&c);
	snprintf(path, sizeof(path), "/transfers?account=%lld", (long long)load.ids[0]);
	ledger_get(&ledger, path, &c);
	client_close(&c);
	ledger_get(&ledger, "/report", &c);
	ck_assert_int_eq(client_number(&c, "wrong"), 0);
	ck_assert_int_eq(client_number(&c, "total"),
			 (int64_t)LOAD_BALANCE * load.accounts);
	client_close(&c);
}

static void out_of_space(const char *dir, bool mounted)
{
	char ballast[300];

	snprintf(url, sizeof(url), "sqlite:%s/full.db", dir);
	snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
	memset(&ledger, 0, sizeof(ledger));
	ledger.file_max = mounted ? 0 : 512 << 10;
	ledger_start(&ledger, url, "--loops 2");
	load_open(&ledger, 1, 16);
	load.other_trouble = mounted ? 0 : 500;	/* a limit is no full disk */
	if (mounted)
		fill(ballast, 256 << 10);
	load_start();
	ck_assert(harness_wait_count(&load.unavailable, 20));
	can_read();
	if (mounted)
		ck_assert_int_eq(unlink(ballast), 0);
	else
		limit_files(RLIM_INFINITY);
	ck_assert(load_wait(100));
	load_stop();
	load_settle();
	load_check();
	load_release();
	ledger_stop(&ledger);
}

START_TEST(a_full_disk_loses_nothing)
{
	const char *dir = make_dir("small");

	if (!have_mounts() || mount("none", dir, "tmpfs", 0, "size=8m")) {
		out_of_space(dir, false);
		return;
	}
	out_of_space(dir, true);
	ck_assert_int_eq(umount(dir), 0);
}
END_TEST

START_TEST(a_file_at_its_limit_loses_nothing)
{
	out_of_space(harness_temp_dir(), false);
}
END_TEST

/* Until it is refused, at most @max times; the status. The last one has key "k@*n". */
static int transfer_often(struct client *c, int64_t from, int64_t to, int max, int *n)
{
	int status = 201;

	for (int i = 0; status == 201 && i < max; i++) {
		char key[32];

		snprintf(key, sizeof(key), "k%d", ++*n);
		status = client_transfer(c, from, to, 1, key, NULL);
	}
	return status;
}

/* What it says when there is no space. */
START_TEST(a_full_disk_is_507)
{
	char ballast[300];
	const char *dir = make_disk("size=4m", ballast);
	struct client c;
	int64_t a, b;
	int n = 0;

	if (!dir)
		return;
	ledger_start(&ledger, url, "--loops 1");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_open_account(&c, "ann", 1000000, &a), 201);
	ck_assert_int_eq(client_open_account(&c, "bob", 1000000, &b), 201);
	fill(ballast, 64 << 10);
	ck_assert_int_eq(transfer_often(&c, a, b, 10000, &n), 507);
	ck_assert(client_is_error(&c, "out_of_space"));
	ck_assert_int_ge(client_balance(&c, a), 0);
	client_close(&c);
	ledger_stop(&ledger);
	ck_assert_int_eq(umount(dir), 0);
}
END_TEST

/* Try to start it on @url: it must not, for a reason that has @words. */
static void refuses_to_start(const char *words)
{
	char said[4096];

	ledger.port = 0;
	ck_assert_int_eq(ledger_try_start(&ledger, url, "--loops 1"), 1);
	ledger_output(&ledger, said, sizeof(said));
	ck_assert_msg(strstr(said, words), "says: %s", said);
}

/* Neither a name for what belongs beside the file, nor room. */
START_TEST(no_space_to_open_is_told)
{
	char ballast[300];
	const char *dir = make_disk("size=4m", ballast);
	struct client c;
	int64_t id;

	if (!dir)
		return;
	ledger_start(&ledger, url, "--loops 1");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_open_account(&c, "ann", 1000, &id), 201);
	client_close(&c);
	ledger_stop(&ledger);
	/* One is that of the directory, one the ballast's. */
	ck_assert_int_eq(mount("none", dir, NULL, MS_REMOUNT, "nr_inodes=3"), 0);
	fill(ballast, 1 << 20);
	refuses_to_start("No space left on device");
	ck_assert_int_eq(mount("none", dir, NULL, MS_REMOUNT, "nr_inodes=99"), 0);
	fill(ballast, 0);
	refuses_to_start("No space left on device");
	ck_assert_int_eq(unlink(ballast), 0);
	ledger.port = 0;
	ledger_start(&ledger, url, "--loops 1");
	ledger_check_report(&ledger, 1000, 0);
	ledger_stop(&ledger);
	ck_assert_int_eq(umount(dir), 0);
}
END_TEST

/* ---- the index of the log ---- */

enum {
	PAGE_BYTES = 4096,
	FRAME_BYTES = PAGE_BYTES + 24,
	INDEX_FRAMES = 4062,		/* that the first 32 KiB of -shm are for */
};

static off_t size_of(const char *path)
{
	struct stat st;

	ck_assert_int_eq(stat(path, &st), 0);
	return st.st_size;
}

static void run_sql(sqlite3 *db, const char *sql)
{
	ck_assert_msg(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%s: %s",
		      sql, sqlite3_errmsg(db));
}

/*
 * Somebody who reads, so that the log cannot be folded, and writes, until its index is
 * nearly as long as its file.
 */
static sqlite3 *lengthen_log(const char *log)
{
	sqlite3 *reader, *writer;

	ck_assert_int_eq(sqlite3_open(url + strlen("sqlite:"), &reader), SQLITE_OK);
	ck_assert_int_eq(sqlite3_open(url + strlen("sqlite:"), &writer), SQLITE_OK);
	run_sql(writer, "PRAGMA synchronous = off; PRAGMA wal_autocheckpoint = 0;"
			"CREATE TABLE more (x); INSERT INTO more VALUES (1)");
	/* Nor when it is closed: as if it had been killed too. */
	sqlite3_db_config(reader, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	run_sql(reader, "BEGIN; SELECT * FROM more");
	while (size_of(log) < (off_t)FRAME_BYTES * (INDEX_FRAMES - 40))
		run_sql(writer, "UPDATE more SET x = x + 1");
	ck_assert_int_eq(sqlite3_close(writer), SQLITE_OK);
	return reader;
}

/* The log has room, its index has not. */
static void fill_but_for_log(const char *ballast, const char *log)
{
	int fd = open(log, O_WRONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(posix_fallocate(fd, size_of(log), 1 << 20), 0);
	close(fd);
	fill(ballast, 0);
}

/*
 * The transfer stands in the log when its index cannot grow. If the ledger goes on it
 * is as if it had not been; if it is killed before it writes again, it may be there.
 */
START_TEST(no_space_for_the_index_is_507)
{
	char ballast[300], log[310], key[32];
	const char *dir = make_disk("size=24m", ballast);
	int64_t a, b, before;
	struct client c;
	sqlite3 *reader;
	int n = 0, status;

	if (!dir)
		return;
	snprintf(log, sizeof(log), "%s/full.db-wal", dir);
	ledger_start(&ledger, url, "--loops 1");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_open_account(&c, "ann", 1000000, &a), 201);
	ck_assert_int_eq(client_open_account(&c, "bob", 1000000, &b), 201);
	reader = lengthen_log(log);
	fill_but_for_log(ballast, log);
	ck_assert_int_eq(transfer_often(&c, a, b, 100, &n), 507);
	ck_assert(client_is_error(&c, "out_of_space"));
	before = client_balance(&c, b);
	ck_assert_int_eq(before, 1000000 + n - 1);
	client_close(&c);
	if (_i)
		ledger_kill(&ledger);
	ck_assert_int_eq(unlink(ballast), 0);
	ck_assert_int_eq(sqlite3_close(reader), SQLITE_OK);
	if (_i) {
		ledger.port = 0;
		ledger_start(&ledger, url, "--loops 1");
	}
	/* It is not known, and asking again settles it. */
	c = ledger_connect(&ledger);
	snprintf(key, sizeof(key), "k%d", n);
	status = client_transfer(&c, a, b, 1, key, NULL);
	ck_assert_msg(status == 201 || (_i && status == 200), "%d", status);
	ck_assert_int_eq(client_balance(&c, b), before + 1);
	client_close(&c);
	ledger_check_report(&ledger, 2000000, n);
	ledger_stop(&ledger);
	ck_assert_int_eq(umount(dir), 0);
}
END_TEST

/* ---- read-only ---- */

static bool make_read_only(const char *dir)
{
	if (have_mounts() && !mount(dir, dir, NULL, MS_BIND, NULL) &&
	    !mount(NULL, dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL))
		return true;
	printf("not here: a read-only mount\n");
	return false;
}

/* An account of 1000; its id. */
static int64_t leave_an_account(const char *dir)
{
	struct client c;
	int64_t id;

	snprintf(url, sizeof(url), "sqlite:%s/test.db", dir);
	memset(&ledger, 0, sizeof(ledger));
	ledger_start(&ledger, url, "--loops 1");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_open_account(&c, "ann", 1000, &id), 201);
	client_close(&c);
	return id;
}

static void is_as_it_was(void)
{
	ledger.port = 0;
	ledger_start(&ledger, url, "--loops 1");
	ledger_check_report(&ledger, 1000, 0);
	ledger_stop(&ledger);
}

/* Its log has been folded, and can not be made. */
START_TEST(what_may_not_be_written_stays_as_it_is)
{
	const char *dir = make_dir("rigid");

	leave_an_account(dir);
	ledger_stop(&ledger);
	if (!make_read_only(dir))
		return;
	refuses_to_start("Read-only file system");
	snprintf(url, sizeof(url), "sqlite:%s/new.db", dir);
	refuses_to_start("Read-only file system");
	snprintf(url, sizeof(url), "sqlite:%s/test.db", dir);
	ck_assert_int_eq(umount(dir), 0);
	is_as_it_was();
}
END_TEST

/* Its log is there, as it was killed. */
START_TEST(what_may_not_be_written_may_be_read)
{
	const char *dir = make_dir("rigid");
	int64_t id = leave_an_account(dir);
	struct client c;

	ledger_kill(&ledger);
	if (!make_read_only(dir))
		return;
	ledger.port = 0;
	ledger_start(&ledger, url, "--loops 1");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_balance(&c, id), 1000);
	ck_assert_int_eq(client_open_account(&c, "bob", 1, &id), 503);
	ck_assert(client_is_error(&c, "unavailable"));
	ck_assert_ptr_nonnull(strstr(c.body, "read-only"));
	client_close(&c);
	ledger_check_report(&ledger, 1000, 0);
	ledger_stop(&ledger);
	ck_assert_int_eq(umount(dir), 0);
	is_as_it_was();
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_crash");
	TCase *t = harness_case(s, "killed");

	harness_timeout(t, 240);
	tcase_add_test(t, killed_it_forgets_nothing);

	t = harness_case(s, "full");
	harness_timeout(t, 240);
	tcase_add_test(t, a_full_disk_loses_nothing);
	tcase_add_test(t, a_file_at_its_limit_loses_nothing);
	tcase_add_test(t, a_full_disk_is_507);
	tcase_add_test(t, no_space_to_open_is_told);
	tcase_add_loop_test(t, no_space_for_the_index_is_507, 0, 2);

	t = harness_case(s, "rigid");
	tcase_add_test(t, what_may_not_be_written_stays_as_it_is);
	tcase_add_test(t, what_may_not_be_written_may_be_read);
	return harness_run(s);
}
