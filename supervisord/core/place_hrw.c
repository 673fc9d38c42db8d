/* Weighted rendezvous hashing in integers, see place.h. */
#include "base/check.h"
#include "base/hash.h"
#include "core/place.h"

#define FRACTION_BITS 24

/* round(log2(1 + i / 256) * 2^24), i = 0 .. 256. */
static const uint32_t log2_table[257] = {
	0, 94364, 188362, 281996, 375270, 468185,
	560745, 652952, 744810, 836320, 927485, 1018309,
	1108793, 1198939, 1288752, 1378232, 1467383, 1556207,
	1644705, 1732882, 1820738, 1908277, 1995500, 2082410,
	2169009, 2255299, 2341283, 2426963, 2512340, 2597417,
	2682196, 2766679, 2850868, 2934766, 3018374, 3101694,
	3184728, 3267478, 3349946, 3432134, 3514044, 3595678,
	3677038, 3758124, 3838941, 3919488, 3999768, 4079782,
	4159533, 4239023, 4318251, 4397222, 4475935, 4554394,
	4632599, 4710552, 4788255, 4865709, 4942916, 5019878,
	5096595, 5173071, 5249305, 5325300, 5401057, 5476578,
	5551864, 5626916, 5701737, 5776327, 5850688, 5924821,
	5998727, 6072409, 6145867, 6219103, 6292118, 6364913,
	6437490, 6509850, 6581994, 6653924, 6725641, 6797146,
	6868440, 6939525, 7010402, 7081072, 7151536, 7221795,
	7291852, 7361706, 7431359, 7500812, 7570066, 7639123,
	7707984, 7776649, 7845119, 7913397, 7981483, 8049377,
	8117082, 8184598, 8251926, 8319067, 8386022, 8452793,
	8519380, 8585785, 8652008, 8718050, 8783912, 8849596,
	8915102, 8980431, 9045584, 9110562, 9175366, 9239998,
	9304457, 9368745, 9432863, 9496811, 9560591, 9624203,
	9687648, 9750928, 9814042, 9876993, 9939780, 10002404,
	10064867, 10127170, 10189312, 10251295, 10313120, 10374787,
	10436298, 10497652, 10558852, 10619897, 10680789, 10741528,
	10802114, 10862550, 10922835, 10982970, 11042956, 11102794,
	11162484, 11222028, 11281425, 11340677, 11399784, 11458748,
	11517568, 11576245, 11634780, 11693175, 11751428, 11809542,
	11867517, 11925353, 11983051, 12040612, 12098037, 12155325,
	12212479, 12269497, 12326382, 12383133, 12439752, 12496238,
	12552593, 12608817, 12664911, 12720875, 12776710, 12832416,
	12887994, 12943445, 12998770, 13053968, 13109041, 13163988,
	13218811, 13273511, 13328087, 13382540, 13436871, 13491080,
	13545168, 13599135, 13652983, 13706711, 13760320, 13813810,
	13867183, 13920438, 13973576, 14026597, 14079503, 14132294,
	14184969, 14237530, 14289978, 14342312, 14394532, 14446641,
	14498638, 14550523, 14602297, 14653961, 14705514, 14756958,
	14808293, 14859519, 14910637, 14961648, 15012551, 15063347,
	15114037, 15164621, 15215099, 15265473, 15315742, 15365906,
	15415967, 15465925, 15515779, 15565531, 15615181, 15664730,
	15714177, 15763523, 15812769, 15861915, 15910962, 15959909,
	16008758, 16057508, 16106160, 16154714, 16203172, 16251532,
	16299796, 16347964, 16396036, 16444013, 16491896, 16539683,
	16587377, 16634976, 16682482, 16729896, 16777216,
};

/* -log2(h / 2^64) with 24 fractional bits; 'h' must not be 0. */
static uint64_t
negative_log2(uint64_t h)
{
	unsigned zeros = (unsigned)__builtin_clzll(h);
	/* The digits behind the leading one, at the top of the word. */
	uint64_t mantissa = zeros == 63 ? 0 : h << (zeros + 1);
	unsigned index = (unsigned)(mantissa >> 56);
	uint64_t rest = mantissa >> 32 & 0xffffff;
	uint64_t low = log2_table[index];
	uint64_t step = log2_table[index + 1] - low;
	uint64_t log = low + (step * rest >> FRACTION_BITS);
	return ((uint64_t)(1 + zeros) << FRACTION_BITS) - log;
}

