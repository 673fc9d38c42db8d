#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/effect.h"
#include "sys/conf.h"
#include "sys/event_kinds.h"

static struct conf conf;
static struct err err;

static int
parse(const char *text)
{
	err.text[0] = '\0';
	return conf_parse("skep.conf", text, strlen(text), &conf, &err);
}

static void
parse_well(const char *text)
{
	int rc = parse(text);
	ck_assert_msg(rc == 0, "%s", err.text);
}

START_TEST(defaults_hold_without_a_file)
{
	parse_well("");
	ck_assert_str_ne(conf.node.name, "");
	ck_assert_str_eq(conf.node.listen, "*:7400");
	ck_assert_str_eq(conf.node.advertise, "");
	ck_assert_uint_eq(conf.node.weight, 100);
	ck_assert_uint_eq(conf.node.names_max, 1000000);
	ck_assert_uint_eq(conf.node.handoff_rate, 0);
	ck_assert_str_eq(conf.cluster.name, "default");
	ck_assert_uint_eq(conf.cluster.join_count, 0);
	ck_assert_int_eq(conf.tls_mode, CONF_TLS_PSK);
	ck_assert(!conf.policy.allow_root && !conf.policy.allow_raise);
	ck_assert(!conf.debug_faults);
	ck_assert_str_eq(conf_setting_get(&conf, "minority_hold"), "10s");
	ck_assert_str_eq(conf_setting_get(&conf, "on_minority"), "takeover");
	ck_assert_ptr_null(conf_setting_get(&conf, "nothing"));
	for (int i = 0; i < CONF_SETTING_COUNT; i++)
		ck_assert(!conf.settings[i].is_given);
}
END_TEST

START_TEST(directories_are_those_of_the_user)
{
	setenv("XDG_STATE_HOME", "/x/state", 1);
	setenv("XDG_RUNTIME_DIR", "/x/run", 1);
	setenv("XDG_CONFIG_HOME", "relative/is/ignored", 1);
	setenv("HOME", "/x/home", 1);
	parse_well("");
	bool is_root = geteuid() == 0;
	ck_assert_str_eq(conf.node.state_dir,
		is_root ? "/var/lib/skep" : "/x/state/skep");
	ck_assert_str_eq(
		conf.node.run_dir, is_root ? "/run/skep" : "/x/run/skep");
	ck_assert_str_eq(conf.node.log_dir,
		is_root ? "/var/log/skep" : "/x/state/skep/log");
	ck_assert_str_eq(conf.node.services_dir,
		is_root ? "/etc/skep/services.d"
			: "/x/home/.config/skep/services.d");
	ck_assert_str_eq(conf.cluster.key_file,
		is_root ? "/etc/skep/cluster.key"
			: "/x/home/.config/skep/cluster.key");
	ck_assert_str_eq(conf.api.operate_group, is_root ? "skep" : "");
}
END_TEST

START_TEST(a_helper_of_root_has_the_directories_of_the_host)
{
	unsetenv("XDG_STATE_HOME");
	unsetenv("HOME");
	if (geteuid() == 0)
		ck_assert_int_eq(setuid(65534), 0);
	ck_assert_int_ne(parse(""), 0);
	ck_assert_str_eq(err.text,
		"neither XDG_STATE_HOME nor HOME is an absolute path");
	conf_use_system();
	parse_well("");
	ck_assert_str_eq(conf.node.state_dir, "/var/lib/skep");
	ck_assert_str_eq(conf.node.run_dir, "/run/skep");
	ck_assert_str_eq(conf.node.log_dir, "/var/log/skep");
	ck_assert_str_eq(conf.node.services_dir, "/etc/skep/services.d");
	ck_assert_str_eq(conf.cluster.key_file, "/etc/skep/cluster.key");
	ck_assert_str_eq(conf.api.operate_group, "skep");
}
END_TEST

