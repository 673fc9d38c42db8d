/* A server for the tests of skepctl: gives fixed answers on a Unix socket.
 *
 *   ctl_server SOCKET ANSWERS LOG
 *
 * ANSWERS has one answer a line: METHOD PATH STATUS BODY.  The first line
 * whose method and path fit is used; one that begins with '-' (METHOD is
 * "-GET") is used once and then gone, so a state can change.  Without a line:
 * 404.  A tab in BODY stands for the end of a line.  Each request is noted in
 * LOG as "METHOD PATH BODY". The file is read again for every request's worth
 * of lines only at start. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define ANSWERS_MAX 64
#define REQUEST_MAX 65536

/* One line of ANSWERS. */
struct answer {
	char method[16];
	char path[256];
	int status;
	char *body;
	int is_once;
	int is_used;
};

static struct answer answers[ANSWERS_MAX];
static int answer_count;

static void
die(const char *what)
{
	perror(what);
	exit(1);
}

static void
read_answers(const char *path)
{
	char *line = NULL;
	size_t size = 0;
	FILE *file = fopen(path, "r");
	if (!file)
		die(path);
	while (getline(&line, &size, file) > 0 && answer_count < ANSWERS_MAX) {
		struct answer *a = &answers[answer_count];
		char method[17];
		int at = 0;
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%16s %255s %d %n", method, a->path,
			    &a->status, &at) < 3)
			continue;
		a->is_once = method[0] == '-';
		snprintf(a->method, sizeof(a->method), "%.15s",
			method + a->is_once);
		a->body = strdup(line + at);
		for (char *tab = a->body; (tab = strchr(tab, '\t'));)
			*tab = '\n';
		answer_count++;
	}
	free(line);
	fclose(file);
}

static const struct answer *
find_answer(const char *method, const char *path)
{
	static const struct answer none = {.status = 404,
		.body = "{\"error\":{\"code\":\"not_found\","
			"\"message\":\"nothing is named so\"}}"};
	for (int i = 0; i < answer_count; i++) {
		struct answer *a = &answers[i];
		if (a->is_used || strcmp(a->method, method) != 0 ||
			strcmp(a->path, path) != 0)
			continue;
		a->is_used = a->is_once;
		return a;
	}
	return &none;
}

/* Reads a head and its body; returns where the body begins, or NULL. */
static char *
read_request(int fd, char *buffer)
{
	size_t used = 0;
	for (;;) {
		ssize_t n = read(fd, buffer + used, REQUEST_MAX - used - 1);
		if (n <= 0)
			return NULL;
		used += (size_t)n;
		buffer[used] = '\0';
		char *end = strstr(buffer, "\r\n\r\n");
		char *length = strstr(buffer, "Content-Length: ");
		if (!end || !length)
			continue;
		size_t want = strtoul(length + 16, NULL, 10);
		if (used - (size_t)(end + 4 - buffer) >= want)
			return end + 4;
	}
}

static void
serve(int fd, FILE *log)
{
	static char buffer[REQUEST_MAX];
	char method[16];
	char path[1024];
	char *body = read_request(fd, buffer);
	if (!body || sscanf(buffer, "%15s %1023s", method, path) != 2)
		return;
	fprintf(log, "%s %s %s\n", method, path, body);
	fflush(log);
	const struct answer *a = find_answer(method, path);
	dprintf(fd, "HTTP/1.1 %d X\r\nContent-Length: %zu\r\n\r\n%s", a->status,
		strlen(a->body), a->body);
}

int
main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	if (argc != 4)
		return 2;
	read_answers(argv[2]);
	FILE *log = fopen(argv[3], "w");
	if (!log)
		die(argv[3]);
	/* Who sees the socket can connect to it. */
	snprintf(address.sun_path, sizeof(address.sun_path), "%s.new", argv[1]);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	if (bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
		listen(listener, 16) < 0 ||
		rename(address.sun_path, argv[1]) < 0)
		die(argv[1]);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		if (fd < 0)
			return 0;
		serve(fd, log);
		close(fd);
	}
}
