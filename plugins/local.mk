# plugins: placement strategies, loaded by skep-node from $(libdir)/skep.
skeplib_LTLIBRARIES += ring.la
ring_la_SOURCES = plugins/ring.c
ring_la_LDFLAGS = -module -avoid-version -shared
