/*
 * test_ledger_limits.c - the ledger's limit of connections, and how it begins
 *
 * The limit is one for all loops, and the kernel gives each loop another number of the
 * connections. What begins is started here by hand: with_ledger.h waits until it
 * listens, and these do not get that far, or are two at once, or have no files to write
 * to.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "programs/ledger/places.h"
#include "with_ledger.h"

#define HEALTH "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"
/* The beginning of a request: a 100 is the answer, and its rest is awaited. */
#define HALF "POST /accounts HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\n" \
	"Content-Length: 2\r\n\r\n"

static struct ledger ledger;

static void begin(const char *options)
{
	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "test.db", options);
}

static unsigned int seed(void)
{
	const char *env = getenv("EIDER_TEST_SEED");
	unsigned int n = env ? (unsigned int)atoi(env) : (unsigned int)eider_now();

	printf("EIDER_TEST_SEED=%u\n", n);
	return n;
}

/* ---- the line for places ---- */

/*
 * Loops that take a place, use it for a moment and give it back, as servers do, but
 * whose sleep nothing ends but the wake-up: if one is lost, the test does not end. Now
 * and then somebody has not the patience and steps out.
 */
enum { TAKERS = 6, PLACES = 2 };

static struct {
	struct eider_executor *executor;
	struct places places;
	unsigned int rounds, random;
	unsigned int used;		/* places, atomic */
	unsigned int slept, gone;	/* times, atomic */
} line;

struct taker {
	pthread_t thread;
	unsigned int random;
	struct turn turn;
	struct eider_alarm alarm;
	bool sleeps;
};

static long wake_taker(void *arg)
{
	struct taker *t = arg;

	if (t->sleeps)
		eider_cancel(&t->alarm.future);
	return 0;
}

static void sleep_taker(struct taker *t, int64_t deadline)
{
	ck_assert_int_eq(eider_alarm_start(&t->alarm, deadline), 0);
	t->sleeps = true;
	eider_await(&t->alarm.future);
	t->sleeps = false;
}

static bool get_place(struct taker *t)
{
	int64_t deadline = EIDER_NEVER;
	bool has = places_take(&line.places, &t->turn);

	if (!has && rand_r(&t->random) % 4 == 0)
		deadline = eider_after(rand_r(&t->random) % 100 * HARNESS_US);
	while (!has && eider_now() < deadline) {
		harness_add(&line.slept, 1);
		sleep_taker(t, deadline);
		has = places_has(&line.places, &t->turn);
	}
	return has || places_step_out(&line.places, &t->turn);
}

static long take_and_give(void *arg)
{
	struct taker *t = arg;

	t->turn.loop = eider_loop_current();
	t->turn.wake = wake_taker;
	t->turn.arg = t;
	for (unsigned int i = 0; i < line.rounds; i++) {
		if (!get_place(t)) {
			harness_add(&line.gone, 1);
			continue;
		}
		ck_assert_uint_le(harness_add(&line.used, 1), PLACES);
		if (rand_r(&t->random) % 2)
			eider_yield();
		harness_add(&line.used, -1U);
		places_give(&line.places);
	}
	return 0;
}

/* Loops stay until all have ended, as places.c has it. */
static void *run_taker(void *arg)
{
	static unsigned int ended;
	struct eider_loop *loop;

	ck_assert_int_eq(eider_loop_new(line.executor, NULL, &loop), 0);
	ck_assert_int_eq(eider_block_on(loop, take_and_give, arg), 0);
	harness_add(&ended, 1);
	ck_assert(harness_wait_count(&ended, TAKERS));
	eider_loop_free(loop);
	return NULL;
}

START_TEST(no_place_and_no_wake_up_is_lost)
{
	static struct taker takers[TAKERS];
	unsigned int random = seed();

	line.rounds = harness_count(20000, 2000);
	ck_assert_int_eq(eider_executor_new(NULL, &line.executor), 0);
	places_init(&line.places, PLACES);
	for (unsigned int i = 0; i < TAKERS; i++) {
		takers[i].random = random + i;
		ck_assert(!pthread_create(&takers[i].thread, NULL, run_taker,
					  &takers[i]));
	}
	for (unsigned int i = 0; i < TAKERS; i++)
		pthread_join(takers[i].thread, NULL);
	printf("%u slept, %u stepped out\n", line.slept, line.gone);
	ck_assert_uint_gt(line.slept, 0);
	ck_assert_uint_eq(line.places.unused, PLACES);
	ck_assert_ptr_null(line.places.first);
	places_release(&line.places);
	eider_executor_free(line.executor);
}
END_TEST

/* ---- connections ---- */

