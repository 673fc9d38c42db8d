/* skep-node: one host's part of the cluster.  Started by skepd, never by
 * hand: descriptor 3 is its session with the keeper. */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "node/heap.h"
#include "node/node_private.h"
#include "node/specdir.h"
#include "sys/kproto.h"
#include "sys/say.h"

#define EXIT_START 70

static const char usage[] =
	"usage: skep-node [-c FILE] [--plugin-dir DIR] [--system] [-v]\n"
	"skepd starts this program; it is of no use by hand.\n"
	"  -c, --config FILE   the skep.conf in force\n"
	"  --plugin-dir DIR    plugins (default " PLUGIN_DIR ")\n"
	"  --system            the directories of root, not the user's\n"
	"  -v, --verbose       debug lines\n"
	"  -V, --version       print the version\n"
	"  -h, --help          print this\n";

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"plugin-dir", required_argument, NULL, 'p'},
	{"system", no_argument, NULL, 's'},
	{"verbose", no_argument, NULL, 'v'},
	{"version", no_argument, NULL, 'V'},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

/* Reads the command line; -1: go on, otherwise the exit code. */
static int
parse_options(int argc, char **argv, struct node_options *o)
{
	int c;
	while ((c = getopt_long(argc, argv, "c:vVh", long_options, NULL)) !=
		-1) {
		switch (c) {
		case 'c':
			o->conf_path = optarg;
			break;
		case 'p':
			o->plugin_folder = optarg;
			break;
		case 's':
			conf_use_system();
			break;
		case 'v':
			o->is_verbose = true;
			break;
		case 'V':
			puts("skep-node " PACKAGE_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind < argc) {
		fputs(usage, stderr);
		return 2;
	}
	return -1;
}

static void
on_term(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)loop;
	(void)revents;
	node_announce(w->data);
	node_end(w->data, 0, "asked to by a signal");
}

static void
on_hup(struct ev_loop *loop, ev_signal *w, int revents)
{
	(void)loop;
	(void)revents;
	struct node *n = w->data;
	specdir_scan(n->specdir);
}

static void
watch_signals(struct node *n)
{
	static ev_signal term, hup;
	signal(SIGPIPE, SIG_IGN);
	ev_signal_init(&term, on_term, SIGTERM);
	ev_signal_init(&hup, on_hup, SIGHUP);
	term.data = hup.data = n;
	ev_signal_start(n->loop, &term);
	ev_signal_start(n->loop, &hup);
}

/* Whether descriptor 3 is what skepd gives. */
static bool
has_keeper(void)
{
	int type = 0;
	socklen_t size = sizeof type;
	return getsockopt(KPROTO_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

int
main(int argc, char **argv)
{
	static struct node n;
	struct node_options o = {.plugin_folder = PLUGIN_DIR};
	struct err err = {0};
	int code = parse_options(argc, argv, &o);
	if (code >= 0)
		return code;
	/* The store has the services' environments in it, and everybody may
	 * enter state_dir on the way to its work directory. */
	umask(0077);
	say_init("skep-node", o.is_verbose ? SAY_DEBUG : SAY_INFO);
	if (!has_keeper()) {
		say(SAY_ERROR, "descriptor 3 is no session with the keeper: "
			       "start skepd instead");
		return 2;
	}
	n.loop = ev_default_loop(EVFLAG_AUTO);
	if (!n.loop) {
		say(SAY_ERROR, "libev has no way to wait for events here");
		return EXIT_START;
	}
	heap_init(n.loop);
	watch_signals(&n);
	code = node_open(&n, &o, &err);
	if (code)
		say(SAY_ERROR, "%s", err.text);
	/* At once: who closes the socket first is killed before it can say
	 * with what it ends. */
	if (code == -EPROTONOSUPPORT)
		return KPROTO_EXIT_VERSION;
	if (code) {
		n.exit_code = EXIT_START;
	} else {
		ev_run(n.loop, 0);
	}
	node_close(&n);
	return n.exit_code;
}
