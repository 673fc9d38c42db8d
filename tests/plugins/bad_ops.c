/* Refused: its operations are of another size. */
#include "tests/plugins/sample.h"

SAMPLE("bad-ops", SKEP_PLUGIN_ABI_MAJOR, SKEP_PLUGIN_ABI_MINOR,
	sizeof(struct skep_plugin), sizeof(struct skep_place_ops) + 8,
	sample_rank);
