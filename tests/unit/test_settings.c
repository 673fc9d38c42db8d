#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_stub.h"

static enum reply_code
cluster_set(struct world *w, unsigned node, const char *key, const char *value)
{
	struct core *c = world_enter(w, node);
	struct input_request r = {
		.id = 1, .op = REQUEST_CLUSTER_SET, .name = key, .arg = value};
	settings_on_request(c, &r);
	world_leave(w, node);
	return w->nodes[node].reply;
}

/* A key, a value, whether it is allowed. */
static const struct {
	const char *key;
	const char *value;
	bool is_good;
} cases[] = {
	{"expect", "3", true},
	{"expect", "0", true},
	{"expect", "three", false},
	{"expect", "10001", false},
	{"settle_timeout", "90s", true},
	{"settle_timeout", "90", false},
	{"settle_timeout", "2h", false},
	{"failure_timeout", "500ms", true},
	{"failure_timeout", "100ms", false},
	{"restart_grace", "0", true},
	{"minority_hold", "1m", true},
	{"on_minority", "keep", true},
	{"on_minority", "Keep", false},
	{"on_minority", "", false},
	{"rebalance", "off", true},
	{"rebalance", "auto", true},
	{"rebalance", "manual", true},
	{"rebalance", "on", false},
	{"rebalance_max", "1", true},
	{"rebalance_max", "0", false},
	{"rebalance_max", "101", false},
	{"rebalance_hold", "1s", true},
	{"rebalance_hold", "24h", true},
	{"rebalance_hold", "0", false},
	{"rebalance_hold", "60", false},
	{"rebalance_window", "22:00-06:00", true},
	{"rebalance_window", "", true},
	{"rebalance_window", "24:00-06:00", false},
	{"rebalance_window", "2-4", false},
	{"allow", "alpha,beta", true},
	{"deny", "", true},
	{"nonsense", "1", false},
};

START_TEST(test_check)
{
	const char *wrong = settings_check(cases[_i].key, cases[_i].value);
	ck_assert_msg((wrong == NULL) == cases[_i].is_good, "%s = %s: %s",
		cases[_i].key, cases[_i].value, wrong ? wrong : "accepted");
	struct world w;
	world_init(&w, 1, 16, 1);
	ck_assert_int_eq(cluster_set(&w, 0, cases[_i].key, cases[_i].value),
		cases[_i].is_good ? REPLY_OK : REPLY_INVALID);
	world_fini(&w);
}
END_TEST

START_TEST(test_defaults)
{
	struct world w;
	char buffer[64];
	world_init(&w, 1, 16, 1);
	const struct core *c = w.nodes[0].c;
	const struct settings *s = &c->settings;
	ck_assert_uint_eq(s->expect, 0);
	ck_assert_int_eq(s->settle_timeout_ms, 60000);
	ck_assert_int_eq(s->failure_timeout_ms, 2000);
	ck_assert_int_eq(s->restart_grace_ms, 5000);
	ck_assert_int_eq(s->minority_hold_ms, 10000);
	ck_assert_int_eq(s->on_minority, MINORITY_TAKEOVER);
	ck_assert_int_eq(s->rebalance, REBALANCE_OFF);
	ck_assert_str_eq(s->allow, "");
	unsigned count = 0;
	for (; settings_key(count); count++) {
		const char *key = settings_key(count);
		settings_text(c, key, buffer, sizeof buffer);
		ck_assert_ptr_null(settings_check(key, buffer));
	}
	ck_assert_int_eq(s->rebalance_hold_ms, 60000);
	ck_assert_uint_eq(s->rebalance_max, 5);
	ck_assert_uint_eq(count, 12);
	world_fini(&w);
}
END_TEST

