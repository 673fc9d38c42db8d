/* Memory whose content can be put aside and brought back at its address.
 *
 * A region starts zeroed and write-protected; the first write to a page
 * faults, and from then on the page is among those that are compared.  What
 * is put aside is a list of the lines of 64 bytes that differ from a base,
 * kept once for all that are equal, so that a hundred thousand states of a
 * world cost what their differences cost.
 *
 * One process, one thread; the handler of SIGSEGV belongs to this module.
 */
#ifndef SKEP_TESTS_SIM_PAGES_H
#define SKEP_TESTS_SIM_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAGES_REGIONS 8

/* The content of one region, put aside.  Shared and counted. */
struct pages_blob;

/* Makes a region; returns its memory.  'number' counts from 0. */
void *pages_new(size_t size, uint32_t *number);
/* What lies between is nobody's memory between two actions: it is neither
 * put aside nor brought back. */
void pages_ignore(uint32_t number, const void *from, size_t size);
/* Zeroes the part of it that was ever written and lies in this range. */
void pages_zero(uint32_t number, void *from, size_t size);
/* Makes the present content of all regions the base. */
void pages_set_base(void);
/* Puts a region's content aside; the caller holds one count of it. */
struct pages_blob *pages_save(uint32_t number);
void pages_load(uint32_t number, const struct pages_blob *blob);
/* Gives one count back; takes one more. */
void pages_drop(struct pages_blob *blob);
struct pages_blob *pages_share(struct pages_blob *blob);
/* Bytes that all that is put aside takes. */
size_t pages_used(void);

#endif
