#ifndef VOIDBOX_AGENT_SPAWNED_CHILD_H_
#define VOIDBOX_AGENT_SPAWNED_CHILD_H_

#include <sys/resource.h>
#include <sys/types.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace voidbox {

struct ResourceLimit {
  __rlimit_resource resource;
  rlimit value;
};

// What a child process does on its way to its program, and where it leaves why it failed. It reads
// this in its parent's memory, and all that this refers to.
struct ChildPlan {
  int input, output, error;  // greater than 2
  bool controls_terminal;    // `input` is a terminal, to be that of its session
  std::span<const int> ignored_signals;
  std::span<const ResourceLimit> limits;
  const char* root;  // to chroot(2) into; null for none
  bool changes_user;
  uid_t uid;
  gid_t gid;
  std::span<const gid_t> groups;  // beside it
  // From the bounding set on: not even a uid of 0 gets any back.
  bool drops_all_capabilities;
  // The first that can be entered; then null. Only one of one may not fail.
  const char* working_directories[3];
  // One of them must be what it is then, or be above it; empty for any. Without a slash at the end.
  std::span<const std::string> allowed_directories;
  std::span<const uint64_t> filter;    // seccomp; empty for none
  const std::string* path;             // PATH
  size_t name_size;                    // of the program's
  std::vector<char*> shell_arguments;  // "/bin/sh", then the command's own, then null
  std::vector<char*> environment;      // then null
  std::span<char> head;                // room for a program's first bytes

  enum class Step : uint8_t {
    kNone,
    kTerminal,
    kJail,
    kUser,
    kWorkingDirectory,
    kFilter,
    kProgram
  };
  Step failed_step = Step::kNone;
  int error_number = 0;  // errno of that step
  // Of kProgram: the program is a file, and begins with so many bytes of `head`, as far as its user
  // may read it.
  bool program_is_there = false;
  size_t head_size = 0;
  // It has no interpreter line, and the shell that would run it then could not.
  bool shell_failed = false;
};

// A system call without the C library, whose errno is the parent's too: the result, or -errno.
long SystemCall(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0);

// The life of the child, from its clone(2) to its program or its end. `plan` is a ChildPlan.
[[noreturn]] void RunChild(void* plan);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_SPAWNED_CHILD_H_
