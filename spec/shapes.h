/* What texts of a spec must look like, for the table of keys.
 *
 * Each shape is a predicate, the words for it in a message, and the same as a
 * regular expression for the schema.  "" stands for "not given" in every
 * shape of a key whose default is "".
 */
#ifndef SKEP_SPEC_SHAPES_H
#define SKEP_SPEC_SHAPES_H

#include "spec/keys.h"

/* One line without tabs, at most 1000 bytes. */
extern const struct key_shape shape_line;
/* A service, an instance, a label: [A-Za-z0-9][A-Za-z0-9._-]{0,62} */
extern const struct key_shape shape_name;
/* A user or group, by name or number, or "". */
extern const struct key_shape shape_user;
/* An absolute path of at most 4095 bytes, or "". */
extern const struct key_shape shape_path;
/* A path without '.', '..' or an empty part, absolute or not, or "". */
extern const struct key_shape shape_state_path;
/* As shape_path, with an optional '-' in front. */
extern const struct key_shape shape_env_file;
/* A variable that a service may set: not ours, nor the loader's own. */
extern const struct key_shape shape_variable;
/* A placement strategy: lower-case letters, digits, '-' and '_'. */
extern const struct key_shape shape_strategy;
/* A host name or an address that a probe goes to. */
extern const struct key_shape shape_address;
/* The path of a URL: '/' and printable characters without blanks. */
extern const struct key_shape shape_url_path;
/* An extended regular expression of at most 255 bytes, or "". */
extern const struct key_shape shape_regex;
/* A capability's name without "CAP_", in capital letters. */
extern const struct key_shape shape_capability;
/* Five fields of crontab(5), or "" (cron.h). */
extern const struct key_shape shape_cron;
/* The name of a time zone: words with '/', as under /usr/share/zoneinfo. */
extern const struct key_shape shape_timezone;
/* A group of names: UTF-8 without control characters, at most 127 bytes. */
extern const struct key_shape shape_group;
/* A host name of at most 64 characters, or "". */
extern const struct key_shape shape_host;

#endif
