# client: what programs include that skep starts.
skepinclude_HEADERS += supervisord/client/include/skep/skep.h
