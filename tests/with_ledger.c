/*
 * with_ledger.c - see with_ledger.h
 */
#include "with_ledger.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ARGS_MAX = 40 };

int64_t patience(void)
{
	return (int64_t)(30 * HARNESS_S * harness_slow());
}

static void find_program(char path[PATH_MAX])
{
	char self[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

	ck_assert_int_gt(n, 0);
	self[n] = 0;
	snprintf(path, PATH_MAX, "%.4000s/ledger", dirname(self));
	ck_assert_msg(!access(path, X_OK), "there is no %s", path);
}

/* All of @path that fits, as text. */
static void slurp(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, len - 1);

	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
}

void ledger_output(const struct ledger *l, char *output, size_t len)
{
	slurp(l->out, output, len);
	slurp(l->err, output + strlen(output), len - strlen(output));
}

static int create(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	ck_assert_msg(fd >= 0, "%s: %s", path, strerror(errno));
	return fd;
}

/* In the child. */
static void become(const struct ledger *l, char *const argv[], int out, int err)
{
	struct rlimit limit = { l->file_max, RLIM_INFINITY };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (l->file_max) {
		signal(SIGXFSZ, SIG_IGN);
		setrlimit(RLIMIT_FSIZE, &limit);
	}
	if ((l->netns && setns(l->netns, CLONE_NEWNET)) ||
	    dup2(out, STDOUT_FILENO) < 0 || dup2(err, STDERR_FILENO) < 0)
		_exit(126);
	execv(argv[0], argv);
	dprintf(err, "%s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

static void spawn(struct ledger *l, char *const argv[])
{
	static unsigned int n;
	char name[32];
	int out, err;

	n++;
	snprintf(name, sizeof(name), "ledger-%u.out", n);
	snprintf(l->out, sizeof(l->out), "%s", harness_temp_file(name));
	snprintf(name, sizeof(name), "ledger-%u.err", n);
	snprintf(l->err, sizeof(l->err), "%s", harness_temp_file(name));
	out = create(l->out);
	err = create(l->err);
	fflush(NULL);
	l->pid = fork();
	ck_assert_int_ge(l->pid, 0);
	if (!l->pid)
		become(l, argv, out, err);
	close(out);
	close(err);
}

/* @words as arguments, from argv[@at] on; they are cut in place. */
static void split(char *words, char *argv[], int at)
{
	for (char *rest, *w = strtok_r(words, " ", &rest); w;
	     w = strtok_r(NULL, " ", &rest)) {
		ck_assert_int_lt(at, ARGS_MAX - 1);
		argv[at++] = w;
	}
	argv[at] = NULL;
}

static void check_stderr(const struct ledger *l)
{
	static const char *const bad[] = { "Sanitizer", "runtime error:", "assert" };
	char text[65536];

	slurp(l->err, text, sizeof(text));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (!strstr(text, bad[i]))
			continue;
		printf("%s\n", text);	/* too long for a message of libcheck */
		ck_abort_msg("the ledger has a report: %s", bad[i]);
	}
}

static int try_wait(struct ledger *l, int64_t deadline, int *ret_status)
{
	for (;;) {
		pid_t pid = waitpid(l->pid, ret_status, WNOHANG);

		ck_assert_msg(pid >= 0, "waitpid: %s", strerror(errno));
		if (pid)
			return 0;
		if (eider_now() > deadline)
			return -ETIME;
		harness_nap(HARNESS_MS);
	}
}

int ledger_wait(struct ledger *l)
{
	int status;

	ck_assert_int_gt(l->pid, 0);
	if (try_wait(l, eider_after(2 * patience()), &status)) {
		kill(l->pid, SIGKILL);
		waitpid(l->pid, &status, 0);
		ck_abort_msg("the ledger does not end");
	}
	l->pid = 0;
	check_stderr(l);
	return status;
}

/* Its port, from "ledger: listening at http://HOST:PORT/"; 0 if it is not there. */
static uint16_t port_of(const struct ledger *l)
{
	char text[4096], *line, *colon;

	slurp(l->out, text, sizeof(text));
	line = strstr(text, "ledger: listening at http://");
	if (!line || !strchr(line, '\n'))
		return 0;
	*strchr(line, '\n') = 0;
	colon = strrchr(line, ':');
	return (uint16_t)atoi(colon + 1);
}

/* 0, or its exit status. */
static int await_listening(struct ledger *l)
{
	int64_t deadline = eider_after(patience());
	char text[4096];

	while (!(l->port = port_of(l))) {
		int status;

		if (!try_wait(l, eider_after(HARNESS_MS), &status)) {
			l->pid = 0;
			check_stderr(l);
			ck_assert_msg(WIFEXITED(status), "it died: %#x", status);
			return WEXITSTATUS(status);
		}
		ledger_output(l, text, sizeof(text));
		ck_assert_msg(eider_now() < deadline, "it does not start: %s", text);
	}
	return 0;
}

int ledger_try_start(struct ledger *l, const char *url, const char *options)
{
	char program[PATH_MAX], address[64], words[1024];
	char *argv[ARGS_MAX] = { program, (char *)"--db", (char *)url,
				 (char *)"--listen", address };

	find_program(program);
	if (!l->host[0])
		strcpy(l->host, "127.0.0.1");
	snprintf(address, sizeof(address), "%s:%u", l->host, l->port);
	snprintf(words, sizeof(words), "%s", options);
	split(words, argv, 5);
	spawn(l, argv);
	return await_listening(l);
}

void ledger_start(struct ledger *l, const char *url, const char *options)
{
	int status = ledger_try_start(l, url, options);
	char text[4096];

	ledger_output(l, text, sizeof(text));
	ck_assert_msg(!status, "the ledger exits with %d: %s", status, text);
}

void ledger_start_file(struct ledger *l, const char *name, const char *options)
{
	char url[300];

	snprintf(url, sizeof(url), "sqlite:%s?synchronous=normal",
		 harness_temp_file(name));
	ledger_start(l, url, options);
}

void ledger_stop(struct ledger *l)
{
	char text[4096];
	int status;

	ck_assert_int_gt(l->pid, 0);
	ck_assert_int_eq(kill(l->pid, SIGTERM), 0);
	status = ledger_wait(l);
	slurp(l->err, text, sizeof(text));
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "the ledger ended with wait status %#x: %s", status, text);
}

