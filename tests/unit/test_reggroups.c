/* Groups in the registry's file: the writer's half (node/reggroups.h) and
 * skep_registry_members, which reads it. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/prng.h"
#include "node/reggroups.h"
#include "skep/registry.h"
#include "tests/lib/scratch.h"

#define MEMBERS 200

_Noreturn void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

static struct regwriter *writer;
static struct reggroups *groups;
static struct skep_registry *reader;
static struct skep_entry entry;

static void
begin(uint64_t random)
{
	struct err err = {""};
	int code = regwriter_open(
		scratch_path("registry"), 100000, random, &writer, &err);
	ck_assert_msg(code == 0, "%s", err.text);
	ck_assert_msg(regwriter_publish(writer, &err) == 0, "%s", err.text);
	groups = reggroups_new(writer);
}

static void
end(void)
{
	reggroups_free(groups);
	regwriter_close(writer);
}

static void
setup(void)
{
	scratch_begin();
	begin(1);
	ck_assert_int_eq(
		skep_registry_open(scratch_path("registry"), &reader), 0);
	memset(&entry, 0, sizeof entry);
}

static void
teardown(void)
{
	skep_registry_close(reader);
	end();
	scratch_end();
}

static void
put_name(const char *name, uint32_t pid)
{
	struct regwriter_row row = {
		.name = name,
		.host = "alpha",
		.kind = SKEP_KIND_TRACKED,
		.state = SKEP_STATE_READY,
		.pid = pid,
		.epoch = 1,
	};
	ck_assert_int_eq(regwriter_put(writer, &row), 0);
}

static const char *
text_of(const char *group, const char *member)
{
	static char text[512];
	snprintf(text, sizeof text, "%s%c%s", group, REGFILE_GROUP_END, member);
	return text;
}

static void
join(const char *group, const char *member)
{
	ck_assert_int_eq(reggroups_put(groups, text_of(group, member)), 0);
}

static void
leave(const char *group, const char *member)
{
	reggroups_delete(groups, text_of(group, member));
}

static const char *
name_of(uint32_t i)
{
	static char name[32];
	snprintf(name, sizeof name, "member-%u", i);
	return name;
}

/* Walks: how many are there, or what the walk ended with. */
static int
count_of(const char *group)
{
	int count = 0, code;
	memset(&entry, 0, sizeof entry);
	while ((code = skep_registry_members(reader, group, &entry)) > 0)
		count++;
	return code < 0 ? code : count;
}

START_TEST(members_are_told_as_names)
{
	ck_assert_int_eq(count_of("ears"), 0);
	put_name("web@1", 17);
	join("ears", "web@1");
	join("ears", "web@1");
	ck_assert_int_eq(skep_registry_members(reader, "ears", &entry), 1);
	ck_assert_str_eq(entry.name, "web@1");
	ck_assert_str_eq(entry.host, "alpha");
	ck_assert_uint_eq(entry.pid, 17);
	ck_assert_int_eq(entry.state, SKEP_STATE_READY);
	ck_assert_int_eq(skep_registry_members(reader, "ears", &entry), 0);
	ck_assert_int_eq(count_of("ear"), 0);
	leave("ears", "web@1");
	leave("ears", "web@1");
	ck_assert_int_eq(count_of("ears"), 0);
}
END_TEST

START_TEST(who_has_no_name_now_is_left_out)
{
	put_name("one", 1);
	put_name("two", 2);
	join("ears", "one");
	join("ears", "two");
	regwriter_delete(writer, "one");
	ck_assert_int_eq(count_of("ears"), 1);
	put_name("one", 3);
	ck_assert_int_eq(count_of("ears"), 2);
}
END_TEST

START_TEST(their_rows_are_no_names)
{
	struct skep_registry_info info;
	put_name("one", 1);
	join("ears", "one");
	ck_assert_int_eq(skep_registry_next(reader, "", &entry), 1);
	ck_assert_str_eq(entry.name, "one");
	ck_assert_int_eq(skep_registry_next(reader, "", &entry), 0);
	memset(&entry, 0, sizeof entry);
	ck_assert_int_eq(skep_registry_match(reader, "ears*", &entry), 0);
	ck_assert_int_eq(
		skep_registry_lookup(reader, text_of("ears", ""), &entry),
		-ENOENT);
	ck_assert_int_eq(
		skep_registry_lookup(reader, text_of("ears", "0"), &entry),
		-ENOENT);
	skep_registry_get_info(reader, &info);
	ck_assert_uint_eq(info.names, 1);
	leave("ears", "one");
	skep_registry_get_info(reader, &info);
	ck_assert_uint_eq(info.names, 1);
}
END_TEST

