/* What a fuzz target is: one function, called with bytes nobody vouches for.
 *
 * It returns 0, and ends the program when a promise is broken.  Built with
 * -fsanitize=fuzzer it is driven by libFuzzer; with replay.c it reads files,
 * so that `make check` runs every input that once mattered.
 */
#ifndef SKEP_TESTS_FUZZ_H
#define SKEP_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
