/* Any bytes as the answer of a server: parsed or refused, the same whole as
 * in pieces, and never more body than there were bytes. */
#include "fuzz.h"

#include <string.h>

#include "base/check.h"
#include "ctl/http.h"

/* What came of one way to feed the bytes. */
struct outcome {
	int rc;
	int end;
	unsigned status;
	size_t body;
};

static int
count(void *context, const void *data, size_t size)
{
	(void)data;
	*(size_t *)context += size;
	return 0;
}

static struct outcome
feed(const uint8_t *data, size_t size, size_t step)
{
	static struct http_parser parser;
	struct outcome o = {0};
	http_parser_init(&parser, count, &o.body);
	for (size_t at = 0; at < size && o.rc == 0; at += step)
		o.rc = http_parser_feed(&parser, data + at,
			size - at < step ? size - at : step);
	o.end = http_parser_end(&parser);
	o.status = parser.status;
	return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct outcome whole = feed(data, size, size ? size : 1);
	struct outcome pieces = feed(data, size, 1);
	CHECK(whole.rc == pieces.rc);
	CHECK(whole.end == pieces.end);
	CHECK(whole.status == pieces.status);
	CHECK(whole.body == pieces.body);
	CHECK(whole.body <= size);
	return 0;
}
