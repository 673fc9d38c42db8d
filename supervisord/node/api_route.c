#include <string.h>

#include "node/api_private.h"

/* Every path there is; skep-api(7) documents each. */
static const struct api_route routes[] = {
	{"GET", "/healthz", ROLE_READ, api_get_health},
	{"GET", "/metrics", ROLE_READ, api_get_metrics},
	{"GET", "/v1/status", ROLE_READ, api_get_status},
	{"GET", "/v1/services", ROLE_READ, api_get_services},
	{"POST", "/v1/services", ROLE_OPERATE, api_post_services},
	{"GET", "/v1/services/*", ROLE_READ, api_get_service},
	{"DELETE", "/v1/services/*", ROLE_OPERATE, api_delete_service},
	{"POST", "/v1/plan", ROLE_READ, api_post_plan},
	{"POST", "/v1/validate", ROLE_READ, api_post_validate},
	{"GET", "/v1/instances", ROLE_READ, api_get_instances},
	{"GET", "/v1/names", ROLE_READ, api_get_names},
	{"POST", "/v1/names", ROLE_READ, api_post_names},
	{"GET", "/v1/names/*", ROLE_READ, api_get_name},
	{"DELETE", "/v1/names/*", ROLE_READ, api_delete_name},
	{"POST", "/v1/names/*/*", ROLE_OPERATE, api_post_name_verb},
	{"GET", "/v1/groups/*", ROLE_READ, api_get_group},
	{"POST", "/v1/groups/*/*", ROLE_OPERATE, api_post_group},
	{"GET", "/v1/why/*", ROLE_READ, api_get_why},
	{"GET", "/v1/history/*", ROLE_READ, api_get_history},
	{"GET", "/v1/logs/*", ROLE_READ, api_get_logs},
	{"GET", "/v1/events", ROLE_READ, api_get_events},
	{"GET", "/v1/aside", ROLE_READ, api_get_aside},
	{"GET", "/v1/moves", ROLE_READ, api_get_moves},
	{"GET", "/v1/nodes", ROLE_READ, api_get_nodes},
	{"POST", "/v1/nodes", ROLE_ADMIN, api_post_nodes},
	{"GET", "/v1/nodes/*", ROLE_READ, api_get_node},
	{"POST", "/v1/nodes/*/*", ROLE_OPERATE, api_post_node_verb},
	{"GET", "/v1/kv", ROLE_READ, api_get_kv},
	{"GET", "/v1/kv/*", ROLE_READ, api_get_kv_key},
	{"PUT", "/v1/kv/*", ROLE_OPERATE, api_put_kv_key},
	{"DELETE", "/v1/kv/*", ROLE_OPERATE, api_delete_kv_key},
	{"GET", "/v1/cluster", ROLE_READ, api_get_cluster},
	{"PUT", "/v1/cluster/*", ROLE_ADMIN, api_put_cluster},
	{"GET", "/v1/rebalance", ROLE_READ, api_get_rebalance},
	{"POST", "/v1/rebalance", ROLE_OPERATE, api_post_rebalance},
	{"POST", "/v1/reexec", ROLE_ADMIN, api_post_reexec},
	{"POST", "/v1/shutdown", ROLE_ADMIN, api_post_shutdown},
	{"GET", "/v1/debug/dump", ROLE_READ, api_get_dump},
	{"GET", "/v1/debug/record", ROLE_ADMIN, api_get_record},
	{"POST", "/v1/debug/record", ROLE_ADMIN, api_post_record},
	{"DELETE", "/v1/debug/record", ROLE_ADMIN, api_delete_record},
	{"GET", "/v1/debug/recording", ROLE_ADMIN, api_get_recording},
	{"DELETE", "/v1/debug/recording", ROLE_ADMIN, api_delete_recording},
};

#define ROUTE_COUNT (sizeof(routes) / sizeof(routes[0]))