uint64_t
place_hrw_score(uint64_t name_hash, uint64_t node_hash, uint32_t weight)
{
	if (weight == 0)
		return UINT64_MAX;
	uint64_t h = hash_mix(name_hash, node_hash);
	/* At most 65 << 56: no overflow. */
	return (negative_log2(h ? h : 1) << 32) / weight;
}

/* The first 'node_count' instances of a service take its ranks in order, so
 * that they spread; the rest go by their own hash. */
uint64_t
place_hrw_hash(const struct skep_place_item *item, uint32_t node_count)
{
	return item->ordinal < node_count ? item->service_hash
					  : item->instance_hash;
}

static void
reverse(uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count / 2; i++) {
		uint32_t other = order[count - 1 - i];
		order[count - 1 - i] = order[i];
		order[i] = other;
	}
}

/* Moves the first 'by' of 'order' to its end. */
static void
rotate(uint32_t *order, uint32_t count, uint32_t by)
{
	reverse(order, by);
	reverse(order + by, count - by);
	reverse(order, count);
}

/* Whether host 'a' comes after 'b': equal scores go by name. */
static bool
is_after(const uint64_t *scores, uint32_t a, uint32_t b)
{
	return scores[a] != scores[b] ? scores[a] > scores[b] : a > b;
}

static void
sift_down(const uint64_t *scores, uint32_t *order, uint32_t at, uint32_t count)
{
	uint32_t moving = order[at];
	for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
		if (child + 1 < count &&
			is_after(scores, order[child + 1], order[child]))
			child++;
		if (!is_after(scores, order[child], moving))
			break;
		order[at] = order[child];
	}
	order[at] = moving;
}

/* The first 'count' nodes as a heap, the worst on top. */
static void
make_heap(const uint64_t *scores, uint32_t *order, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		order[i] = i;
	for (uint32_t i = count / 2; i-- > 0;)
		sift_down(scores, order, i, count);
}

/* Heapsort: no memory of its own, and no worst case among many hosts. */
static void
sort_heap(const uint64_t *scores, uint32_t *order, uint32_t count)
{
	for (uint32_t last = count; last-- > 1;) {
		uint32_t worst = order[0];
		order[0] = order[last];
		order[last] = worst;
		sift_down(scores, order, 0, last);
	}
}

static void
score_all(uint64_t hash, const struct skep_place_node *nodes,
	uint32_t node_count, uint64_t *scores)
{
	for (uint32_t i = 0; i < node_count; i++)
		scores[i] = place_hrw_score(
			hash, nodes[i].name_hash, nodes[i].weight);
}

void
place_hrw_top(uint64_t hash, const struct skep_place_node *nodes,
	uint32_t node_count, uint64_t *scratch, uint32_t *order, uint32_t kept)
{
	CHECK(kept > 0 && kept <= node_count);
	score_all(hash, nodes, node_count, scratch);
	make_heap(scratch, order, kept);
	for (uint32_t i = kept; i < node_count; i++)
		if (is_after(scratch, order[0], i)) {
			order[0] = i;
			sift_down(scratch, order, 0, kept);
		}
	sort_heap(scratch, order, kept);
}

static uint32_t
hrw_rank(const struct skep_place_item *item,
	const struct skep_place_node *nodes, uint32_t node_count,
	uint64_t *scratch, uint32_t *order, uint32_t order_max)
{
	uint64_t h = place_hrw_hash(item, node_count);
	if (order_max < node_count)
		return 0;
	score_all(h, nodes, node_count, scratch);
	make_heap(scratch, order, node_count);
	sort_heap(scratch, order, node_count);
	if (item->ordinal < node_count)
		rotate(order, node_count, item->ordinal);
	return node_count;
}

const struct skep_place_ops place_hrw = {
	.struct_size = sizeof(struct skep_place_ops),
	.version = 1,
	.name = "hrw",
	.rank = hrw_rank,
};
