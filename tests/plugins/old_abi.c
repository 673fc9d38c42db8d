/* Refused: another major version of the ABI. */
#include "tests/plugins/sample.h"

SAMPLE("old-abi", SKEP_PLUGIN_ABI_MAJOR - 1, SKEP_PLUGIN_ABI_MINOR,
	sizeof(struct skep_plugin), sizeof(struct skep_place_ops), sample_rank);
