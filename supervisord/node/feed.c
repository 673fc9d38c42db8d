#include "node/feed.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/check.h"

size_t
feed_read(struct feed *f, void *buffer, size_t max)
{
	size_t size = f->ops->read(f, buffer, max);
	CHECK(size <= max);
	return size;
}

void
feed_close(struct feed *f)
{
	if (f)
		f->ops->close(f);
}

void
feed_tell(struct feed *f)
{
	if (f->on_more)
		f->on_more(f);
}

void
feed_end(struct feed *f, enum reply_code code, const char *format, ...)
{
	if (f->is_ended)
		return;
	va_list args;
	va_start(args, format);
	vsnprintf(f->text, sizeof f->text, format, args);
	va_end(args);
	f->code = code;
	f->is_ended = true;
}
