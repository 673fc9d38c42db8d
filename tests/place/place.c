/* Where instances belong, and why: golden inputs with both beside them.
 *
 *	place [--golden] NAME.in...
 *
 * NAME.in holds the commands of a dialogue.  What the cluster then says of
 * each instance's ranks must be NAME.plan; why hosts are not among them, and
 * the scores of hrw, must be NAME.why.  'ring' is the plugin's own code.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "core/view.h"
#include "tests/dialogue/golden.h"
#include "tests/dialogue/script.h"

#define RANKS_MAX 16 /* hosts that are printed */

extern const struct skep_plugin skep_plugin;

static void
print_ranks(struct core *c, const struct instance *i,
	const struct service_value *s, FILE *plan)
{
	member_id ranks[RANKS_MAX];
	uint32_t count = place_rank(c, i->name, s, ranks, RANKS_MAX);
	fprintf(plan, "%s:", i->name);
	for (uint32_t n = 0; n < count; n++)
		fprintf(plan, " %s", member_get(c, ranks[n])->name);
	fprintf(plan, "%s\n", count ? "" : " nowhere");
}

static void
print_reasons(struct world *w, struct core *c, const struct instance *i,
	const struct service_value *s, FILE *why)
{
	fprintf(why, "%s\n", i->name);
	for (uint32_t n = 0; n < w->count; n++) {
		const char *node = w->hosts[n].name;
		member_id id = member_find(c, node);
		enum place_verdict v =
			id == MEMBER_NONE ? PLACE_NOT_ALIVE
					  : place_verdict(c, i->name, s, id);
		uint64_t score = place_hrw_score(hash_text(i->service, 0),
			hash_text(node, 0), w->hosts[n].config.weight);
		fprintf(why, "\t%s %s, score %llu\n", node,
			place_verdict_text(v), (unsigned long long)score);
	}
}

static void
print_all(struct world *w, FILE *plan, FILE *why)
{
	struct core *c = w->hosts[world_first_running(w)].core;
	struct instance_view v;
	uint32_t cursor = 0;
	while (view_instance_next(c, &cursor, &v)) {
		struct service_value s;
		struct instance *i = instance_find(c, v.name);
		if (!instance_service(c, i, &s))
			continue;
		print_ranks(c, i, &s, plan);
		print_reasons(w, c, i, &s, why);
	}
}

/* NAME.in -> NAME.EXTENSION, in 'out'. */
static const char *
beside(const char *path, const char *extension, char out[4096])
{
	size_t length = strlen(path) - strlen(".in");
	snprintf(out, 4096, "%.*s%s", (int)length, path, extension);
	return out;
}

static bool
compare(const char *path, const char *extension, const char *got,
	bool is_golden)
{
	char name[4096];
	char *want = golden_read(beside(path, extension, name));
	bool is_same = golden_compare(name, want, got, is_golden);
	free(want);
	return is_same;
}

static bool
run_one(const char *path, bool is_golden)
{
	char *texts[3] = {NULL};
	size_t sizes[3];
	FILE *files[3];
	struct script s;
	char *commands = golden_read(path);
	for (int i = 0; i < 3; i++)
		files[i] = open_memstream(&texts[i], &sizes[i]);
	CHECK(files[0] && files[1] && files[2]);
	script_init(&s, files[0]);
	s.w->strategy = skep_plugin.ops;
	script_run(&s, commands);
	print_all(s.w, files[1], files[2]);
	script_fini(&s);
	for (int i = 0; i < 3; i++)
		fclose(files[i]);
	bool is_same = compare(path, ".plan", texts[1], is_golden) &
		       compare(path, ".why", texts[2], is_golden);
	for (int i = 0; i < 3; i++)
		free(texts[i]);
	free(commands);
	return is_same;
}

int
main(int argc, char **argv)
{
	bool is_golden = argc > 1 && !strcmp(argv[1], "--golden");
	int failures = 0;
	for (int i = 1 + is_golden; i < argc; i++)
		failures += !run_one(argv[i], is_golden);
	printf("%d places, %d differ\n", argc - 1 - is_golden, failures);
	return failures != 0;
}
