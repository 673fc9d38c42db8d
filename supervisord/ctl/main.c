#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/ctl.h"
#include "sys/say.h"

int
main(int argc, char **argv)
{
	struct ctl ctl = {.opt = {.timeout_ms = -1,
				  .lines = -1,
				  .max_parallel = -1,
				  .pid = -1}};
	const char *no_color = getenv("NO_COLOR");
	say_init("skepctl", SAY_WARNING);
	ctl.is_tty = isatty(STDOUT_FILENO);
	ctl.is_colour = ctl.is_tty && (!no_color || !*no_color);
	int code = options_parse(&ctl, &argc, argv);
	if (code != EXIT_DONE)
		return code;
	if (ctl.opt.is_version) {
		printf("skepctl %s\n", PACKAGE_VERSION);
		return EXIT_DONE;
	}
	if (ctl.opt.is_help) {
		if (ctl.group)
			usage_print_group(ctl.group, stdout);
		else
			usage_print(ctl.command, stdout);
		return EXIT_DONE;
	}
	ctl_find_socket(&ctl);
	code = ctl.command->run(&ctl, argc, argv);
	if (fflush(stdout) != 0 && code == EXIT_DONE)
		code = EXIT_FAILED;
	return code;
}