START_TEST(whole_file_is_read)
{
	char path[4096];
	const char *top = getenv("srcdir");
	snprintf(path, sizeof path, "%s/tests/fuzz/conf/all.conf",
		top ? top : ".");
	int rc = conf_load(path, &conf, &err);
	ck_assert_msg(rc == 0, "%s", err.text);
	ck_assert_str_eq(conf.node.name, "alpha");
	ck_assert_str_eq(conf.node.advertise, "[::1]:7401");
	ck_assert_uint_eq(conf.node.label_count, 2);
	ck_assert_str_eq(conf.node.labels[1].key, "zone");
	ck_assert_str_eq(conf.node.labels[1].value, "a");
	ck_assert_uint_eq(conf.node.handoff_rate, 20 << 20);
	ck_assert_uint_eq(conf.cluster.join_count, 4);
	ck_assert_str_eq(conf.cluster.join[1], "127.0.0.3:7400");
	ck_assert_str_eq(conf.cluster.join[3], "127.0.0.5:9");
	ck_assert_str_eq(conf_setting_get(&conf, "expect"), "3");
	ck_assert_str_eq(
		conf_setting_get(&conf, "allow"), "alpha, /^host-[0-9]+$/");
	ck_assert_uint_eq(conf.policy.allowed_users.count, 2);
	ck_assert_str_eq(conf.policy.allowed_users.items[1], "1000");
	ck_assert_str_eq(conf.policy.allowed_paths.items[1], "/opt/app/run");
	ck_assert_int_eq(conf.tls_mode, CONF_TLS_NONE);
	ck_assert_str_eq(conf.api.read_group, "staff");
	ck_assert_str_eq(conf.api.admin_group, "");
	ck_assert(conf.debug_faults);
}
END_TEST

/* How the lines of 'join' may be written. */
static const char *const joins[] = {
	"join = a, b:1, c",
	"join=a,b:1,c",
	"join = a\njoin = b:1 ; the second\njoin = c",
	"join = a,\n\tb:1,\n\n  ; a comment\n  # another\n    c",
	"join =\n a, b:1\n , c",
	"join = a, b:1, c, a, a:7400",
	"join = a , b:1 ,, c,\r",
};

START_TEST(join_is_a_list_however_written)
{
	char text[512];
	snprintf(text, sizeof text, "[cluster]\n%s\n", joins[_i]);
	parse_well(text);
	ck_assert_uint_eq(conf.cluster.join_count, 3);
	ck_assert_str_eq(conf.cluster.join[0], "a:7400");
	ck_assert_str_eq(conf.cluster.join[1], "b:1");
	ck_assert_str_eq(conf.cluster.join[2], "c:7400");
}
END_TEST

/* One line of 'count' hosts of 'length' characters each. */
static char *
make_join(int count, int length, bool is_repeated)
{
	char *text = malloc((size_t)count * (size_t)(length + 32) + 64);
	int n = sprintf(text, "[cluster]\njoin = ");
	for (int i = 0; i < count; i++) {
		if (i)
			n += sprintf(
				text + n, is_repeated ? "\njoin = " : ", ");
		n += sprintf(text + n, "h%0*d:%d", length - 1, i, 1000 + i);
	}
	sprintf(text + n, "\n[node]\nweight = 7\n");
	return text;
}

static const struct {
	int count;
	int length;
	bool is_repeated;
} shapes[] = {
	{40, 10, false},
	{40, 10, true},
	{100, 45, false}, /* more than 5,000 characters in one line */
	{128, 200, false},
	{1, 196, false},
	{1, 240, false},
};

START_TEST(long_lines_arrive_whole)
{
	int count = shapes[_i].count, length = shapes[_i].length;
	char *text = make_join(count, length, shapes[_i].is_repeated);
	parse_well(text);
	free(text);
	ck_assert_uint_eq(conf.cluster.join_count, (unsigned)count);
	ck_assert_uint_eq(conf.node.weight, 7);
	for (int i = 0; i < count; i++) {
		char expected[300];
		snprintf(expected, sizeof expected, "h%0*d:%d", length - 1, i,
			1000 + i);
		ck_assert_str_eq(conf.cluster.join[i], expected);
	}
}
END_TEST

/* Values of every length around the size of inih's buffer. */
START_TEST(values_of_any_length_arrive_whole)
{
	char text[512], path[CONF_PATH_SIZE];
	memset(path, 'x', sizeof path);
	for (int i = 0; i < _i; i += 7)
		path[i] = ' ';
	path[0] = '/';
	path[_i] = '\0';
	if (path[_i - 1] == ' ')
		path[_i - 1] = 'y';
	snprintf(text, sizeof text, "[node]\nlog_dir = %s\n", path);
	parse_well(text);
	ck_assert_str_eq(conf.node.log_dir, path);
}
END_TEST

START_TEST(too_long_line_is_named)
{
	size_t size = CONF_LINE_MAX + 100;
	char *text = malloc(size + 1);
	memset(text, 'a', size);
	memcpy(text, "[cluster]\njoin = ", 17);
	text[size] = '\0';
	ck_assert_int_eq(parse(text), -EINVAL);
	ck_assert_str_eq(
		err.text, "skep.conf:2: the line is longer than 65536 bytes");
	free(text);
}
END_TEST

