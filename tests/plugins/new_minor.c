/* Refused: needs a newer minor version of the ABI. */
#include "tests/plugins/sample.h"

SAMPLE("new-minor", SKEP_PLUGIN_ABI_MAJOR, SKEP_PLUGIN_ABI_MINOR + 1,
	sizeof(struct skep_plugin), sizeof(struct skep_place_ops), sample_rank);
