/* Refused: a name that cannot be typed in a spec. */
#include "tests/plugins/sample.h"

SAMPLE("Bad Name", SKEP_PLUGIN_ABI_MAJOR, SKEP_PLUGIN_ABI_MINOR,
	sizeof(struct skep_plugin), sizeof(struct skep_place_ops), sample_rank);
