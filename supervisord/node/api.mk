# The control API of skep-node, a library of its own so that its tests can
# put a small core behind it.
noinst_LIBRARIES += libnodeapi.a
libnodeapi_a_CPPFLAGS = $(AM_CPPFLAGS) $(MHD_CFLAGS) $(JANSSON_CFLAGS) \
	$(ZLIB_CFLAGS)
libnodeapi_a_SOURCES = \
	supervisord/node/alert.c supervisord/node/alert.h \
	supervisord/node/api.c supervisord/node/api.h \
	supervisord/node/api_call.c \
	supervisord/node/api_dump.c \
	supervisord/node/api_events.c \
	supervisord/node/api_gather.c supervisord/node/api_gather.h \
	supervisord/node/api_get.c \
	supervisord/node/api_group.c \
	supervisord/node/api_mail.c \
	supervisord/node/api_host.c \
	supervisord/node/api_json.c \
	supervisord/node/api_kv.c \
	supervisord/node/api_logs.c \
	supervisord/node/api_logway.c supervisord/node/api_logway.h \
	supervisord/node/api_merge.c supervisord/node/api_merge.h \
	supervisord/node/api_metrics.c \
	supervisord/node/api_moves.c \
	supervisord/node/api_names.c supervisord/node/api_names.h \
	supervisord/node/api_names_bulk.c \
	supervisord/node/api_peer_feed.c \
	supervisord/node/api_plan_drain.c \
	supervisord/node/api_private.h \
	supervisord/node/api_rebalance.c \
	supervisord/node/api_record.c \
	supervisord/node/api_register.c supervisord/node/api_register.h \
	supervisord/node/api_idle.c supervisord/node/api_idle.h \
	supervisord/node/api_role.c supervisord/node/api_role.h \
	supervisord/node/api_route.c \
	supervisord/node/api_rows.c \
	supervisord/node/api_spec.c \
	supervisord/node/api_stream.c \
	supervisord/node/api_text.c \
	supervisord/node/api_verb.c \
	supervisord/node/service_meta.c supervisord/node/service_meta.h \
	supervisord/node/aside.c supervisord/node/aside.h \
	supervisord/node/feed_aside.c \
	supervisord/node/feed_events.c \
	supervisord/node/feed_logs.c \
	supervisord/node/feed_moves.c \
	supervisord/node/feed_text.c \
	supervisord/node/feeds.c supervisord/node/feeds.h \
	supervisord/node/logpart.c supervisord/node/logpart.h \
	supervisord/node/logtail.c supervisord/node/logtail.h \
	supervisord/node/logtail_seek.c \
	supervisord/node/moves.h \
	supervisord/node/status_sources.h
