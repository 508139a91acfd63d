/*
 * ledger_load.c - see ledger_load.h
 */
#include "ledger_load.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct load load;

static void key_of(const struct load_thread *t, unsigned int n, char key[32])
{
	snprintf(key, 32, "t%u-%u", t->number, n);
}

void load_open(struct ledger *ledgers, unsigned int count, unsigned int accounts)
{
	struct client c = ledger_connect(ledgers);

	memset(&load, 0, sizeof(load));
	load.ledgers = count;
	for (unsigned int i = 0; i < count; i++)
		load.at[i] = &ledgers[i];
	load.accounts = accounts;
	for (unsigned int i = 0; i < accounts; i++)
		ck_assert_int_eq(client_open_account(&c, "load", LOAD_BALANCE,
						     &load.ids[i]), 201);
	client_close(&c);
	for (unsigned int i = 0; i < LOAD_THREADS; i++) {
		load.threads[i].number = i;
		load.threads[i].random = 7 * i + 1;
		load.threads[i].notes = calloc(LOAD_NOTES_MAX, sizeof(struct note));
		ck_assert_ptr_nonnull(load.threads[i].notes);
	}
}

void load_release(void)
{
	for (int i = 0; i < LOAD_THREADS; i++)
		free(load.threads[i].notes);
}

/* One transfer as noted; its id is noted if it is there. What client_ask() returns. */
static int ask(struct load_thread *t, struct client *c, unsigned int n)
{
	struct note *note = &t->notes[n];
	int64_t id = -1;
	char key[32];
	int status;

	key_of(t, n, key);
	status = client_transfer(c, load.ids[note->from], load.ids[note->to],
				 note->amount, key, &id);
	if (status == 200 || status == 201)
		note->id = id;
	return status;
}

static bool is_trouble(int status)
{
	return status == 503 || status == 507 ||
	       (status && status == load.other_trouble);
}

static void count(const struct load_thread *t, int status)
{
	if (status == 200 || status == 201) {
		harness_add(&load.acknowledged_by[t->ledger], 1);
		harness_add(&load.acknowledged, 1);
	} else if (status < 0) {
		harness_add(&load.unknown, 1);
	} else if (is_trouble(status)) {
		harness_add(&load.unavailable, 1);
	} else {
		harness_add(&load.others[status < 600 ? status : 0], 1);
	}
}

static void invent(struct load_thread *t, struct note *note)
{
	note->from = (uint8_t)((unsigned int)rand_r(&t->random) % load.accounts);
	note->to = (uint8_t)((note->from + 1 + (unsigned int)rand_r(&t->random) %
			      (load.accounts - 1)) % load.accounts);
	note->amount = (uint8_t)(1 + (unsigned int)rand_r(&t->random) % 99);
	note->id = -1;
}

/* Connect to a ledger, the next if that fails; false if it is to stop before. */
static bool find_ledger(struct load_thread *t, struct client *c)
{
	while (!harness_get(&load.stop)) {
		unsigned int i = (unsigned int)rand_r(&t->random) % load.ledgers;

		t->ledger = i;
		if (!client_open(c, load.address[i].host, load.address[i].port,
				 load.patience_ns ? load.patience_ns : patience()))
			return true;
		harness_nap(5 * HARNESS_MS);
	}
	return false;
}

/* Who always stays where he is leaves it to chance whether each ledger is asked. */
static bool moves_on(struct load_thread *t)
{
	return load.ledgers > 1 && rand_r(&t->random) % 32 == 0;
}

/*
 * Transfers one after another; what is not known is asked again at whatever ledger is
 * found next, once or twice, then left to load_settle().
 */
static void *run(void *arg)
{
	struct load_thread *t = arg;
	struct client c = { .fd = -1 };
	bool connected = false;

	while (!harness_get(&load.stop) && t->count < LOAD_NOTES_MAX) {
		unsigned int n = t->count;
		int status;

		if (!connected && !(connected = find_ledger(t, &c)))
			break;
		/* Half of the time the last one again, if it is not known. */
		if (n && t->notes[n - 1].id < 0 && rand_r(&t->random) & 1)
			n--;
		else
			invent(t, &t->notes[t->count++]);
		status = ask(t, &c, n);
		count(t, status);
		if (status < 0 || c.closes || moves_on(t)) {
			client_close(&c);
			connected = false;
		}
		if (is_trouble(status))
			harness_nap(20 * HARNESS_MS);
	}
	client_close(&c);
	return NULL;
}

