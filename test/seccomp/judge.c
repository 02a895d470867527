/*
 * Asks Linux what seccomp filters do. Reads cases from standard input and answers each on standard output, in the machine's
 * byte order:
 *
 *   case:   u32 filters, u32 calls; per filter u32 length and that many struct sock_filter;
 *           per call u64 abi (0: syscall, 1: int $0x80), u64 number, u64 arguments[6]
 *   answer: per filter i64: 0, or -errno of its installation, or 1 when it was not tried;
 *           per call u64 what (enum outcome) and i64 value
 *
 * before the first of them the two instruction pointers that filters see: u64 of syscall, u64 of int $0x80.
 *
 * Filters are installed by a thread of a child process, on itself only. What kills the thread or the process is told by the
 * ones that are left; the next child goes on with the next call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum outcome { RETURNED, TRAPPED, THREAD_KILLED, PROCESS_KILLED, NOT_TRIED };

enum { MAX_FILTERS = 64, MAX_CALLS = 4096 };

struct call {
	uint64_t abi, nr, args[6];
};

struct shared {
	int64_t installed[MAX_FILTERS];
	struct {
		uint64_t what;
		int64_t value;
	} results[MAX_CALLS];
	volatile uint32_t next, tid, done;
};

static struct sock_fprog filters[MAX_FILTERS];
static struct call calls[MAX_CALLS];
static uint32_t filter_count, call_count;
static struct shared *shared;
static jmp_buf after_trap;

extern char after_syscall[], after_int80[];
int64_t do_syscall(const struct call *call);
int64_t do_int80(const struct call *call);

__asm__(".text\n"
	"do_syscall:\n"
	"  mov 8(%rdi), %rax\n"
	"  mov 24(%rdi), %rsi\n"
	"  mov 32(%rdi), %rdx\n"
	"  mov 40(%rdi), %r10\n"
	"  mov 48(%rdi), %r8\n"
	"  mov 56(%rdi), %r9\n"
	"  mov 16(%rdi), %rdi\n"
	"  syscall\n"
	"after_syscall:\n"
	"  ret\n"
	"do_int80:\n"
	"  push %rbx\n"
	"  push %rbp\n"
	"  mov 8(%rdi), %rax\n"
	"  mov 16(%rdi), %rbx\n"
	"  mov 24(%rdi), %rcx\n"
	"  mov 32(%rdi), %rdx\n"
	"  mov 40(%rdi), %rsi\n"
	"  mov 56(%rdi), %rbp\n"
	"  mov 48(%rdi), %rdi\n"
	"  int $0x80\n"
	"after_int80:\n"
	"  pop %rbp\n"
	"  pop %rbx\n"
	"  cltq\n"
	"  ret\n");

static void read_all(void *to, size_t size)
{
	if (size && fread(to, size, 1, stdin) != 1)
		exit(0);
}

static void record(enum outcome what, int64_t value)
{
	shared->results[shared->next].what = what;
	shared->results[shared->next].value = value;
	__sync_synchronize();
	shared->next++;
}

static void on_sigsys(int signal, siginfo_t *info, void *context)
{
	record(TRAPPED, info->si_errno);
	_longjmp(after_trap, 1);
}

static void *filtered(void *unused)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	shared->tid = gettid();
	for (uint32_t i = 0; i < filter_count; i++) {
		shared->installed[i] = 0;
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filters[i]) < 0)
			shared->installed[i] = -errno;
	}
	_setjmp(after_trap);
	while (shared->next < call_count) {
		const struct call *call = &calls[shared->next];
		record(RETURNED, call->abi ? do_int80(call) : do_syscall(call));
	}
	shared->done = 1;
	for (;;)
		;
	return NULL;
}

static void child(void)
{
	struct sigaction action = { .sa_sigaction = on_sigsys, .sa_flags = SA_SIGINFO | SA_NODEFER };
	pthread_t thread;

	prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	sigaction(SIGSYS, &action, NULL);
	shared->tid = 0;
	pthread_create(&thread, NULL, filtered, NULL);
	while (!shared->done) {
		if (shared->tid && syscall(SYS_tgkill, getpid(), shared->tid, 0) < 0 && !shared->done) {
			record(THREAD_KILLED, 0);
			break;
		}
		sched_yield();
	}
	_exit(0);
}

static void judge(void)
{
	for (uint32_t i = 0; i < filter_count; i++)
		shared->installed[i] = 1;
	for (uint32_t i = 0; i < call_count; i++)
		shared->results[i].what = NOT_TRIED;
	shared->next = shared->done = 0;
	do {
		int status;
		pid_t pid = fork();

		if (pid == 0)
			child();
		waitpid(pid, &status, 0);
		if (WIFSIGNALED(status))
			record(PROCESS_KILLED, WTERMSIG(status));
	} while (!shared->done && shared->next < call_count);
	fwrite(shared->installed, 8, filter_count, stdout);
	fwrite(shared->results, 16, call_count, stdout);
	fflush(stdout);
}

int main(void)
{
	uint64_t pointers[2] = { (uint64_t)after_syscall, (uint64_t)after_int80 };

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fwrite(pointers, 8, 2, stdout);
	fflush(stdout);
	for (;;) {
		read_all(&filter_count, 4);
		read_all(&call_count, 4);
		if (filter_count > MAX_FILTERS || call_count > MAX_CALLS)
			return 2;
		for (uint32_t i = 0; i < filter_count; i++) {
			uint32_t length;

			read_all(&length, 4);
			free(filters[i].filter);
			filters[i].len = length;
			filters[i].filter = malloc(8 * (size_t)length + 8);
			read_all(filters[i].filter, 8 * (size_t)length);
		}
		read_all(calls, call_count * sizeof(*calls));
		judge();
	}
}
