#include "core/effect.h"

#include <stdarg.h>
#include <string.h>

#include "base/check.h"

/* Wide enough for any 64-bit number with a sign. */
#define DIGITS_MAX 21

const char *
effect_kind_name(enum effect_kind kind)
{
	static const char *const names[] = {
#define X(kind, name) [kind] = name,
		EFFECT_KINDS(X)
#undef X
	};
	CHECK((unsigned)kind < EFFECT_KIND_COUNT);
	return names[kind];
}

const char *
note_kind_name(enum note_kind kind)
{
	static const char *const names[] = {
#define X(kind, name) [kind] = name,
		NOTE_KINDS(X)
#undef X
	};
	CHECK((unsigned)kind < NOTE_KIND_COUNT);
	return names[kind];
}

const char *
reply_code_name(enum reply_code code)
{
	static const char *const names[] = {
#define X(code, name, http) [code] = name,
		REPLY_CODES(X)
#undef X
	};
	CHECK((unsigned)code < REPLY_CODE_COUNT);
	return names[code];
}

int
reply_code_http(enum reply_code code)
{
	static const int statuses[] = {
#define X(code, name, http) [code] = http,
		REPLY_CODES(X)
#undef X
	};
	CHECK((unsigned)code < REPLY_CODE_COUNT);
	return statuses[code];
}

const char *
input_kind_name(enum input_kind kind)
{
	static const char *const names[] = {
#define X(kind, name) [kind] = name,
		INPUT_KINDS(X)
#undef X
	};
	CHECK((unsigned)kind < INPUT_KIND_COUNT);
	return names[kind];
}

const char *
hook_name(enum hook hook)
{
	static const char *const names[] = {
#define X(hook, name) [hook] = name,
		HOOKS(X)
#undef X
	};
	CHECK(hook < HOOK_COUNT);
	return names[hook];
}

const char *
news_kind_name(enum news_kind kind)
{
	static const char *const names[] = {
#define X(kind, name) [kind] = name,
		NEWS_KINDS(X)
#undef X
	};
	CHECK(kind < NEWS_KIND_COUNT);
	return names[kind];
}

const char *
mail_op_name(enum mail_op op)
{
	static const char *const names[] = {
#define X(op, name) [op] = name,
		MAIL_OPS(X)
#undef X
	};
	CHECK(op < MAIL_OP_COUNT);
	return names[op];
}

const char *
request_op_name(enum request_op op)
{
	static const char *const names[] = {
#define X(op, name) [op] = name,
		REQUEST_OPS(X)
#undef X
	};
	CHECK((unsigned)op < REQUEST_OP_COUNT);
	return names[op];
}

bool
effects_has_room(const struct effects *fx, size_t items, size_t size)
{
	return fx->capacity - fx->count >= items &&
	       fx->pool_size - fx->pool_used >= size;
}

struct effect *
effects_add(struct effects *fx, enum effect_kind kind)
{
	CHECK(fx->count < fx->capacity);
	struct effect *e = &fx->items[fx->count++];
	memset(e, 0, sizeof *e);
	e->kind = kind;
	return e;
}

/* Cuts 'size' bytes from the pool. */
static unsigned char *
take(struct effects *fx, size_t size)
{
	CHECK(size <= fx->pool_size - fx->pool_used);
	unsigned char *p = fx->pool + fx->pool_used;
	fx->pool_used += size;
	return p;
}

struct bytes
effects_copy(struct effects *fx, struct bytes b)
{
	unsigned char *p = take(fx, b.size);
	if (b.size)
		memcpy(p, b.data, b.size);
	return (struct bytes){p, b.size};
}

const char *
effects_text(struct effects *fx, const char *text)
{
	return effects_copy(fx, (struct bytes){text, strlen(text) + 1}).data;
}

/* Writes 'n' in 'base' at the end of 'buffer'; returns where it begins. */
static const char *
number(char buffer[static DIGITS_MAX], uint64_t n, unsigned base, bool is_minus)
{
	char *at = buffer + DIGITS_MAX - 1;
	*at = '\0';
	do {
		*--at = "0123456789abcdef"[n % base];
		n /= base;
	} while (n);
	if (is_minus)
		*--at = '-';
	return at;
}

static void
append(struct effects *fx, const char *text)
{
	effects_copy(fx, (struct bytes){text, strlen(text)});
}

/* Appends what one directive stands for. */
static void
append_directive(struct effects *fx, char directive, va_list *args)
{
	char buffer[DIGITS_MAX];
	int64_t signed_value;
	switch (directive) {
	case 's':
		append(fx, va_arg(*args, const char *));
		return;
	case 'u':
		append(fx, number(buffer, va_arg(*args, uint64_t), 10, false));
		return;
	case 'x':
		append(fx, number(buffer, va_arg(*args, uint64_t), 16, false));
		return;
	case 'd':
		signed_value = va_arg(*args, int64_t);
		append(fx, number(buffer,
				   signed_value < 0 ? -(uint64_t)signed_value
						    : (uint64_t)signed_value,
				   10, signed_value < 0));
		return;
	case '%':
		append(fx, "%");
		return;
	default:
		UNREACHABLE();
	}
}

const char *
effects_format(struct effects *fx, const char *format, ...)
{
	const char *text = (const char *)fx->pool + fx->pool_used;
	va_list args;
	va_start(args, format);
	while (*format) {
		size_t plain = strcspn(format, "%");
		effects_copy(fx, (struct bytes){format, plain});
		format += plain;
		if (*format == '\0')
			break;
		append_directive(fx, format[1], &args);
		format += 2;
	}
	va_end(args);
	effects_copy(fx, (struct bytes){"", 1});
	return text;
}