void ledger_kill(struct ledger *l)
{
	int status;

	ck_assert_int_gt(l->pid, 0);
	ck_assert_int_eq(kill(l->pid, SIGKILL), 0);
	status = ledger_wait(l);
	ck_assert_msg(WIFSIGNALED(status), "it had ended before: %#x", status);
}

int ledger_run(const char *args, char *output, size_t len)
{
	struct ledger l = { .pid = 0 };
	char program[PATH_MAX], words[1024];
	char *argv[ARGS_MAX] = { program };
	int status;

	find_program(program);
	snprintf(words, sizeof(words), "%s", args);
	split(words, argv, 1);
	spawn(&l, argv);
	status = ledger_wait(&l);
	ledger_output(&l, output, len);
	ck_assert_msg(WIFEXITED(status), "ledger %s: wait status %#x", args, status);
	return WEXITSTATUS(status);
}

struct client ledger_connect(const struct ledger *l)
{
	struct client c;
	int err = client_open(&c, l->host, l->port, patience());
	char text[4096] = "";
	int status = 0;

	if (err && waitpid(l->pid, &status, WNOHANG) == l->pid) {
		check_stderr(l);
		ledger_output(l, text, sizeof(text));
	}
	ck_assert_msg(!err, "connect: %s; wait status %#x: %s", strerror(-err), status,
		      text);
	return c;
}

void ledger_get(const struct ledger *l, const char *path, struct client *ret)
{
	int status;

	*ret = ledger_connect(l);
	status = client_ask(ret, "GET", path, NULL);
	ck_assert_msg(status == 200, "GET %s: %d", path, status);
}

/* What the last answer, a status, says of the open connections. */
static int64_t open_ones(const struct client *c)
{
	json_t *status = json_loadb(c->body, c->body_len, 0, NULL);
	int64_t n = json_integer_value(json_object_get(
		json_object_get(status, "connections"), "open"));

	json_decref(status);
	return n;
}

int64_t ledger_connections(const struct ledger *l)
{
	struct client c;
	int64_t n;

	ledger_get(l, "/status", &c);
	n = open_ones(&c);
	client_close(&c);
	return n;
}

void ledger_take_in(const struct ledger *l, int64_t n)
{
	int64_t deadline = eider_after(patience());
	struct client c;

	/* Over one connection: those that were closed count until that is noticed. */
	ledger_get(l, "/status", &c);
	while (open_ones(&c) < n + 1) {
		ck_assert_msg(eider_now() < deadline, "%lld connections are not taken",
			      (long long)n);
		harness_nap(HARNESS_MS);
		ck_assert_int_eq(client_ask(&c, "GET", "/status", NULL), 200);
	}
	client_close(&c);
	/* Enough of them for each loop to get some. */
	for (int i = 0; i < 16; i++) {
		ledger_get(l, "/health", &c);
		client_close(&c);
	}
}

size_t ledger_resident(const struct ledger *l)
{
	char path[64];
	unsigned long pages = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)l->pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	ck_assert_int_eq(fscanf(f, "%*u %lu", &pages), 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

void ledger_check_report(const struct ledger *l, int64_t total, int64_t transfers)
{
	struct client c;

	ledger_get(l, "/report", &c);
	ck_assert_int_eq(client_number(&c, "wrong"), 0);
	ck_assert_int_eq(client_number(&c, "total"), total);
	ck_assert_int_eq(client_number(&c, "opened_with"), total);
	ck_assert_int_eq(client_number(&c, "transfers"), transfers);
	client_close(&c);
}
