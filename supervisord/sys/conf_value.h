/* The rows of skep.conf and how their values are read.  Inside of conf. */
#ifndef SKEP_SYS_CONF_VALUE_H
#define SKEP_SYS_CONF_VALUE_H

#include "sys/conf.h"

/* What a value looks like, and the type of its member. */
enum conf_type {
	CONF_NAME,     /* char[]: letters, digits, '.', '_', '-' */
	CONF_GROUP,    /* char[CONF_GROUP_SIZE]; may be empty */
	CONF_PATH,     /* char[CONF_PATH_SIZE]: absolute */
	CONF_ADDRESS,  /* char[ADDRESS_MAX + 1]: HOST[:PORT] */
	CONF_NUMBER,   /* uint32_t */
	CONF_SIZE,     /* uint64_t: bytes; 0 is allowed below 'min' too */
	CONF_DURATION, /* setting only */
	CONF_HOURS,    /* setting only: HH:MM-HH:MM; may be empty */
	CONF_PATTERNS, /* setting only: literal or /regex/ */
	CONF_BOOL,     /* bool: yes or no */
	CONF_CHOICE,   /* int32_t: index into 'words' */
	CONF_LIST,     /* struct conf_list */
	CONF_PATHS,    /* struct conf_list of absolute paths */
	CONF_GLOBS,    /* struct conf_list of patterns (base/glob.h) */
	CONF_KINDS,    /* the same, over the kinds of events */
	CONF_CAPS,     /* struct conf_list of capabilities */
	CONF_JOIN,     /* of struct conf_cluster; adds to what is there */
	CONF_LABELS,   /* of struct conf_node */
	CONF_POOLS,    /* no member: only "default" */
	CONF_LATER,    /* no member: only empty */
	CONF_TYPE_COUNT,
};

/* One row. */
struct conf_key {
	const char *section;
	const char *key;
	enum conf_type type;
	size_t offset;		  /* in struct conf; unused for settings */
	bool is_setting;	  /* [defaults]: kept as text */
	uint64_t min;		  /* range of numbers; of durations, in ms; of
				     sizes, in bytes; */
	uint64_t max;		  /* 'max' characters of names and paths */
	const char *const *words; /* CONF_CHOICE, usual ones first; NULL */
	uint32_t word_count;	  /* words that are supported; the others
				     are refused with "not supported yet" */
	const char *fallback;	  /* default, or words for a computed one */
	const char *help;	  /* a sentence or more; each word that a
				     choice takes stands there in quotes */
	bool is_later;		  /* it can be given, and does nothing yet */
};

/* Reads 'value' into the member of 'key'.  -EINVAL with a sentence that
 * starts with what is wrong, without the key. */
int conf_value_read(const struct conf_key *key, const char *value,
	struct conf *conf, struct err *err);

/* What the documentation says of 'key'. */
void conf_value_doc(const struct conf_key *key, struct conf_doc *out);

#endif
