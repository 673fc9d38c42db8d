#include <string.h>

#include "ctl/ctl.h"
#include "sys/nearest.h"

#define MANY 1000

/* The first words of commands that have two. */
static const char *const groups[] = {
	"node", "cluster", "kv", "group", "debug", NULL};

static int
cmd_unsupported(struct ctl *ctl, int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fprintf(stderr, "skepctl: %s: not supported yet\n", ctl->command->name);
	return EXIT_USAGE;
}

/* name, args, help, options, words, function.  Longer names first where one
 * begins with another. */
static const struct command commands[] = {
	{"status", "[NAME...]", "desired and actual state of instances", "", 0,
		MANY, cmd_status},
	{"list", "[PATTERN]", "the services of the cluster, or all names",
		"meta", 0, 1, cmd_list},
	{"where", "NAME", "the node that runs it", "authoritative", 1, 1,
		cmd_where},
	{"why", "NAME", "why it runs there, or why it does not run", "", 1, 1,
		cmd_why},
	{"apply", "-f FILE", "make FILE the desired state of its services",
		"file prune check-index wait", 0, 0, cmd_apply},
	{"plan", "-f FILE", "what apply would do", "file prune", 0, 0,
		cmd_plan},
	{"validate", "FILE", "check a file without asking skepd", "", 1, MANY,
		cmd_validate},
	{"delete", "NAME...", "remove services from the desired state", "wait",
		1, MANY, cmd_delete},
	{"start", "NAME...", "start what was stopped", "wait", 1, MANY,
		cmd_start},
	{"stop", "NAME...", "stop until the next start", "wait", 1, MANY,
		cmd_stop},
	{"restart", "NAME...", "stop and start again", "wait", 1, MANY,
		cmd_restart},
	{"reload", "NAME...", "have it read its files again", "", 1, MANY,
		cmd_reload},
	{"enable", "SERVICE...", "run it from now on", "wait", 1, MANY,
		cmd_enable},
	{"disable", "SERVICE...", "keep it stopped, also over restarts of all",
		"wait", 1, MANY, cmd_disable},
	{"signal", "SIGNAL NAME", "send a signal to the main process", "", 2, 2,
		cmd_signal},
	{"move", "NAME NODE", "hand an instance over to another node", "wait",
		2, 2, cmd_move},
	{"logs", "NAME", "what an instance wrote, or those that NAME means",
		"follow since lines node", 1, 1, cmd_logs},
	{"events", "[NAME]", "what happened", "follow since lines node", 0, 1,
		cmd_events},
	{"history", "NAME", "what happened to it", "since lines node", 1, 1,
		cmd_history},
	{"drain", "[NODE]", "move everything away from a node",
		"self deadline force max-parallel dry-run detach monitor "
		"reason "
		"yes",
		0, 1, cmd_drain},
	{"rebalance", "", "move what runs to where it belongs",
		"dry-run detach yes", 0, 0, cmd_rebalance},
	{"wait", "ready NAME | node NODE STATE", "wait until it is so", "", 2,
		3, cmd_wait},
	{"shutdown", "", "stop all services of this host, and skepd",
		"drain deadline force reason yes", 0, 0, cmd_shutdown},
	{"daemon-reexec", "", "go on as the skepd that is installed now", "", 0,
		0, cmd_reexec},
	{"keygen", "[FILE]", "make a new cluster key", "", 0, 1, cmd_keygen},
	{"help", "[COMMAND]", "the usage of one command, or of all", "", 0, 2,
		cmd_help},
	{"version", "", "versions of skepctl and skepd", "", 0, 0, cmd_version},
	{"node list", "", "the nodes of the cluster", "", 0, 0, cmd_node_list},
	{"node show", "[NODE]", "everything about one node", "", 0, 1,
		cmd_node_show},
	{"node cordon", "NODE", "give it nothing new", "reason", 1, 1,
		cmd_node_cordon},
	{"node uncordon", "NODE", "let it take instances again", "", 1, 1,
		cmd_node_uncordon},
	{"node drain", "[NODE]", "the same as drain",
		"self deadline force max-parallel dry-run detach monitor "
		"reason "
		"yes",
		0, 1, cmd_drain},
	{"node undrain", "NODE", "let it take instances again", "", 1, 1,
		cmd_node_undrain},
	{"node join", "ADDRESS", "join the cluster of that host", "", 1, 1,
		cmd_node_join},
	{"node leave", "[NODE]", "leave the cluster in good order", "yes", 0, 1,
		cmd_node_leave},
	{"node forget", "NODE", "drop a node that will not come back", "yes", 1,
		1, cmd_node_forget},
	{"node confirm-down", "NODE", "say that a silent node is really down",
		"yes", 1, 1, cmd_node_confirm_down},
	{"cluster show", "", "state and settings of the cluster", "", 0, 0,
		cmd_cluster_show},
	{"cluster set", "KEY VALUE", "change a setting on every node", "", 2, 2,
		cmd_cluster_set},
	{"kv get", "KEY", "the value of a key", "", 1, 1, cmd_kv_get},
	{"kv set", "KEY [VALUE]", "write it; the last writer wins", "if", 1, 2,
		cmd_kv_set},
	{"kv delete", "KEY...", "remove keys", "if", 1, MANY, cmd_kv_delete},
	{"kv list", "[PATTERN]", "keys and values", "", 0, 1, cmd_kv_list},
	{"debug dump", "", "everything that nodes replicate, comparable", "", 0,
		0, cmd_debug_dump},
	{"debug record", "FILE", "what the node's core is told, for replay",
		"for max-size stop", 1, 1, cmd_debug_record},
	{"replay", "FILE", "step a fresh core through a recording",
		"verbose until check plugin-dir", 1, 1, cmd_replay},
	{"register", "NAME [OPTION...] --pid PID | -- COMMAND...",
		"give a process a name, or start a service of that name",
		"pid meta file find user", 0, MANY, cmd_register},
	{"unregister", "NAME...", "end what was registered", "", 1, MANY,
		cmd_unregister},
	{"send", "NAME [MESSAGE]", "a message to what runs under that name",
		"ack", 1, 2, cmd_send},
	{"call", "NAME [MESSAGE]", "the same, and wait for its answer", "", 1,
		2, cmd_call},
	{"publish", "GROUP [MESSAGE]", "a message to all of a group", "", 1, 2,
		cmd_publish},
	{"multicall", "GROUP [MESSAGE]", "ask all of a group", "", 1, 2,
		cmd_multicall},
	{"recv", "", "in a service: its next message", "", 0, 0, cmd_recv},
	{"reply", "NUMBER [MESSAGE]", "in a service: answer a message", "", 1,
		2, cmd_reply},
	{"group members", "GROUP", "who is in a group", "", 1, 1,
		cmd_group_members},
	{"group join", "GROUP NAME", "put what runs into a group", "", 2, 2,
		cmd_group_join},
	{"group leave", "GROUP NAME", "take it out again", "", 2, 2,
		cmd_group_leave},
	{"doctor", "", NULL, "", 0, MANY, cmd_unsupported},
	{"debug bundle", "", NULL, "", 0, MANY, cmd_unsupported},
	{"debug partition", "", NULL, "", 0, MANY, cmd_unsupported},
};