static const struct {
	const char *text;
	const char *message;
} mistakes[] = {
	{"[nodes]\n", "1: unknown section [nodes]; did you mean [node]?"},
	{"\n\n[zzzzzzzz]\n", "3: unknown section [zzzzzzzz]"},
	{"[node\n", "1: a section looks like [name]"},
	{"[node] x\n", "1: a section looks like [name]"},
	{"name = a\n", "1: the key 'name' stands before the first [section]"},
	{"[node]\nname\n", "2: expected KEY = VALUE or [section]"},
	{" name = a\n", "1: an indented line continues nothing"},
	{"[node]\n name = a\n", "2: an indented line continues nothing"},
	{"[node]\nnmae = a\n",
		"2: unknown key 'node.nmae'; did you mean 'node.name'?"},
	{"[node]\njoin = a\n",
		"2: unknown key 'node.join'; did you mean 'cluster.join'?"},
	{"[node]\nzzzzzzzz = a\n", "2: unknown key 'node.zzzzzzzz'"},
	{"[node]\nname = a\nname = b\n", "3: node.name: is given twice"},
	{"[node]\nname = a b\n",
		"2: node.name: 'a b' is not a name: 1 to 64 letters, digits, "
		"'.', '_' or '-'"},
	{"[node]\n; c\n# c\nweight = many\n",
		"4: node.weight: must be a number, 0 to 10000, not 'many'"},
	{"[node]\nweight = -1\n",
		"2: node.weight: must be a number, 0 to 10000, not '-1'"},
	{"[node]\nnames_max = 5\n",
		"2: node.names_max: must be a number, 1000 to 100000000, not "
		"'5'"},
	{"[node]\nhandoff_rate = fast\n",
		"2: node.handoff_rate: 'fast' is not a size (such as 0, 64KiB "
		"or 5MiB)"},
	{"[node]\nhandoff_rate = 64KiB\n",
		"2: node.handoff_rate: must be 0, or 1MiB to 1TiB, not 64KiB"},
	{"[node]\nhandoff_rate = 2TiB\n",
		"2: node.handoff_rate: must be 0, or 1MiB to 1TiB, not 2TiB"},
	{"[node]\nlisten = 10.0.0.1:0\n",
		"2: node.listen: '10.0.0.1:0' is not HOST, HOST:PORT or "
		"[V6]:PORT"},
	{"[node]\nlisten = ::1\n",
		"2: node.listen: '::1' is not HOST, HOST:PORT or [V6]:PORT"},
	{"[node]\nlisten = a:99999\n",
		"2: node.listen: 'a:99999' is not HOST, HOST:PORT or "
		"[V6]:PORT"},
	{"[node]\nstate_dir = var\n",
		"2: node.state_dir: 'var' is not an absolute path"},
	{"[node]\nrun_dir = /aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n",
		"2: node.run_dir: is longer than 80 characters"},
	{"[node]\nlabels = disk\n", "2: node.labels: 'disk' is not KEY=VALUE"},
	{"[node]\nlabels = a=1, a=2\n",
		"2: node.labels: label 'a' stands there twice"},
	{"[node]\npools = fast\n",
		"2: node.pools: pools other than 'default': not supported "
		"yet"},
	{"[cluster]\njoin = a,\n b,\n *\n",
		"2: cluster.join: '*' is no address to connect to"},
	{"[cluster]\nprovider = etcd\n",
		"2: cluster.provider: etcd: not supported yet"},
	{"[cluster]\nprovider = mash\n",
		"2: cluster.provider: 'mash' is none of mesh; did you mean "
		"'mesh'?"},
	{"[defaults]\nsettle_timeout = 60\n",
		"2: defaults.settle_timeout: '60' is not a duration (such as "
		"500ms, 10s or 5m)"},
	{"[defaults]\nfailure_timeout = 1ms\n",
		"2: defaults.failure_timeout: must be 500ms to 1h, not 1ms"},
	{"[defaults]\non_minority = takover\n",
		"2: defaults.on_minority: 'takover' is none of takeover, keep, "
		"freeze, stop; did you mean 'takeover'?"},
	{"[defaults]\nexpect = 0\n",
		"2: defaults.expect: must be a number, 1 to 10000, not '0'"},
	{"[defaults]\nallow = /(/\n",
		"2: defaults.allow: '/(/' is not a regular expression"},
	{"[defaults]\ndeny = /a\n",
		"2: defaults.deny: '/a' lacks the '/' at its end"},
	{"[policy]\nallow_root = maybe\n",
		"2: policy.allow_root: must be yes or no, not 'maybe'"},
	{"[policy]\nallowed_users = www data\n",
		"2: policy.allowed_users: 'www data' is not the name or number "
		"of a user or group"},
	{"[policy]\nallowed_paths = bin\n",
		"2: policy.allowed_paths: 'bin' is not an absolute path"},
	{"[policy]\nallowed_capabilities = CAP_NET_RAW\n",
		"2: policy.allowed_capabilities: 'CAP_NET_RAW' is written "
		"'NET_RAW' here"},
	{"[policy]\nallowed_capabilities = NET_RAW, FLYING\n",
		"2: policy.allowed_capabilities: 'FLYING' is not a "
		"capability"},
	{"[tls]\nmode = x509\n", "2: tls.mode: x509: not supported yet"},
	{"[tls]\nca = /etc/ca.pem\n", "2: tls.ca: not supported yet"},
	{"[api]\nlisten = 127.0.0.1:7401\n",
		"2: api.listen: not supported yet"},
	{"[api]\nread_group = a b\n",
		"2: api.read_group: 'a b' is not a group"},
	{"[events]\nalert_kinds = faild\n",
		"2: events.alert_kinds: there is no kind 'faild'; did you mean "
		"'failed'?"},
	{"[events]\nalert_kinds = node_*, zzzzzzzzzzzz*\n",
		"2: events.alert_kinds: there is no kind 'zzzzzzzzzzzz*'; "
		"skep.conf(5) lists them"},
	{"[debug]\nfault = yes\n",
		"2: unknown key 'debug.fault'; did you mean 'debug.faults'?"},
	{"[node]\nname = a\x01\n", "2: the line holds a control character"},
};

