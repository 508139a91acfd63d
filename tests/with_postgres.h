/*
 * with_postgres.h - a PostgreSQL server of the test program's own
 *
 *	int main(void)
 *	{
 *		postgres_start_server();	skips the program if there is none
 *		...
 *		return harness_run(s);
 *	}
 *
 * One for all tests of the program, because making one takes a second. Each test begins
 * with postgres_clean(), and uses postgres_url(). Its files are in a directory of their
 * own in TMPDIR, it listens on a socket there and nowhere else, and it syncs nothing to
 * disk. User "eider" may do everything and has no password; "guarded" has the password
 * POSTGRES_PASSWORD and may not come in without.
 *
 * The keeper. A test is a process, and may be killed at any moment; one that restarts
 * the server cannot be its parent. So a process of its own, forked before the first
 * test, starts and stops the server when it is told to through a pipe. When nobody has
 * the other end any more, it stops the server, removes its files and ends. PostgreSQL
 * does not run as root: there the server is run by the user postgres, of the package.
 */
#ifndef EIDER_TESTS_WITH_POSTGRES_H
#define EIDER_TESTS_WITH_POSTGRES_H

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <grp.h>
#include <libpq-fe.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness.h"

/* For the server to come up: a second, but minutes where others write to the disk. */
#define POSTGRES_PATIENCE (300 * HARNESS_S)

#define POSTGRES_PASSWORD "s3cr:t/@?"
#define POSTGRES_PASSWORD_IN_URL "s3cr%3At%2F%40%3F"

static struct {
	char programs[200];	/* the directory of initdb and postgres */
	char dir[200];		/* socket, log, data */
	int commands, answers;	/* of the keeper */
	uid_t uid;		/* whose server it is; 0: ours */
	gid_t gid;
	pid_t pid;		/* in the keeper: of the server, or 0 */
	pid_t main, keeper;
} postgres;

/* A command to the keeper, and its answer. */
struct postgres_message {
	pid_t sender;		/* of the command; 0: of none */
	int what;		/* s tart, q uit, f inish; y es, n o */
};

/* --- in the keeper --------------------------------------------------------- */

/* In a child: become the server's user and run it. Does not return. */
static inline void postgres_execute(const char *const argv[])
{
	char path[300], log[300];
	int fd;

	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGHUP, SIG_DFL);
	if (postgres.uid && (setgroups(0, NULL) || setgid(postgres.gid) ||
			     setuid(postgres.uid)))
		_exit(126);
	snprintf(log, sizeof(log), "%s/log", postgres.dir);
	fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
	if (fd < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0 || chdir(postgres.dir))
		_exit(126);
	close_range(3, ~0U, 0);
	snprintf(path, sizeof(path), "%s/%s", postgres.programs, argv[0]);
	unsetenv("LD_PRELOAD");
	execv(path, (char *const *)argv);
	_exit(127);
}

static inline pid_t postgres_spawn(const char *const argv[])
{
	pid_t pid = fork();

	if (!pid)
		postgres_execute(argv);
	return pid;
}

static inline bool postgres_run(const char *const argv[])
{
	pid_t pid = postgres_spawn(argv);
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && !status;
}

static inline bool postgres_is_up(void)
{
	char where[300];

	snprintf(where, sizeof(where), "host=%s port=5432 user=eider dbname=postgres",
		 postgres.dir);
	return PQping(where) == PQPING_OK;
}

static inline bool postgres_up(void)
{
	static const char *const argv[] = { "postgres", "-D", "data", NULL };
	int64_t patience = eider_after((int64_t)(POSTGRES_PATIENCE * harness_slow()));

	if (postgres.pid > 0 && postgres_is_up())
		return true;
	postgres.pid = postgres_spawn(argv);
	while (postgres.pid > 0 && !postgres_is_up()) {
		if (eider_now() > patience ||
		    waitpid(postgres.pid, NULL, WNOHANG) == postgres.pid)
			return false;
		harness_nap(10 * HARNESS_MS);
	}
	return postgres.pid > 0;
}

