# base: pure building blocks.  Links nothing but mem* and str*.
noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	supervisord/base/arena.c supervisord/base/arena.h \
	supervisord/base/base64.c supervisord/base/base64.h \
	supervisord/base/buddy.c supervisord/base/buddy.h \
	supervisord/base/check.h \
	supervisord/base/cursor.c supervisord/base/cursor.h \
	supervisord/base/duration.c supervisord/base/duration.h \
	supervisord/base/glob.c supervisord/base/glob.h \
	supervisord/base/hash.c supervisord/base/hash.h \
	supervisord/base/hex.c supervisord/base/hex.h \
	supervisord/base/hours.c supervisord/base/hours.h \
	supervisord/base/limits.h \
	supervisord/base/list.h \
	supervisord/base/lookup.c supervisord/base/lookup.h \
	supervisord/base/map.c supervisord/base/map.h \
	supervisord/base/mono.h \
	supervisord/base/name.c supervisord/base/name.h \
	supervisord/base/name_part.c supervisord/base/name_part.h \
	supervisord/base/prng.c supervisord/base/prng.h \
	supervisord/base/slots.c supervisord/base/slots.h