enum { INSIDE = 40, FEW = 8, ALL = 64 };

START_TEST(all_places_are_for_all_loops)
{
	struct client inside[INSIDE];

	begin("--loops 4 --max-connections 40 --idle-timeout 1000");
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < INSIDE; i++) {
			inside[i] = ledger_connect(&ledger);
			ck_assert_int_eq(client_ask(&inside[i], "GET", "/health",
						    NULL), 200);
		}
		for (int i = 0; i < INSIDE; i++)
			client_close(&inside[i]);
	}
	ledger_stop(&ledger);
}
END_TEST

/* Of the @n those that have an answer to be read. */
static int count_answered(const struct client *all, int n)
{
	int answered = 0;

	for (int i = 0; i < n; i++) {
		struct pollfd p = { .fd = all[i].fd, .events = POLLIN };

		answered += all[i].fd >= 0 && poll(&p, 1, 0) == 1;
	}
	return answered;
}

static struct client waiting[ALL];
static int answers_expected;

static bool enough_are_answered(void *arg)
{
	(void)arg;
	return count_answered(waiting, ALL) >= answers_expected;
}

/* All come at once, and who has a place keeps it. */
static void come_and_stay(void)
{
	for (int i = 0; i < ALL; i++) {
		waiting[i] = ledger_connect(&ledger);
		ck_assert_int_eq(client_send_text(&waiting[i], HALF), 0);
	}
}

/* Let somebody go who has been answered. */
static void let_one_go(void)
{
	for (int i = 0; i < ALL; i++) {
		if (waiting[i].fd < 0 || !count_answered(&waiting[i], 1))
			continue;
		ck_assert_int_eq(client_answer(&waiting[i], false), 100);
		client_close(&waiting[i]);
		return;
	}
	ck_abort_msg("nobody was answered");
}

/* As many as there are places are answered, and one more each time that one leaves. */
START_TEST(a_place_goes_from_loop_to_loop)
{
	begin("--loops 4 --max-connections 8 --request-timeout 1000");
	come_and_stay();
	for (int left = ALL; left; left--) {
		answers_expected = left < FEW ? left : FEW;
		ck_assert_msg(harness_wait_until(enough_are_answered, NULL),
			      "%d of %d answered, %d are there",
			      count_answered(waiting, ALL), answers_expected, left);
		if (left % 8 == 0)
			harness_nap(50 * HARNESS_MS);
		ck_assert_int_le(count_answered(waiting, ALL), FEW);
		let_one_go();
	}
	ledger_stop(&ledger);
}
END_TEST

static unsigned int served;

static void *come_and_go(void *arg)
{
	for (unsigned int i = 0; i < *(unsigned int *)arg; i++) {
		struct client c = ledger_connect(&ledger);

		ck_assert_int_eq(client_ask(&c, "GET", "/health", NULL), 200);
		client_close(&c);
		harness_add(&served, 1);
	}
	return NULL;
}

START_TEST(who_comes_at_the_limit_is_served)
{
	unsigned int each = harness_count(300, 50);
	pthread_t threads[16];

	begin("--loops 4 --max-connections 3");
	for (int i = 0; i < 16; i++)
		ck_assert(!pthread_create(&threads[i], NULL, come_and_go, &each));
	for (int i = 0; i < 16; i++)
		pthread_join(threads[i], NULL);
	ck_assert_uint_eq(served, 16 * each);
	ledger_stop(&ledger);
}
END_TEST

/* Who connects and says nothing has no place for as long as one who has been served. */
START_TEST(silence_holds_a_place_no_longer_than_a_request)
{
	struct client silent, next;
	char options[128];

	snprintf(options, sizeof(options), "--loops 1 --max-connections 1 "
		 "--idle-timeout 1000 --request-timeout %.1f", harness_slow());
	begin(options);
	silent = ledger_connect(&ledger);
	next = ledger_connect(&ledger);
	ck_assert_int_eq(client_ask(&next, "GET", "/health", NULL), 200);
	ck_assert_int_eq(client_end(&silent), 0);
	harness_nap((int64_t)(2 * HARNESS_S * harness_slow()));
	ck_assert_int_eq(client_ask(&next, "GET", "/health", NULL), 200);
	client_close(&silent);
	client_close(&next);
	ledger_stop(&ledger);
}
END_TEST

