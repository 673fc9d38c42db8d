/* A text that is all there is to say. */
#include <stdlib.h>

#include "base/check.h"
#include "node/api_private.h"
#include "node/feeds.h"

struct text_feed {
	struct feed feed;
	struct api_text text;
	size_t taken;
};

static size_t
text_read(struct feed *f, void *buffer, size_t max)
{
	struct text_feed *t = container_of(f, struct text_feed, feed);
	return api_text_take(&t->text, &t->taken, buffer, max);
}

static void
text_close(struct feed *f)
{
	struct text_feed *t = container_of(f, struct text_feed, feed);
	api_text_fini(&t->text);
	free(t);
}

static const struct feed_ops text_ops = {text_read, text_close};

struct feed *
feed_text_new(struct api_text *text)
{
	struct text_feed *t = calloc(1, sizeof *t);
	CHECK(t);
	t->feed.ops = &text_ops;
	t->feed.is_begun = true;
	t->text = *text;
	*text = (struct api_text){0};
	feed_end(&t->feed, REPLY_OK, "%s", "");
	return &t->feed;
}
