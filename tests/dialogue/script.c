#include "tests/dialogue/script.h"

#include <ctype.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "core/view.h"
#include "tests/sim/check.h"

static const char *const host_names[] = {"alpha", "beta", "gamma", "delta",
	"epsilon", "zeta", "eta", "theta", "iota"};

static void
on_note(struct world *w, uint32_t host, const struct effect_note *n,
	void *context)
{
	struct script *s = context;
	if (s->is_muted)
		return;
	fprintf(s->out, "  %s: %s %s%s%s\n", w->hosts[host].name, n->name,
		note_kind_name(n->kind), n->text[0] ? ": " : "", n->text);
}

static uint32_t
host_of(const struct script *s, const char *name)
{
	for (uint32_t i = 0; i < s->w->count; i++)
		if (!strcmp(s->w->hosts[i].name, name))
			return i;
	fprintf(stderr, "no host %s\n", name);
	UNREACHABLE();
}

uint32_t
script_asked(const struct script *s)
{
	return s->at == WORLD_HOSTS ? world_first_running(s->w) : s->at;
}

/* --- Hosts --- */

static void
do_hosts(struct script *s, char **words, int count)
{
	int n = atoi(words[1]);
	s->is_muted = true;
	for (int i = 0; i < n; i++) {
		uint32_t id =
			world_add(s->w, host_names[i], i ? "alpha:7400" : NULL);
		const char *weight = script_value(words, count, host_names[i]);
		if (weight)
			s->w->hosts[id].config.weight =
				(uint32_t)strtoul(weight, NULL, 10);
		if (!script_has(words, count, "off"))
			world_start(s->w, id);
	}
	if (!script_has(words, count, "off")) {
		world_run_until(s->w, 60000, world_is_whole, NULL);
		world_run(s->w, 12000); /* the view is the stable one */
	}
	s->is_muted = false;
}

static void
do_crash(struct script *s, char **words, int count)
{
	for (int i = 1; i < count; i++)
		world_crash(s->w, host_of(s, words[i]));
}

static void
do_kill_host(struct script *s, char **words, int count)
{
	for (int i = 1; i < count; i++)
		world_kill(s->w, host_of(s, words[i]));
}

static void
do_power_off(struct script *s, char **words, int count)
{
	for (int i = 1; i < count; i++)
		world_power_off(s->w, host_of(s, words[i]));
}

static void
do_power_on(struct script *s, char **words, int count)
{
	for (int i = 1; i < count; i++)
		world_start(s->w, host_of(s, words[i]));
}

static void
tell(struct script *s, char **words, int count, enum input_kind kind)
{
	for (int i = 1; i < count; i++) {
		struct input in = {.kind = kind};
		world_input(s->w, host_of(s, words[i]), &in);
	}
}

/* Their nodes say that they start again; "crash" and "power-on" do it. */
static void
do_going(struct script *s, char **words, int count)
{
	tell(s, words, count, INPUT_GOING);
}

/* All of skepd ends there, and the services before it; "kill-host" does it. */
static void
do_ending(struct script *s, char **words, int count)
{
	tell(s, words, count, INPUT_ENDING);
}

/* A copy of its disk, to be put back later: a snapshot of a machine. */
static void
do_keep_disk(struct script *s, char **words, int count)
{
	(void)count;
	CHECK(!s->disk);
	s->disk_of = host_of(s, words[1]);
	s->disk = world_disk_copy(s->w, s->disk_of);
}

static void
do_old_disk(struct script *s, char **words, int count)
{
	(void)words;
	(void)count;
	CHECK(s->disk);
	world_disk_restore(s->w, s->disk_of, s->disk);
	s->disk = NULL;
}

/* Their disks are lost; they come back at once, under their old names. */
static void
do_reinstall(struct script *s, char **words, int count)
{
	for (int i = 1; i < count; i++) {
		uint32_t host = host_of(s, words[i]);
		if (s->w->hosts[host].is_powered)
			world_power_off(s->w, host);
		world_reinstall(s->w, host);
	}
	do_power_on(s, words, count);
}

