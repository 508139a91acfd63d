/*
 * test_db_url.c - opening databases, and all that can be wrong with that
 *
 * No loop: eider_db_open() works on any thread. That nothing is leaked is checked
 * by the harness after each test.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <unistd.h>

#include <eider/db.h>

#include "db/url.h"
#include "harness.h"

static struct eider_executor *executor;

static void make_executor(void)
{
	ck_assert_int_eq(eider_executor_new(NULL, &executor), 0);
}

static void free_executor(void)
{
	eider_executor_free(executor);
}

/* What eider_db_open() says; what it opened is closed. */
static int open_url(const char *url, const struct eider_db_options *options)
{
	struct eider_db *const untouched = (struct eider_db *)&executor;
	struct eider_db *db = untouched;
	int err = eider_db_open(executor, &eider_sqlite, url, options, &db);

	if (err < 0)
		ck_assert_ptr_eq(db, untouched);
	else
		ck_assert_int_eq(eider_db_close(db), 0);
	return err;
}

static int open_file(const char *path)
{
	char url[300];

	snprintf(url, sizeof(url), "sqlite:%s", path);
	return open_url(url, NULL);
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	ck_assert_int_eq(fclose(f), 0);
}

START_TEST(a_new_file_is_made)
{
	const char *path = harness_temp_file("new.db");
	struct stat st;

	ck_assert_int_eq(open_file(path), 0);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_eq(open_file(path), 0);
	/* The last connection has taken the log along. */
	ck_assert_int_lt(access(harness_temp_file("new.db-wal"), F_OK), 0);
}
END_TEST

START_TEST(a_url_has_a_known_scheme)
{
	ck_assert_int_eq(open_url("mongodb:x", NULL), -EPROTONOSUPPORT);
	ck_assert_int_eq(open_url("sqlite3:x", NULL), -EPROTONOSUPPORT);
	ck_assert_int_eq(open_url("sqlit:x", NULL), -EPROTONOSUPPORT);
	ck_assert_int_eq(open_url("SQLITE:x", NULL), -EPROTONOSUPPORT);
}
END_TEST

START_TEST(a_url_is_complete)
{
	ck_assert_int_eq(open_url("", NULL), -EINVAL);
	ck_assert_int_eq(open_url("sqlite", NULL), -EINVAL);
	ck_assert_int_eq(open_url("sqlite:", NULL), -EINVAL);
	ck_assert_int_eq(open_url(":x", NULL), -EINVAL);
	ck_assert_int_eq(open_url("/tmp/x.db", NULL), -EINVAL);
}
END_TEST

START_TEST(memory_is_no_database)
{
	ck_assert_int_eq(open_url("sqlite::memory:", NULL), -EINVAL);
	ck_assert_int_eq(open_url("sqlite:file::memory:", NULL), -EINVAL);
}
END_TEST

START_TEST(arguments_are_checked)
{
	struct eider_db *db;

	ck_assert_int_eq(open_url(NULL, NULL), -EINVAL);
	ck_assert_int_eq(eider_db_open(NULL, &eider_sqlite, "sqlite:x", NULL, &db),
			 -EINVAL);
	ck_assert_int_eq(eider_db_open(executor, NULL, "sqlite:x", NULL, &db),
			 -EINVAL);
	ck_assert_int_eq(eider_db_open(executor, &eider_sqlite, "sqlite:x", NULL,
				       NULL), -EINVAL);
	ck_assert_int_eq(eider_db_close(NULL), 0);
}
END_TEST

START_TEST(parameters_are_checked)
{
	static const char *const bad[] = {
		"sqlite:x?", "sqlite:x?synchronous", "sqlite:x?synchronous=",
		"sqlite:x?synchronous=fast", "sqlite:x?synchronous=FULL",
		"sqlite:x?sync=full", "sqlite:x?synchronous=full&y=z",
	};

	ck_assert_int_eq(open_url(bad[_i], NULL), -EINVAL);
	ck_assert_int_lt(access("x", F_OK), 0);
}
END_TEST