static inline bool postgres_down(int signal_number)
{
	if (postgres.pid > 0) {
		kill(postgres.pid, signal_number);
		waitpid(postgres.pid, NULL, 0);
	}
	postgres.pid = 0;
	return true;
}

static inline void postgres_write(const char *name, const char *mode, const char *text)
{
	char path[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", postgres.dir, name);
	f = fopen(path, mode);
	if (!f)
		return;
	fputs(text, f);
	fclose(f);
}

static inline bool postgres_create(void)
{
	static const char *const argv[] = {
		"initdb", "--no-sync", "--auth=trust", "--username=eider",
		"--encoding=UTF8", "--locale=C", "--pgdata=data", NULL,
	};
	char settings[1000];

	if (!postgres_run(argv))
		return false;
	snprintf(settings, sizeof(settings),
		 "listen_addresses = ''\nunix_socket_directories = '%s'\nport = 5432\n"
		 "fsync = off\nfull_page_writes = off\n"
		 "shared_buffers = 16MB\nmax_connections = 60\nautovacuum = off\n"
		 "deadlock_timeout = 50ms\npassword_encryption = 'scram-sha-256'\n",
		 postgres.dir);
	postgres_write("data/postgresql.conf", "ae", settings);
	postgres_write("data/pg_hba.conf", "we",
		       "local all guarded scram-sha-256\nlocal all all trust\n");
	return postgres_up();
}

static inline void postgres_print_log(void)
{
	char path[300], line[300];
	FILE *f;

	snprintf(path, sizeof(path), "%s/log", postgres.dir);
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f))
		fputs(line, stdout);
	if (f)
		fclose(f);
	fflush(stdout);
}

static inline int postgres_remove(const char *path, const struct stat *st, int type,
				  struct FTW *at)
{
	(void)st;
	(void)type;
	(void)at;
	return remove(path);
}

__attribute__((noreturn)) static inline void postgres_keep(int commands, int answers)
{
	struct postgres_message m = { .sender = 0 };
	bool good = postgres_create();

	do {
		if (!good)
			postgres_print_log();
		m.what = good ? 'y' : 'n';
		if (write(answers, &m, sizeof(m)) != sizeof(m) ||
		    read(commands, &m, sizeof(m)) != sizeof(m))
			break;
		good = m.what == 's' ? postgres_up() :
		       postgres_down(m.what == 'q' ? SIGQUIT : SIGINT);
	} while (true);
	postgres_down(SIGQUIT);
	nftw(postgres.dir, postgres_remove, 16, FTW_DEPTH | FTW_PHYS);
	_exit(0);
}

/* --- for tests ------------------------------------------------------------- */

/* That to @sender: those before it are for tests that were killed meanwhile. */
static inline bool postgres_answer(pid_t sender)
{
	struct postgres_message m;

	do {
		if (read(postgres.answers, &m, sizeof(m)) != sizeof(m))
			return false;
	} while (m.sender != sender);
	return m.what == 'y';
}

static inline bool postgres_command(char command)
{
	struct postgres_message m = { .sender = getpid(), .what = command };

	return write(postgres.commands, &m, sizeof(m)) == sizeof(m) &&
	       postgres_answer(m.sender);
}

/* All at once, as in a crash; or after telling every client; and up again. */
static inline void postgres_crash(void)
{
	ck_assert(postgres_command('q'));
}

static inline void postgres_shut_down(void)
{
	ck_assert(postgres_command('f'));
}

static inline void postgres_restart(void)
{
	ck_assert(postgres_command('s'));
}

/* As @user, with more parameters; valid until the fourth call from now. */
static inline const char *postgres_url_of(const char *user, const char *parameters)
{
	static char urls[4][500];
	static unsigned int n;
	char *url = urls[n++ % 4];

	snprintf(url, sizeof(urls[0]), "postgresql://%s@/postgres?host=%s%s", user,
		 postgres.dir, parameters);
	return url;
}

static inline const char *postgres_url(void)
{
	return postgres_url_of("eider", "");
}