/* Its copy of the newest checkpoint of that instance is damaged. */
static void
do_rot(struct script *s, char **words, int count)
{
	(void)count;
	if (!world_rot(s->w, host_of(s, words[1]), words[2]))
		fprintf(s->out, "it has none\n");
}

static void
do_stall_disk(struct script *s, char **words, int count)
{
	(void)count;
	world_stall_disk(s->w, host_of(s, words[1]), script_ms(words[2]));
}

static void
do_cut(struct script *s, char **words, int count)
{
	for (int i = 2; i < count; i++)
		world_cut_both(
			s->w, host_of(s, words[1]), host_of(s, words[i]), true);
}

static void
do_cut_one(struct script *s, char **words, int count)
{
	(void)count;
	world_cut(s->w, host_of(s, words[1]), host_of(s, words[2]), true);
}

static void
do_heal(struct script *s, char **words, int count)
{
	(void)words;
	(void)count;
	world_heal(s->w);
}

/* "clock HOST ahead|behind TIME": its wall clock jumps so far. */
static void
do_clock(struct script *s, char **words, int count)
{
	CHECK(count == 4);
	int64_t ms = script_ms(words[3]);
	world_clock_step(s->w, host_of(s, words[1]),
		strcmp(words[2], "behind") == 0 ? -ms : ms);
}

/* --- Time --- */

static void
do_run(struct script *s, char **words, int count)
{
	(void)count;
	world_run(s->w, script_ms(words[1]));
}

static void
do_settle(struct script *s, char **words, int count)
{
	char trouble[WORLD_TROUBLE_MAX];
	int64_t limit_ms = count > 1 ? script_ms(words[1]) : 60000;
	world_run(s->w, 200); /* what was said is heard everywhere */
	if (world_settle(s->w, limit_ms, trouble) < 0)
		fprintf(s->out, "not settled: %s\n", trouble);
}

/* What "until" waits for: a note of a kind about a name. */
struct awaited {
	struct script *s;
	const char *name;
	const char *kind;
	const char *text;
	bool is_done;
};

static void
await_note(struct world *w, uint32_t host, const struct effect_note *n,
	void *context)
{
	struct awaited *a = context;
	on_note(w, host, n, a->s);
	a->is_done |= !strcmp(n->name, a->name) &&
		      !strcmp(note_kind_name(n->kind), a->kind) &&
		      (!a->text || strstr(n->text, a->text));
}

static bool
has_come(const struct world *w, void *arg)
{
	const struct awaited *a = arg;
	(void)w;
	return a->is_done;
}

/* Whether the last note of that kind, somewhere, was the awaited one. */
static bool
has_just_come(const struct script *s, const struct awaited *a)
{
	for (uint32_t i = 0; a->text && i < s->w->count; i++)
		for (int k = 0; k < NOTE_KIND_COUNT; k++)
			if (!strcmp(note_kind_name((enum note_kind)k),
				    a->kind) &&
				strstr(s->w->hosts[i].note_text[k], a->text))
				return true;
	return false;
}

static void
do_until(struct script *s, char **words, int count)
{
	struct awaited a = {
		s, words[1], words[2], count > 3 ? words[3] : NULL, false};
	a.is_done = has_just_come(s, &a);
	s->w->on_note = await_note;
	s->w->context = &a;
	if (world_run_until(s->w, 120000, has_come, &a) < 0)
		fprintf(s->out, "it did not happen\n");
	s->w->on_note = on_note;
	s->w->context = s;
}

/* --- Desired state --- */

static void
print_reply(struct script *s, uint32_t host, uint64_t request)
{
	struct host *h = &s->w->hosts[host];
	for (int i = 0; i < 200 && h->replied != request; i++)
		world_run(s->w, 10);
	if (h->replied != request) {
		fprintf(s->out, "no reply yet\n");
		return;
	}
	fprintf(s->out, "%s%s%s\n", reply_code_name(h->reply),
		h->reply_text[0] ? ": " : "", h->reply_text);
}

