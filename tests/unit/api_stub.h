/* A small world behind the control API: what the core and the rest of the
 * node would say, set by the test. */
#ifndef SKEP_TESTS_API_STUB_H
#define SKEP_TESTS_API_STUB_H

#include "node/events.h"
#include "node/moves.h"
#include "node/node.h"
#include "node/query.h"

#define STUB_ASKED_MAX 64

/* A request that reached the core. */
struct stub_asked {
	enum input_kind kind;
	enum request_op op;
	enum mail_op mail;
	char name[128];
	char from[128];
	char arg[256];
	int64_t number;
	bool is_forced;
	uint32_t max_parallel;
	struct actor actor;
	node_reply_fn *done; /* NULL: answered or cancelled */
	void *context;
	bool is_cancelled;
};

/* The other host, as far as 'queries_ask' reaches it. */
struct stub_peer {
	struct feed feed; /* valid while 'is_open' */
	bool is_open;
	unsigned asked;	    /* queries so far */
	struct query query; /* the last one */
	char node[NODE_NAME_MAX + 1];
	const char *text; /* what it gives, not yet read */
};

/* What the whole of skepd was told to do. */
enum stub_order { STUB_NO_ORDER, STUB_REEXEC, STUB_SHUTDOWN };

struct stub {
	struct instance_view instances[8];
	uint32_t instance_count;
	uint32_t instance_times;	   /* they are told so often; 0: once */
	struct checkpoint_view checkpoint; /* of all that have any */
	struct move_item moves[4];	   /* of this host */
	uint32_t move_count;
	const char *body; /* of each service, with a state_path; or NULL */
	bool has_state;	  /* services carry a state */
	bool has_sizes;	  /* it knows how large the state of web@1 was */
	const char *schedule_fault; /* of the service "db"; NULL: none */
	bool has_tracked;	    /* beta has "proc", a process */
	bool is_peer_moving; /* a row says that beta gives something away */
	struct node_view nodes[4];
	uint32_t node_count;
	struct cluster_view cluster;
	struct stub_asked asked[STUB_ASKED_MAX];
	uint32_t asked_count;
	enum stub_order order; /* the last one */
	bool is_undrained_later;
	bool answers_later;   /* node_request leaves the answer to the test */
	enum reply_code code; /* of answers at once */
	uint64_t plan_index;
	struct list followers;
	events_done_fn *query_done; /* NULL: no question is open */
	void *query_context;
	uint32_t followers_now;
	uint64_t record_size; /* what 'recording_ask' was given */
	int64_t record_ms;
	const char *record_path; /* what 'recording_open' opens; NULL: busy */
	struct stub_peer peer;
	bool has_peer;	     /* queries are answered by the test, not refused */
	const char *speaker; /* the instance that asks, or NULL */
	bool is_speaker_gone;
	uint32_t large_answers; /* to a multicall, on top of the two */
};

extern struct stub stub;

/* A cluster of two hosts and three instances. */
void stub_reset(void);
/* Answers the request with this number (from 0). */
void stub_answer(uint32_t number, enum reply_code code, const char *text);
/* Something happens. */
void stub_event(uint64_t id, const char *name, const char *text);
/* The same, of kind EVENTS_MISSED. */
void stub_missed(uint64_t id, const char *name, const char *text);

/* The other host gives 'text' (borrowed); then, if 'is_end', it ends with
 * 'code'. */
void stub_peer_gives(const char *text, bool is_end, enum reply_code code);

#endif