/* At the limit of several loops each answer is the last one of its connection. */
START_TEST(who_is_served_makes_room_for_who_waits)
{
	struct client inside, next;

	begin("--loops 2 --max-connections 1 --idle-timeout 1000");
	inside = ledger_connect(&ledger);
	ck_assert_int_eq(client_ask(&inside, "GET", "/health", NULL), 200);
	ck_assert(!inside.closes);
	next = ledger_connect(&ledger);
	ck_assert_int_eq(client_send_text(&next, HEALTH), 0);
	while (!inside.closes)
		ck_assert_int_eq(client_ask(&inside, "GET", "/health", NULL), 200);
	ck_assert_int_eq(client_end(&inside), 0);
	ck_assert_int_eq(client_answer(&next, false), 200);
	ck_assert(!next.closes);
	client_close(&inside);
	client_close(&next);
	ledger_stop(&ledger);
}
END_TEST

/* Who waits outside does not hold it. */
START_TEST(it_ends_at_the_limit)
{
	begin("--loops 4 --max-connections 8 --stop-timeout 0.3");
	come_and_stay();
	answers_expected = FEW;
	ck_assert(harness_wait_until(enough_are_answered, NULL));
	ledger_stop(&ledger);
	for (int i = 0; i < ALL; i++)
		client_close(&waiting[i]);
}
END_TEST

/* ---- by hand ---- */

struct raw {
	pid_t pid;
	char out[256], err[256];
};

/* The handlers of libcheck end the test. */
static void forget_handlers(const sigset_t *before)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_SETMASK, before, NULL);
}

static void become(const struct raw *r, char *const argv[], bool files)
{
	char self[PATH_MAX] = "", program[PATH_MAX];
	const char *const paths[] = { "/dev/null", r->out, r->err };
	const int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (readlink("/proc/self/exe", self, sizeof(self) - 1) < 0)
		_exit(126);
	snprintf(program, sizeof(program), "%.4000s/ledger", dirname(self));
	for (int fd = 0; fd < 3; fd++) {
		int from = open(paths[fd], fd ? flags : O_RDONLY | O_CLOEXEC, 0644);

		if (from < 0 || (from != fd && dup2(from, fd) < 0))
			_exit(126);
	}
	if (!files)
		close_range(0, 2, 0);
	execv(program, argv);
	_exit(127);
}

/* Start it with @words; without @files with descriptors 0 to 2 closed. */
static struct raw start(char *words, bool files)
{
	static unsigned int n;
	char *argv[32] = { (char *)"ledger" }, name[32], *rest;
	sigset_t all, before;
	struct raw r;
	int at = 1;

	for (char *w = strtok_r(words, " ", &rest); w; w = strtok_r(NULL, " ", &rest))
		argv[at++] = w;
	n++;
	snprintf(name, sizeof(name), "raw-%u.out", n);
	snprintf(r.out, sizeof(r.out), "%s", harness_temp_file(name));
	snprintf(name, sizeof(name), "raw-%u.err", n);
	snprintf(r.err, sizeof(r.err), "%s", harness_temp_file(name));
	fflush(NULL);
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	r.pid = fork();
	ck_assert_int_ge(r.pid, 0);
	if (!r.pid) {
		forget_handlers(&before);
		become(&r, argv, files);
	}
	sigprocmask(SIG_SETMASK, &before, NULL);
	return r;
}

static void read_raw(const char *path, char *text, size_t len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, len - 1);

	text[n > 0 ? n : 0] = 0;
	if (fd >= 0)
		close(fd);
}

/* Its wait status; what it wrote to stderr has no report of a sanitizer. */
static int end_of(struct raw *r)
{
	int64_t deadline = eider_after(patience());
	char said[4096];
	pid_t pid;
	int status;

	while (!(pid = waitpid(r->pid, &status, WNOHANG)) && eider_now() < deadline)
		harness_nap(HARNESS_MS);
	if (!pid) {
		kill(r->pid, SIGKILL);
		waitpid(r->pid, &status, 0);
		ck_abort_msg("it does not end");
	}
	read_raw(r->err, said, sizeof(said));
	ck_assert_msg(!strstr(said, "Sanitizer") && !strstr(said, "runtime error:") &&
		      !strstr(said, "assert"), "it says: %s", said);
	return status;
}

static bool listens(const struct raw *r)
{
	char said[4096];

	read_raw(r->out, said, sizeof(said));
	return strstr(said, "ledger: listening at ");
}

/* ---- a signal while it starts ---- */

/* A ledger that has connected to a database which never says a word. */
static struct raw start_in_vain(int *ret_listener, int *ret_fd)
{
	struct raw r;
	char words[256];
	uint16_t port;

