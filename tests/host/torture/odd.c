/* Processes that end in odd ways, which no shell can make. Static: it runs in a container's rootfs,
 * whose only other program is busybox. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static void say(const char *path) {
	int fd = open(path, O_CREAT | O_WRONLY, 0644);
	if (fd >= 0)
		close(fd);
}

static void *sleeper(void *nothing) {
	for (;;)
		pause();
	return nothing;
}

static int hung;
static volatile char *page;

static void *faults(void *nothing) {
	(void)*page;
	return nothing;
}

static void *maps(void *nothing) {
	for (;;) {
		void *more = mmap(0, 4096, PROT_READ, MAP_PRIVATE, hung, 0);
		if (more != MAP_FAILED)
			munmap(more, 4096);
	}
	return nothing;
}

int main(int argc, char **argv) {
	const char *what = argc > 1 ? argv[1] : "";
	int pid = argc > 2 ? atoi(argv[2]) : 0;
	if (!strcmp(what, "vfork")) { /* the parent waits in vfork for ever */
		if (!vfork())
			for (;;)
				pause();
	} else if (!strcmp(what, "zombies")) { /* children that nobody reaps */
		for (int i = 0; i < 20; i++)
			if (!fork())
				_exit(0);
	} else if (!strcmp(what, "leader")) { /* the first thread is dead, another lives */
		pthread_t thread;
		pthread_create(&thread, 0, sleeper, 0);
		syscall(SYS_exit, 0);
	} else if (!strcmp(what, "threads")) { /* two threads, both sleep */
		pthread_t thread;
		pthread_create(&thread, 0, sleeper, 0);
	} else if (!strcmp(what, "locked")) {
		/* One thread waits for a page of a file that hangs, another maps the file and waits for the
		 * page too, with the lock of the memory held. The first thread only sleeps. */
		pthread_t first, second;
		hung = open(argv[2], O_RDONLY);
		page = mmap(0, 4096, PROT_READ, MAP_PRIVATE, hung, 0);
		if (page == MAP_FAILED)
			return 1;
		pthread_create(&first, 0, faults, 0);
		pthread_create(&second, 0, maps, 0);
	} else if (!strcmp(what, "bomb")) { /* every child forks as fast as it can */
		for (;;)
			fork();
	} else if (!strcmp(what, "session")) { /* children in sessions of their own, orphaned */
		for (int i = 0; i < 5; i++)
			if (!fork()) {
				setsid();
				if (!fork())
					for (;;)
						pause();
				_exit(0);
			}
	} else if (!strcmp(what, "trace")) { /* the traced one stops for ever where it would exit */
		if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACEEXIT))
			return 1;
	} else if (!strcmp(what, "stop")) { /* the traced one is stopped, and will be a zombie */
		if (ptrace(PTRACE_SEIZE, pid, 0, 0) || ptrace(PTRACE_INTERRUPT, pid, 0, 0))
			return 1;
		waitpid(pid, 0, __WALL);
	} else if (!strcmp(what, "adopt")) { /* runs a command, adopts what it leaves, reaps nothing */
		prctl(PR_SET_CHILD_SUBREAPER, 1);
		pid = fork();
		if (!pid) {
			execvp(argv[3], argv + 3);
			_exit(127);
		}
		int status = 0;
		waitpid(pid, &status, 0);
		if (status)
			return 1;
		say(argv[2]);
		for (;;)
			pause();
	} else if (!strcmp(what, "inject")) { /* a zombie in another's pid namespace, its parent outside */
		char path[64];
		snprintf(path, sizeof path, "/proc/%d/ns/pid", pid);
		int fd = open(path, O_RDONLY);
		if (fd < 0 || setns(fd, CLONE_NEWPID))
			return 1;
		if (!fork())
			_exit(0);
	} else {
		return 2;
	}
	if (!strcmp(what, "trace") || !strcmp(what, "stop") || !strcmp(what, "inject"))
		say(argv[3]);
	for (;;)
		pause();
}
