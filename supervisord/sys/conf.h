/* skep.conf: what one host is told (skep.conf(5)).
 *
 * An INI file read through inih, with a line reader of our own, since inih
 * as packaged cuts long lines and counts none.  A line may have up to
 * CONF_LINE_MAX bytes; an indented line continues the value above it; ';'
 * after a blank starts a comment.  An empty value means the default, but for
 * lists and groups, where it means none.  'join' may stand repeatedly.
 *
 * One table in conf.c names every section, key, type and default.  Unknown
 * sections and keys are errors with the nearest known one; keys whose
 * behaviour a later version brings are refused with "not supported yet".
 *
 * Errors: 0 or -errno and one sentence "FILE:LINE: section.key: ...".
 * Memory: 'struct conf' holds everything in place, bounded; no pointers
 * into it need freeing.  It is about 130 KiB: keep it off small stacks.
 */
#ifndef SKEP_SYS_CONF_H
#define SKEP_SYS_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/limits.h"
#include "sys/err.h"

#define CONF_LINE_MAX	   65536 /* bytes of one line, and of one value */
#define CONF_PATH_SIZE	   256
#define CONF_JOIN_MAX	   128
#define CONF_LIST_MAX	   64
#define CONF_WORD_SIZE	   256 /* one item of a list */
#define CONF_GROUP_SIZE	   256
#define CONF_SETTING_COUNT 12
#define CONF_RUN_DIR_MAX   80 /* a Unix socket's path has 107 characters */
#define CONF_PORT	   7400
#define CONF_FORM_SIZE	   96
#define CONF_RANGE_SIZE	   96

/* A list of texts. */
struct conf_list {
	char items[CONF_LIST_MAX][CONF_WORD_SIZE];
	uint32_t count;
};

/* One KEY=VALUE. */
struct conf_label {
	char key[LABEL_MAX + 1];
	char value[LABEL_MAX + 1];
};

/* Who is a member. */
enum conf_provider { CONF_PROVIDER_MESH };

/* How links are protected. */
enum conf_tls {
	CONF_TLS_PSK,  /* by the cluster's key */
	CONF_TLS_NONE, /* not at all: loopback addresses only */
};

/* [node] */
struct conf_node {
	char name[NODE_NAME_MAX + 1];	 /* default: the host name */
	char listen[ADDRESS_MAX + 1];	 /* HOST:PORT; "*:7400" = all */
	char advertise[ADDRESS_MAX + 1]; /* HOST:PORT, or "" = as listening */
	uint32_t weight;		 /* 0 = no services */
	struct conf_label labels[LABELS_MAX];
	uint32_t label_count;
	char state_dir[CONF_PATH_SIZE];
	char run_dir[CONF_PATH_SIZE];
	char log_dir[CONF_PATH_SIZE];
	char services_dir[CONF_PATH_SIZE];
	uint32_t names_max;    /* names in the registry */
	uint64_t handoff_rate; /* bytes of states a second that leave; 0: any */
};

/* [cluster] */
struct conf_cluster {
	char name[CLUSTER_NAME_MAX + 1];
	char join[CONF_JOIN_MAX][ADDRESS_MAX + 1]; /* HOST:PORT */
	uint32_t join_count;
	char key_file[CONF_PATH_SIZE];
	int32_t provider; /* enum conf_provider */
};

/* [defaults]: one setting that seeds a new cluster, validated text. */
struct conf_setting {
	const char *key; /* static: "settle_timeout" */
	char value[SETTING_VALUE_MAX + 1];
	bool is_given; /* false: 'value' is the default */
};

/* [policy]: what this host lets services do.  The keeper enforces it. */
struct conf_policy {
	bool allow_root;
	bool allow_raise; /* negative nice and oom_score_adj, higher limits */
	struct conf_list allowed_users;
	struct conf_list allowed_groups;
	struct conf_list allowed_capabilities; /* names without "CAP_" */
	struct conf_list allowed_paths;	       /* empty = any */
};

/* [api]: groups on the control socket; "" = nobody but root and our user. */
struct conf_api {
	char read_group[CONF_GROUP_SIZE];
	char operate_group[CONF_GROUP_SIZE];
	char admin_group[CONF_GROUP_SIZE];
};

/* [events]; the lists are of patterns (base/glob.h). */
struct conf_events {
	char alert_command[CONF_PATH_SIZE]; /* "" = none */
	struct conf_list alert_kinds;	    /* sys/event_kinds.h */
	struct conf_list alert_names;	    /* empty = any */
};

/* Everything. */
struct conf {
	char path[CONF_PATH_SIZE]; /* the file that was read, "" = none */
	struct conf_node node;
	struct conf_cluster cluster;
	struct conf_setting settings[CONF_SETTING_COUNT];
	struct conf_policy policy;
	int32_t tls_mode; /* enum conf_tls */
	struct conf_api api;
	struct conf_events events;
	bool debug_faults;
};

/* From now on whoever runs this has the defaults of root.  skepd under root
 * tells its helpers so (--system): they run as a user who may nothing, and
 * use the directories of the host all the same. */
void conf_use_system(void);

/* Reads 'path', or with NULL: $SKEP_CONF, else the usual place, where a
 * missing file means all defaults.  The defaults of directories are those of
 * root, or else the XDG ones of the calling user; none is made here, but a
 * fallback run directory below /tmp that is not ours is an error. */
int conf_load(const char *path, struct conf *conf, struct err *err);

/* As above for 'size' bytes at 'data' (borrowed); 'name' is for messages. */
int conf_parse(const char *name, const void *data, size_t size,
	struct conf *conf, struct err *err);

/* What is no error of the file and will not do all the same, or "": a program
 * that cannot be started now may be there later, and nothing that runs needs
 * it. */
void conf_warning(const struct conf *conf, char *out, size_t size);

/* Splits "HOST:PORT", "[V6]:PORT" or either without the port (then
 * CONF_PORT) into 'host' (brackets removed) and '*port'.  -EINVAL when it is
 * not of that form.  'host' may be "*". */
int conf_split_address(
	const char *address, char host[ADDRESS_MAX + 1], uint16_t *port);

/* The text of one setting of [defaults], or NULL for an unknown key. */
const char *conf_setting_get(const struct conf *conf, const char *key);

/* One row of the table, for the documentation and its test. */
struct conf_doc {
	const char *section;
	const char *key;
	const char *fallback; /* the default as root, in words or as text */
	const char *help;
	char form[CONF_FORM_SIZE];   /* "duration", "takeover | keep" */
	char range[CONF_RANGE_SIZE]; /* "From 500ms to 1h.", "" = any */
	bool has_words;		     /* 'form' is the words that it takes */
	bool is_supported;
};

/* Row 'i' of the table; false past the end. */
bool conf_doc_get(size_t i, struct conf_doc *out);

#endif
