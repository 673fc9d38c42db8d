/* The messages between keeper and helpers: what is written is read back, and
 * a body that is cut, longer or out of range is refused. */
#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/hash.h"
#include "base/prng.h"
#include "sys/kproto.h"

void
panic(const char *file, int line, const char *what)
{
	fprintf(stderr, "%s:%d: %s\n", file, line, what);
	abort();
}

/* One encoded sample of a kind, and its decoder with the type hidden. */
struct kind {
	const char *name;
	void (*put)(struct writer *w);
	bool (*get)(struct bytes body);
};

static struct kproto_texts
texts(unsigned char space[64], const char *a, const char *b)
{
	struct writer w;
	writer_init(&w, space, 64);
	writer_text(&w, a);
	writer_text(&w, b);
	return (struct kproto_texts){2, writer_done(&w)};
}

static struct kproto_start
start_sample(void)
{
	static unsigned char argv[64], env[64], stop[64];
	return (struct kproto_start){
		.iid = 0x1122334455667788,
		.epoch = 7,
		.run_digest = 99,
		.name = "web@1",
		.service = "web",
		.argv = texts(argv, "/bin/sleep", "1000"),
		.env = texts(env, "PATH=/bin", "EMPTY="),
		.user = "nobody",
		.groups = {0, {NULL, 0}},
		.working_dir = "/tmp",
		.env_file = "-/etc/default/web",
		.umask = 027,
		.nice = -5,
		.oom_score_adj = -100,
		.no_new_privileges = true,
		.rlimits = {{7, 100, 200}, {4, 0, KLIMIT_INFINITY}},
		.rlimit_count = 2,
		.start_timeout_ms = 30000,
		.log = {.iid = 0x1122334455667788,
			.name = "web@1",
			.target = KLOG_FILE,
			.max_size = 1 << 20,
			.max_files = 5,
			.when_full = KFULL_DROP},
		.has_handoff = true,
		.state_kind = "handoff",
		.state_age_ms = -1,
		.state_path = "/srv/web/state",
		.has_theirs = true,
		.state_root = {"0123", 4},
		.sets_aside = true,
		.before = 6,
		.stay = 1700000000000,
		.handoff_timeout_ms = 7,
		.commands[KCMD_PRE_STOP] = texts(stop, "/bin/stop", "now"),
		.hook_timeout_ms = 5000,
		.readiness = KREADY_FD,
		.ready_fd = 5,
		.ready_line = "",
		.watchdog_ms = 30000,
		.resources = {1, 2, 3, 4, 5, 6},
	};
}

static void
put_start(struct writer *w)
{
	struct kproto_start v = start_sample();
	kproto_put_start(w, &v);
}

static bool
get_start(struct bytes body)
{
	struct kproto_start v;
	return kproto_get_start(body, &v);
}

#define SAMPLE(kind, ...)                                                      \
	static void put_##kind(struct writer *w)                               \
	{                                                                      \
		struct kproto_##kind v = {__VA_ARGS__};                        \
		kproto_put_##kind(w, &v);                                      \
	}                                                                      \
	static bool get_##kind(struct bytes body)                              \
	{                                                                      \
		struct kproto_##kind v;                                        \
		return kproto_get_##kind(body, &v);                            \
	}

SAMPLE(welcome, .version = KPROTO_VERSION, .sockets = 3, .boot_id = "b",
	.conf_path = "/etc/skep/skep.conf", .weaker_why = "",
	.keeper_version = "1.2.3", .keeper_crashes = 4)
SAMPLE(instance, .iid = 1, .epoch = 2, .name = "web", .pid = 3, .status = -1,
	.has_run = true)
SAMPLE(event, .iid = 1, .epoch = 2, .value = -3)
SAMPLE(failure, .iid = 1, .epoch = 2, .blame = KBLAME_HOST, .code = 2,
	.step = "exec", .text = "no such program")
SAMPLE(crash, .status = 9, .digest = 8, .in_a_row = 2)
SAMPLE(signal, .iid = 1, .epoch = 2, .signal = 15, .target = KTARGET_ALL)
SAMPLE(run, .iid = 1, .epoch = 2, .command = KCMD_PRE_STOP, .timeout_ms = 3)
SAMPLE(ran, .iid = 1, .epoch = 2, .command = KCMD_LIVENESS, .status = 256,
	.has_expired = true, .text = "no answer")
SAMPLE(news, .iid = 1, .epoch = 2, .kind = KNEWS_OOM, .number = -3, .text = "")
SAMPLE(log, .iid = 1, .epoch = 2, .name = "web", .target = KLOG_NULL,
	.when_full = KFULL_BLOCK, .max_age_ms = 5, .is_compressed = true)