static void
do_apply(struct script *s, char **words, int count)
{
	struct script_service service;
	uint32_t host = script_asked(s);
	script_service(words + 2, count - 2, &service);
	struct input in = script_spec_set(words[1], &service);
	in.spec_set.request = s->w->next_request++;
	world_input(s->w, host, &in);
	print_reply(s, host, in.spec_set.request);
}

/* "register NAME PID [meta=TEXT] [timeout=T] [detach]": of a process here. */
static void
do_register(struct script *s, char **words, int count)
{
	uint32_t host = script_asked(s);
	const char *meta = script_value(words, count, "meta");
	const char *timeout = script_value(words, count, "timeout");
	struct guest g = world_guest_add(
		s->w, host, words[1], (uint32_t)strtoul(words[2], NULL, 10));
	struct input in = {.kind = INPUT_REGISTER};
	in.enroll = (struct input_register){
		.request = g.request,
		.name = words[1],
		.pid = g.pid,
		.start = 1,
		.meta = {meta, meta ? strlen(meta) : 0},
		.timeout_ms = timeout ? script_ms(timeout) : 0,
	};
	world_input(s->w, host, &in);
	if (!script_has(words, count, "detach"))
		print_reply(s, host, in.enroll.request);
}

/* "give NAME [words of a service] [timeout=T] [detach]": one at run time. */
static void
do_give(struct script *s, char **words, int count)
{
	struct script_service service;
	uint32_t host = script_asked(s);
	const char *timeout = script_value(words, count, "timeout");
	script_service(words + 2, count - 2, &service);
	struct input in = script_spec_set(words[1], &service);
	in.spec_set.request = s->w->next_request++;
	in.spec_set.is_runtime = true;
	in.spec_set.timeout_ms = timeout ? script_ms(timeout) : 0;
	world_input(s->w, host, &in);
	if (!script_has(words, count, "detach"))
		print_reply(s, host, in.spec_set.request);
}

/* "gone NAME PID": that process ended. */
static void
do_gone(struct script *s, char **words, int count)
{
	struct input in = {.kind = INPUT_GONE};
	CHECK(count == 3);
	in.gone.name = words[1];
	in.gone.pid = (uint32_t)strtoul(words[2], NULL, 10);
	world_guest_forget(s->w, script_asked(s), in.gone.pid);
	world_input(s->w, script_asked(s), &in);
}

static void
do_delete(struct script *s, char **words, int count)
{
	struct input in = {.kind = INPUT_SPEC_DEL};
	uint32_t host = script_asked(s);
	(void)count;
	in.spec_del.request = s->w->next_request++;
	in.spec_del.name = words[1];
	world_input(s->w, host, &in);
	print_reply(s, host, in.spec_del.request);
}

/* Any word of REQUEST_OPS: "drain beta 30s parallel=2", "move web beta". */
static bool
do_request(struct script *s, char **words, int count)
{
	int op = 0;
	while (op < REQUEST_OP_COUNT &&
		strcmp(request_op_name((enum request_op)op), words[0]))
		op++;
	if (op == REQUEST_OP_COUNT)
		return false;
	uint32_t host = script_asked(s);
	const char *arg = count > 2 ? words[2] : "";
	int64_t value = 0;
	const char *parallel = script_value(words, count, "parallel");
	if (op == REQUEST_DRAIN) {
		value = isdigit((unsigned char)*arg) ? script_ms(arg) : 0;
		arg = "";
	}
	struct input in = {.kind = INPUT_REQUEST};
	in.request = (struct input_request){
		.id = s->w->next_request++,
		.op = (enum request_op)op,
		.name = count > 1 ? words[1] : "",
		.arg = arg,
		.number = op == REQUEST_SIGNAL ? atoi(arg) : value,
		.is_forced = script_has(words, count, "force"),
		.max_parallel = parallel ? (uint32_t)atoi(parallel) : 0,
	};
	world_input(s->w, host, &in);
	print_reply(s, host, in.request.id);
	return true;
}

