/* Recordings: every input survives, damage is refused with a sentence. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core/core_private.h"
#include "core/trace.h"

static unsigned char buffer[TRACE_RECORD_MAX];
static struct trace_input got;

/* Writes 'in' as a record, reads its body into 'got', and returns it. */
static const struct input *
pass(struct input in)
{
	in.now.ms = 12345;
	in.wall_ms = 1700000000123;
	struct bytes record = trace_write_input(buffer, sizeof buffer, &in);
	ck_assert_ptr_nonnull(record.data);
	struct bytes body = {buffer + 9, record.size - 9};
	const char *why = trace_read_input(body, &got);
	ck_assert_msg(!why, "%s: %s", input_kind_name(in.kind), why);
	ck_assert_int_eq(got.in.kind, in.kind);
	ck_assert_int_eq(got.in.now.ms, 12345);
	ck_assert_int_eq(got.in.wall_ms, 1700000000123);
	return &got.in;
}

static void
assert_bytes(struct bytes b, const char *text)
{
	ck_assert_uint_eq(b.size, strlen(text));
	ck_assert_ptr_nonnull(b.data);
	ck_assert_mem_eq(b.data, text, b.size);
}

static void
assert_actor(const struct actor *a)
{
	ck_assert_uint_eq(a->uid, 1000);
	ck_assert_uint_eq(a->pid, 77);
	ck_assert_str_eq(a->host, "beta");
}

static const struct actor actor = {1000, 77, "beta"};

START_TEST(store_and_keeper_pass)
{
	const struct input *in = pass((struct input){.kind = INPUT_LOAD,
		.load = {TABLE_OWNER, {"key\0", 4}, {"value", 5}}});
	ck_assert_int_eq(in->load.table, TABLE_OWNER);
	ck_assert_uint_eq(in->load.key.size, 4);
	ck_assert_mem_eq(in->load.key.data, "key\0", 4);
	assert_bytes(in->load.value, "value");
	in = pass((struct input){.kind = INPUT_FOUND,
		.found = {
			"web@1", 9, UINT64_MAX, 12, -1, true, true, 99, true}});
	ck_assert_str_eq(in->found.name, "web@1");
	ck_assert_uint_eq(in->found.epoch, 9);
	ck_assert_uint_eq(in->found.run_digest, UINT64_MAX);
	ck_assert_uint_eq(in->found.pid, 12);
	ck_assert_int_eq(in->found.status, -1);
	ck_assert(in->found.is_empty);
	ck_assert(in->found.is_ready);
	ck_assert_int_eq(in->found.started_wall_ms, 99);
	ck_assert(in->found.has_run);
	in = pass((struct input){.kind = INPUT_STORED, .stored = {5}});
	ck_assert_uint_eq(in->stored.seq, 5);
	in = pass((struct input){
		.kind = INPUT_SEALED, .sealed = {"web@1", 7, {1, 2, 3}, 99}});
	ck_assert_uint_eq(in->sealed.epoch, 7);
	ck_assert_uint_eq(in->sealed.size, 99);
	ck_assert_str_eq(in->sealed.name, "web@1");
	ck_assert_mem_eq(in->sealed.root, ((uint8_t[DIGEST_SIZE]){1, 2, 3}),
		DIGEST_SIZE);
	pass((struct input){.kind = INPUT_BOOT});
	pass((struct input){.kind = INPUT_TICK});
	pass((struct input){.kind = INPUT_GOING});
	pass((struct input){.kind = INPUT_ENDING});
	in = pass((struct input){.kind = INPUT_REACHED, .reached = {4}});
	ck_assert_uint_eq(in->reached.dial, 4);
}
END_TEST

