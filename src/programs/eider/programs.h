/*
 * programs.h - the subcommands of eider
 *
 * Each gets its own name and arguments, and returns an exit status: 0, 1 if
 * something is wrong, 2 for bad usage.
 */
#ifndef EIDER_PROGRAMS_PROGRAMS_H
#define EIDER_PROGRAMS_PROGRAMS_H

enum {
	STATUS_OK = 0,
	STATUS_FAILED = 1,
	STATUS_USAGE = 2,
};

int doctor_main(int argc, char **argv);
int demo_main(int argc, char **argv);

/* Hidden: what the demo starts and kills. */
#define DEMO_VICTIM "demo-victim"
int demo_victim_main(int argc, char **argv);

/* "eider: ..." and a hint on stderr; STATUS_USAGE. */
__attribute__((format(printf, 1, 2))) int bad_usage(const char *format, ...);

#endif
