// /init of the guests that the benchmarks boot: gives its first sign on the console ("I"), then the
// guest's own clock when it was started (microseconds and a line feed), and becomes the agent. It
// has no C library, so that what is measured is the boot and not its start.
//
// The clock is that of the kernel's log, from its line "Run /init as init process" or whatever came
// last. CLOCK_MONOTONIC would not do: until a proper clock source is chosen, late in the boot, it
// counts ticks, and loses those that come while interrupts are off.
#include <asm/unistd_64.h>

namespace {

constexpr char kAgent[] = "/sbin/guest-agent";
constexpr int kStandardOutput = 1;
constexpr int kReadAll = 3;  // SYSLOG_ACTION_READ_ALL, syslog(2): the last lines that fit
constexpr long kLogBytes = 512;
constexpr int kMicrosecondDigits = 6;  // as in "<6>[    0.048123] Run /init as init process"

// Linux' x86-64 calling convention: syscall(2).
long SystemCall(long number, long a, long b, long c) {
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c)
               : "rcx", "r11", "memory");
  return result;
}

long Address(const void* pointer) { return __builtin_bit_cast(long, pointer); }

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

// The digits of the last line's time without its point: microseconds. Returns their end in `out`.
char* TakeClock(const char* log, long size, char* out) {
  long begin = size;
  while (begin > 0 && !(log[begin - 1] == '[' && (begin < 2 || log[begin - 2] == '>'))) --begin;
  int after_point = -1;
  for (long i = begin; i < size && after_point < kMicrosecondDigits; ++i) {
    if (log[i] == '.') after_point = 0;
    if (!IsDigit(log[i])) continue;
    *out++ = log[i];
    if (after_point >= 0) ++after_point;
  }
  return out;
}

void SaySign() {
  SystemCall(__NR_write, kStandardOutput, Address("I"), 1);
  char log[kLogBytes], line[kLogBytes + 1];
  const long size = SystemCall(__NR_syslog, kReadAll, Address(log), kLogBytes);
  char* end = TakeClock(log, size < 0 ? 0 : size, line);
  if (end == line) *end++ = '0';
  *end++ = '\n';
  SystemCall(__NR_write, kStandardOutput, Address(line), end - line);
}

}  // namespace

// `stack` is what the kernel hands to a program: argc, argv, null, environment, null.
extern "C" [[noreturn, gnu::used]] void Start(const char* const* stack) {
  SaySign();
  const char* const argv[] = {kAgent, nullptr};
  const long argc = __builtin_bit_cast(long, stack[0]);
  SystemCall(__NR_execve, Address(kAgent), Address(argv), Address(stack + 1 + argc + 1));
  for (;;) SystemCall(__NR_exit, 127, 0, 0);
}

asm(R"(
.globl _start
_start:
  xor %ebp, %ebp
  mov %rsp, %rdi
  and $-16, %rsp
  call Start
)");