static const struct kind kinds[] = {
	{"welcome", put_welcome, get_welcome},
	{"instance", put_instance, get_instance},
	{"event", put_event, get_event},
	{"failure", put_failure, get_failure},
	{"crash", put_crash, get_crash},
	{"signal", put_signal, get_signal},
	{"run", put_run, get_run},
	{"ran", put_ran, get_ran},
	{"news", put_news, get_news},
	{"log", put_log, get_log},
	{"start", put_start, get_start},
};
#define KIND_COUNT (int)(sizeof kinds / sizeof kinds[0])

static size_t
encode(const struct kind *k, unsigned char *out, size_t capacity)
{
	struct writer w;
	writer_init(&w, out, capacity);
	k->put(&w);
	ck_assert_msg(!w.bad, "%s", k->name);
	return w.size;
}

START_TEST(test_body_must_be_exact)
{
	const struct kind *k = &kinds[_i];
	unsigned char body[1024];
	size_t size = encode(k, body, sizeof body - 1);
	ck_assert_msg(k->get((struct bytes){body, size}), "%s", k->name);
	for (size_t cut = 0; cut < size; cut++) {
		/* A copy of its own, so that a sanitizer sees one byte more. */
		unsigned char *copy = malloc(cut ? cut : 1);
		memcpy(copy, body, cut);
		ck_assert_msg(!k->get((struct bytes){copy, cut}), "%s: %zu",
			k->name, cut);
		free(copy);
	}
	body[size] = 0;
	ck_assert_msg(!k->get((struct bytes){body, size + 1}), "%s", k->name);
}
END_TEST

/* All but those that come before a start, which the keeper runs by itself. */
START_TEST(test_commands_that_can_be_run)
{
	unsigned char body[64];
	bool is_own = _i == KCMD_PRE_START || _i == KCMD_RESTORE ||
		      _i == KCMD_RESOLVE;
	struct kproto_run run = {1, 2, (uint8_t)_i, 3};
	struct kproto_ran ran = {
		.iid = 1, .epoch = 2, .command = (uint8_t)_i, .text = ""};
	struct writer w;
	writer_init(&w, body, sizeof body);
	kproto_put_run(&w, &run);
	ck_assert(kproto_get_run(writer_done(&w), &run) == !is_own);
	writer_init(&w, body, sizeof body);
	kproto_put_ran(&w, &ran);
	ck_assert(kproto_get_ran(writer_done(&w), &ran) == !is_own);
}
END_TEST

