#include "node/mail.h"

#include <stdlib.h>

#include "base/check.h"
#include "base/list.h"

/* Who waits for one request. */
struct ask {
	struct list link;
	struct mails *mails;
	uint64_t request;
	mail_answer_fn *on_answer; /* NULL: nobody wants to know */
	node_reply_fn *done;	   /* the same */
	void *context;
	bool is_asking; /* 'mail_ask' is on the stack */
	bool is_done;
};

struct mails {
	struct node *node;
	struct list asks;
};

struct mails *
mails_new(struct node *n)
{
	struct mails *m = calloc(1, sizeof *m);
	CHECK(m);
	m->node = n;
	list_init(&m->asks);
	return m;
}

static void
forget(struct ask *a)
{
	list_remove(&a->link);
	free(a);
}

void
mails_free(struct mails *m)
{
	if (!m)
		return;
	list_each_safe (it, &m->asks) {
		struct ask *a = container_of(it, struct ask, link);
		node_cancel(m->node, a->request);
		forget(a);
	}
	free(m);
}

static struct ask *
find(const struct mails *m, uint64_t request)
{
	list_each (it, &m->asks) {
		struct ask *a = container_of(it, struct ask, link);
		if (a->request == request)
			return a;
	}
	return NULL;
}

static void
on_done(void *context, enum reply_code code, const char *text)
{
	struct ask *a = context;
	a->is_done = true;
	if (a->done)
		a->done(a->context, code, text);
	if (!a->is_asking)
		forget(a);
}

uint64_t
mail_ask(struct node *n, struct input *in, mail_answer_fn *on_answer,
	node_reply_fn *done, void *context)
{
	CHECK(in->kind == INPUT_MAIL);
	struct ask *a = calloc(1, sizeof *a);
	CHECK(a);
	a->mails = n->mails;
	a->request = n->next_request + 1; /* what node_request gives it */
	a->on_answer = on_answer;
	a->done = done;
	a->context = context;
	a->is_asking = true;
	list_init(&a->link);
	list_append(&n->mails->asks, &a->link);
	uint64_t id = node_request(n, in, on_done, a);
	CHECK(id == a->request);
	a->is_asking = false;
	if (!a->is_done)
		return id;
	forget(a);
	return 0;
}

void
mail_cancel(struct node *n, uint64_t request)
{
	struct ask *a = find(n->mails, request);
	if (!a)
		return;
	node_cancel(n, request);
	forget(a);
}

void
mail_on_answer(struct node *n, const struct effect_answer *answer)
{
	struct ask *a = find(n->mails, answer->request);
	if (a && a->on_answer)
		a->on_answer(a->context, answer);
}