const struct command *
command_at(size_t index)
{
	return index < sizeof(commands) / sizeof(commands[0]) ? &commands[index]
							      : NULL;
}

/* How many words of 'argv' spell 'name'; 0 if they do not. */
static int
words_of(const char *name, int argc, char **argv)
{
	int words = 0;
	while (*name) {
		size_t size = strcspn(name, " ");
		if (words == argc || strlen(argv[words]) != size ||
			strncmp(argv[words], name, size) != 0)
			return 0;
		words++;
		name += size + (name[size] == ' ');
	}
	return words;
}

const struct command *
command_find(int argc, char **argv, int *words)
{
	const struct command *command;
	for (size_t i = 0; (command = command_at(i)); i++) {
		*words = words_of(command->name, argc, argv);
		if (*words)
			return command;
	}
	return NULL;
}

const char *
command_group(const char *word)
{
	for (const char *const *g = groups; *g; g++)
		if (strcmp(*g, word) == 0)
			return *g;
	return NULL;
}

bool
command_is_in(const struct command *command, const char *group)
{
	size_t size = strlen(group);
	return strncmp(command->name, group, size) == 0 &&
	       command->name[size] == ' ';
}

const char *
command_nearest(const char *word, const char *group)
{
	struct nearest nearest;
	const struct command *command;
	nearest_init(&nearest, word);
	for (size_t i = 0; (command = command_at(i)); i++) {
		const char *name = command->name;
		if (!command->help)
			continue;
		if (group && command_is_in(command, group))
			nearest_offer(&nearest, name + strlen(group) + 1);
		else if (!group && !strchr(name, ' '))
			nearest_offer(&nearest, name);
	}
	for (const char *const *g = groups; !group && *g; g++)
		nearest_offer(&nearest, *g);
	return nearest.best;
}
