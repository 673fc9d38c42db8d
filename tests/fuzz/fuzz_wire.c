/* Bytes from the network against every decoder, the registry and the desired
 * state: nothing may crash, and the books must balance afterwards.
 *
 * An input is a list of messages: type (1 byte, an index), length (2 bytes,
 * little-endian), body.  Built plainly, the program makes inputs itself, by
 * damaging real messages; with -DFUZZ_ENGINE it is a libFuzzer target.
 */
#include <stdlib.h>
#include <string.h>

#include "core/checkpoint_private.h"
#include "core_stub.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint16_t types[] = {
#define X(type, number, message) type,
	WIRE_TYPES(X)
#undef X
};
#define TYPE_COUNT (sizeof types / sizeof *types)

/* Any message's struct; the largest is a batch of values. */
union any {
#define X(type, number, message) skep_##message as_##type;
	WIRE_TYPES(X)
#undef X
};

static void
feed(struct world *w, uint16_t type, struct bytes body)
{
	union any msg;
	memset(&msg, 0, sizeof msg);
	wire_decode(type, body, &msg);
	struct core *c = world_enter(w, 0);
	if (type >= WIRE_BATCH && type <= WIRE_ACK)
		registry_on_recv(c, 1, type, body);
	else if (type >= WIRE_ENTRIES && type <= WIRE_ENTRIES_WANTED)
		specs_on_recv(c, 1, type, body);
	world_leave(w, 0);
}

/* Every value that came in is read as what it claims to be. */
static void
read_values(const struct core *c)
{
	const struct entry *e = NULL;
	struct service_value service;
	struct override_value override;
	struct node_value node;
	while ((e = specs_walk(c, ENTRY_SERVICE, e)) != NULL)
		specs_get_service(e, &service);
	while ((e = specs_walk(c, ENTRY_OVERRIDE, e)) != NULL)
		specs_get_override(e, &override);
	while ((e = specs_walk(c, ENTRY_NODE, e)) != NULL)
		specs_get_node(e, &node);
}

/* So is what hosts say of checkpoints in their rows. */
static void
read_words(const struct core *c)
{
	struct checkpoint_word word;
	for (member_id origin = 0; origin < 3; origin++) {
		const struct row *row = NULL;
		while ((row = registry_walk(c, origin, row)) != NULL) {
			checkpoint_is_keeper(row);
			if (checkpoint_read_row(row, &word))
				CHECK(word.count <= CHECKPOINT_KEPT &&
					word.holder_count <=
						POLICY_HOLDERS_MAX);
		}
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct world w;
	world_init(&w, 3, 64, 1);
	world_link(&w, 0, 1);
	world_drain(&w);
	while (size >= 3) {
		uint16_t type = types[data[0] % TYPE_COUNT];
		size_t length = (size_t)data[1] | (size_t)data[2] << 8;
		data += 3;
		size -= 3;
		if (length > size)
			length = size;
		feed(&w, type, (struct bytes){data, length});
		data += length;
		size -= length;
	}
	world_drain(&w);
	world_pass_ms(&w, 200);
	read_values(w.nodes[0].c);
	read_words(w.nodes[0].c);
	registry_check(w.nodes[0].c);
	specs_check(w.nodes[0].c);
	world_fini(&w);
	return 0;
}

#ifndef FUZZ_ENGINE
#define ROUNDS	  150
#define INPUT_MAX 20000

static unsigned
type_index(uint16_t type)
{
	for (unsigned i = 0; i < TYPE_COUNT; i++)
		if (types[i] == type)
			return i;
	return 0;
}

/* What a host says of a checkpoint that it keeps. */
static struct bytes
word(uint64_t epoch, void *room)
{
	struct checkpoint_word word = {
		.is_runner = true, .wanted = 1, .count = 1, .holder_count = 1};
	word.kept[0].epoch = word.acked.epoch = epoch;
	word.kept[0].number = word.acked.number = 3;
	strcpy(word.holders[0], "node2");
	return checkpoint_write_word(&word, false, room);
}

/* Fills two hosts that know nothing of each other, so that what they say when
 * linked is all kinds of messages. */
static void
populate(struct world *w)
{
	char name[] = "svc@a";
	unsigned char room[ROW_META_MAX];
	for (unsigned i = 0; i < 12; i++) {
		unsigned node = 1 + i % 2;
		uint64_t after;
		struct core *c = world_enter(w, node);
		name[4] = (char)('a' + i);
		struct row_value v = {.kind = ROW_INSTANCE,
			.state = ROW_READY,
			.epoch = i + 1,
			.meta = {"meta", i % 3 ? 0 : 4}};
		if (i % 3 == 1)
			v.meta = word(i + 1, room);
		registry_put(c, name, &v, 0);
		if (i % 4 == 3)
			registry_delete(c, ROW_INSTANCE, name);
		struct service_value s;
		memset(&s, 0, sizeof s);
		s.policy.instance_count = 1;
		s.body = (struct bytes){"body", 4};
		specs_set_service(c, name, &s, &after);
		registry_set_ready(c);
		world_leave(w, node);
	}
}

/* Appends a message to an input, perhaps damaged. */
static size_t
append(uint8_t *input, size_t used, const struct parcel *p, struct prng *prng)
{
	if (p->size > 4000 || used + p->size + 3 > INPUT_MAX)
		return used;
	uint8_t *at = input + used;
	at[0] = (uint8_t)type_index(p->type);
	at[1] = (uint8_t)p->size;
	at[2] = (uint8_t)(p->size >> 8);
	memcpy(at + 3, p->body, p->size);
	uint64_t damages = prng_below(prng, 4);
	while (damages-- && p->size) {
		uint8_t *byte = &at[3 + prng_below(prng, p->size)];
		uint64_t noise = prng_chance(prng, 1, 2)
					 ? prng_next(prng)
					 : (uint64_t)1 << prng_below(prng, 8);
		*byte = (uint8_t)(*byte ^ noise);
	}
	return used + p->size + 3;
}

/* Collects what host 1 tells host 0 and host 2 for a while. */
static size_t
collect(uint8_t *input, struct prng *prng, uint64_t seed)
{
	struct world w;
	size_t used = 0;
	world_init(&w, 3, 64, seed);
	populate(&w);
	world_link_all(&w);
	for (unsigned step = 0; step < 120; step++) {
		for (unsigned to = 0; to < 3; to++)
			for (struct parcel *p = w.queues[1][to]; p; p = p->next)
				if (p->type != WIRE_HEARTBEAT)
					used = append(input, used, p, prng);
		world_pass(&w);
	}
	world_fini(&w);
	return used;
}

int
main(void)
{
	static uint8_t input[INPUT_MAX];
	struct prng prng;
	size_t total = 0;
	prng_init(&prng, 1);
	for (unsigned round = 0; round < ROUNDS; round++) {
		size_t used = collect(input, &prng, round + 1);
		total += used;
		LLVMFuzzerTestOneInput(input, used);
		/* And plain noise. */
		for (size_t i = 0; i < 2000; i++)
			input[i] = (uint8_t)prng_next(&prng);
		LLVMFuzzerTestOneInput(input, 2000);
	}
	/* A run that fed nothing has proved nothing. */
	return total > 100000 ? EXIT_SUCCESS : EXIT_FAILURE;
}
#endif
