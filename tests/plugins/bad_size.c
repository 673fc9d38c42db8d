/* Refused: its structs are of another size. */
#include "tests/plugins/sample.h"

SAMPLE("bad-size", SKEP_PLUGIN_ABI_MAJOR, SKEP_PLUGIN_ABI_MINOR,
	sizeof(struct skep_plugin) - 8, sizeof(struct skep_place_ops),
	sample_rank);
