/* Instances as text.  Theirs is the one answer that grows with what runs, so
 * no document is made of it first, but for the few with checkpoints. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/check.h"
#include "base/hex.h"
#include "node/api_private.h"
#include "node/service_meta.h"
#include "sys/units.h"

static void
add_raw(struct api_text *t, const char *text)
{
	api_text_add(t, text, strlen(text));
}

/* Whether it stands between quotes as it is. */
static bool
is_plain(const char *text)
{
	for (const unsigned char *at = (const unsigned char *)text; *at; at++)
		if (*at < 0x20 || *at >= 0x7f || *at == '"' || *at == '\\')
			return false;
	return true;
}

static void
add_text(struct api_text *t, const char *text)
{
	if (is_plain(text)) {
		api_text_add(t, "\"", 1);
		add_raw(t, text);
		api_text_add(t, "\"", 1);
		return;
	}
	api_text_add_json(t, api_json_text(text));
}

static void
add_int(struct api_text *t, int64_t value)
{
	char digits[24];
	char *at = digits + sizeof digits;
	uint64_t left = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
	do {
		*--at = (char)('0' + left % 10);
		left /= 10;
	} while (left);
	if (value < 0)
		*--at = '-';
	api_text_add(t, at, (size_t)(digits + sizeof digits - at));
}

static void
add_hex(struct api_text *t, uint64_t value)
{
	char text[18];
	text[0] = text[17] = '"';
	for (int i = 16; i > 0; i--, value >>= 4)
		text[i] = "0123456789abcdef"[value & 15];
	api_text_add(t, text, sizeof text);
}

static void
add_bool(struct api_text *t, bool value)
{
	add_raw(t, value ? "true" : "false");
}

/* "exited 1" or "killed by SIGKILL"; "" for a status that says nothing. */
static const char *
exit_text(int32_t status, char *buffer, size_t size)
{
	char name[32];
	if (status == 0)
		return "";
	if (status == STATUS_UNKNOWN)
		return "ended unseen";
	if (WIFSIGNALED(status))
		snprintf(buffer, size, "killed by %s",
			units_signal_name(
				WTERMSIG(status), name, sizeof(name)));
	else
		snprintf(buffer, size, "exited %d", WEXITSTATUS(status));
	return buffer;
}

/* The members "since" and "since_ms".  Many instances begin in one second,
 * whose text is made once. */
static void
add_since(struct api_rows *rows, int64_t wall_ms)
{
	struct api_text *t = &rows->text;
	int64_t second = wall_ms / 1000;
	struct tm tm;
	time_t seconds = (time_t)second;
	if (wall_ms <= 0 || !gmtime_r(&seconds, &tm)) {
		add_raw(t, ",\"since\":null,\"since_ms\":null");
		return;
	}
	if (second != rows->second || !rows->second_text[0])
		strftime(rows->second_text, sizeof rows->second_text,
			"%Y-%m-%dT%H:%M:%S", &tm);
	rows->second = second;
	char fraction[8];
	snprintf(fraction, sizeof fraction, ".%03dZ\"", (int)(wall_ms % 1000));
	add_raw(t, ",\"since\":\"");
	add_raw(t, rows->second_text);
	add_raw(t, fraction);
	add_raw(t, ",\"since_ms\":");
	add_int(t, wall_ms);
}

static void
add_root(struct api_text *t, const uint8_t root[DIGEST_SIZE])
{
	char text[2 * DIGEST_SIZE + 1];
	hex_write(root, DIGEST_SIZE, text);
	add_text(t, text);
}

/* States of copies that lost. */
static void
add_kept(struct api_text *t, const struct instance_view *v)
{
	for (uint32_t i = 0; i < v->kept_count; i++) {
		const struct kept_view *k = &v->kept[i];
		add_raw(t, i ? ",{\"epoch\":" : "{\"epoch\":");
		add_int(t, (int64_t)k->epoch);
		add_raw(t, ",\"live\":");
		add_bool(t, k->was_live);
		add_raw(t, ",\"node\":");
		add_text(t, k->node);
		add_raw(t, ",\"root\":");
		add_root(t, k->root);
		add_raw(t, ",\"sealed_ms\":");
		add_int(t, k->wall_ms);
		add_raw(t, ",\"size\":");
		add_int(t, (int64_t)k->size);
		add_raw(t, "}");
	}
}

/* What there is of its checkpoints; null when it wants none. */
static void
add_checkpoint(
	struct api_text *t, struct core *core, const struct instance_view *v)
{
	struct checkpoint_view view;
	if (!v->has_checkpoints || !view_checkpoint(core, v->name, &view)) {
		add_raw(t, "null");
		return;
	}
	api_text_add_json(t, api_json_checkpoint(&view));
}