START_TEST(links_pass)
{
	const struct input *in = pass((struct input){
		.kind = INPUT_LINK_UP, .link_up = {3, 4, "alpha:7400"}});
	ck_assert_uint_eq(in->link_up.link, 3);
	ck_assert_uint_eq(in->link_up.dial, 4);
	ck_assert_str_eq(in->link_up.address, "alpha:7400");
	in = pass((struct input){
		.kind = INPUT_LINK_DOWN, .link_down = {3, 4, LINK_CLOSED}});
	ck_assert_uint_eq(in->link_down.link, 3);
	ck_assert_uint_eq(in->link_down.dial, 4);
	ck_assert_int_eq(in->link_down.reason, LINK_CLOSED);
	in = pass((struct input){
		.kind = INPUT_RECV, .recv = {3, UINT16_MAX, {"body", 4}}});
	ck_assert_uint_eq(in->recv.link, 3);
	ck_assert_uint_eq(in->recv.type, UINT16_MAX);
	assert_bytes(in->recv.body, "body");
	in = pass((struct input){.kind = INPUT_RECV});
	assert_bytes(in->recv.body, "");
}
END_TEST

START_TEST(processes_pass)
{
	static const enum input_kind kinds[] = {
		INPUT_STARTED, INPUT_EXITED, INPUT_EMPTY, INPUT_ANSWERED};
	for (size_t i = 0; i < 4; i++) {
		const struct input *in = pass((struct input){.kind = kinds[i],
			.proc = {"web", 9, 12, -7, ANSWER_UNSUPPORTED}});
		ck_assert_str_eq(in->proc.name, "web");
		ck_assert_uint_eq(in->proc.epoch, 9);
		ck_assert_uint_eq(in->proc.pid, 12);
		ck_assert_int_eq(in->proc.status, -7);
		ck_assert_uint_eq(in->proc.answer, ANSWER_UNSUPPORTED);
	}
	const struct input *in = pass((struct input){.kind = INPUT_START_FAILED,
		.start_failed = {"web", 9, BLAME_BUSY, "why"}});
	ck_assert_str_eq(in->start_failed.name, "web");
	ck_assert_uint_eq(in->start_failed.epoch, 9);
	ck_assert_int_eq(in->start_failed.blame, BLAME_BUSY);
	ck_assert_str_eq(in->start_failed.text, "why");
}
END_TEST

START_TEST(life_passes)
{
	const struct input *in = pass((struct input){.kind = INPUT_NEWS,
		.news = {"web", 9, NEWS_EXTEND, -5, "why"}});
	ck_assert_str_eq(in->news.name, "web");
	ck_assert_uint_eq(in->news.epoch, 9);
	ck_assert_int_eq(in->news.kind, NEWS_EXTEND);
	ck_assert_int_eq(in->news.number, -5);
	ck_assert_str_eq(in->news.text, "why");
	in = pass((struct input){.kind = INPUT_RAN,
		.ran = {"web", 9, HOOK_POST_STOP, true, "why"}});
	ck_assert_str_eq(in->ran.name, "web");
	ck_assert_uint_eq(in->ran.epoch, 9);
	ck_assert_int_eq(in->ran.hook, HOOK_POST_STOP);
	ck_assert(in->ran.is_ok);
	ck_assert_str_eq(in->ran.text, "why");
	in = pass((struct input){
		.kind = INPUT_DUE, .due = {"web", 1700000000000}});
	ck_assert_str_eq(in->due.service, "web");
	ck_assert_int_eq(in->due.slot, 1700000000000);
	in = pass((struct input){.kind = INPUT_REGISTER,
		.enroll = {.request = 9,
			.name = "device/1",
			.pid = 4711,
			.start = 99,
			.meta = {"{}", 2},
			.timeout_ms = 250,
			.actor = {7, 8, NULL}}});
	ck_assert_uint_eq(in->enroll.request, 9);
	ck_assert_str_eq(in->enroll.name, "device/1");
	ck_assert_uint_eq(in->enroll.pid, 4711);
	ck_assert_uint_eq(in->enroll.start, 99);
	ck_assert_uint_eq(in->enroll.meta.size, 2);
	ck_assert_int_eq(in->enroll.timeout_ms, 250);
	ck_assert_uint_eq(in->enroll.actor.uid, 7);
	in = pass(
		(struct input){.kind = INPUT_GONE, .gone = {"device/1", 4711}});
	ck_assert_str_eq(in->gone.name, "device/1");
	ck_assert_uint_eq(in->gone.pid, 4711);
}
END_TEST