/* The form of all messages, by their numbers and the bytes of the samples. */
static uint64_t
form(void)
{
	struct hash_stream h;
	unsigned char body[1024];
	hash_stream_init(&h, 0);
#define X(name, number)                                                        \
	hash_stream_add(&h, #name, sizeof #name);                              \
	hash_stream_add(&h, &(unsigned char){number}, 1);
	KPROTO_MESSAGES(X)
#undef X
	for (int i = 0; i < KIND_COUNT; i++)
		hash_stream_add(&h, body, encode(&kinds[i], body, sizeof body));
	return hash_stream_value(&h);
}

/* A keeper may start a helper of another version, which then must notice. */
START_TEST(test_form_has_a_version)
{
	static const struct {
		uint32_t version;
		uint64_t form;
	} known = {6, 0x1f6e9ad77c343e29};
	ck_assert_msg(known.version == KPROTO_VERSION && known.form == form(),
		"the form of what keeper and helpers say is 0x%016" PRIx64
		" now, in version %d: raise KPROTO_VERSION in sys/kproto.h "
		"unless that was done since the last release, and put both "
		"here",
		form(), KPROTO_VERSION);
}
END_TEST

START_TEST(test_garbage_is_survived)
{
	const struct kind *k = &kinds[_i];
	unsigned char good[1024], body[1024];
	size_t size = encode(k, good, sizeof good);
	struct prng p;
	prng_init(&p, (uint64_t)_i + 1);
	for (int round = 0; round < 20000; round++) {
		memcpy(body, good, size);
		for (int flips = 0; flips < 1 + round % 4; flips++)
			body[prng_next(&p) % size] =
				(unsigned char)prng_next(&p);
		k->get((struct bytes){body, size});
	}
}
END_TEST

START_TEST(test_writer_that_is_too_small_says_so)
{
	const struct kind *k = &kinds[_i];
	unsigned char body[1024];
	size_t size = encode(k, body, sizeof body);
	struct writer w;
	writer_init(&w, body, size - 1);
	k->put(&w);
	ck_assert(w.bad);
}
END_TEST

START_TEST(test_start_is_read_back)
{
	unsigned char body[1024];
	size_t size = encode(&kinds[KIND_COUNT - 1], body, sizeof body);
	struct kproto_start v;
	ck_assert(kproto_get_start((struct bytes){body, size}, &v));
	ck_assert_uint_eq(v.iid, 0x1122334455667788);
	ck_assert_uint_eq(v.epoch, 7);
	ck_assert_str_eq(v.name, "web@1");
	ck_assert_str_eq(v.user, "nobody");
	ck_assert_str_eq(v.group, "");
	ck_assert_uint_eq(v.groups.count, 0);
	ck_assert_int_eq(v.nice, -5);
	ck_assert_int_eq(v.oom_score_adj, -100);
	ck_assert_uint_eq(v.rlimit_count, 2);
	ck_assert_uint_eq(v.rlimits[1].hard, KLIMIT_INFINITY);
	ck_assert_uint_eq(v.log.when_full, KFULL_DROP);
	ck_assert_int_eq(v.state_age_ms, -1);
	ck_assert_uint_eq(v.commands[KCMD_PRE_STOP].count, 2);
	ck_assert_uint_eq(v.commands[KCMD_STOP].count, 0);
	ck_assert_int_eq(v.hook_timeout_ms, 5000);
	ck_assert_uint_eq(v.ready_fd, 5);
	ck_assert_int_eq(v.watchdog_ms, 30000);
	ck_assert_uint_eq(v.resources.memory_high, 2);
	ck_assert_uint_eq(v.resources.io_weight, 6);
	ck_assert(v.has_handoff && !v.has_state && v.no_new_privileges);
	ck_assert(v.has_theirs);
	struct reader r;
	reader_init(&r, v.argv.packed.data, v.argv.packed.size);
	ck_assert_uint_eq(v.argv.count, 2);
	reader_text(&r);
	reader_text(&r);
	ck_assert(reader_is_done(&r));
}
END_TEST

/* Changes a good start and says whether it must be refused. */
static void
break_argv_empty(struct kproto_start *v)
{
	v->argv = (struct kproto_texts){0, {NULL, 0}};
}

static void
break_argv_count(struct kproto_start *v)
{
	v->argv.count = 3;
}

static void
break_env_count(struct kproto_start *v)
{
	v->env.count = UINT32_MAX;
}

static void
break_log_target(struct kproto_start *v)
{
	v->log.target = KLOG_JOURNAL + 1;
}

static void
break_when_full(struct kproto_start *v)
{
	v->log.when_full = 0;
}

static void (*const breakers[])(struct kproto_start *) = {
	break_argv_empty,
	break_argv_count,
	break_env_count,
	break_log_target,
	break_when_full,
};

START_TEST(test_start_out_of_range_is_refused)
{
	unsigned char body[1024];
	struct writer w;
	writer_init(&w, body, sizeof body);
	struct kproto_start v = start_sample();
	breakers[_i](&v);
	kproto_put_start(&w, &v);
	ck_assert(!w.bad);
	ck_assert(!get_start(writer_done(&w)));
}
END_TEST

START_TEST(test_too_many_rlimits_are_not_written)
{
	unsigned char body[2048];
	struct writer w;
	writer_init(&w, body, sizeof body);
	struct kproto_start v = start_sample();
	v.rlimit_count = KLIMITS_MAX + 1;
	kproto_put_start(&w, &v);
	ck_assert(w.bad);
}
END_TEST

START_TEST(test_names)
{
	ck_assert_str_eq(kproto_message_name(KMSG_START), "KMSG_START");
	ck_assert_str_eq(kproto_message_name(KMSG_LOG_READY), "KMSG_LOG_READY");
	ck_assert_str_eq(kproto_message_name(0), "unknown");
	ck_assert_str_eq(kproto_message_name(9999), "unknown");
}
END_TEST

int
main(void)
{
	Suite *s = suite_create("kproto");
	TCase *t = tcase_create("all");
	tcase_add_loop_test(t, test_body_must_be_exact, 0, KIND_COUNT);
	tcase_add_loop_test(t, test_commands_that_can_be_run, 0, KCMD_COUNT);
	tcase_add_test(t, test_form_has_a_version);
	tcase_add_loop_test(t, test_garbage_is_survived, 0, KIND_COUNT);
	tcase_add_loop_test(
		t, test_writer_that_is_too_small_says_so, 0, KIND_COUNT);
	tcase_add_test(t, test_start_is_read_back);
	tcase_add_loop_test(t, test_start_out_of_range_is_refused, 0,
		(int)(sizeof breakers / sizeof breakers[0]));
	tcase_add_test(t, test_too_many_rlimits_are_not_written);
	tcase_add_test(t, test_names);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? 1 : 0;
}
