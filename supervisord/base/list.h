/* Intrusive doubly linked lists with a sentinel.
 *
 * The owner embeds 'struct list' as head; each element embeds one as link.
 * Nothing is allocated.  An initialised link that is in no list points to
 * itself, so 'list_remove' twice is harmless and 'list_is_empty' doubles as
 * "is this element linked".
 */
#ifndef SKEP_BASE_LIST_H
#define SKEP_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

/* Head of a list, or the link inside an element. */
struct list {
	struct list *prev; /* last element, or this head itself */
	struct list *next; /* first element, or this head itself */
};

/* The struct of type 'type' whose member 'member' is at 'ptr'. */
#define container_of(ptr, type, member)                                        \
	((type *)((char *)(ptr)-offsetof(type, member)))

/* Makes 'l' an empty list, or a link that is in no list. */
static inline void
list_init(struct list *l)
{
	l->prev = l->next = l;
}

/* Whether the list is empty, or the element is in no list. */
static inline bool
list_is_empty(const struct list *l)
{
	return l->next == l;
}

/* Links 'e' behind 'at'. 'e' must be in no list. */
static inline void
list_insert_after(struct list *at, struct list *e)
{
	e->prev = at;
	e->next = at->next;
	at->next->prev = e;
	at->next = e;
}

/* Links 'e' as the last element of 'head'. */
static inline void
list_append(struct list *head, struct list *e)
{
	list_insert_after(head->prev, e);
}

/* Takes 'e' out of whatever list it is in. */
static inline void
list_remove(struct list *e)
{
	e->prev->next = e->next;
	e->next->prev = e->prev;
	list_init(e);
}

/* Makes 'to' the head of all that 'from' has, and 'from' an empty list. */
static inline void
list_move(struct list *to, struct list *from)
{
	*to = *from;
	if (list_is_empty(from))
		list_init(to);
	to->next->prev = to->prev->next = to;
	list_init(from);
}

/* Walks the links of 'head'.  The current element must stay linked. */
#define list_each(it, head)                                                    \
	for (struct list *it = (head)->next; it != (head); it = it->next)

/* Walks the links of 'head'; the current element may be removed. */
#define list_each_safe(it, head)                                               \
	for (struct list *it = (head)->next, *it##_next = it->next;            \
		it != (head); it = it##_next, it##_next = it->next)

#endif
