/*
 * demo_crash.c - killed in the middle of work
 *
 * A second process moves money in many fibers, and writes a byte to a pipe for each
 * transfer that was committed. It is killed without warning, SIGKILL, while many
 * transfers are under way. Then the books have to be right, and whatever was
 * reported as committed has to be there. It is started once more, to show that the
 * work goes on where it ended.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bank.h"
#include "demo.h"
#include "programs.h"

enum {
	MOVERS = 32,			/* fibers of the victim */
	KILL_AFTER = 200,		/* committed transfers */
	SECOND_RUN = 200,		/* transfers, then it ends by itself */
	REPORT_FD = 3,
};

/* --- the victim ------------------------------------------------------------ */

struct victim {
	unsigned int transfers;		/* how many in all; 0: until killed */
	unsigned int seed;
	unsigned int begun;
	long error;
};

static long move_on(void *arg)
{
	struct victim *v = arg;
	struct transfer t;

	while (!v->error && (!v->transfers || v->begun < v->transfers)) {
		long result;

		bank_invent(&t, v->begun++, v->seed);
		result = bank_transfer(&t);
		if (result >= 0)
			result = eider_write(REPORT_FD, "c", 1, -1);
		if (result < 0 && result != BANK_TOO_POOR &&
		    result != BANK_CHANGED_MIND)
			v->error = result;
	}
	return 0;
}

static long run_victim(void *arg)
{
	struct victim *v = arg;
	struct eider_fiber *movers[MOVERS];
	int n = 0;

	while (n < MOVERS && !eider_spawn(move_on, v, &movers[n]))
		n++;
	for (int i = 0; i < n; i++)
		eider_join(movers[i]);
	return v->error;
}

/* demo-victim PATH CONNECTIONS TRANSFERS SEED */
int demo_victim_main(int argc, char **argv)
{
	struct victim v = { 0 };
	long err;

	if (argc != 5)
		return bad_usage("%s is for the demo's own use", argv[0]);
	v.transfers = (unsigned int)atoi(argv[3]);
	v.seed = (unsigned int)atoi(argv[4]);
	err = bank_run(argv[1], (unsigned int)atoi(argv[2]), run_victim, &v);
	if (err < 0)
		fprintf(stderr, "eider: %s: %s\n", argv[0],
			eider_strerror((int)err));
	return err < 0 ? STATUS_FAILED : STATUS_OK;
}

/* --- who kills it ---------------------------------------------------------- */

struct child {
	pid_t pid;
	int reports;			/* the pipe */
	long committed;			/* bytes that came */
};

static int spawn_with_pipe(struct child *c, char **argv, const int *pipe_fds)
{
	posix_spawn_file_actions_t actions;
	int err = posix_spawn_file_actions_init(&actions);

	if (err)
		return -err;
	err = posix_spawn_file_actions_adddup2(&actions, pipe_fds[1], REPORT_FD);
	if (!err)
		err = posix_spawn(&c->pid, "/proc/self/exe", &actions, NULL, argv,
				  environ);
	posix_spawn_file_actions_destroy(&actions);
	return -err;
}

static int start_child(struct child *c, const struct demo *demo,
		       unsigned int transfers, unsigned int seed)
{
	char name[] = DEMO_VICTIM, connections[16], number[16], seeds[16];
	char *argv[] = { name, name, (char *)demo->path, connections, number, seeds,
			 NULL };
	int fds[2], err;

	snprintf(connections, sizeof(connections), "%u", demo->connections);
	snprintf(number, sizeof(number), "%u", transfers);
	snprintf(seeds, sizeof(seeds), "%u", seed);
	c->committed = 0;
	if (pipe2(fds, O_CLOEXEC))
		return -errno;
	err = spawn_with_pipe(c, argv, fds);
	close(fds[1]);
	c->reports = fds[0];
	if (err < 0)
		close(fds[0]);
	return err;
}

/* Count reports until there are @enough, or no more come. */
static void read_reports(struct child *c, long enough)
{
	char buf[4096];
	ssize_t n = 1;

	while (c->committed < enough && n) {
		n = read(c->reports, buf, sizeof(buf));
		if (n < 0 && errno != EINTR)
			break;
		c->committed += n > 0 ? n : 0;
	}
}

/* Its wait status, or -1. */
static int end_child(struct child *c)
{
	int status = -1;

	close(c->reports);
	while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

/* --- the check ------------------------------------------------------------- */

static long audit(void *arg)
{
	return bank_audit(arg);
}

/* The books after a run in which @reported were committed, from @before on. */
static bool check_books(const struct demo *demo, long before, long reported,
			long unreported_max, long *ret_transfers)
{
	struct bank_books b;
	long err = bank_run(demo->path, 1, audit, &b);
	long found = b.transfers - before;
	bool held;

	if (err < 0)
		return demo_check(false, "%s: %s", demo->path,
				  eider_strerror((int)err));
	held = demo_check(b.total == BANK_TOTAL, "the total is %ld, as it was",
			  b.total);
	held &= demo_check(found >= reported && found <= reported + unreported_max,
			   "%ld transfers were reported, %ld are there", reported,
			   found);
	held &= demo_check(!b.wrong && !b.damaged,
			   "every balance is what the transfers make it");
	*ret_transfers = b.transfers;
	return held;
}

static bool kill_one(const struct demo *demo, long *transfers)
{
	struct child c;
	int64_t begin = eider_now();
	int err = start_child(&c, demo, 0, 1), status;
	bool held;

	if (err < 0)
		return demo_check(false, "start: %s", strerror(-err));
	read_reports(&c, KILL_AFTER);
	kill(c.pid, SIGKILL);
	read_reports(&c, EIDER_NEVER);
	status = end_child(&c);
	held = demo_check(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
			  "killed after %.2f s, with %d transfers under way",
			  (double)(eider_now() - begin) / SECOND, MOVERS);
	return check_books(demo, *transfers, c.committed, MOVERS, transfers) && held;
}

static bool start_again(const struct demo *demo, long *transfers)
{
	struct child c;
	int err = start_child(&c, demo, SECOND_RUN, 2), status;
	bool held;

	if (err < 0)
		return demo_check(false, "start again: %s", strerror(-err));
	read_reports(&c, EIDER_NEVER);
	status = end_child(&c);
	held = demo_check(WIFEXITED(status) && !WEXITSTATUS(status),
			  "started again, %d more transfers begun", SECOND_RUN);
	return check_books(demo, *transfers, c.committed, 0, transfers) && held;
}

static long found(void *arg)
{
	(void)arg;
	return bank_found();
}

bool demo_crash(const struct demo *demo)
{
	long transfers = 0;
	long err;

	printf("\n(d) The same in a process that is killed, and started again\n");
	err = bank_run(demo->path, 1, found, NULL);
	if (err < 0)
		return demo_check(false, "%s: %s", demo->path,
				  eider_strerror((int)err));
	return kill_one(demo, &transfers) && start_again(demo, &transfers);
}
