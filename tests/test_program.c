/*
 * test_program.c - the program eider, as its user meets it; the README's example
 *
 * The program of the same build is run as a child, and judged by what it prints and
 * by its exit status: 0 good, 1 something did not hold, 2 not understood.
 */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static char output[65536];

/* Run @before, then eider with @args; its exit status, and what it said in output. */
static int run(const char *before, const char *args)
{
	char self[PATH_MAX], command[PATH_MAX + 256];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	size_t len;
	FILE *f;

	ck_assert_int_gt(n, 0);
	self[n] = 0;
	snprintf(command, sizeof(command), "%s '%s/eider' %s 2>&1", before,
		 dirname(self), args);
	f = popen(command, "r");
	ck_assert_ptr_nonnull(f);
	len = fread(output, 1, sizeof(output) - 1, f);
	output[len] = 0;
	n = pclose(f);
	ck_assert(WIFEXITED(n));
	return WEXITSTATUS(n);
}

static void says(const char *text)
{
	ck_assert_msg(strstr(output, text), "'%s' is not in: %s", text, output);
}

START_TEST(doctor_says_what_is_used)
{
	ck_assert_int_eq(run("env -u EIDER_DISABLE EIDER_DELIVERY=list "
			     "EIDER_DOORBELL=eventfd", "doctor"), 0);
	says("doorbell   eventfd");
	says("delivery   list");
	for (int f = 0; f < EIDER_FEATURE_COUNT; f++)
		says(eider_feature_name((enum eider_feature)f));
}
END_TEST

START_TEST(doctor_says_what_is_off)
{
	ck_assert_int_eq(run("EIDER_DOORBELL=eventfd EIDER_DISABLE=clamp", "doctor"),
			 0);
	says("clamp            off");
}
END_TEST

START_TEST(bad_environment_is_said)
{
	ck_assert_int_ne(run("EIDER_DISABLE=nonsense", "doctor"), 0);
	says("EIDER_DISABLE=nonsense is not understood");
}
END_TEST

START_TEST(bad_usage_is_said)
{
	ck_assert_int_eq(run("", ""), 2);
	ck_assert_int_eq(run("", "dance"), 2);
	says("dance");
	ck_assert_int_eq(run("", "demo --nonsense"), 2);
	ck_assert_int_eq(run("", "help"), 0);
}
END_TEST

START_TEST(demo_holds)
{
	ck_assert_int_eq(run("", "demo --fast"), 0);
	says("0 1 4 9 16 25 36 49");
	says("everything held");
	ck_assert_ptr_null(strstr(output, "FAILED"));
}
END_TEST

/* The example that a new user copies must at least be accepted as it stands. */
START_TEST(the_example_compiles)
{
	if (access("README.md", R_OK) || system("command -v cc >/dev/null"))
		return;
	ck_assert_int_eq(system("awk '/^```c/ { on = 1; next } /^```/ { on = 0 } on' "
				"README.md | cc -std=gnu11 -Wall -Werror -Iinclude "
				"-fsyntax-only -x c -"), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("program");
	TCase *t = harness_case(s, "eider");

	harness_timeout(t, 120);
	tcase_add_test(t, doctor_says_what_is_used);
	tcase_add_test(t, doctor_says_what_is_off);
	tcase_add_test(t, bad_environment_is_said);
	tcase_add_test(t, bad_usage_is_said);
	tcase_add_test(t, demo_holds);
	tcase_add_test(t, the_example_compiles);
	return harness_run(s);
}
