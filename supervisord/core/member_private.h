/* What the files of the member module share, and nobody else includes.
 *
 *   member.c         the table: states, records on disk, digest, questions
 *   member_link.c    dialling, links, the frames on them
 *   member_hello.c   who is at the other end, and who is refused
 *   member_news.c    what members tell each other about members
 *   member_detect.c  heartbeats, suspicion, death, local health
 *   member_hold.c    forming, lonely, the debounce of changes
 *   member_clock.c   what time it is, by most clocks
 *   member_stall.c   whose store does not write
 *   member_ops.c     operators' words
 *
 * 'struct member *' arguments are entries of the table and never NULL; a
 * 'link' is the shell's handle.
 */
#ifndef SKEP_CORE_MEMBER_PRIVATE_H
#define SKEP_CORE_MEMBER_PRIVATE_H

#include "core/core_private.h"
#include "core/wire.h"
#include "core/wire.pb.h"

#define HEARTBEAT_MS	  500
#define HEARTBEAT_SOON_MS 50 /* after a change that others wait for */
#define HELLO_TIMEOUT_MS  5000
#define REDIAL_MIN_MS	  250
#define REDIAL_MAX_MS	  5000
#define REFUSED_REDIAL_MS 30000 /* cap after a Refuse */
#define JOIN_TIMEOUT_MS	  10000 /* of 'node join' */
#define REFUSE_NOTE_MS	  60000 /* one note per kind in that time */
#define NAME_GRACE_MS	  10000 /* an unseen member keeps its name so long */
#define CONFIRM_MS	  250	/* of a LASTHEARD round, times log2 N */
/* Asked in one round.  SWIM asks three; here a question costs two small
 * frames, and of a host that only one other still hears three know nothing. */
#define CONFIRM_PEERS	 7
#define LINK_DEAF_MS	 10000 /* silent, while its host is heard elsewhere */
#define ASK_AGAIN_MIN_MS 100
#define ASK_AGAIN_MAX_MS 1000
#define HEALTH_MAX	 8
#define LAG_MS		 250 /* a step later than that is our fault */
#define DEBOUNCE_MS	 300
#define DEBOUNCE_MAX_MS	 2000
#define STABLE_MS	 10000 /* a view unchanged that long is stable */
#define DISAGREE_MS	 2000  /* before lists are sent again ... */
#define LIST_REPAIR_MS	 5000  /* ... and between two times */
#define NEWS_ALL_MAX	 32    /* more members are many */
#define NEWS_FANOUT	 8     /* among many: news of others go to so many */
#define LIST_EVERY_MS	 200   /* among many: a list in so long ... */
#define LIST_BURST	 8     /* ... but so many at once */
/* Larger ones come from nobody's life; they are nonsense from outside. */
#define INCARNATION_MAX ((uint64_t)1 << 62)

/* --- member.c --- */

/* The table's entry of 'id', for writing. */
struct member *member_at(struct core *c, member_id id);
/* The number of an entry. */
member_id member_id_of(const struct core *c, const struct member *m);
/* Whether a text from outside may be a host's name. */
bool member_is_name(const char *name);
/* Makes an entry in state UNKNOWN; NULL when the table is full of members
 * that nobody forgot. */
struct member *member_add(struct core *c, const char *name);
/* Its link, or 0, which 'member_find_link' finds it by. */
void member_set_link(struct core *c, struct member *m, uint32_t link);
/* The member with that link, or NULL. */
struct member *member_find_link(const struct core *c, uint32_t link);
/* Whether there are so many members that some things are done otherwise. */
bool member_is_many(const struct core *c);
/* Writes its record to the store. */
void member_save(struct core *c, const struct member *m);
/* Copies an address, if it fits and is not empty; whether it changed. */
bool member_set_address(struct member *m, const char *address);
/* The one door through which states and incarnations change.  Checks that no
 * incarnation falls and nobody rises from DEAD without a larger one. */
void member_enter(struct core *c, struct member *m, enum member_state state,
	uint64_t incarnation);
/* Our own number rose: no Hello before 'after' is durable. */
void member_set_own(struct core *c, uint64_t incarnation);
/* Stores c->incarnation. */
void member_save_incarnation(struct core *c);
/* Stores whether this host is leaving, so that a restart on the way goes on
 * with it; returns the STORE's number. */
uint64_t member_save_leaving(struct core *c);

/* --- member_link.c --- */

/* Sends on a link that may not be a member's yet. */
void member_send_link(
	struct core *c, uint32_t link, uint16_t type, const void *msg);
void member_close(struct core *c, uint32_t link, const char *why);
/* The pending slot of a link, or NULL. */
struct member_pending *member_pending_find(struct core *c, uint32_t link);
/* Gives a slot back: the link is a member's now, or gone. */
void member_pending_free(struct core *c, struct member_pending *p);
/* Whoever dialled 'dial' (a member, a seed) is done with it and waits
 * 'delay_ms' before the next; 0: the back-off's next step. */