START_TEST(mail_passes)
{
	const struct input *in = pass((struct input){.kind = INPUT_MAIL,
		.mail = {9, MAIL_MULTICALL, "web", "all", 7, 5, true, true,
			1234, {"body", 4}}});
	ck_assert_uint_eq(in->mail.id, 9);
	ck_assert_int_eq(in->mail.op, MAIL_MULTICALL);
	ck_assert_str_eq(in->mail.from, "web");
	ck_assert_str_eq(in->mail.to, "all");
	ck_assert_uint_eq(in->mail.number, 7);
	ck_assert_uint_eq(in->mail.room, 5);
	ck_assert(in->mail.is_acked);
	ck_assert(in->mail.is_ok);
	ck_assert_int_eq(in->mail.timeout_ms, 1234);
	assert_bytes(in->mail.body, "body");
}
END_TEST

START_TEST(states_pass)
{
	const struct input *in = pass((struct input){.kind = INPUT_DUMPED,
		.dumped = {"web", 9, true, true, true, {1, 2, 3}, 44, NULL}});
	ck_assert_str_eq(in->dumped.name, "web");
	ck_assert_uint_eq(in->dumped.epoch, 9);
	ck_assert(in->dumped.is_ok);
	ck_assert(in->dumped.is_checkpoint);
	ck_assert(in->dumped.is_absent);
	ck_assert_mem_eq(in->dumped.root, ((uint8_t[32]){1, 2, 3}), 32);
	ck_assert_uint_eq(in->dumped.size, 44);
	ck_assert_ptr_null(in->dumped.text);
	in = pass((struct input){.kind = INPUT_FETCHED,
		.fetched = {"web", {4, 5}, true, true, 44, "x"}});
	ck_assert_str_eq(in->fetched.name, "web");
	ck_assert_mem_eq(in->fetched.root, ((uint8_t[32]){4, 5}), 32);
	ck_assert(in->fetched.is_ok);
	ck_assert(in->fetched.is_final);
	ck_assert_uint_eq(in->fetched.bytes, 44);
	ck_assert_str_eq(in->fetched.text, "x");
}
END_TEST

/* A policy with nothing left at its default. */
static struct spec_policy
full_policy(void)
{
	return (struct spec_policy){
		.naming = NAMING_LIST,
		.instance_count = 2,
		.instances = "main\0bulk",
		.is_enabled = true,
		.type = TYPE_ONESHOT,
		.restart = {RESTART_NEVER, DELAY_FIBONACCI, MODE_RESCHEDULE, 1,
			2, 3, 4, 5, 6},
		.stop_signal = 15,
		.stop_timeout_ms = 7,
		.stops_group = true,
		.start_timeout_ms = 8,
		.handoff = {true, HANDOFF_IGNORE, 10, 9, 11, true, true, false},
		.placement = {"ring", "beta", true, 12},
		.partition = {CONSISTENCY_QUORUM, ON_LOSS_STOP, 13},
		.exit_codes = {0, 255},
		.exit_code_count = 2,
	};
}

START_TEST(specs_pass)
{
	const struct spec_policy policy = full_policy();
	const struct input *in = pass((struct input){.kind = INPUT_SPEC_SET,
		.spec_set = {1, "web", 2, 3, &policy, {"body", 4},
			{"a.yaml", 4, true}, actor, true, 5}});
	ck_assert_uint_eq(in->spec_set.request, 1);
	ck_assert_str_eq(in->spec_set.name, "web");
	ck_assert_uint_eq(in->spec_set.digest, 2);
	ck_assert_uint_eq(in->spec_set.run_digest, 3);
	ck_assert_mem_eq(in->spec_set.policy, &policy, sizeof policy);
	assert_bytes(in->spec_set.body, "body");
	ck_assert_str_eq(in->spec_set.source.file, "a.yaml");
	ck_assert_uint_eq(in->spec_set.source.last_digest, 4);
	ck_assert(in->spec_set.source.is_initial);
	ck_assert(in->spec_set.is_runtime);
	ck_assert_int_eq(in->spec_set.timeout_ms, 5);
	assert_actor(&in->spec_set.actor);
	in = pass((struct input){
		.kind = INPUT_SPEC_DEL, .spec_del = {1, "web", actor}});
	ck_assert_uint_eq(in->spec_del.request, 1);
	ck_assert_str_eq(in->spec_del.name, "web");
	assert_actor(&in->spec_del.actor);
}
END_TEST

