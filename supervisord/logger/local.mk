# logger: moves the output of the services into files.  libc, zlib for
# rotated files, and inih for skep.conf.
noinst_LIBRARIES += liblogger.a
liblogger_a_CFLAGS = $(AM_CFLAGS) $(ZLIB_CFLAGS)
liblogger_a_SOURCES = \
	supervisord/logger/journal.c supervisord/logger/journal.h \
	supervisord/logger/logfile.c supervisord/logger/logfile.h \
	supervisord/logger/marks.c supervisord/logger/marks.h \
	supervisord/logger/match.c supervisord/logger/match.h \
	supervisord/logger/pack.c supervisord/logger/pack.h \
	supervisord/logger/peek.c supervisord/logger/peek.h \
	supervisord/logger/rotate.c supervisord/logger/rotate.h \
	supervisord/logger/session.c supervisord/logger/session.h \
	supervisord/logger/stream.c supervisord/logger/stream.h \
	supervisord/logger/work.c supervisord/logger/work.h
skeplibexec_PROGRAMS += skep-logger
skep_logger_SOURCES = supervisord/logger/main.c
skep_logger_LDADD = liblogger.a $(CONF_LIBS) $(ZLIB_LIBS) $(AX_PTHREAD_LIBS)