	*ret_listener = harness_listen(&port);
	snprintf(words, sizeof(words), "--listen 127.0.0.1:0 --db "
		 "postgresql://a@127.0.0.1:%u/b?connect_timeout=0", port);
	r = start(words, true);
	*ret_fd = accept4(*ret_listener, NULL, NULL, SOCK_CLOEXEC);
	ck_assert_int_ge(*ret_fd, 0);
	harness_nap(20 * HARNESS_MS);
	return r;
}

START_TEST(a_signal_ends_it_while_it_opens_the_database)
{
	static const int signals[] = { SIGTERM, SIGINT };

	for (int i = 0; i < 2; i++) {
		int listener, fd, status;
		struct raw r = start_in_vain(&listener, &fd);

		ck_assert_int_eq(kill(r.pid, signals[i]), 0);
		status = end_of(&r);
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == signals[i],
			      "wait status %#x", status);
		close(fd);
		close(listener);
	}
}
END_TEST

/* What it starts is process 1. */
static void start_a_container(void *arg)
{
	int listener, fd, status;
	struct raw r;

	(void)arg;
	if (unshare(CLONE_NEWPID)) {
		printf("not here, a namespace of processes: %s\n", strerror(errno));
		return;
	}
	r = start_in_vain(&listener, &fd);
	if (kill(r.pid, SIGTERM))
		abort();
	status = end_of(&r);
	if (status != (128 + SIGTERM) << 8) {
		printf("wait status %#x\n", status);
		abort();
	}
}

/* There the kernel ends it by no signal that it does not handle. */
START_TEST(a_signal_ends_it_in_a_container)
{
	char said[4096];
	int status;

	harness_temp_dir();	/* for both, as only this process removes it */
	status = harness_in_child(start_a_container, NULL, said, sizeof(said));
	ck_assert_msg(!status, "wait status %#x: %s", status, said);
	printf("%s", said);
}
END_TEST

/* Wherever it is in its start, it ends, and its database can be opened again. */
START_TEST(a_signal_ends_it_at_any_moment)
{
	unsigned int random = seed(), signalled = 0, finished = 0;
	int64_t took = eider_now();
	char words[512];

	memset(&ledger, 0, sizeof(ledger));
	ledger_start_file(&ledger, "t.db", "--loops 2");
	took = eider_now() - took;
	ledger_stop(&ledger);
	for (unsigned int i = 0; i < harness_count(50, 15); i++) {
		struct raw r;
		int status;

		snprintf(words, sizeof(words), "--listen 127.0.0.1:0 --loops 2 --db "
			 "sqlite:%s?synchronous=normal", harness_temp_file("t.db"));
		r = start(words, true);
		harness_nap(rand_r(&random) % 1000 * took * 3 / 2000);
		ck_assert_int_eq(kill(r.pid, i % 2 ? SIGINT : SIGTERM), 0);
		status = end_of(&r);
		ck_assert_msg(WIFSIGNALED(status) || !WEXITSTATUS(status),
			      "wait status %#x", status);
		signalled += WIFSIGNALED(status);
		finished += WIFEXITED(status);
	}
	printf("%u ended at once, %u in order\n", signalled, finished);
	ledger.port = 0;
	ledger_start_file(&ledger, "t.db", "--loops 2");
	ledger_check_report(&ledger, 0, 0);
	ledger_stop(&ledger);
}
END_TEST

/* ---- addresses, files ---- */

static uint16_t free_port(void)
{
	uint16_t port;

	close(harness_listen(&port));
	return port;
}

static struct raw start_at(uint16_t port, const char *name)
{
	char words[512];

	snprintf(words, sizeof(words), "--listen 127.0.0.1:%u --loops 3 --db "
		 "sqlite:%s?synchronous=normal", port, harness_temp_file(name));
	return start(words, true);
}

/* Until it listens, true; or has ended, with status 1. */
static bool comes_to_listen(struct raw *r)
{
	int64_t deadline = eider_after(patience());
	int status;

	while (!listens(r)) {
		if (waitpid(r->pid, &status, WNOHANG)) {
			ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 1,
				      "wait status %#x", status);
			return false;
		}
		ck_assert(eider_now() < deadline);
		harness_nap(HARNESS_MS);
	}
	return true;
}

/* Two come at the same moment, each for the port alone: one of them gets it. */
START_TEST(two_at_once_do_not_share_a_port)
{
	for (unsigned int i = 0; i < harness_count(40, 5); i++) {
		uint16_t port = free_port();
		struct raw one = start_at(port, "one.db");
		struct raw other = start_at(port, "other.db");
		bool has_one = comes_to_listen(&one);
		bool has_other = comes_to_listen(&other);

		if (has_one && !kill(one.pid, SIGTERM))
			ck_assert_int_eq(end_of(&one), 0);
		if (has_other && !kill(other.pid, SIGTERM))
			ck_assert_int_eq(end_of(&other), 0);
		ck_assert_msg(has_one != has_other, "round %u: %s", i,
			      has_one ? "both serve" : "none serves");
	}
}
END_TEST

