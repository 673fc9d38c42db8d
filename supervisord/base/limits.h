/* The bounds of everything that has one.
 *
 * Bounds that belong to a name or a message are constants, because both ends
 * of a link must agree on them.  Bounds that belong to a host's memory
 * (peers, names, specs) are parameters of the core, see core.h.
 */
#ifndef SKEP_BASE_LIMITS_H
#define SKEP_BASE_LIMITS_H

#include <stdint.h>

/* Characters in names, without the NUL. */
#define NODE_NAME_MAX	  64  /* as the kernel's host names */
#define SERVICE_NAME_MAX  63  /* of a declared service, and behind its '@' */
#define RUNTIME_NAME_MAX  255 /* what 'register' takes; bytes, base/name.h */
#define INSTANCE_NAME_MAX RUNTIME_NAME_MAX /* base/name_part.h */
#define GROUP_NAME_MAX	  127 /* the same, of groups */
#define ROW_NAME_MAX	  383 /* group, one byte, name: the longest key */
#define CLUSTER_NAME_MAX  63
#define ADDRESS_MAX	  255 /* HOST:PORT, [v6]:PORT */
#define LABEL_MAX	  63
#define KEY_MAX		  63 /* name of a cluster setting */
#define SETTING_VALUE_MAX 255

/* Bytes. */
#define SPEC_BODY_MAX	 65000	 /* one service, canonical form */
#define FRAME_MAX	 1048576 /* one message between hosts */
#define IPC_BODY_MAX	 65536	 /* one message between our processes */
#define MAIL_BODY_MAX	 65536	 /* one message between services */
#define STATE_CHUNK_SIZE 1048576 /* one chunk of a service's state */
#define EPOCH_MAX	 (UINT64_MAX / 2) /* of others: room to go on */
#define DIGEST_SIZE	 32		  /* SHA-256 */
#define NOTE_TEXT_MAX	 400		  /* one event's text */

/* Items. */
#define REPLICAS_MAX 1024 /* instances of one service */
#define LABELS_MAX   16	  /* labels of one host */
#define POOLS_MAX    8	  /* pools of one host */

#endif
