/* A good plugin that ranks hosts as they come. */
#include "tests/plugins/sample.h"

SAMPLE("noop", SKEP_PLUGIN_ABI_MAJOR, SKEP_PLUGIN_ABI_MINOR,
	sizeof(struct skep_plugin), sizeof(struct skep_place_ops), sample_rank);
