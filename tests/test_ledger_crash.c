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

/* What it says when there is no space. */
START_TEST(a_full_disk_is_507)
{
	const char *dir = make_dir("small");
	char ballast[300];
	struct client c;
	int64_t a, b;
	int status = 201;

	if (!have_mounts() || mount("none", dir, "tmpfs", 0, "size=4m")) {
		printf("not here: a file system of its own\n");
		return;
	}
	snprintf(url, sizeof(url), "sqlite:%s/full.db", dir);
	snprintf(ballast, sizeof(ballast), "%s/ballast", dir);
	memset(&ledger, 0, sizeof(ledger));
	ledger_start(&ledger, url, "--loops 1");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_open_account(&c, "ann", 1000000, &a), 201);
	ck_assert_int_eq(client_open_account(&c, "bob", 1000000, &b), 201);
	fill(ballast, 64 << 10);
	for (int i = 0; status == 201 && i < 10000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "k%d", i);
		status = client_transfer(&c, a, b, 1, key, NULL);
	}
	ck_assert_int_eq(status, 507);
	ck_assert(client_is_error(&c, "out_of_space"));
	ck_assert_int_ge(client_balance(&c, a), 0);
	client_close(&c);
	ledger_stop(&ledger);
	ck_assert_int_eq(umount(dir), 0);
}
END_TEST

/* ---- read-only ---- */

START_TEST(what_may_not_be_written_stays_as_it_is)
{
	const char *dir = make_dir("rigid");
	struct client c;
	int64_t id;
	int status;

	snprintf(url, sizeof(url), "sqlite:%s/test.db", dir);
	memset(&ledger, 0, sizeof(ledger));
	ledger_start(&ledger, url, "--loops 1");
	c = ledger_connect(&ledger);
	ck_assert_int_eq(client_open_account(&c, "ann", 1000, &id), 201);
	client_close(&c);
	ledger_stop(&ledger);
	if (!have_mounts() || mount(dir, dir, NULL, MS_BIND, NULL) ||
	    mount(NULL, dir, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL)) {
		printf("not here: a read-only mount\n");
		return;
	}
	ledger.port = 0;
	status = ledger_try_start(&ledger, url, "--loops 1");
	if (!status) {
		c = ledger_connect(&ledger);
		ck_assert_int_eq(client_balance(&c, id), 1000);
		ck_assert_int_eq(client_open_account(&c, "bob", 1, &id), 503);
		client_close(&c);
		ledger_check_report(&ledger, 1000, 0);
		ledger_stop(&ledger);
	} else {
		char said[4096];

		ck_assert_int_eq(status, 1);
		ledger_output(&ledger, said, sizeof(said));
		ck_assert_msg(strstr(said, "database"), "says: %s", said);
	}
	ck_assert_int_eq(umount(dir), 0);
	ledger.port = 0;
	ledger_start(&ledger, url, "--loops 1");
	ledger_check_report(&ledger, 1000, 0);
	ledger_stop(&ledger);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_crash");
	TCase *t = harness_case(s, "sqlite");

	harness_timeout(t, 240);
	tcase_add_test(t, killed_it_forgets_nothing);
	tcase_add_test(t, a_full_disk_loses_nothing);
	tcase_add_test(t, a_file_at_its_limit_loses_nothing);
	tcase_add_test(t, a_full_disk_is_507);
	tcase_add_test(t, what_may_not_be_written_stays_as_it_is);
	return harness_run(s);
}
