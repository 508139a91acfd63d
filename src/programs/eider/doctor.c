/*
 * doctor.c - what this kernel has, what Eider uses of it, and why
 *
 * Eider finds features by trying them, so the doctor makes an executor and prints
 * what it found; the environment (EIDER_DISABLE, EIDER_DOORBELL, EIDER_DELIVERY)
 * counts as it does everywhere. If there is no io_uring at all, it looks for whom
 * to ask: a sysctl, a seccomp filter, or an old kernel.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include <eider.h>

#include "programs.h"

/* liburing can say its version from 2.4 on; before, there is no such symbol. */
extern int io_uring_major_version(void) __attribute__((weak));
extern int io_uring_minor_version(void) __attribute__((weak));

static void print_versions(void)
{
	struct utsname u;

	printf("eider      %d.%d\n", EIDER_VERSION_MAJOR, EIDER_VERSION_MINOR);
	if (!uname(&u))
		printf("kernel     %s %s %s\n", u.sysname, u.release, u.machine);
	if (io_uring_major_version && io_uring_minor_version)
		printf("liburing   %d.%d\n", io_uring_major_version(),
		       io_uring_minor_version());
	else
		printf("liburing   before 2.4, which cannot say it closer\n");
}

/* The number after @key in the file, or -1 if there is none. */
static int number_in(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[256];
	int n = -1;

	while (f && n < 0 && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			n = atoi(line + strlen(key));
	if (f)
		fclose(f);
	return n;
}

static const char *disabled_text(int value)
{
	switch (value) {
	case -1:
		return "not there: a kernel before 6.6, or no /proc/sys";
	case 0:
		return "0: not forbidden by this";
	case 1:
		return "1: forbidden but for root (CAP_SYS_ADMIN) and the group of "
		       "kernel.io_uring_group";
	default:
		return "2: forbidden for everybody";
	}
}

static const char *seccomp_text(int mode)
{
	switch (mode) {
	case -1:
		return "unknown";
	case 0:
		return "0: no filter";
	case 1:
		return "1: strict";
	default:
		return "2: a filter, as of a container or a systemd unit; many "
		       "refuse io_uring_setup, with EPERM or ENOSYS";
	}
}

static void print_suspects(void)
{
	int disabled = number_in("/proc/sys/kernel/io_uring_disabled", "");
	int seccomp = number_in("/proc/self/status", "Seccomp:");

	printf("\nwho may have refused it\n"
	       "  sysctl kernel.io_uring_disabled   %s\n"
	       "  seccomp of this process           %s\n",
	       disabled_text(disabled), seccomp_text(seccomp));
}

static void print_feature(const struct eider_features *f, int i)
{
	static const char *const states[] = { "no", "yes", "off" };
	enum eider_feature feature = (enum eider_feature)i;
	const char *name = eider_feature_name(feature);
	int error = f->of[i].error;

	printf("  %-16s %-4s %s\n", name, states[f->of[i].state],
	       eider_feature_purpose(feature));
	if (f->of[i].state == EIDER_FEATURE_OFF)
		printf("%24s(switched off: EIDER_DISABLE or options.disable)\n", "");
	else if (f->of[i].state == EIDER_FEATURE_NO)
		printf("%24s(the kernel said: %s)\n", "",
		       error ? strerror(-error) : "nothing");
}

static void print_features(const struct eider_features *f)
{
	printf("io_uring   yes\n"
	       "doorbell   %s\n"
	       "delivery   %s\n"
	       "\nfeatures\n",
	       eider_doorbell_name(f->doorbell), eider_delivery_name(f->delivery));
	for (int i = 0; i < EIDER_FEATURE_COUNT; i++)
		print_feature(f, i);
}

int doctor_main(int argc, char **argv)
{
	struct eider_executor *executor;
	struct eider_features features;
	int err;

	if (argc > 1)
		return bad_usage("doctor takes no argument, and not '%s'", argv[1]);
	print_versions();
	fflush(stdout);
	err = eider_executor_new(NULL, &executor);
	if (err == -ENOSYS || err == -EPERM || err == -EACCES) {
		printf("io_uring   no: %s\n", eider_strerror(err));
		print_suspects();
		return STATUS_FAILED;
	}
	if (err < 0) {
		printf("start      failed: %s\n", eider_strerror(err));
		return STATUS_FAILED;
	}
	eider_executor_features(executor, &features);
	print_features(&features);
	eider_executor_free(executor);
	return STATUS_OK;
}