void member_dial_done(struct core *c, uint32_t dial, int64_t delay_ms);
/* Arms the back-off's next step of a member's dials; 'delay_ms' as above. */
void member_back_off(struct core *c, struct member *m, int64_t delay_ms);
/* Closes a member's link, if it has one. */
void member_drop_link(struct core *c, struct member *m, const char *why);
/* Adds an address to dial, or finds it; NULL when there is no room. */
struct member_seed *member_seed_add(struct core *c, const char *address);
/* The seed that dialled 'dial', or NULL. */
struct member_seed *member_seed_of(struct core *c, uint32_t dial);
/* Closes all links and forgets all dials; they are made anew. */
void member_close_all(struct core *c, const char *why);
void member_link_tick(struct core *c);
mono member_link_deadline(const struct core *c);

/* --- member_hello.c --- */

void member_send_hello(struct core *c, uint32_t link);
void member_on_hello(
	struct core *c, struct member_pending *p, const skep_Hello *hello);
void member_on_refuse(
	struct core *c, struct member_pending *p, const skep_Refuse *refuse);
void member_on_refused(
	struct core *c, struct member *m, const skep_Refuse *refuse);
/* Takes the spare link of a member that lost its first; whether there was
 * one. */
bool member_take_spare(struct core *c, struct member *m);

/* --- member_clock.c --- */

/* Looks anew what time it is by most clocks; says when ours is another. */
void member_tune_clock(struct core *c);
/* A member's clock says so. */
void member_hear_wall(struct core *c, struct member *m, int64_t wall_ms);

/* --- member_stall.c --- */

/* Fills in what we know of our store and of others'. */
void member_tell_stalls(const struct core *c, skep_Heartbeat *hb);
/* All who are linked were sent that. */
void member_told_stalls(struct core *c, const skep_Heartbeat *hb);
/* Takes what 'm' tells; whether something of that was news. */
bool member_hear_stalls(
	struct core *c, struct member *m, const skep_Heartbeat *hb);
void member_stall_tick(struct core *c);
mono member_stall_deadline(const struct core *c);

/* --- member_ops.c --- */

/* Says good-bye when that may be said. */
void member_leave_tick(struct core *c);

/* --- member_news.c --- */

/* Sends what we know about 'about' on a link. */
void member_send_news(
	struct core *c, uint32_t link, const struct member *about);
/* ... to every linked member but 'except' (or MEMBER_NONE) and itself. */
void member_spread_news(
	struct core *c, const struct member *about, member_id except);
/* ... about everybody, this host included. */
void member_send_list(struct core *c, struct member *to);
/* What all news of a full list come to: two with equal digests have nothing
 * to tell each other.  0 among few, where it is not asked. */
uint64_t member_list_digest(const struct core *c);
/* Pays for a full list; false when too many were sent of late. */
bool member_pay_list(struct core *c);
/* What 'from' says (MEMBER_NONE: the unknown end of a pending link, which may
 * only speak about ourselves). */
void member_on_news(
	struct core *c, member_id from, const skep_MemberNews *news);

/* --- member_detect.c --- */

/* How long a silence this host bears before it suspects. */
int64_t member_patience_ms(const struct core *c);
/* Whether we heard it ourselves within our patience. */
bool member_is_fresh(const struct core *c, const struct member *m);
/* A frame of it came. */
void member_on_sign(struct core *c, struct member *m);
/* It has no link, and a dial to it failed. */
void member_on_dial_failed(
	struct core *c, struct member *m, enum link_down_reason reason);
void member_on_heartbeat(
	struct core *c, struct member *m, const skep_Heartbeat *hb);
void member_send_heartbeat(struct core *c, struct member *to);
/* The next heartbeats say something that others wait for. */
void member_hurry_heartbeat(struct core *c);
void member_on_query(
	struct core *c, struct member *from, const skep_LastHeardQuery *query);
void member_on_answer(struct core *c, struct member *from,
	const skep_LastHeardAnswer *answer);
/* We have no link to a member that is alive: others are asked about it before
 * its silence counts, so that we can answer those who ask us. */
void member_ask_early(struct core *c, struct member *m);
/* Our own failing was noticed: more patience with others. */
void member_worsen_health(struct core *c);
/* Our own lag and health; suspicions and deaths; heartbeats. */
void member_health_tick(struct core *c);
void member_detect_tick(struct core *c);
void member_heartbeat_tick(struct core *c);
/* When the first suspicion or round is due; the first of the rest. */
mono member_detect_due(const struct core *c);
mono member_heartbeat_deadline(const struct core *c);

/* --- member_hold.c --- */

/* The set of present members, or an incarnation in it, changed. */
void member_view_changed(struct core *c);
void member_hold_boot(struct core *c);
/* Panics where what was counted does not hold any more. */
void member_hold_check(const struct core *c);
void member_set_hold(struct core *c, enum member_hold hold);
/* A leave is called off: what held this host back before goes on, and what it
 * lost meanwhile counts. */
void member_hold_resume(struct core *c);
void member_hold_tick(struct core *c);
mono member_hold_deadline(const struct core *c);

#endif