/* Whether it neither runs nor will before somebody does something. */
static bool
is_at_rest(struct core *core, const struct instance_view *v)
{
	static const char *const ends[] = {
		"failed", "exited", "unplaced", NULL};
	for (const char *const *end = ends; *end; end++)
		if (strcmp(v->state, *end) == 0)
			return view_is_at_rest(core, v->name);
	return false;
}

/* The members in the order of their keys, as all documents have them. */
static void
add_members(
	struct api_rows *rows, struct core *core, const struct instance_view *v)
{
	struct api_text *t = &rows->text;
	char buffer[64];
	add_raw(t, "{\"at_rest\":");
	add_bool(t, is_at_rest(core, v));
	add_raw(t, ",\"checkpoint\":");
	add_checkpoint(t, core, v);
	add_raw(t, ",\"conflict\":");
	add_bool(t, v->is_foreign_copy || v->kept_count > 0);
	add_raw(t, ",\"declared\":");
	add_bool(t, v->is_declared);
	add_raw(t, v->is_wanted ? ",\"desired\":\"running\",\"done\":"
				: ",\"desired\":\"stopped\",\"done\":");
	add_bool(t, v->is_done);
	add_raw(t, ",\"duty\":");
	add_text(t, v->duty);
	add_raw(t, ",\"epoch\":");
	add_int(t, (int64_t)v->epoch);
	add_raw(t, ",\"kept_states\":[");
	add_kept(t, v);
	add_raw(t, "],\"last_exit\":");
	add_text(t, exit_text(v->status, buffer, sizeof buffer));
	add_raw(t, ",\"last_status\":");
	add_int(t, v->status);
	if (rows->has_meta) {
		add_raw(t, ",\"meta\":");
		api_text_add_json(
			t, api_json_meta(service_meta(core, v->service)));
	}
	add_raw(t, ",\"name\":");
	add_text(t, v->name);
	add_raw(t, ",\"node\":");
	add_text(t, v->node);
	add_raw(t, ",\"pid\":");
	add_int(t, v->pid);
	add_raw(t, ",\"refused\":");
	add_bool(t, v->is_refused);
	add_raw(t, ",\"restarts\":");
	add_int(t, v->restarts);
	add_raw(t, ",\"run_digest\":");
	add_hex(t, v->run_digest);
	add_raw(t, ",\"service\":");
	add_text(t, v->service);
	add_since(rows, v->since_wall_ms);
	add_raw(t, ",\"state\":");
	add_text(t, v->state);
	add_raw(t, ",\"wanted_digest\":");
	add_hex(t, v->wanted_digest);
	add_raw(t, ",\"why\":");
	add_text(t, v->why);
	add_raw(t, "}");
}

void
api_rows_add(
	struct api_rows *rows, struct core *core, const struct instance_view *v)
{
	add_raw(&rows->text, rows->count++ ? "," : "[");
	add_members(rows, core, v);
}

static int
compare_keys(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;
	return strcmp(*x, *y);
}

/* The keys of 'o' and "instances", in their order. */
static const char **
sort_keys(json_t *o, size_t *count_out)
{
	const char **keys = calloc(json_object_size(o) + 1, sizeof *keys);
	CHECK(keys);
	const char *key;
	json_t *value;
	size_t count = 0;
	json_object_foreach(o, key, value) keys[count++] = key;
	keys[count++] = "instances";
	qsort(keys, count, sizeof *keys, compare_keys);
	*count_out = count;
	return keys;
}

static void
add_member(struct api_text *out, json_t *o, const char *key,
	const struct api_rows *rows)
{
	json_t *value = json_object_get(o, key);
	add_text(out, key);
	add_raw(out, ":");
	if (!value) {
		add_raw(out, rows->count ? rows->text.data : "[");
		add_raw(out, "]");
		return;
	}
	api_text_add_json(out, json_incref(value));
}

void
call_reply_rows(struct call *c, json_t *o, struct api_rows *rows)
{
	struct api_text out = {0};
	size_t count;
	const char **keys = sort_keys(o, &count);
	for (size_t i = 0; i < count; i++) {
		add_raw(&out, i ? "," : "{");
		add_member(&out, o, keys[i], rows);
	}
	add_raw(&out, "}\n");
	free(keys);
	json_decref(o);
	api_text_fini(&rows->text);
	call_reply_text(c, "application/json", &out);
}
