/* Any bytes as skep.conf: read, or refused with a sentence that names the
 * file; texts of what is read are terminated and counts inside bounds. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "sys/conf.h"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "panic: %s:%d: %s\n", file, line, what);
	abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct conf conf;
	struct err err = {""};
	int rc = conf_parse("input", data, size, &conf, &err);
	if (rc) {
		CHECK(strncmp(err.text, "input:", 6) == 0);
		return 0;
	}
	CHECK(err.text[0] == '\0');
	CHECK(strlen(conf.node.name) <= NODE_NAME_MAX);
	CHECK(conf.cluster.join_count <= CONF_JOIN_MAX);
	CHECK(conf.node.label_count <= LABELS_MAX);
	char host[ADDRESS_MAX + 1];
	uint16_t port;
	CHECK(conf_split_address(conf.node.listen, host, &port) == 0);
	for (uint32_t i = 0; i < conf.cluster.join_count; i++)
		CHECK(conf_split_address(conf.cluster.join[i], host, &port) ==
			0);
	for (size_t i = 0; i < CONF_SETTING_COUNT; i++)
		CHECK(memchr(conf.settings[i].value, 0,
			sizeof conf.settings[i].value));
	return 0;
}