/* Without Eider. The first value, or ""; NULL and a line on stdout if it fails. */
static inline const char *postgres_try(const char *sql)
{
	static char value[200];
	PGconn *pg = PQconnectdb(postgres_url());
	PGresult *result = PQexec(pg, sql);
	ExecStatusType status = PQresultStatus(result);
	bool good = status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK;

	if (!good)
		printf("%s: %s", sql, PQerrorMessage(pg));
	snprintf(value, sizeof(value), "%s",
		 good && PQntuples(result) ? PQgetvalue(result, 0, 0) : "");
	PQclear(result);
	PQfinish(pg);
	return good ? value : NULL;
}

static inline const char *postgres_sql(const char *sql)
{
	const char *value = postgres_try(sql);

	ck_assert_ptr_nonnull(value);
	return value;
}

/* Nothing of what tests before this one left. */
static inline void postgres_clean(void)
{
	postgres_restart();	/* if it is down */
	postgres_sql("SET client_min_messages = error;"
		     "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
		     "WHERE pid <> pg_backend_pid() AND usename IS NOT NULL;"
		     "DROP SCHEMA public CASCADE; CREATE SCHEMA public");
}

static inline bool postgres_find(void)
{
	struct passwd *user = geteuid() ? NULL : getpwnam("postgres");
	glob_t found;
	char *end;

	if (!geteuid() && !user)
		return false;
	if (user) {
		postgres.uid = user->pw_uid;
		postgres.gid = user->pw_gid;
	}
	if (!glob("/usr/lib/postgresql/*/bin/initdb", 0, NULL, &found))
		snprintf(postgres.programs, sizeof(postgres.programs), "%s",
			 found.gl_pathv[found.gl_pathc - 1]);
	globfree(&found);
	end = strrchr(postgres.programs, '/');
	if (end)
		*end = 0;
	return end != NULL;
}

static inline bool postgres_make_dir(void)
{
	const char *base = getenv("TMPDIR");

	/* A socket's path has 107 bytes at most. */
	if (!base || strlen(base) > 60)
		base = "/tmp";
	snprintf(postgres.dir, sizeof(postgres.dir), "%s/eider-pg-XXXXXX", base);
	return mkdtemp(postgres.dir) &&
	       (!postgres.uid || !chown(postgres.dir, postgres.uid, postgres.gid));
}

static inline bool postgres_fork_keeper(void)
{
	int commands[2], answers[2];
	pid_t pid;

	if (pipe2(commands, O_CLOEXEC) || pipe2(answers, O_CLOEXEC))
		return false;
	pid = fork();
	if (!pid) {
		close(commands[1]);
		close(answers[0]);
		setsid();
		signal(SIGINT, SIG_IGN);
		signal(SIGTERM, SIG_IGN);
		signal(SIGHUP, SIG_IGN);
		signal(SIGPIPE, SIG_IGN);
		postgres_keep(commands[0], answers[1]);
	}
	close(commands[0]);
	close(answers[1]);
	postgres.commands = commands[1];
	postgres.answers = answers[0];
	postgres.main = getpid();
	postgres.keeper = pid;
	return pid > 0;
}

/* At the end of main(); of tests, which are forked from it, too. */
static inline void postgres_end(void)
{
	if (getpid() != postgres.main)
		return;
	close(postgres.commands);
	waitpid(postgres.keeper, NULL, 0);
}

/* First in main(): what was made before is still there in the keeper. */
static inline void postgres_start_server(void)
{
	if (!postgres_find())
		harness_skip("no PostgreSQL server in /usr/lib/postgresql");
	if (!postgres_make_dir() || !postgres_fork_keeper() ||
	    !postgres_answer(0)) {
		puts("the PostgreSQL server does not start");
		exit(EXIT_FAILURE);
	}
	atexit(postgres_end);
	if (!postgres_try("CREATE ROLE guarded LOGIN PASSWORD '" POSTGRES_PASSWORD "'"))
		exit(EXIT_FAILURE);
}

#endif
