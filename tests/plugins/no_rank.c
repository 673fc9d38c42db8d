/* Refused: it cannot rank. */
#include <stddef.h>

#include "tests/plugins/sample.h"

SAMPLE("no-rank", SKEP_PLUGIN_ABI_MAJOR, SKEP_PLUGIN_ABI_MINOR,
	sizeof(struct skep_plugin), sizeof(struct skep_place_ops), NULL);