START_TEST(requests_pass)
{
	for (unsigned op = 0; op < REQUEST_OP_COUNT; op++) {
		const struct input *in =
			pass((struct input){.kind = INPUT_REQUEST,
				.request = {8, (enum request_op)op, "web", "",
					-5, true, 4, actor}});
		ck_assert_uint_eq(in->request.id, 8);
		ck_assert_int_eq((int)in->request.op, (int)op);
		ck_assert_str_eq(in->request.name, "web");
		ck_assert_str_eq(in->request.arg, "");
		ck_assert_int_eq(in->request.number, -5);
		ck_assert(in->request.is_forced);
		ck_assert_uint_eq(in->request.max_parallel, 4);
		assert_actor(&in->request.actor);
	}
	const struct input *in = pass((struct input){.kind = INPUT_REQUEST,
		.request = {.name = "n", .arg = "a", .actor = {0, 0, NULL}}});
	ck_assert_ptr_null(in->request.actor.host);
}
END_TEST

/* --- Whole recordings --- */

static unsigned char file[TRACE_RECORD_MAX];
static size_t file_size;
static struct trace_head head;
static struct trace_head head_got;

static void
put(struct bytes record)
{
	ck_assert_ptr_nonnull(record.data);
	memcpy(file + file_size, record.data, record.size);
	file_size += record.size;
}

static void
put_step(struct core *c, struct input in)
{
	struct effects fx;
	core_step(c, &in, &fx);
	put(trace_write_input(buffer, sizeof buffer, &in));
	put(trace_write_effects(buffer, sizeof buffer, &fx));
}

static struct core *
make_core(const struct trace_head *h)
{
	size_t size = core_size(&h->limits);
	void *memory = aligned_alloc(16, (size + 15) & ~(size_t)15);
	ck_assert_ptr_nonnull(memory);
	memset(memory, 0, size);
	return core_new(memory, size, &h->limits, &h->config);
}

/* Records a core that boots and founds a cluster. */
static void
make_recording(void)
{
	static const char *const settings[] = {"expect", "1", NULL};
	struct core_limits limits = core_limits_for(100);
	struct core_config config = {.node = "alpha",
		.cluster = "test",
		.address = "alpha:7400",
		.join = {"beta:7400"},
		.join_count = 1,
		.weight = 100,
		.labels = {{"zone", "a"}},
		.label_count = 1,
		.node_id = 1,
		.boot = 2,
		.nonce = 3,
		.seed = 4,
		.version = "0.1",
		.settings = settings};
	limits.effects_max = 4096;
	limits.effects_size = (size_t)2 * FRAME_MAX;
	limits.bodies_size = (uint64_t)1024 * 1024;
	head.limits = limits;
	head.config = config;
	struct core *c = make_core(&head);
	ck_assert(trace_head_of(c, 1700000000000, &head));
	file_size = 0;
	put(trace_write_head(buffer, sizeof buffer, &head));
	put_step(c, (struct input){.kind = INPUT_BOOT, .now = {1000}});
	for (int i = 0; i < 100; i++)
		put_step(c, (struct input){.kind = INPUT_TICK,
				    .now = {2000 + 100 * i}});
	put(trace_write_end(buffer, sizeof buffer,
		&(struct trace_end){"the test is over", 101}));
	free(c);
}

/* Reads all of 'size' bytes; '*r' says how that went. */
static enum trace_result
read_all(size_t size, struct trace_reader *r)
{
	static struct trace_item item;
	/* The exact size on the heap, for the sanitizers. */
	unsigned char *copy = malloc(size + !size);
	memcpy(copy, file, size);
	enum trace_result result =
		trace_open(r, (struct bytes){copy, size}, &head_got);
	while (result == TRACE_OK)
		result = trace_next(r, &item);
	ck_assert(result == TRACE_DONE || r->why);
	free(copy);
	return result;
}

