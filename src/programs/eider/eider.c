/*
 * eider.c - the program: find out about this machine, see Eider at work
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <eider.h>

#include "programs.h"

static const char usage[] =
	"usage: eider COMMAND [OPTION...]\n"
	"\n"
	"  demo      see it at work, on an SQLite database; every claim is checked\n"
	"    --fast          with hundredths of the sleeping times\n"
	"    --db PATH       use this database, and keep it\n"
	"    --transfers N   how many, each in a fiber of its own; 1000\n"
	"    --connections N how many transaction threads at most; 8\n"
	"  doctor    what this kernel has, what Eider uses of it, and why\n"
	"  help      this\n"
	"  --version\n"
	"\n"
	"Exit status: 0; 1 if a check failed or io_uring is refused; 2 for bad "
	"usage.\n";

int bad_usage(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("eider: ", stderr);
	vfprintf(stderr, format, args);
	fputs("; see eider help\n", stderr);
	va_end(args);
	return STATUS_USAGE;
}

static int help_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs(usage, stdout);
	return STATUS_OK;
}

static int version_main(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	printf("eider %d.%d\n", EIDER_VERSION_MAJOR, EIDER_VERSION_MINOR);
	return STATUS_OK;
}

static const struct {
	const char *name;
	int (*main)(int argc, char **argv);
} commands[] = {
	{ "demo", demo_main },		{ "doctor", doctor_main },
	{ "help", help_main },		{ "--help", help_main },
	{ "-h", help_main },		{ "--version", version_main },
	{ DEMO_VICTIM, demo_victim_main },
};

int main(int argc, char **argv)
{
	if (argc < 2)
		return bad_usage("no command");
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (!strcmp(argv[1], commands[i].name))
			return commands[i].main(argc - 1, argv + 1);
	return bad_usage("unknown command '%s'", argv[1]);
}