START_TEST(mistake_gives_its_sentence)
{
	char expected[ERR_TEXT_SIZE];
	snprintf(expected, sizeof expected, "skep.conf:%s",
		mistakes[_i].message);
	ck_assert_int_eq(parse(mistakes[_i].text), -EINVAL);
	ck_assert_str_eq(err.text, expected);
}
END_TEST

static const struct {
	const char *text;
	const char *culprit; /* NULL: allowed */
} plain_links[] = {
	{"[node]\nlisten = 127.0.0.1:1\n[tls]\nmode = none\n", NULL},
	{"[node]\nlisten = [::1]:1\n[cluster]\njoin = localhost\n[tls]\n"
	 "mode = none\n",
		NULL},
	{"[tls]\nmode = none\n", "node.listen is *:7400"},
	{"[node]\nlisten = 127.0.0.1\n[cluster]\njoin = 10.0.0.1\n[tls]\nmode "
	 "= none\n",
		"cluster.join is 10.0.0.1:7400"},
	{"[node]\nlisten = 127.0.0.1\nadvertise = 127.evil.org\n[tls]\nmode = "
	 "none\n",
		"node.advertise is 127.evil.org:7400"},
};

START_TEST(plain_links_stay_on_loopback)
{
	int rc = parse(plain_links[_i].text);
	if (!plain_links[_i].culprit) {
		ck_assert_msg(rc == 0, "%s", err.text);
		return;
	}
	ck_assert_int_eq(rc, -EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, plain_links[_i].culprit));
}
END_TEST

START_TEST(documentation_is_complete)
{
	struct conf_doc doc;
	size_t count = 0;
	while (conf_doc_get(count, &doc)) {
		ck_assert_msg(doc.help && doc.fallback, "%s", doc.key);
		count++;
	}
	ck_assert_uint_eq(count, 46);
}
END_TEST