START_TEST(a_recording_replays)
{
	struct trace_reader r;
	static struct trace_item item;
	struct trace_difference diff;
	struct effects fx;
	make_recording();
	ck_assert_int_eq(
		trace_open(&r, (struct bytes){file, file_size}, &head_got),
		TRACE_OK);
	ck_assert_str_eq(head_got.config.node, "alpha");
	ck_assert_str_eq(head_got.config.join[0], "beta:7400");
	ck_assert_str_eq(head_got.config.labels[0].value, "a");
	ck_assert_str_eq(head_got.config.settings[0], "expect");
	ck_assert_str_eq(head_got.config.settings[1], "1");
	ck_assert_ptr_null(head_got.config.settings[2]);
	ck_assert_str_eq(head_got.strategies[0].name, place_hrw.name);
	struct core *c = make_core(&head_got);
	while (trace_next(&r, &item) == TRACE_OK) {
		if (item.kind == TRACE_INPUT)
			core_step(c, &item.input.in, &fx);
		else if (item.kind == TRACE_EFFECTS)
			ck_assert(trace_is_same(&item.effects, &fx, &diff));
	}
	ck_assert_uint_eq(r.steps, 101);
	ck_assert_str_eq(item.end.why, "the test is over");
	free(c);
}
END_TEST

START_TEST(a_difference_is_named)
{
	struct trace_reader r;
	static struct trace_item item;
	struct trace_difference diff;
	struct effects fx;
	make_recording();
	trace_open(&r, (struct bytes){file, file_size}, &head_got);
	/* A core that was told otherwise acts otherwise. */
	strcpy(head_got.config.join[0], "gamma:7400");
	struct core *c = make_core(&head_got);
	bool is_same = true;
	while (is_same && trace_next(&r, &item) == TRACE_OK) {
		if (item.kind == TRACE_INPUT)
			core_step(c, &item.input.in, &fx);
		else if (item.kind == TRACE_EFFECTS)
			is_same = trace_is_same(&item.effects, &fx, &diff);
	}
	ck_assert(!is_same);
	ck_assert_uint_eq(r.steps, 1);
	ck_assert_uint_eq(diff.now, fx.count);
	ck_assert_uint_eq(diff.recorded, diff.now);
	ck_assert_int_eq(diff.kind_recorded, EFFECT_LINK_OPEN);
	ck_assert_int_eq(diff.kind_now, EFFECT_LINK_OPEN);
	free(c);
}
END_TEST

START_TEST(every_cut_is_noticed)
{
	struct trace_reader r;
	make_recording();
	ck_assert_int_eq(read_all(file_size, &r), TRACE_DONE);
	for (size_t size = 0; size < file_size; size++) {
		enum trace_result result = read_all(size, &r);
		ck_assert_int_eq(result,
			size < TRACE_MAGIC_SIZE ? TRACE_BAD : TRACE_CUT);
		ck_assert(strstr(r.why, "breaks off") ||
			  strstr(r.why, "no recording"));
		ck_assert_uint_le(trace_offset(&r), size);
	}
}
END_TEST

START_TEST(every_damaged_byte_is_noticed)
{
	struct trace_reader r;
	make_recording();
	for (size_t i = 0; i < file_size; i++) {
		file[i] ^= 0x20;
		enum trace_result result = read_all(file_size, &r);
		ck_assert(result == TRACE_BAD || result == TRACE_CUT);
		file[i] ^= 0x20;
	}
	file[file_size++] = 0;
	ck_assert_int_eq(read_all(file_size, &r), TRACE_BAD);
	ck_assert_str_eq(r.why, "something stands behind its end");
}
END_TEST

START_TEST(what_makes_no_sense_is_refused)
{
	static const struct input bad[] = {
		{.kind = INPUT_LOAD, .load = {TABLE_COUNT, {0}, {0}}},
		{.kind = INPUT_LINK_DOWN},
		{.kind = INPUT_LINK_UP},
		{.kind = INPUT_STARTED},
		{.kind = INPUT_START_FAILED, .start_failed = {.name = "x"}},
		{.kind = INPUT_REQUEST,
			.request = {.name = "x",
				.arg = "",
				.op = REQUEST_OP_COUNT}},
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct bytes record =
			trace_write_input(buffer, sizeof buffer, &bad[i]);
		struct bytes body = {buffer + 9, record.size - 9};
		ck_assert_ptr_nonnull(trace_read_input(body, &got));
	}
	ck_assert_ptr_nonnull(
		trace_read_input((struct bytes){"\xff\xff", 2}, &got));
}
END_TEST