/* --- Messages --- */

static void
on_mail(struct world *w, uint32_t host, const struct world_mail *m,
	void *context)
{
	struct script *s = context;
	if (s->is_muted)
		return;
	if (m->kind == WORLD_MAIL_ANSWER)
		fprintf(s->out, "  %s: %s: %s, %s\n", w->hosts[host].name,
			m->name, reply_code_name(m->code), m->text);
	else
		fprintf(s->out, "  %s: %s %s '%s' from %s%s%s\n",
			w->hosts[host].name, m->name,
			m->is_call ? "is asked" : "has", m->text,
			m->from[0] ? m->from : "an operator",
			m->group[0] ? " to " : "", m->group);
}

/* "send TO TEXT from=NAME ack timeout=5s wait=10s", and call, publish,
 * multicall. */
static bool
do_mail(struct script *s, char **words, int count)
{
	int op = 0;
	uint32_t host = script_asked(s);
	while (op <= MAIL_MULTICALL &&
		strcmp(mail_op_name((enum mail_op)op), words[0]))
		op++;
	if (op > MAIL_MULTICALL)
		return false;
	CHECK(count > 2);
	const char *from = script_value(words, count, "from");
	const char *timeout = script_value(words, count, "timeout");
	const char *wait = script_value(words, count, "wait");
	struct input in = {.kind = INPUT_MAIL};
	in.mail = (struct input_mail){
		.id = s->w->next_request++,
		.op = (enum mail_op)op,
		.from = from ? from : "",
		.to = words[1],
		.is_acked = script_has(words, count, "ack"),
		.timeout_ms = timeout ? script_ms(timeout) : 0,
		.body = {words[2], strlen(words[2])},
	};
	world_input(s->w, host, &in);
	for (int64_t ms = wait ? script_ms(wait) : 0;
		ms > 0 && s->w->hosts[host].replied != in.mail.id; ms -= 100)
		world_run(s->w, 100);
	s->mail = in.mail.id;
	s->mail_at = host;
	if (!script_has(words, count, "later"))
		print_reply(s, host, in.mail.id);
	return true;
}

/* What became of the last message that was sent "later". */
static void
do_told(struct script *s, char **words, int count)
{
	(void)words;
	(void)count;
	print_reply(s, s->mail_at, s->mail);
}

/* --- Processes --- */

/* Ends the running process of an instance, wherever it is. */
static void
end_process(struct script *s, const char *name, int32_t status)
{
	for (uint32_t i = 0; i < s->w->count; i++) {
		struct process *p = world_process(s->w, i, name);
		if (p && p->phase == PROCESS_RUNNING)
			world_process_end(s->w, i, name, status);
	}
}

static void
do_kill(struct script *s, char **words, int count)
{
	end_process(s, words[1], count > 2 ? atoi(words[2]) : SIGKILL);
}

static void
do_exit(struct script *s, char **words, int count)
{
	end_process(s, words[1], count > 2 ? atoi(words[2]) << 8 : 0);
}

static void
do_behave(struct script *s, char **words, int count)
{
	char *host = strchr(words[1], ':');
	if (host)
		*host++ = '\0';
	script_behaviour(words + 2, count - 2,
		world_behave(s->w, words[1], host ? host : ""));
}

/* Every running host's clock says so. */
static void
do_due(struct script *s, char **words, int count)
{
	CHECK(count == 3);
	struct input in = {.kind = INPUT_DUE};
	for (uint32_t i = 0; i < s->w->count; i++) {
		if (!s->w->hosts[i].is_running)
			continue;
		in.due.service = words[1];
		in.due.slot = script_ms(words[2]);
		world_input(s->w, i, &in);
	}
}

/* --- Showing --- */

/* How many copies run, host by host: where things are, when that matters and
 * the rest does not. */