void load_start(void)
{
	harness_set(&load.stop, 0);
	for (unsigned int i = 0; i < load.ledgers; i++) {
		strcpy(load.address[i].host, load.at[i]->host);
		load.address[i].port = load.at[i]->port;
	}
	for (int i = 0; i < LOAD_THREADS; i++)
		ck_assert(!pthread_create(&load.threads[i].thread, NULL, run,
					  &load.threads[i]));
}

void load_stop(void)
{
	harness_set(&load.stop, 1);
	for (int i = 0; i < LOAD_THREADS; i++)
		pthread_join(load.threads[i].thread, NULL);
}

static bool wait_for_more(const unsigned int *counter, unsigned int more)
{
	unsigned int enough = harness_get(counter) + more;
	int64_t deadline = eider_after(2 * patience());

	while (harness_get(counter) < enough && eider_now() < deadline)
		harness_nap(HARNESS_MS);
	return harness_get(counter) >= enough;
}

bool load_wait(unsigned int more)
{
	return wait_for_more(&load.acknowledged, more);
}

bool load_wait_for(unsigned int ledger, unsigned int more)
{
	return wait_for_more(&load.acknowledged_by[ledger], more);
}

/* Until it is certain; a busy database may take several times. */
static void settle(struct load_thread *t, struct client *c, unsigned int n)
{
	int64_t before = t->notes[n].id, deadline = eider_after(patience());
	int status;

	while (is_trouble(status = ask(t, c, n))) {
		ck_assert_msg(eider_now() < deadline, "%d all the time", status);
		harness_nap(5 * HARNESS_MS);
	}
	ck_assert_msg(status == 200 || (before < 0 && status == 201),
		      "t%u-%u, %sacknowledged: %d", t->number, n,
		      before < 0 ? "un" : "", status);
	ck_assert_msg(before < 0 || t->notes[n].id == before,
		      "t%u-%u was %lld, is %lld", t->number, n, (long long)before,
		      (long long)t->notes[n].id);
}

void load_settle(void)
{
	struct client c = ledger_connect(load.at[0]);

	for (int i = 0; i < LOAD_THREADS; i++) {
		struct load_thread *t = &load.threads[i];

		for (; t->settled < t->count; t->settled++)
			settle(t, &c, t->settled);
	}
	client_close(&c);
	for (int i = 0; i < 600; i++)
		ck_assert_msg(!load.others[i], "status %d, %u times", i,
			      load.others[i]);
}

/* How many transfers are listed for @account, page by page, ids falling. */
static int64_t list_all(struct client *c, int64_t account)
{
	int64_t before = INT64_MAX, n = 0;
	size_t size = 500;

	while (size == 500) {
		json_t *answer, *transfers, *t;
		char path[128];
		size_t i;

		snprintf(path, sizeof(path), "/transfers?account=%lld&limit=500&before="
			 "%lld", (long long)account, (long long)before);
		ck_assert_int_eq(client_ask(c, "GET", path, NULL), 200);
		answer = json_loadb(c->body, c->body_len, 0, NULL);
		transfers = json_object_get(answer, "transfers");
		json_array_foreach(transfers, i, t) {
			int64_t id = json_integer_value(json_object_get(t, "id"));

			ck_assert_int_lt(id, before);
			before = id;
		}
		size = json_array_size(transfers);
		n += (int64_t)size;
		json_decref(answer);
	}
	return n;
}

void load_check(void)
{
	int64_t balances[LOAD_ACCOUNTS_MAX], all = 0, listed = 0;
	struct client c = ledger_connect(load.at[0]);

	for (unsigned int i = 0; i < load.accounts; i++)
		balances[i] = LOAD_BALANCE;
	for (int i = 0; i < LOAD_THREADS; i++) {
		const struct load_thread *t = &load.threads[i];

		ck_assert_uint_eq(t->settled, t->count);
		all += t->count;
		for (unsigned int n = 0; n < t->count; n++) {
			balances[t->notes[n].from] -= t->notes[n].amount;
			balances[t->notes[n].to] += t->notes[n].amount;
		}
	}
	for (unsigned int i = 0; i < load.accounts; i++) {
		ck_assert_int_eq(client_balance(&c, load.ids[i]), balances[i]);
		listed += list_all(&c, load.ids[i]);
	}
	ck_assert_int_eq(listed, 2 * all);
	client_close(&c);
	ledger_check_report(load.at[0], (int64_t)LOAD_BALANCE * load.accounts, all);
}
