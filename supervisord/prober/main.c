/* skep-prober: asks services over HTTP and TCP whether they are well.
 *
 * A program of its own, so that what a service answers is read by a process
 * that holds nothing: no key, no state, no socket but one to skep-node, which
 * starts it when the first service has such a probe.  libcurl does the work;
 * all probes share one thread.
 */
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sys/ipc.h"
#include "sys/probe.h"
#include "sys/say.h"

#define WAIT_MS	      60000
#define EXIT_PROTOCOL 70

/* One probe under way. */
struct ask {
	uint32_t number;
	char error[CURL_ERROR_SIZE];
};

static void
answer(uint32_t number, const char *wrong)
{
	unsigned char body[CURL_ERROR_SIZE + 128];
	struct writer w;
	struct probe_answer v = {number, wrong[0] == '\0', wrong};
	writer_init(&w, body, sizeof body);
	probe_put_answer(&w, &v);
	CHECK(!w.bad);
	/* A node that does not read loses answers, and asks again later. */
	ipc_send(PROBE_FD, PROBE_ANSWER, writer_done(&w), NULL, 0);
}

static size_t
discard(char *data, size_t size, size_t count, void *context)
{
	(void)data;
	(void)context;
	return size * count;
}

/* An address with colons stands in brackets in a URL. */
static void
make_url(const struct probe_ask *v, char *out, size_t size)
{
	bool is_bare6 = strchr(v->host, ':') && v->host[0] != '[';
	snprintf(out, size, "http://%s%s%s:%u%s", is_bare6 ? "[" : "", v->host,
		is_bare6 ? "]" : "", v->port, v->path);
}

static void
begin(CURLM *multi, const struct probe_ask *v)
{
	char url[2048];
	struct ask *ask = calloc(1, sizeof *ask);
	CURL *easy = curl_easy_init();
	CHECK(ask && easy);
	ask->number = v->number;
	make_url(v, url, sizeof url);
	curl_easy_setopt(easy, CURLOPT_URL, url);
	curl_easy_setopt(easy, CURLOPT_PRIVATE, ask);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, ask->error);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, discard);
	curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)v->timeout_ms);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	curl_easy_setopt(easy, CURLOPT_USERAGENT, "skep-prober");
	curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L);
	if (v->way == PROBE_TCP)
		curl_easy_setopt(easy, CURLOPT_CONNECT_ONLY, 1L);
	if (curl_multi_add_handle(multi, easy) == CURLM_OK)
		return;
	curl_easy_cleanup(easy);
	free(ask);
	answer(v->number, "the probe could not be begun");
}

/* The end of one: what was wrong, if anything was. */
static void
finish(CURLM *multi, CURL *easy, CURLcode code)
{
	struct ask *ask = NULL;
	char wrong[CURL_ERROR_SIZE + 64] = "";
	long status = 0;
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&ask);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	CHECK(ask);
	if (code != CURLE_OK)
		snprintf(wrong, sizeof wrong, "%s",
			ask->error[0] ? ask->error : curl_easy_strerror(code));
	else if (status != 0 && (status < 200 || status > 399))
		snprintf(wrong, sizeof wrong, "status %ld", status);
	answer(ask->number, wrong);
	curl_multi_remove_handle(multi, easy);
	curl_easy_cleanup(easy);
	free(ask);
}

static void
finish_all(CURLM *multi)
{
	int left;
	CURLMsg *m;
	while ((m = curl_multi_info_read(multi, &left)) != NULL)
		if (m->msg == CURLMSG_DONE)
			finish(multi, m->easy_handle, m->data.result);
}

/* Takes all that was asked; the exit status when there is nothing more to
 * come, or -1. */
static int
read_asks(CURLM *multi)
{
	static struct ipc_message m;
	struct probe_ask v;
	int code;
	while ((code = ipc_recv(PROBE_FD, &m)) == 0) {
		struct bytes body = {m.body, m.size};
		ipc_message_close(&m);
		if (m.type != PROBE_ASK || !probe_get_ask(body, &v))
			return EXIT_PROTOCOL;
		begin(multi, &v);
	}
	if (code == -EAGAIN)
		return -1;
	return code == -EPIPE ? 0 : EXIT_PROTOCOL;
}

int
main(void)
{
	say_init("skep-prober", SAY_INFO);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	CURLM *multi = curl_multi_init();
	CHECK(multi);
	int status = -1;
	while (status < 0) {
		int running;
		struct curl_waitfd fd = {
			.fd = PROBE_FD, .events = CURL_WAIT_POLLIN};
		curl_multi_perform(multi, &running);
		finish_all(multi);
		curl_multi_poll(multi, &fd, 1, WAIT_MS, NULL);
		status = read_asks(multi);
	}
	return status;
}
