/* The control API under test on a real loop, and a client in the same thread
 * that never blocks the loop it talks to. */
#ifndef SKEP_TESTS_API_CLIENT_H
#define SKEP_TESTS_API_CLIENT_H

#include <check.h>
#include <jansson.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/un.h>

#include "api_stub.h"
#include "ctl/http.h"
#include "node/api.h"
#include "sys/clock.h"

#define PATIENCE_MS 30000

extern char directory[];	   /* of this test; logs are there */
extern struct sockaddr_un address; /* where the API listens */
extern struct node *node;
extern struct api *api;

/* The fixture: a directory, a socket, the stub's world and the API. */
void setup(void);
void teardown(void);

/* One connection and the answer that it gets. */
struct client {
	int fd;
	struct http_parser parser;
	char *body; /* NUL-terminated, NULL while there is none */
	size_t size;
	bool is_closed;
};

struct client *client_new(void);
void client_free(struct client *c);
/* http_body_fn of a client. */
int on_body(void *context, const void *data, size_t size);
/* Runs the loop once, without waiting. */
void turn(void);
/* Reads what is there. */
void client_read(struct client *c);
/* Reads, and tells whether the answer is whole or the connection closed. */
bool is_answered(struct client *c);
/* Sends while the loop turns; stops when the answer comes first. */
void client_send(struct client *c, const char *data, size_t size);
/* Sends one request; 'body' may be NULL. */
void client_ask(struct client *c, const char *method, const char *path,
	const char *body);
/* One request, its status, and its document in '*out'. */
unsigned ask(
	const char *method, const char *path, const char *body, json_t **out);
/* o[first][second], "" when it is no text. */
const char *text_at(json_t *o, const char *first, const char *second);

/* Turns the loop until 'cond' or the end of patience. */
#define UNTIL(cond)                                                            \
	do {                                                                   \
		mono end_ = mono_add(clock_mono(), PATIENCE_MS);               \
		while (!(cond)) {                                              \
			ck_assert_msg(!mono_reached(end_, clock_mono()),       \
				"never: %s", #cond);                           \
			turn();                                                \
			poll(NULL, 0, 1);                                      \
		}                                                              \
	} while (0)

#endif