START_TEST(it_says_why)
{
	char why[300] = "untouched", url[300];
	struct eider_db_options o = { .size = sizeof(o), .why = why };

	/* No room is no wish. */
	ck_assert_int_eq(open_url("mongodb:x", &o), -EPROTONOSUPPORT);
	ck_assert_str_eq(why, "untouched");
	o.why_size = sizeof(why);
	ck_assert_int_eq(open_url("mongodb:x", &o), -EPROTONOSUPPORT);
	ck_assert_str_eq(why, eider_strerror(-EPROTONOSUPPORT));
	ck_assert_int_eq(open_url("sqlite:x?y", &o), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "synchronous"));
	snprintf(url, sizeof(url), "sqlite:%s", harness_temp_file("no/such/file.db"));
	ck_assert_int_eq(open_url(url, &o), -ENOENT);
	ck_assert_ptr_nonnull(strstr(why, "unable to open database file"));
	ck_assert_int_eq(open_url("sqlite::memory:", &o), -EINVAL);
	ck_assert_ptr_nonnull(strstr(why, "memory"));
	snprintf(url, sizeof(url), "sqlite:%s", harness_temp_file("good.db"));
	ck_assert_int_eq(open_url(url, &o), 0);
	ck_assert_str_eq(why, "");
	o.why_size = 5;
	ck_assert_int_eq(open_url("sqlite:x?y", &o), -EINVAL);
	ck_assert_uint_eq(strlen(why), 4);
	o.why = NULL;
	ck_assert_int_eq(open_url(url, &o), -EINVAL);
}
END_TEST

START_TEST(a_url_is_shown_without_its_password)
{
	static const char *const table[][2] = {
		{ "sqlite:/tmp/x.db", "sqlite:/tmp/x.db" },
		{ "sqlite:x.db?synchronous=off", "sqlite:x.db?synchronous=off" },
		{ "sqlite:user:a@b", "sqlite:user:a@b" },
		{ "postgresql://host/db", "postgresql://host/db" },
		{ "postgresql://user@host:5432/db", "postgresql://user@host:5432/db" },
		{ "postgresql://user:SECRET@host/db", "postgresql://user@host/db" },
		{ "postgresql://user:@host/db", "postgresql://user@host/db" },
		{ "postgresql://:SECRET@host/db", "postgresql://@host/db" },
		{ "postgresql://u%40v:SECRET%40SECRET@h", "postgresql://u%40v@h" },
		{ "postgresql://user:SEC@RET@host/db", "postgresql://user@host/db" },
		{ "postgresql://user:SEC?RET@host/db", "postgresql://user@host/db" },
		{ "postgresql://user:SECRET@a:1,b:2/d", "postgresql://user@a:1,b:2/d" },
		{ "postgresql://u:SECRET@[::1]:2/db", "postgresql://u@[::1]:2/db" },
		{ "postgresql://h/d?password=SECRET", "postgresql://h/d" },
		{ "postgresql://h/d?a=b&password=SECRET", "postgresql://h/d?a=b" },
		{ "postgresql://h/d?password=SECRET&a=b", "postgresql://h/d?a=b" },
		{ "postgresql://h/d?a=b&PassWord=SECRET&c=d",
		  "postgresql://h/d?a=b&c=d" },
		{ "postgresql://h/d?pass%77ord=SECRET&a=b", "postgresql://h/d?a=b" },
		{ "postgresql://h/d?sslpassword=SECRET&a=b", "postgresql://h/d?a=b" },
		{ "postgresql://h/d?password", "postgresql://h/d" },
		{ "postgresql://u:SECRET@/d?host=/tmp&password=SECRET",
		  "postgresql://u@/d?host=/tmp" },
		{ "postgresql://", "postgresql://" },
		{ "postgresql://u:SECRET@", "postgresql://u@" },
		{ "x:", "x:" },
		{ "", "" },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		char *shown = eider__url_redact(table[i][0]);

		ck_assert_str_eq(shown, table[i][1]);
		free(shown);
	}
}
END_TEST

START_TEST(options_are_checked)
{
	static const struct eider_db_options bad[] = {
		{ .size = 0 },
		{ .size = sizeof(struct eider_db_options) + 8 },
		{ .size = sizeof(struct eider_db_options), .free_level = 101 },
		{ .size = sizeof(struct eider_db_options), .busy_ns = -1 },
		{ .size = sizeof(struct eider_db_options), .backoff_ns = -1 },
		{ .size = sizeof(struct eider_db_options), .why_size = 1 },
		{ .size = sizeof(struct eider_db_options),
		  .isolation = (enum eider_db_isolation)3 },
	};
	char url[300];

	snprintf(url, sizeof(url), "sqlite:%s", harness_temp_file("never.db"));
	ck_assert_int_eq(open_url(url, &bad[_i]), -EINVAL);
	ck_assert_int_lt(access(harness_temp_file("never.db"), F_OK), 0);
}
END_TEST

START_TEST(no_such_directory)
{
	ck_assert_int_eq(open_file(harness_temp_file("no/such/file.db")), -ENOENT);
}
END_TEST

START_TEST(a_directory_is_no_file)
{
	ck_assert_int_eq(open_file(harness_temp_dir()), -EISDIR);
}
END_TEST

