/* What is written of checkpoints: on disk, and in rows.  All of it may come
 * from a peer, or from a disk that is damaged. */
#include <string.h>

#include "core/checkpoint_private.h"

#define RECORD_VERSION 1
#define WORD_VERSION   1

/* What a word says first. */
#define WORD_IS_KEEPER 1
#define WORD_IS_RUNNER 2

int
snapshot_compare(const struct snapshot *a, const struct snapshot *b)
{
	if (a->epoch != b->epoch)
		return a->epoch < b->epoch ? -1 : 1;
	if (a->epoch == 0 || a->number == b->number)
		return 0;
	return a->number < b->number ? -1 : 1;
}

static void
write_kept(struct writer *w, const struct checkpoint_word *word)
{
	writer_u8(w, (uint8_t)word->count);
	for (uint32_t i = 0; i < word->count; i++) {
		const struct snapshot *s = &word->kept[i];
		writer_u64(w, s->epoch);
		writer_u64(w, s->number);
		writer_raw(w, s->root, DIGEST_SIZE);
		writer_u64(w, s->size);
		writer_i64(w, s->wall_ms);
	}
	writer_u64(w, word->acked.epoch);
	writer_u64(w, word->acked.number);
	writer_i64(w, word->acked.wall_ms);
}

static void
read_root(struct reader *r, uint8_t root[DIGEST_SIZE])
{
	for (size_t i = 0; i < DIGEST_SIZE; i++)
		root[i] = reader_u8(r);
}

static bool
is_wall_sound(int64_t wall_ms)
{
	return wall_ms >= -WALL_MAX && wall_ms <= WALL_MAX;
}

static bool
read_snapshot(struct reader *r, struct snapshot *s)
{
	s->epoch = reader_u64(r);
	s->number = reader_u64(r);
	read_root(r, s->root);
	s->size = reader_u64(r);
	s->wall_ms = reader_i64(r);
	return s->epoch > 0 && s->epoch <= EPOCH_MAX && s->number > 0 &&
	       s->size < SIZE_LIM && is_wall_sound(s->wall_ms);
}

/* Reads what 'write_kept' wrote; false when it makes no sense. */
static bool
read_kept(struct reader *r, struct checkpoint_word *word)
{
	struct snapshot *acked = &word->acked;
	uint32_t count = reader_u8(r);
	if (count > CHECKPOINT_KEPT)
		return false;
	for (word->count = 0; word->count < count; word->count++) {
		struct snapshot *s = &word->kept[word->count];
		if (!read_snapshot(r, s) ||
			(word->count && snapshot_compare(s, s - 1) >= 0))
			return false;
	}
	acked->epoch = reader_u64(r);
	acked->number = reader_u64(r);
	acked->wall_ms = reader_i64(r);
	return !r->bad && acked->epoch <= EPOCH_MAX &&
	       is_wall_sound(acked->wall_ms);
}

struct bytes
checkpoint_write_record(
	const struct checkpoint_word *word, void *room, size_t size)
{
	struct writer w;
	writer_init(&w, room, size);
	writer_u8(&w, RECORD_VERSION);
	write_kept(&w, word);
	CHECK(!w.bad);
	return writer_done(&w);
}

bool
checkpoint_read_record(struct bytes value, struct checkpoint_word *out)
{
	struct reader r;
	memset(out, 0, sizeof *out);
	reader_init(&r, value.data, value.size);
	uint8_t version = reader_u8(&r);
	/* A later version may have written more behind it. */
	return version >= 1 && read_kept(&r, out);
}

struct bytes
checkpoint_write_word(
	const struct checkpoint_word *word, bool is_keeper, void *room)
{
	struct writer w;
	writer_init(&w, room, ROW_META_MAX);
	writer_u8(&w, WORD_VERSION);
	writer_u8(&w, (uint8_t)((is_keeper ? WORD_IS_KEEPER : 0) |
				(word->is_runner ? WORD_IS_RUNNER : 0)));
	writer_u8(&w, word->wanted);
	write_kept(&w, word);
	writer_u8(&w, (uint8_t)word->holder_count);
	for (uint32_t i = 0; i < word->holder_count; i++)
		writer_text(&w, word->holders[i]);
	CHECK(!w.bad);
	return writer_done(&w);
}

static bool
read_holders(struct reader *r, struct checkpoint_word *word)
{
	uint32_t count = reader_u8(r);
	if (count > POLICY_HOLDERS_MAX)
		return false;
	while (word->holder_count < count) {
		const char *name = reader_text(r);
		if (strlen(name) > NODE_NAME_MAX)
			return false;
		strcpy(word->holders[word->holder_count++], name);
	}
	return !r->bad;
}

bool
checkpoint_read_word(struct reader *r, struct checkpoint_word *out)
{
	memset(out, 0, sizeof *out);
	uint8_t version = reader_u8(r);
	uint8_t flags = reader_u8(r);
	out->is_keeper = (flags & WORD_IS_KEEPER) != 0;
	out->is_runner = (flags & WORD_IS_RUNNER) != 0;
	out->wanted = reader_u8(r);
	if (version >= 1 && read_kept(r, out) && read_holders(r, out))
		return true;
	memset(out, 0, sizeof *out);
	return false;
}

bool
checkpoint_read_row(const struct row *row, struct checkpoint_word *out)
{
	struct reader r;
	memset(out, 0, sizeof *out);
	if (row->value.kind != ROW_INSTANCE || row->meta_size == 0)
		return false;
	reader_init(&r, row_meta(row).data, row->meta_size);
	return checkpoint_read_word(&r, out);
}

bool
checkpoint_is_keeper(const struct row *row)
{
	const unsigned char *meta = row_meta(row).data;
	return row->value.state == ROW_PAST && row->meta_size >= 2 &&
	       (meta[1] & WORD_IS_KEEPER) != 0;
}