/* All its loops have a share in the port that the first one took alone. */
START_TEST(all_loops_get_connections)
{
	enum { MANY = 100 };
	static const char path[] = "/status";
	struct client c[MANY];
	const char *at;
	int loops = 0;

	begin("--loops 3");
	for (int i = 0; i < MANY; i++)
		c[i] = ledger_connect(&ledger);
	ledger_take_in(&ledger, MANY);
	ck_assert_int_eq(client_ask(&c[0], "GET", path, NULL), 200);
	at = strstr(c[0].body, "\"loops\"");
	while (at && loops < 3 && (at = strstr(at, "\"connections\": "))) {
		at += strlen("\"connections\": ");
		ck_assert_msg(atoi(at) > 0, "a loop has none: %s", c[0].body);
		loops++;
	}
	ck_assert_int_eq(loops, 3);
	for (int i = 0; i < MANY; i++)
		client_close(&c[i]);
	ledger_stop(&ledger);
}
END_TEST

static bool answers(void *arg)
{
	uint16_t *port = arg;
	struct client c;
	bool good = !client_open(&c, "127.0.0.1", *port, patience()) &&
		    client_ask(&c, "GET", "/health", NULL) == 200;

	client_close(&c);
	return good;
}

/* Nothing else of it is where it would write its messages. */
START_TEST(closed_files_are_no_others)
{
	uint16_t port = free_port();
	char words[512], target[256];
	struct raw r;

	snprintf(words, sizeof(words), "--listen 127.0.0.1:%u --loops 2 --db "
		 "sqlite:%s?synchronous=normal", port, harness_temp_file("test.db"));
	r = start(words, false);
	ck_assert(harness_wait_until(answers, &port));
	for (int fd = 0; fd < 3; fd++) {
		char path[64];
		ssize_t n;

		snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)r.pid, fd);
		n = readlink(path, target, sizeof(target) - 1);
		ck_assert_int_gt(n, 0);
		target[n] = 0;
		ck_assert_str_eq(target, "/dev/null");
	}
	ck_assert_int_eq(kill(r.pid, SIGTERM), 0);
	ck_assert_int_eq(end_of(&r), 0);
}
END_TEST

static void says(const char *args, const char *what)
{
	char said[4096];
	int status = ledger_run(args, said, sizeof(said));

	ck_assert_msg(status == 1 && strstr(said, what), "ledger %s: %d: %s", args,
		      status, said);
}

START_TEST(what_is_expected_is_said)
{
	static const char *const addresses[] = {
		"localhost:8080", "8080x", "8080", "127.0.0.1", "::1:8080", "unix:",
		"127.0.0.1:65536",
	};
	char args[512];

	for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		snprintf(args, sizeof(args), "--db sqlite:%s --listen %s",
			 harness_temp_file("test.db"), addresses[i]);
		says(args, "NUMBER:PORT");
		says(args, addresses[i]);
	}
	says("--listen 127.0.0.1:0 --db sqlite:", "sqlite:PATH");
	says("--listen 127.0.0.1:0 --db postgresql:", "postgresql://");
	says("--listen 127.0.0.1:0 --db nonsense", "sqlite:");
}
END_TEST

int main(void)
{
	Suite *s = suite_create("ledger_limits");
	TCase *t = harness_case(s, "connections");

	harness_timeout(t, 180);
	tcase_add_test(t, no_place_and_no_wake_up_is_lost);
	tcase_add_test(t, all_places_are_for_all_loops);
	tcase_add_test(t, a_place_goes_from_loop_to_loop);
	tcase_add_test(t, who_comes_at_the_limit_is_served);
	tcase_add_test(t, silence_holds_a_place_no_longer_than_a_request);
	tcase_add_test(t, who_is_served_makes_room_for_who_waits);
	tcase_add_test(t, it_ends_at_the_limit);
	t = harness_case(s, "start");
	harness_timeout(t, 180);
	tcase_add_test(t, a_signal_ends_it_while_it_opens_the_database);
	tcase_add_test(t, a_signal_ends_it_in_a_container);
	tcase_add_test(t, a_signal_ends_it_at_any_moment);
	tcase_add_test(t, two_at_once_do_not_share_a_port);
	tcase_add_test(t, all_loops_get_connections);
	tcase_add_test(t, closed_files_are_no_others);
	tcase_add_test(t, what_is_expected_is_said);
	return harness_run(s);
}
