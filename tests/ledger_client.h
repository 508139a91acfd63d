/*
 * ledger_client.h - a blocking HTTP client, for tests of a server
 *
 * Written without anything of the library, so that both do not misunderstand HTTP in
 * the same way. It asserts nothing: threads use it, and many tests want the failure.
 *
 *	client_open(&c, "127.0.0.1", port, 10 * HARNESS_S);
 *	if (client_ask(&c, "GET", "/accounts/1", NULL) == 200)
 *		balance = client_number(&c, "balance");
 *	client_close(&c);
 *
 * What waits, waits as long as client_open() was told, then it is -ETIME.
 */
#ifndef EIDER_TESTS_LEDGER_CLIENT_H
#define EIDER_TESTS_LEDGER_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client {
	int fd;				/* -1: not connected */

	/* The last answer. */
	int status;
	bool closes;			/* it says that it is the last one */
	char *head;			/* status line and headers, with a final NUL */
	char *body;			/* with a final NUL */
	size_t body_len;

	/* Received behind it. */
	char *in;
	size_t in_len, in_size;
};

/* 0 or -errno. client_close() is for both, and once more does no harm. */
int client_open(struct client *c, const char *host, uint16_t port,
		int64_t patience_ns);
void client_close(struct client *c);

/* All of @data; 0 or -errno. */
int client_send(struct client *c, const void *data, size_t len);
int client_send_text(struct client *c, const char *text);

/*
 * Read the next answer, which has no body if @bodyless: that to a HEAD. Its status,
 * 100 too; -ENODATA if there is none and the peer has closed; -EPROTO if it is no
 * answer, or ends early; -ECONNRESET and such.
 */
int client_answer(struct client *c, bool bodyless);

/* One request with its answer; @body may be NULL. What client_answer() returns. */
int client_ask(struct client *c, const char *method, const char *path,
	       const char *body);

/*
 * Wait for the peer's end, whatever it sends before: how many bytes that was;
 * -ECONNRESET, -ETIME.
 */
long client_end(struct client *c);

/* The value of the last answer's header, cut to @len; false if it has none. */
bool client_header(const struct client *c, const char *name, char *ret, size_t len);

/* A number or text of the last answer, which is a JSON object; -1, "". */
int64_t client_number(const struct client *c, const char *key);
const char *client_text(const struct client *c, const char *key, char ret[128]);
/* Is it an error of this word, with a message? */
bool client_is_error(const struct client *c, const char *word);

/* ---- requests of the ledger: status as above ---- */

int client_open_account(struct client *c, const char *owner, int64_t balance,
			int64_t *ret_id);
/* @ret_id may be NULL. */
int client_transfer(struct client *c, int64_t from, int64_t to, int64_t amount,
		    const char *key, int64_t *ret_id);
/* -1 if that fails. */
int64_t client_balance(struct client *c, int64_t id);

#endif
