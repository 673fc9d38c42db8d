/* Any bytes as a file of services: refused with a sentence, or read; what is
 * read has a body that reads back as itself, and can be used. */
#include "fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "spec/spec.h"

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "panic: %s:%d: %s\n", file, line, what);
	abort();
}

static void
try_launch(const struct spec *spec)
{
	struct spec_launch launch;
	spec_expand(spec,
		&(struct spec_names){spec->name, "instance", "full", "host"},
		&launch);
	CHECK(launch.command.count == spec->command.count);
	spec_launch_fini(&launch);
	char name[INSTANCE_NAME_MAX + 1];
	spec_instance_name(spec, spec_instance_count(spec) - 1, name);
}

static void
try_spec(const struct spec *spec)
{
	static char body[SPEC_BODY_MAX + 1], again[SPEC_BODY_MAX + 1];
	struct err err = {""};
	struct spec *copy;
	int length = spec_to_body(spec, body, sizeof body);
	CHECK(length > 0);
	CHECK(spec_from_body(body, (size_t)length, &copy, &err) == 0);
	CHECK(spec_to_body(copy, again, sizeof again) == length);
	CHECK(strcmp(body, again) == 0);
	CHECK(spec_digest(spec) == spec_digest(copy));
	CHECK(spec_run_digest(spec) == spec_run_digest(copy));
	struct spec_policy a, b;
	spec_policy_from(spec, &a);
	spec_policy_from(copy, &b);
	CHECK(memcmp(&a, &b, sizeof a) == 0);
	try_launch(copy);
	spec_free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = {""};
	struct spec_set *set;
	int rc = spec_parse_buffer("input", data, size, &set, &err);
	CHECK((rc == 0) == (set != NULL));
	CHECK((rc == 0) == (err.text[0] == '\0'));
	if (rc == 0)
		for (size_t i = 0; i < set->count; i++)
			try_spec(set->items[i]);
	spec_set_free(set);
	return 0;
}