/* Every word of a choice is explained, and so are the bounds of numbers. */
START_TEST(words_and_ranges_are_told)
{
	struct conf_doc doc;
	for (size_t i = 0; conf_doc_get(i, &doc); i++) {
		bool is_bounded = !strcmp(doc.form, "number") ||
				  !strcmp(doc.form, "duration") ||
				  !strcmp(doc.form, "size");
		char words[CONF_FORM_SIZE], quoted[CONF_FORM_SIZE + 2];
		ck_assert_msg(!is_bounded || *doc.range, "%s", doc.key);
		strcpy(words, doc.has_words ? doc.form : "");
		for (char *w = words; *w; w += strspn(w, " |")) {
			size_t length = strcspn(w, " |");
			snprintf(quoted, sizeof quoted, "'%.*s'", (int)length,
				w);
			w += length;
			ck_assert_msg(strstr(doc.help, quoted) != NULL,
				"%s: nothing about %s", doc.key, quoted);
		}
		if (!strcmp(doc.key, "on_minority"))
			ck_assert_str_eq(
				doc.form, "takeover | keep | freeze | stop");
		if (!strcmp(doc.key, "failure_timeout"))
			ck_assert_str_eq(doc.range, "From 500ms to 1h.");
		if (!strcmp(doc.key, "restart_grace"))
			ck_assert_str_eq(doc.range, "From 0 to 1h.");
		if (!strcmp(doc.key, "faults"))
			ck_assert(!doc.is_supported);
	}
}
END_TEST

/* The core's list of kinds; conf may not see it. */
START_TEST(kinds_of_events_are_those_of_the_core)
{
	static const char *const kinds[] = {
#define X(kind, name) name,
		NOTE_KINDS(X)
#undef X
	};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		ck_assert_str_eq(event_kinds[i].name, kinds[i]);
		ck_assert_str_ne(event_kinds[i].help, "");
	}
	ck_assert_ptr_null(event_kinds[sizeof kinds / sizeof *kinds].name);
}
END_TEST

START_TEST(a_program_that_cannot_be_started_is_told)
{
	char text[512], path[] = "/tmp/skep-test-alert.XXXXXX";
	parse_well("");
	conf_warning(&conf, text, sizeof text);
	ck_assert_str_eq(text, "");
	parse_well("[events]\nalert_command = /nonexistent/pager\n");
	conf_warning(&conf, text, sizeof text);
	ck_assert_str_eq(text, "events.alert_command: /nonexistent/pager: No "
			       "such file or directory");
	int fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	strcpy(conf.events.alert_command, path);
	conf_warning(&conf, text, sizeof text);
	ck_assert_ptr_nonnull(strstr(text, ": is no program: chmod +x it"));
	ck_assert_int_eq(fchmod(fd, 0755), 0);
	conf_warning(&conf, text, sizeof text);
	ck_assert_str_eq(text, "");
	close(fd);
	unlink(path);
}
END_TEST

START_TEST(missing_file_is_an_error_when_named)
{
	ck_assert_int_eq(
		conf_load("/nonexistent/s.conf", &conf, &err), -ENOENT);
	setenv("SKEP_CONF", "/nonexistent/t.conf", 1);
	ck_assert_int_eq(conf_load(NULL, &conf, &err), -ENOENT);
	ck_assert_str_eq(
		err.text, "/nonexistent/t.conf: No such file or directory");
	ck_assert_int_eq(conf_load("/dev/zero", &conf, &err), -EINVAL);
}
END_TEST

#define COUNT(array) (int)(sizeof(array) / sizeof *(array))

int
main(void)
{
	setenv("HOME", "/x/home", 0);
	Suite *s = suite_create("conf");
	TCase *t = tcase_create("conf");
	tcase_add_test(t, defaults_hold_without_a_file);
	tcase_add_test(t, directories_are_those_of_the_user);
	tcase_add_test(t, a_helper_of_root_has_the_directories_of_the_host);
	tcase_add_test(t, whole_file_is_read);
	tcase_add_loop_test(t, join_is_a_list_however_written, 0, COUNT(joins));
	tcase_add_loop_test(t, long_lines_arrive_whole, 0, COUNT(shapes));
	tcase_add_loop_test(
		t, values_of_any_length_arrive_whole, 2, CONF_PATH_SIZE - 1);
	tcase_add_test(t, too_long_line_is_named);
	tcase_add_loop_test(t, mistake_gives_its_sentence, 0, COUNT(mistakes));
	tcase_add_loop_test(
		t, plain_links_stay_on_loopback, 0, COUNT(plain_links));
	tcase_add_test(t, documentation_is_complete);
	tcase_add_test(t, words_and_ranges_are_told);
	tcase_add_test(t, kinds_of_events_are_those_of_the_core);
	tcase_add_test(t, a_program_that_cannot_be_started_is_told);
	tcase_add_test(t, missing_file_is_an_error_when_named);
	suite_add_tcase(s, t);
	SRunner *r = srunner_create(s);
	srunner_run_all(r, CK_ENV);
	int failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