START_TEST(order_and_time_are_checked)
{
	struct trace_reader r;
	struct effects none = {0};
	const struct input inputs[3][2] = {
		{{.kind = INPUT_BOOT, .now = {5}},
			{.kind = INPUT_BOOT, .now = {5}}},
		{{.kind = INPUT_BOOT, .now = {5}},
			{.kind = INPUT_TICK, .now = {4}}},
		{{.kind = INPUT_BOOT, .now = {5}},
			{.kind = INPUT_LOAD, .now = {5}, .load = {TABLE_META}}},
	};
	make_recording();
	for (int i = 0; i < 3; i++) {
		file_size = 0;
		put(trace_write_head(buffer, sizeof buffer, &head));
		for (int k = 0; k < 2; k++) {
			put(trace_write_input(
				buffer, sizeof buffer, &inputs[i][k]));
			put(trace_write_effects(buffer, sizeof buffer, &none));
		}
		ck_assert_int_eq(read_all(file_size, &r), TRACE_BAD);
	}
	file_size = 0;
	put(trace_write_head(buffer, sizeof buffer, &head));
	put(trace_write_effects(buffer, sizeof buffer, &none));
	ck_assert_int_eq(read_all(file_size, &r), TRACE_BAD);
	ck_assert_str_eq(r.why, "its records are out of order");
}
END_TEST

/* Two effects that differ in one member must differ in their digest. */
START_TEST(digests_see_every_member)
{
	static const struct effect pairs[][2] = {
		{{.kind = EFFECT_STORE,
			 .store = {1, TABLE_META, {"k", 1}, {0}}},
			{.kind = EFFECT_STORE,
				.store = {1, TABLE_META, {"k", 1}, {"", 0}}}},
		{{.kind = EFFECT_KILL, .proc = {"a", 1}},
			{.kind = EFFECT_RELEASE, .proc = {"a", 1}}},
		{{.kind = EFFECT_KILL, .proc = {"a", 1}},
			{.kind = EFFECT_KILL, .after = 1, .proc = {"a", 1}}},
		{{.kind = EFFECT_KILL, .proc = {"a", 1}},
			{.kind = EFFECT_KILL, .proc = {"a", 2}}},
		{{.kind = EFFECT_SIGNAL,
			 .signal = {"a", 1, 15, true, false, false}},
			{.kind = EFFECT_SIGNAL,
				.signal = {"a", 1, 15, false, true, false}}},
		{{.kind = EFFECT_SIGNAL,
			 .signal = {"a", 1, 15, true, false, false}},
			{.kind = EFFECT_SIGNAL,
				.signal = {"a", 1, 15, true, false, true}}},
		{{.kind = EFFECT_REPLY, .reply = {1, REPLY_OK, ""}},
			{.kind = EFFECT_REPLY, .reply = {1, REPLY_OK, "x"}}},
		{{.kind = EFFECT_NOTE,
			 .note = {NOTE_READY, "a", 1, "", {0, 0, NULL}}},
			{.kind = EFFECT_NOTE,
				.note = {NOTE_READY, "a", 1, "", {0, 0, "h"}}}},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		ck_assert_uint_eq(trace_effect_digest(&pairs[i][0]),
			trace_effect_digest(&pairs[i][0]));
		ck_assert_uint_ne(trace_effect_digest(&pairs[i][0]),
			trace_effect_digest(&pairs[i][1]));
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tc = tcase_create("trace");
	suite_add_tcase(suite, tc);
	tcase_add_test(tc, store_and_keeper_pass);
	tcase_add_test(tc, links_pass);
	tcase_add_test(tc, processes_pass);
	tcase_add_test(tc, life_passes);
	tcase_add_test(tc, mail_passes);
	tcase_add_test(tc, states_pass);
	tcase_add_test(tc, specs_pass);
	tcase_add_test(tc, requests_pass);
	tcase_add_test(tc, a_recording_replays);
	tcase_add_test(tc, a_difference_is_named);
	tcase_add_test(tc, every_cut_is_noticed);
	tcase_add_test(tc, every_damaged_byte_is_noticed);
	tcase_add_test(tc, what_makes_no_sense_is_refused);
	tcase_add_test(tc, order_and_time_are_checked);
	tcase_add_test(tc, digests_see_every_member);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
