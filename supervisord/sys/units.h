/* Durations, sizes, signals and percentages as people write them.
 *
 * Durations: "500ms", "10s", "5m", "2h", "7d"; "0" is allowed.  Sizes: plain
 * bytes, or with B, KiB, MiB, GiB, TiB, KB, MB, GB.  Signals: with or without
 * "SIG", any case, or a number.  No sign, no space, no fraction.
 *
 * Errors: -EINVAL when the text is not of the form, -ERANGE when it does not
 * fit.  The caller makes the sentence, since it knows the key and the place.
 */
#ifndef SKEP_SYS_UNITS_H
#define SKEP_SYS_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* Reads a duration into milliseconds. */
int units_parse_duration(const char *text, int64_t *ms_out);

/* Reads a size into bytes. */
int units_parse_size(const char *text, uint64_t *bytes_out);

/* Reads a signal's name or number (1 to 64). */
int units_parse_signal(const char *text, int *signal_out);

/* "SIGTERM" for 15; "SIGRTMIN+3" and the like; "signal 99" for others. */
const char *units_signal_name(int signal, char *buffer, size_t size);

/* Writes a duration in its largest exact unit: "1500ms", "10s", "5m". */
const char *units_format_duration(int64_t ms, char *buffer, size_t size);

/* Writes a size in its largest exact binary unit: "64MiB", "1000". */
const char *units_format_size(uint64_t bytes, char *buffer, size_t size);

/* Writes an age for people, two units at most: "3d 4h", "12s", "340ms". */
const char *units_format_age(int64_t ms, char *buffer, size_t size);

#endif