START_TEST(a_text_is_no_database)
{
	const char *path = harness_temp_file("letter.txt");
	char text[4096];

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = 0;
	write_file(path, text);
	ck_assert_int_eq(open_file(path), -EBADMSG);
}
END_TEST

/* Root may write everywhere: be somebody else, and so are threads started now. */
static void become_nobody(void)
{
	if (!geteuid())
		setfsuid(65534);
}

static void become_root(void)
{
	setfsuid(geteuid());
}

START_TEST(a_file_may_be_read_only)
{
	const char *path = harness_temp_file("fixed.db");
	int err;

	write_file(path, "");
	ck_assert_int_eq(chmod(path, 0444), 0);
	ck_assert_int_eq(chmod(harness_temp_dir(), 0755), 0);
	become_nobody();
	err = open_file(path);
	become_root();
	ck_assert_int_eq(err, -EROFS);
}
END_TEST

START_TEST(a_file_may_be_forbidden)
{
	const char *path = harness_temp_file("secret.db");
	int err;

	write_file(path, "");
	ck_assert_int_eq(chmod(path, 0), 0);
	ck_assert_int_eq(chmod(harness_temp_dir(), 0755), 0);
	become_nobody();
	err = open_file(path);
	become_root();
	ck_assert_int_eq(err, -EACCES);
}
END_TEST

START_TEST(an_executor_may_be_shut_down)
{
	ck_assert_int_eq(eider_executor_shutdown(executor, true, EIDER_NEVER), 0);
	ck_assert_int_eq(open_file(harness_temp_file("late.db")), -ESHUTDOWN);
}
END_TEST

START_TEST(many_open_at_once)
{
	struct eider_db *db[20];
	char url[300];

	for (int i = 0; i < 20; i++) {
		snprintf(url, sizeof(url), "sqlite:%s/many-%d.db",
			 harness_temp_dir(), i % 3);
		ck_assert_int_eq(eider_db_open(executor, &eider_sqlite, url, NULL,
					       &db[i]), 0);
	}
	for (int i = 0; i < 20; i++)
		ck_assert_int_eq(eider_db_close(db[i]), 0);
}
END_TEST

START_TEST(connections_are_counted)
{
	struct eider_db_counts n;
	struct eider_db *db;
	char url[300];

	snprintf(url, sizeof(url), "sqlite:%s", harness_temp_file("counted.db"));
	ck_assert_int_eq(eider_db_open(executor, &eider_sqlite, url, NULL, &db), 0);
	eider_db_count(db, &n);
	ck_assert_uint_eq(n.connections, 1);
	ck_assert_uint_eq(n.connections_peak, 1);
	ck_assert_uint_eq(n.committed + n.rolled_back + n.retried, 0);
	ck_assert_ptr_nonnull(eider_db_pool(db));
	ck_assert_int_eq(eider_db_close(db), 0);
}
END_TEST

START_TEST(it_can_fail_many_times)
{
	int before;

	ck_assert_int_eq(open_file(harness_temp_dir()), -EISDIR);
	before = harness_descriptors();
	for (int i = 0; i < 50; i++)
		ck_assert_int_eq(open_file(harness_temp_dir()), -EISDIR);
	ck_assert_int_le(harness_descriptors(), before);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("db_url");
	TCase *t = harness_case(s, "url");

	tcase_add_checked_fixture(t, make_executor, free_executor);
	tcase_add_test(t, a_url_has_a_known_scheme);
	tcase_add_test(t, a_url_is_complete);
	tcase_add_test(t, memory_is_no_database);
	tcase_add_test(t, arguments_are_checked);
	tcase_add_loop_test(t, options_are_checked, 0, 7);
	tcase_add_loop_test(t, parameters_are_checked, 0, 7);
	tcase_add_test(t, it_says_why);
	tcase_add_test(t, a_url_is_shown_without_its_password);

	t = harness_case(s, "file");
	tcase_add_checked_fixture(t, make_executor, free_executor);
	tcase_add_test(t, a_new_file_is_made);
	tcase_add_test(t, no_such_directory);
	tcase_add_test(t, a_directory_is_no_file);
	tcase_add_test(t, a_text_is_no_database);
	tcase_add_test(t, a_file_may_be_read_only);
	tcase_add_test(t, a_file_may_be_forbidden);

	t = harness_case(s, "life");
	tcase_add_checked_fixture(t, make_executor, free_executor);
	tcase_add_test(t, an_executor_may_be_shut_down);
	tcase_add_test(t, many_open_at_once);
	tcase_add_test(t, connections_are_counted);
	tcase_add_test(t, it_can_fail_many_times);
	return harness_run(s);
}