static int
hex_value(char digit)
{
	if (digit >= '0' && digit <= '9')
		return digit - '0';
	if (digit >= 'a' && digit <= 'f')
		return digit - 'a' + 10;
	return digit >= 'A' && digit <= 'F' ? digit - 'A' + 10 : -1;
}

/* Takes the first segment off '*path'.  NULL, or what is wrong with it. */
static const char *
take_segment(const char **path, char out[CAPTURE_SIZE])
{
	const char *at = *path;
	size_t size = 0;
	for (; *at && *at != '/'; at++) {
		char byte = *at;
		if (size + 1 == CAPTURE_SIZE)
			return "a part of it is too long; a name has 255 bytes "
			       "at most";
		if (byte == '%') {
			int high = hex_value(at[1]);
			int low = high < 0 ? -1 : hex_value(at[2]);
			if (low < 0)
				return "a % has two hexadecimal digits behind "
				       "it";
			byte = (char)(high * 16 + low);
			at += 2;
			if (!byte)
				return "%00: a name has no NUL";
		}
		out[size++] = byte;
	}
	out[size] = '\0';
	*path = at;
	return NULL;
}

#define SEGMENTS_MAX 5

/* A path, taken apart. */
struct segments {
	char items[SEGMENTS_MAX][CAPTURE_SIZE];
	size_t count;
};

/* NULL, or what is wrong.  More segments than any route has are no path. */
static const char *
split(const char *path, struct segments *s)
{
	const char *fault = NULL;
	for (s->count = 0; *path == '/' && !fault; s->count++) {
		if (s->count == SEGMENTS_MAX)
			return NULL;
		path++;
		fault = take_segment(&path, s->items[s->count]);
	}
	if (*path && !fault)
		s->count = 0; /* not even a slash in front */
	return fault;
}

/* Compares segment by segment; '*' captures one that is not empty. */
static bool
matches(const char *pattern, const struct segments *s,
	char captures[CAPTURES_MAX][CAPTURE_SIZE])
{
	unsigned captured = 0;
	for (size_t i = 0; i < s->count; i++) {
		if (*pattern++ != '/')
			return false;
		size_t size = strcspn(pattern, "/");
		if (*pattern == '*' && s->items[i][0])
			memcpy(captures[captured++], s->items[i], CAPTURE_SIZE);
		else if (strlen(s->items[i]) != size ||
			 strncmp(pattern, s->items[i], size) != 0)
			return false;
		pattern += size;
	}
	return !*pattern && s->count;
}

/* The methods of a path, by bit in the order of 'names'. */
static const char *
methods_text(unsigned bits)
{
	static const char *const names[] = {
		[0] = "",
		[1] = "GET",
		[2] = "POST",
		[3] = "GET, POST",
		[4] = "DELETE",
		[5] = "GET, DELETE",
		[6] = "POST, DELETE",
		[7] = "GET, POST, DELETE",
		[8] = "PUT",
		[9] = "GET, PUT",
		[13] = "GET, DELETE, PUT",
	};
	return bits <= 13 && names[bits] ? names[bits] : "";
}

static unsigned
method_bit(const char *method)
{
	switch (method[0]) {
	case 'G':
		return 1;
	case 'D':
		return 4;
	default:
		return method[1] == 'O' ? 2 : 8;
	}
}

const struct api_route *
api_route_find(const char *method, const char *path,
	char captures[CAPTURES_MAX][CAPTURE_SIZE], const char **allowed_out,
	const char **fault_out)
{
	unsigned allowed = 0;
	struct segments segments;
	*allowed_out = "";
	*fault_out = split(path, &segments);
	if (*fault_out)
		return NULL;
	/* HEAD is GET whose body the server leaves out. */
	if (strcmp(method, "HEAD") == 0)
		method = "GET";
	for (size_t i = 0; i < ROUTE_COUNT; i++) {
		if (!matches(routes[i].path, &segments, captures))
			continue;
		if (strcmp(routes[i].method, method) == 0)
			return &routes[i];
		allowed |= method_bit(routes[i].method);
	}
	*allowed_out = methods_text(allowed);
	return NULL;
}
