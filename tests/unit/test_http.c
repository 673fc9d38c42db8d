/* The HTTP client's parser: whole, byte by byte, and bytes that are no HTTP. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/http.h"

static struct http_parser parser;
static char body[65536];
static size_t body_size;

static int
collect(void *context, const void *data, size_t size)
{
	(void)context;
	ck_assert_uint_lt(body_size + size, sizeof(body));
	memcpy(body + body_size, data, size);
	body_size += size;
	body[body_size] = '\0';
	return 0;
}

/* Feeds 'text' in pieces of 'step' bytes, then the end of the connection. */
static int
parse(const char *text, size_t step)
{
	size_t size = strlen(text);
	body_size = 0;
	body[0] = '\0';
	http_parser_init(&parser, collect, NULL);
	for (size_t at = 0; at < size; at += step) {
		size_t piece = size - at < step ? size - at : step;
		int rc = http_parser_feed(&parser, text + at, piece);
		if (rc)
			return rc;
	}
	return http_parser_end(&parser);
}

static const struct {
	const char *text;
	unsigned status;
	const char *body;
} good[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello"},
	{"HTTP/1.1 200 OK\nContent-Length: 5\n\nhelloEXTRA", 200, "hello"},
	{"HTTP/1.1 404\r\ncontent-length:0\r\n\r\n", 404, ""},
	{"HTTP/1.0 200 OK\r\n\r\nto the end", 200, "to the end"},
	{"HTTP/1.1 204 No\r\n\r\n", 204, ""},
	{"HTTP/1.1 100 Continue\r\n\r\n"
	 "HTTP/1.1 201 X\r\nContent-Length: 1\r\n\r\nx",
		201, "x"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "5\r\nhello\r\n1;ext=1\r\n \r\nA\r\n0123456789\r\n"
	 "0\r\nTrailer: x\r\n\r\n",
		200, "hello 0123456789"},
};

START_TEST(good_answers_in_any_pieces)
{
	for (size_t step = 1; step < 40; step++) {
		ck_assert_int_eq(parse(good[_i].text, step), 0);
		ck_assert_uint_eq(parser.status, good[_i].status);
		ck_assert_str_eq(body, good[_i].body);
	}
}
END_TEST

static const struct {
	const char *text;
	int rc;
} bad[] = {
	{"", -EPIPE},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", -EPIPE},
	{"HTTP/1.1 200 OK\r\n", -EPIPE},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello",
		-EPIPE},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", -EPIPE},
	{"SSH-2.0-OpenSSH\r\n", -EBADMSG},
	{"HTTP/2 200\r\n", -EBADMSG},
	{"HTTP/1.1 2x0 OK\r\n", -EBADMSG},
	{"HTTP/1.1 099 OK\r\n", -EBADMSG},
	{"HTTP/1.1 2000 OK\r\n", -EBADMSG},
	{"HTTP/1.1 200 OK\r\nno colon\r\n", -EBADMSG},
	{"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", -EBADMSG},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5x\r\n", -EBADMSG},
	{"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n",
		-EBADMSG},
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
		-EBADMSG},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n", -EBADMSG},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
		-EBADMSG},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "FFFFFFFFFFFFFFFFF\r\n",
		-EBADMSG},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	 "1\r\nab\r\n",
		-EBADMSG},
};

START_TEST(bad_answers_are_refused)
{
	ck_assert_int_eq(parse(bad[_i].text, 1), bad[_i].rc);
	ck_assert_int_eq(parse(bad[_i].text, 1000), bad[_i].rc);
}
END_TEST

START_TEST(lines_and_headers_are_bounded)
{
	char line[HTTP_LINE_MAX + 100];
	memset(line, 'a', sizeof(line));
	http_parser_init(&parser, collect, NULL);
	ck_assert_int_eq(
		http_parser_feed(&parser, line, sizeof(line)), -EBADMSG);
	http_parser_init(&parser, collect, NULL);
	static const char status[] = "HTTP/1.1 200 OK\r\n";
	int rc = http_parser_feed(&parser, status, sizeof(status) - 1);
	for (int i = 0; i <= HTTP_HEADERS_MAX && rc == 0; i++)
		rc = http_parser_feed(&parser, "a: b\r\n", 6);
	ck_assert_int_eq(rc, -EBADMSG);
}
END_TEST

static int
refuse(void *context, const void *data, size_t size)
{
	(void)context;
	(void)data;
	(void)size;
	return -EFBIG;
}

START_TEST(the_reader_of_the_body_may_stop_it)
{
	http_parser_init(&parser, refuse, NULL);
	static const char text[] =
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
	ck_assert_int_eq(
		http_parser_feed(&parser, text, sizeof(text) - 1), -EFBIG);
}
END_TEST

START_TEST(escaping_keeps_names_whole)
{
	char out[32] = "/v1/names/";
	ck_assert(http_escape(out, sizeof(out), "a b/c@1%"));
	ck_assert_str_eq(out, "/v1/names/a%20b%2Fc@1%25");
	ck_assert(!http_escape(out, sizeof(out), "too long for what is left"));
	ck_assert_uint_lt(strlen(out), sizeof(out));
}
END_TEST

START_TEST(a_socket_without_a_server_is_an_errno)
{
	struct err err;
	struct http_request request = {
		.method = "GET", .path = "/", .timeout_ms = 1000};
	http_parser_init(&parser, collect, NULL);
	ck_assert_int_eq(
		http_call("/nonexistent/sock", &request, &parser, &err),
		-ENOENT);
	ck_assert_ptr_nonnull(strstr(err.text, "/nonexistent/sock"));
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("http");
	TCase *tc = tcase_create("http");
	tcase_add_loop_test(tc, good_answers_in_any_pieces, 0,
		sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(
		tc, bad_answers_are_refused, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, lines_and_headers_are_bounded);
	tcase_add_test(tc, the_reader_of_the_body_may_stop_it);
	tcase_add_test(tc, escaping_keeps_names_whole);
	tcase_add_test(tc, a_socket_without_a_server_is_an_errno);
	suite_add_tcase(suite, tc);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