static void
do_count(struct script *s, char **words, int count)
{
	(void)words;
	(void)count;
	for (uint32_t i = 0; i < s->w->count; i++) {
		const struct host *h = &s->w->hosts[i];
		unsigned n = 0;
		for (size_t k = 0; k < h->process_count; k++)
			n += h->processes[k].phase < PROCESS_EXITED;
		fprintf(s->out, "%s%s %u", i ? ", " : "", h->name, n);
	}
	fprintf(s->out, "\n");
}

static void
do_why(struct script *s, char **words, int count)
{
	char text[2048];
	(void)count;
	bool is_known = view_why(
		s->w->hosts[script_asked(s)].core, words[1], text, sizeof text);
	fprintf(s->out, "%s\n", is_known ? text : "unknown");
}

/* --- Commands --- */

static void run_command(struct script *s, char **words, int count);

static void
do_on(struct script *s, char **words, int count)
{
	s->at = host_of(s, words[1]);
	run_command(s, words + 2, count - 2);
	s->at = WORLD_HOSTS;
}

static const struct {
	const char *word;
	void (*run)(struct script *s, char **words, int count);
} commands[] = {
	{"hosts", do_hosts},
	{"crash", do_crash},
	{"kill-host", do_kill_host},
	{"going", do_going},
	{"ending", do_ending},
	{"power-off", do_power_off},
	{"power-on", do_power_on},
	{"reinstall", do_reinstall},
	{"keep-disk", do_keep_disk},
	{"old-disk", do_old_disk},
	{"rot", do_rot},
	{"stall-disk", do_stall_disk},
	{"cut", do_cut},
	{"cut-one", do_cut_one},
	{"heal", do_heal},
	{"told", do_told},
	{"clock", do_clock},
	{"run", do_run},
	{"settle", do_settle},
	{"until", do_until},
	{"apply", do_apply},
	{"delete", do_delete},
	{"register", do_register},
	{"give", do_give},
	{"gone", do_gone},
	{"kill", do_kill},
	{"exit", do_exit},
	{"behave", do_behave},
	{"due", do_due},
	{"show", script_show},
	{"count", do_count},
	{"why", do_why},
	{"on", do_on},
};

static void
run_command(struct script *s, char **words, int count)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(commands[i].word, words[0]))
			continue;
		commands[i].run(s, words, count);
		return;
	}
	if (!do_request(s, words, count) && !do_mail(s, words, count))
		fprintf(s->out, "what is '%s'?\n", words[0]);
}

void
script_init(struct script *s, FILE *out)
{
	*s = (struct script){.w = check_world(1),
		.out = out ? out : fopen("/dev/null", "w"),
		.is_silent = !out,
		.at = WORLD_HOSTS};
	CHECK(s->out);
	/* Time is what the script says, not what chance says. */
	s->w->latency_min_ms = s->w->latency_max_ms = 1;
	s->born_wall_ms = 1700000000000 + s->w->now.ms;
	s->w->on_note = on_note;
	s->w->context = s;
	s->w->on_mail = on_mail;
	s->w->mail_context = s;
}

void
script_fini(struct script *s)
{
	world_free(s->w);
	if (s->is_silent)
		fclose(s->out);
}

void
script_tell(struct script *s, const char *text)
{
	char *lines = strdup(text);
	CHECK(lines);
	script_run(s, lines);
	free(lines);
}

struct host *
script_host(const struct script *s, const char *node)
{
	return &s->w->hosts[world_find(s->w, node)];
}

void
script_run(struct script *s, char *text)
{
	char *rest = text, *line;
	while ((line = strsep(&rest, "\n")) != NULL) {
		char *words[WORDS_MAX];
		bool is_command = !strncmp(line, "> ", 2);
		bool is_kept = line[0] == '#' || (!line[0] && rest);
		if (is_command || is_kept)
			fprintf(s->out, "%s\n", line);
		int count = is_command ? script_words(line + 2, words) : 0;
		s->is_muted = count > 1 && !strcmp(words[count - 1], "quietly");
		if (count)
			run_command(s, words, count - s->is_muted);
		s->is_muted = false;
	}
}
