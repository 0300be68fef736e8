/* The first process of a pod: holds its namespaces, reaps orphans of a shared PID namespace, ends on SIGTERM or SIGINT. */

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAUSE_NAME "podwright pause 1"

static void reap(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

int main(int argc, char **argv)
{
	sigset_t wanted;
	int number;

	if (argc == 2 && strcmp(argv[1], "-v") == 0) {
		puts(PAUSE_NAME);
		return 0;
	}
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	sigaddset(&wanted, SIGINT);
	sigaddset(&wanted, SIGTERM);
	/* Blocked, not handled: a signal between two waits is kept and never lost. */
	if (sigprocmask(SIG_BLOCK, &wanted, NULL) != 0)
		return 2;
	for (;;) {
		number = sigwaitinfo(&wanted, NULL);
		if (number == SIGINT || number == SIGTERM)
			return 0;
		if (number == SIGCHLD)
			reap();
	}
}