/* What one host sets, all hosts have, with one digest; after a restart too. */
START_TEST(test_replicated)
{
	struct world w;
	char buffer[64];
	world_init(&w, 2, 16, 1);
	world_link(&w, 0, 1);
	uint64_t before = w.nodes[1].c->settings.digest;
	cluster_set(&w, 0, "minority_hold", "1m");
	cluster_set(&w, 0, "deny", "gamma");
	world_pass_ms(&w, 500);
	const struct settings *s = &w.nodes[1].c->settings;
	ck_assert_int_eq(s->minority_hold_ms, 60000);
	ck_assert_str_eq(s->deny, "gamma");
	ck_assert_uint_eq(s->digest, w.nodes[0].c->settings.digest);
	ck_assert_uint_ne(s->digest, before);
	ck_assert_str_eq(settings_text(w.nodes[1].c, "minority_hold", buffer,
				 sizeof buffer),
		"1m");
	/* The same meaning in other words is the same digest. */
	uint64_t digest = s->digest;
	cluster_set(&w, 0, "minority_hold", "60s");
	ck_assert_uint_eq(w.nodes[0].c->settings.digest, digest);
	world_stop(&w, 1);
	world_start(&w, 1);
	ck_assert_uint_eq(w.nodes[1].c->settings.digest, digest);
	world_fini(&w);
}
END_TEST

/* What older hosts do not know is in the digest only where it was set, so that
 * they agree with newer ones; and no operator sets what only counts. */
START_TEST(test_later)
{
	struct world w;
	world_init(&w, 1, 16, 1);
	const struct settings *s = &w.nodes[0].c->settings;
	uint64_t before = s->digest;
	ck_assert_int_eq(cluster_set(&w, 0, "rebalance_max", "5"), REPLY_OK);
	ck_assert_uint_eq(s->digest, before);
	ck_assert_int_eq(cluster_set(&w, 0, "rebalance_max", "6"), REPLY_OK);
	ck_assert_uint_ne(s->digest, before);
	ck_assert_int_eq(cluster_set(&w, 0, "rebalance_max", "5"), REPLY_OK);
	ck_assert_uint_eq(s->digest, before);
	ck_assert_int_eq(
		cluster_set(&w, 0, "rebalance_pass", "7"), REPLY_INVALID);
	ck_assert_uint_eq(s->rebalance_pass, 0);
	for (unsigned n = 0; settings_key(n); n++)
		ck_assert_str_ne(settings_key(n), "rebalance_pass");
	world_fini(&w);
}
END_TEST

/* A value that another version wrote and this one does not understand. */
START_TEST(test_unknown_value)
{
	struct world w;
	uint64_t after;
	world_init(&w, 1, 16, 1);
	struct core *c = world_enter(&w, 0);
	specs_set_setting(c, "on_minority", "pray", &after);
	world_leave(&w, 0);
	ck_assert_int_eq(c->settings.on_minority, MINORITY_TAKEOVER);
	world_fini(&w);
}
END_TEST

/* A seed never overwrites what anybody set, here or on another host. */
START_TEST(test_seed)
{
	static const char *const pairs[] = {"expect", "5", "nonsense", "1",
		"restart_grace", "9s", "minority_hold", "20s", "on_minority",
		"perhaps", NULL};
	struct world w;
	world_init(&w, 2, 16, 1);
	cluster_set(&w, 0, "restart_grace", "3s");
	cluster_set(&w, 1, "minority_hold", "4s");
	w.wall_ms += 10000;
	struct core *c = world_enter(&w, 0);
	c->config.settings = pairs;
	settings_seed(c);
	world_leave(&w, 0);
	ck_assert_uint_eq(c->settings.expect, 5);
	ck_assert_int_eq(c->settings.restart_grace_ms, 3000);
	ck_assert_int_eq(c->settings.minority_hold_ms, 20000);
	ck_assert_int_eq(c->settings.on_minority, MINORITY_TAKEOVER);
	world_link(&w, 0, 1);
	world_pass_ms(&w, 3000);
	ck_assert_int_eq(c->settings.minority_hold_ms, 4000);
	ck_assert_uint_eq(w.nodes[1].c->settings.digest, c->settings.digest);
	ck_assert_uint_eq(w.nodes[1].c->settings.expect, 5);
	world_fini(&w);
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("settings");
	TCase *t = tcase_create("settings");
	tcase_add_loop_test(t, test_check, 0, sizeof cases / sizeof *cases);
	tcase_add_test(t, test_defaults);
	tcase_add_test(t, test_replicated);
	tcase_add_test(t, test_unknown_value);
	tcase_add_test(t, test_later);
	tcase_add_test(t, test_seed);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
