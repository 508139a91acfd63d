/*
 * test_cplusplus.c - do the headers work from C++?
 *
 * Runs the C++ compiler, with warnings as errors, over a small program that uses
 * what is most likely to be C alone: the macros, the inline functions, the structs
 * that a caller provides. Skipped where there is no C++ compiler.
 */
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

static const char *compiler;
static char include_dir[PATH_MAX + 32];

static const char *const flags = "-Wall -Wextra -Werror -Wshadow -pedantic-errors "
				 "-Wno-variadic-macros -fsyntax-only -x c++";

static const char includes[] = "#include <eider.h>\n"
			       "#include <eider/db.h>\n";

static const char uses[] =
	"static long add(void *arg) { return *static_cast<int *>(arg); }\n"
	"EIDER_ATOMIC(add)\n"
	"\n"
	"static void told(eider_future *f) { (void)eider_result(f); }\n"
	"static void warned(const eider_warning *w, void *) { (void)w->name; }\n"
	"\n"
	"struct request {\n"
	"	eider_job job;\n"
	"	eider_op op;\n"
	"	eider_txn txn;\n"
	"};\n"
	"\n"
	"static long in_fiber(void *arg)\n"
	"{\n"
	"	int err, named;\n"
	"	long sum = 0;\n"
	"	request r = request();\n"
	"\n"
	"	EIDER_TXN(err, nullptr, EIDER_NEVER) {\n"
	"		sum += eider_call(add, arg);\n"
	"		EIDER_NO_TXN {\n"
	"			sum += eider_call(add, arg);\n"
	"			break;\n"
	"		}\n"
	"		EIDER_TXN_NAMED(named, nullptr, \"x\", eider_after(1000))\n"
	"			sum += eider_call(add, arg);\n"
	"	}\n"
	"	if (err < 0)\n"
	"		return err;\n"
	"	eider_job_init(&r.job, add, arg);\n"
	"	err = eider_job_start(&r.job);\n"
	"	if (!err)\n"
	"		err = eider_on_done(&r.job.future, told);\n"
	"	if (!eider_sqe(&r.op))\n"
	"		return -1;\n"
	"	err = eider_txn_enter(&r.txn, nullptr, EIDER_NEVER);\n"
	"	eider_txn_leave(&r.txn);\n"
	"	return err < 0 ? err : sum;\n"
	"}\n"
	"\n"
	"int main()\n"
	"{\n"
	"	eider_options o = eider_options();\n"
	"	eider_txn_pool_options p = eider_txn_pool_options();\n"
	"	eider_db_options d = eider_db_options();\n"
	"	eider_executor *e;\n"
	"	eider_db *db;\n"
	"	int n = 3;\n"
	"\n"
	"	o.size = sizeof(o);\n"
	"	p.size = sizeof(p);\n"
	"	d.size = sizeof(d);\n"
	"	o.disable = EIDER_FEATURE_BIT(EIDER_FEATURE_MSG_RING);\n"
	"	if (eider_executor_new(&o, &e) < 0)\n"
	"		return 1;\n"
	"	eider_on_warning(e, warned, nullptr);\n"
	"	if (eider_db_open(e, &eider_sqlite, \"sqlite:x.db\", &d, &db) < 0)\n"
	"		eider_executor_free(e);\n"
	"	return eider_run(in_fiber, &n, &o) < 0;\n"
	"}\n";

static bool runs(const char *command)
{
	char line[200];

	snprintf(line, sizeof(line), "%s >/dev/null 2>&1", command);
	return !system(line);
}

static const char *find_compiler(void)
{
	static const char *const known[] = { "c++", "g++", "clang++" };
	char command[40];

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		snprintf(command, sizeof(command), "%s --version", known[i]);
		if (runs(command))
			return known[i];
	}
	return NULL;
}

/* The include/ that is @up above the directory of @file. */
static bool include_beside(const char *file, const char *up)
{
	char path[PATH_MAX], header[sizeof(include_dir) + 16];

	snprintf(path, sizeof(path), "%s", file);
	snprintf(include_dir, sizeof(include_dir), "%s/%s/include", dirname(path),
		 up);
	snprintf(header, sizeof(header), "%s/eider.h", include_dir);
	return !access(header, R_OK);
}

/* Next to the source; or, if we run elsewhere, above the build directory. */
static bool find_include_dir(void)
{
	char program[PATH_MAX];
	ssize_t n;

	if (include_beside(__FILE__, ".."))
		return true;
	n = readlink("/proc/self/exe", program, sizeof(program) - 1);
	if (n < 0)
		return false;
	program[n] = 0;
	return include_beside(program, "../..");
}

static void write_file(const char *path, const char *text)
{
	FILE *f = fopen(path, "we");

	ck_assert_ptr_nonnull(f);
	ck_assert_int_ge(fputs(text, f), 0);
	ck_assert_int_eq(fclose(f), 0);
}

/* Compile @text with -std=@standard; what the compiler says is in @output. */
static int compile(const char *standard, const char *text, char *output, size_t len)
{
	char command[3 * PATH_MAX];
	FILE *f;
	size_t n;

	write_file(harness_temp_file("use.cc"), text);
	snprintf(command, sizeof(command), "%s -std=%s %s -I%s %s 2>&1", compiler,
		 standard, flags, include_dir, harness_temp_file("use.cc"));
	f = popen(command, "re");
	ck_assert_ptr_nonnull(f);
	n = fread(output, 1, len - 1, f);
	output[n] = 0;
	return pclose(f);
}

static const char *const standards[] = { "c++11", "c++17", "c++20" };

START_TEST(all_headers)
{
	char text[sizeof(includes) + sizeof(uses)], output[4000];
	int status;

	snprintf(text, sizeof(text), "%s%s", includes, uses);
	status = compile(standards[_i], text, output, sizeof(output));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%s: %s",
		      standards[_i], output);
}
END_TEST

static const char *const headers[] = {
	"base", "db", "executor", "features", "fiber", "future", "job", "loop",
	"observe", "op", "options", "thread", "txn", "txn_pool",
};

/* Each includes what it needs. */
START_TEST(each_header_alone)
{
	char text[100], output[4000];
	int status;

	snprintf(text, sizeof(text), "#include <eider/%s.h>\n", headers[_i]);
	status = compile("c++11", text, output, sizeof(output));
	ck_assert_msg(WIFEXITED(status) && !WEXITSTATUS(status), "%s.h: %s",
		      headers[_i], output);
}
END_TEST

/* Would it be noticed? */
START_TEST(a_mistake)
{
	char output[4000];
	int status = compile("c++17", "#include <eider.h>\n"
			     "void f(eider_txn *t)\n"
			     "{ (void)eider_txn_enter(t, EIDER_NEVER); }\n",
			     output, sizeof(output));

	ck_assert(WIFEXITED(status) && WEXITSTATUS(status));
	ck_assert_ptr_nonnull(strstr(output, "eider_txn_enter"));
}
END_TEST

static Suite *make_suite(void)
{
	Suite *s = suite_create("cplusplus");
	TCase *t = harness_case(s, "compile");
	int n = (int)(sizeof(headers) / sizeof(headers[0]));

	tcase_add_loop_test(t, all_headers, 0, 3);
	tcase_add_loop_test(t, each_header_alone, 0, n);
	tcase_add_test(t, a_mistake);
	return s;
}

int main(void)
{
	compiler = find_compiler();
	if (!compiler)
		harness_skip("no C++ compiler");
	if (!find_include_dir())
		harness_skip("the headers are not found from here");
	return harness_run(make_suite());
}