START_TEST(groups_have_their_bounds)
{
	char name[REGFILE_GROUP_MAX + 2];
	memset(name, 'g', sizeof name);
	name[REGFILE_GROUP_MAX + 1] = '\0';
	ck_assert_int_eq(count_of(name), -EINVAL);
	name[REGFILE_GROUP_MAX] = '\0';
	put_name("one", 1);
	join(name, "one");
	ck_assert_int_eq(count_of(name), 1);
	ck_assert_int_eq(count_of(""), -EINVAL);
}
END_TEST

/* Against an array, in two groups. */
START_TEST(agrees_with_an_array)
{
	static bool in[2][MEMBERS];
	static const char *const names[2] = {"ears", "eyes"};
	int counts[2] = {0, 0};
	struct prng random;
	prng_init(&random, 7);
	for (uint32_t i = 0; i < MEMBERS; i++)
		put_name(name_of(i), i + 1);
	for (uint32_t step = 0; step < 20000; step++) {
		uint32_t g = (uint32_t)prng_below(&random, 2);
		uint32_t i = (uint32_t)prng_below(&random, MEMBERS);
		bool is_join = prng_below(&random, 4) < step / 2000 % 5;
		counts[g] += is_join - in[g][i];
		in[g][i] = is_join;
		if (is_join)
			join(names[g], name_of(i));
		else
			leave(names[g], name_of(i));
		if (step % 50 == 0)
			ck_assert_int_eq(count_of(names[g]), counts[g]);
	}
	for (uint32_t g = 0; g < 2; g++)
		for (uint32_t i = 0; i < MEMBERS; i++)
			leave(names[g], name_of(i));
	ck_assert_int_eq(count_of("ears"), 0);
	uint64_t cursor = 0;
	const char *name;
	while ((name = regwriter_next(writer, &cursor)))
		ck_assert_msg(!reggroups_is_row(name), "a row is left");
}
END_TEST

/* Who stays is given once, while others come and go. */
START_TEST(a_walk_gives_each_once)
{
	static uint8_t seen[MEMBERS];
	struct prng random;
	prng_init(&random, 9);
	for (uint32_t i = 0; i < 2 * MEMBERS; i++) {
		put_name(name_of(i), i + 1);
		join("ears", name_of(i));
	}
	while (skep_registry_members(reader, "ears", &entry) > 0) {
		if (entry.pid <= MEMBERS)
			seen[entry.pid - 1]++;
		for (unsigned n = 0; n < 5; n++) {
			uint32_t i = MEMBERS +
				     (uint32_t)prng_below(&random, MEMBERS);
			if (prng_below(&random, 2))
				join("ears", name_of(i));
			else
				leave("ears", name_of(i));
		}
	}
	for (uint32_t i = 0; i < MEMBERS; i++)
		ck_assert_msg(seen[i] == 1, "%u: %u times", i, seen[i]);
}
END_TEST

START_TEST(a_walk_says_when_another_file_has_come)
{
	put_name("one", 1);
	put_name("two", 2);
	join("ears", "one");
	join("ears", "two");
	ck_assert_int_eq(skep_registry_members(reader, "ears", &entry), 1);
	end();
	begin(2);
	ck_assert_int_eq(
		skep_registry_members(reader, "ears", &entry), -ESTALE);
	put_name("two", 2);
	join("ears", "two");
	ck_assert_int_eq(count_of("ears"), 1);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("reggroups");
	TCase *t = tcase_create("all");
	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_test(t, members_are_told_as_names);
	tcase_add_test(t, who_has_no_name_now_is_left_out);
	tcase_add_test(t, their_rows_are_no_names);
	tcase_add_test(t, groups_have_their_bounds);
	tcase_add_test(t, agrees_with_an_array);
	tcase_add_test(t, a_walk_gives_each_once);
	tcase_add_test(t, a_walk_says_when_another_file_has_come);
	tcase_set_timeout(t, 60);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed != 0;
}
