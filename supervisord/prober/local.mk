# prober: asks services over HTTP and TCP.  libcurl stays in this process.
skeplibexec_PROGRAMS += skep-prober
skep_prober_SOURCES = supervisord/prober/main.c
skep_prober_CFLAGS = $(AM_CFLAGS) $(CURL_CFLAGS)
skep_prober_LDADD = libsys.a libbase.a $(CURL_LIBS)
