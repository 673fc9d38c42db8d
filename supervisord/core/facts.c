#include "core/facts.h"

#include <string.h>

#include "core/core_private.h"

#define FACTS_VERSION  1
#define DEFAULT_WEIGHT 100

/* Packs our own labels as 'labels' wants them; what does not fit is left
 * out, since a host's labels are bounded by its configuration. */
static void
pack_labels(const struct core *c, struct node_facts *f)
{
	for (uint32_t i = 0; i < c->config.label_count; i++) {
		const struct core_label *l = &c->config.labels[i];
		size_t key = strlen(l->key), value = strlen(l->value);
		if (f->labels_size + key + value + 2 > sizeof f->labels)
			return;
		char *at = f->labels + f->labels_size;
		memcpy(at, l->key, key);
		at[key] = '=';
		memcpy(at + key + 1, l->value, value + 1);
		f->labels_size += (uint32_t)(key + value + 2);
	}
}

static void
own_facts(const struct core *c, struct node_facts *f)
{
	const struct duty *d = &c->duty;
	memset(f, 0, sizeof *f);
	f->weight = c->config.weight;
	memcpy(f->version, c->config.version, sizeof f->version);
	f->version[sizeof f->version - 1] = '\0';
	f->progress = d->progress;
	f->drain_total = d->drain_total;
	f->drain_left = d->drain_left;
	f->drain_stuck = d->drain_stuck;
	f->rebalance_moving = c->rebalance.moving;
	f->rebalance_left = c->rebalance.left;
	f->rebalance_done = c->rebalance.pass_done;
	pack_labels(c, f);
}

/* While a cluster knows nothing of rebalancing, its hosts write nothing of it.
 */
static void
write_rebalance(struct writer *w, const struct node_facts *f)
{
	if (!f->rebalance_moving && !f->rebalance_left && !f->rebalance_done)
		return;
	writer_u32(w, f->rebalance_moving);
	writer_u32(w, f->rebalance_left);
	writer_u64(w, f->rebalance_done);
}

static void
read_rebalance(struct reader *r, struct node_facts *f)
{
	if (reader_is_done(r))
		return;
	f->rebalance_moving = reader_u32(r);
	f->rebalance_left = reader_u32(r);
	f->rebalance_done = reader_u64(r);
}

void
facts_publish(struct core *c)
{
	struct node_facts f;
	unsigned char buffer[ROW_META_MAX];
	struct writer w;
	own_facts(c, &f);
	writer_init(&w, buffer, sizeof buffer);
	writer_u8(&w, FACTS_VERSION);
	writer_u32(&w, f.weight);
	writer_text(&w, f.version);
	writer_u8(&w, (uint8_t)f.progress);
	writer_u32(&w, f.drain_total);
	writer_u32(&w, f.drain_left);
	writer_u32(&w, f.drain_stuck);
	writer_bytes(&w, f.labels, f.labels_size);
	write_rebalance(&w, &f);
	CHECK(!w.bad);
	registry_put(c, c->config.node,
		&(struct row_value){
			.kind = ROW_NODE,
			.state = ROW_READY,
			.meta = writer_done(&w),
		},
		0);
}

/* Reads what another host wrote; a newer host may have written more. */
static bool
read_facts(struct bytes meta, struct node_facts *f)
{
	struct reader r;
	reader_init(&r, meta.data, meta.size);
	uint8_t version = reader_u8(&r);
	f->weight = reader_u32(&r);
	const char *text = reader_text(&r);
	uint8_t progress = reader_u8(&r);
	f->drain_total = reader_u32(&r);
	f->drain_left = reader_u32(&r);
	f->drain_stuck = reader_u32(&r);
	struct bytes labels = reader_bytes(&r);
	read_rebalance(&r, f);
	if (r.bad || version < FACTS_VERSION ||
		progress >= DRAIN_PROGRESS_COUNT ||
		labels.size > sizeof f->labels ||
		strlen(text) >= sizeof f->version)
		return false;
	strcpy(f->version, text);
	f->progress = (enum drain_progress)progress;
	if (labels.size)
		memcpy(f->labels, labels.data, labels.size);
	f->labels_size = (uint32_t)labels.size;
	return labels.size == 0 || f->labels[labels.size - 1] == '\0';
}

void
facts_get(const struct core *c, member_id id, struct node_facts *out)
{
	memset(out, 0, sizeof *out);
	if (id == MEMBER_SELF) {
		own_facts(c, out);
		return;
	}
	const struct row *row =
		registry_find(c, ROW_NODE, member_get(c, id)->name, id);
	if (row && read_facts(row_meta(row), out))
		return;
	memset(out, 0, sizeof *out);
	out->weight = DEFAULT_WEIGHT;
}

const char *
drain_progress_name(enum drain_progress progress)
{
	static const char *const names[] = {
#define X(value, name) [value] = name,
		DRAIN_PROGRESSES(X)
#undef X
	};
	CHECK(progress < DRAIN_PROGRESS_COUNT);
	return names[progress];
}
