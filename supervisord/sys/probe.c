#include "sys/probe.h"

void
probe_put_ask(struct writer *w, const struct probe_ask *v)
{
	writer_u32(w, v->number);
	writer_u8(w, v->way);
	writer_u32(w, v->port);
	writer_text(w, v->host);
	writer_text(w, v->path);
	writer_i64(w, v->timeout_ms);
}

bool
probe_get_ask(struct bytes body, struct probe_ask *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->number = reader_u32(&r);
	v->way = reader_u8(&r);
	uint32_t port = reader_u32(&r);
	v->port = (uint16_t)port;
	v->host = reader_text(&r);
	v->path = reader_text(&r);
	v->timeout_ms = reader_i64(&r);
	return reader_is_done(&r) && port >= 1 && port <= UINT16_MAX &&
	       v->way >= PROBE_HTTP && v->way <= PROBE_TCP &&
	       v->timeout_ms > 0 && v->host[0];
}

void
probe_put_answer(struct writer *w, const struct probe_answer *v)
{
	writer_u32(w, v->number);
	writer_u8(w, v->is_well);
	writer_text(w, v->text);
}

bool
probe_get_answer(struct bytes body, struct probe_answer *v)
{
	struct reader r;
	reader_init(&r, body.data, body.size);
	v->number = reader_u32(&r);
	v->is_well = reader_u8(&r) == 1;
	v->text = reader_text(&r);
	return reader_is_done(&r);
}
