#include "agent/cgroup_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/log.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr absl::string_view kNamePrefix = "exec-";
constexpr char kCommonName[] = "execs";
constexpr uint64_t kCpuPeriodUs = 100'000;  // the kernel's default
// Of the cgroups that a process may have made inside its own: deeper ones are left to the kernel.
constexpr int kMaxDepth = 64;
// Cgroups that wait for their next trees: as many as run at once where commands come in bursts. The
// kernel goes on removing one long after rmdir(2) has returned.
constexpr size_t kMaxIdle = 16;
// For the processes of a tree that is given up.
constexpr int kMaxWaitMs = 1000;

absl::Status WriteControl(int directory, const char* name, absl::string_view value) {
  const UniqueFd fd(::openat(directory, name, O_WRONLY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(name);
  return WriteAll(fd.get(), value);
}

// The small files of a cgroup fit into one read.
std::string ReadControl(int fd) {
  std::array<char, 1024> text;
  const ssize_t size = ::pread(fd, text.data(), text.size(), 0);
  return size < 0 ? "" : std::string(text.data(), static_cast<size_t>(size));
}

std::string ReadControl(int directory, const char* name) {
  const UniqueFd fd(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  return fd ? ReadControl(fd.get()) : "";
}

// The number on the line "<key> <number>" of a flat keyed file; 0 when there is none.
uint64_t Value(absl::string_view text, absl::string_view key) {
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(line, ' ');
    uint64_t value;
    if (parts.first == key && absl::SimpleAtoi(parts.second, &value)) return value;
  }
  return 0;
}

absl::Status SetLimit(int cgroup, const char* file, absl::string_view value) {
  const absl::Status status = WriteControl(cgroup, file, value);
  if (status.ok()) return absl::OkStatus();
  return absl::UnimplementedError(
      absl::StrCat("limits: this kernel takes no ", file, " of ", value, ": ", status.message()));
}

// Where there is swap, which the file says by being there.
void SetNoSwap(int cgroup) { static_cast<void>(WriteControl(cgroup, "memory.swap.max", "0")); }

void HandOnControllers(int cgroup, absl::string_view name) {
  // One write each: the file refuses all of a list for one that the cgroup does not have.
  const std::string available = ReadControl(cgroup, "cgroup.controllers");
  for (const absl::string_view controller :
       absl::StrSplit(available, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    if (controller != "memory" && controller != "pids" && controller != "cpu") continue;
    if (const absl::Status status =
            WriteControl(cgroup, "cgroup.subtree_control", absl::StrCat("+", controller));
        !status.ok()) {
      LogWarning(name, ": controller ", controller, ": ", status.message());
    }
  }
}

// The cgroup that has all trees in it. What its kernel cannot limit is said once, in the log.
absl::StatusOr<UniqueFd> MakeCommonCgroup(int parent, const CgroupTrees::Options& options) {
  const std::string name = absl::StrCat(options.parent, "/", kCommonName);
  if (::mkdirat(parent, kCommonName, 0755) != 0 && errno != EEXIST) return ErrnoStatus(name);
  UniqueFd fd(::openat(parent, kCommonName, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(name);
  HandOnControllers(fd.get(), name);
  auto limit = [&](const char* file, uint64_t value) {
    if (value == 0) return;
    const absl::Status status = WriteControl(fd.get(), file, absl::StrCat(value));
    if (!status.ok()) LogWarning(name, ": ", status.message());
  };
  limit("memory.max", options.all_memory_bytes);
  limit("pids.max", options.all_processes);
  SetNoSwap(fd.get());
  return fd;
}

// Removes a cgroup without processes and the cgroups inside it. False when something remains.
bool Remove(int parent, const char* name, int depth) {
  if (::unlinkat(parent, name, AT_REMOVEDIR) == 0 || errno == ENOENT) return true;
  if (errno != EBUSY || depth == kMaxDepth) return false;
  const int fd = ::openat(parent, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return errno == ENOENT;
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::fdopendir(fd), ::closedir);
  if (directory == nullptr) return false;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
    if (!Remove(fd, entry->d_name, depth + 1)) return false;
  }
  return ::unlinkat(parent, name, AT_REMOVEDIR) == 0;
}

uint64_t OomKills(const CgroupTrees::Cgroup& cgroup) {
  return Value(ReadControl(cgroup.memory_events.get()), "oom_kill");
}

class CgroupTree final : public ProcessTree {
 public:
  // `idle` outlives this, and takes the cgroup in the end; null for one that is removed.
  CgroupTree(EventLoop& loop, int parent, CgroupTrees::Cgroup cgroup,
             std::vector<CgroupTrees::Cgroup>* idle)
      : loop_(loop), parent_(parent), cgroup_(std::move(cgroup)), idle_(idle) {}

  ~CgroupTree() override {
    if (gone_) return;
    Kill();
    // Nobody watches any more. Killed processes end soon unless the kernel holds them.
    pollfd event = {.fd = cgroup_.events.get(), .events = POLLPRI, .revents = 0};
    while (!Gone()) {
      if (::poll(&event, 1, kMaxWaitMs) == 0) {
        LogWarning("cgroup ", cgroup_.name, " is left behind: it still has processes");
        return;
      }
    }
  }

  int cgroup() const override { return cgroup_.directory.get(); }
  void OnStarted(pid_t) override {}

  void Kill() override {
    if (gone_) return;
    if (const absl::Status status = WriteControl(cgroup_.directory.get(), "cgroup.kill", "1");
        !status.ok()) {
      LogWarning("cgroup ", cgroup_.name, ": ", status.message());
    }
  }

  bool Gone() override {
    if (gone_) return true;
    if (Value(ReadControl(cgroup_.events.get()), "populated") != 0) return false;
    watch_.Reset();
    if (idle_ != nullptr && idle_->size() < kMaxIdle) {
      gone_ = true;
      cgroup_.oom_kills = OomKills(cgroup_);
      idle_->push_back(std::move(cgroup_));
    } else {
      gone_ = Remove(parent_, cgroup_.name.c_str(), 0);
    }
    return gone_;
  }

  absl::Status WatchGone(GoneHint hint) override {
    if (watch_) return absl::OkStatus();
    ASSIGN_OR_RETURN(
        watch_, loop_.Add(cgroup_.events.get(), EPOLLPRI, [this, hint = std::move(hint)](uint32_t) {
          ReadControl(cgroup_.events.get());  // takes the event
          hint();
        }));
    return absl::OkStatus();
  }

  bool MayBeLeft() const override { return false; }

  uint32_t Processes() const override {
    uint32_t count = 0;
    const std::string text = ReadControl(cgroup_.directory.get(), "pids.current");
    // Without the controller they are not counted.
    if (!absl::SimpleAtoi(text, &count)) return gone_ ? 0 : 1;
    return count;
  }

  bool KilledForMemory() override { return OomKills(cgroup_) != cgroup_.oom_kills; }

 private:
  EventLoop& loop_;
  const int parent_;  // outlives this
  CgroupTrees::Cgroup cgroup_;
  std::vector<CgroupTrees::Cgroup>* const idle_;
  bool gone_ = false;
  EventLoop::Watch watch_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<CgroupTrees>> CgroupTrees::Create(EventLoop& loop,
                                                                 const Options& options) {
  UniqueFd fd(::open(options.parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return ErrnoStatus(options.parent);
  HandOnControllers(fd.get(), options.parent);
  if (options.all_memory_bytes != 0 || options.all_processes != 0) {
    ASSIGN_OR_RETURN(fd, MakeCommonCgroup(fd.get(), options));
  }
  // Nobody asked for the default: a kernel without the controller does without.
  const bool counts = absl::StrContains(ReadControl(fd.get(), "cgroup.controllers"), "pids");
  std::unique_ptr<CgroupTrees> trees(
      new CgroupTrees(loop, std::move(fd), counts ? options.default_processes : 0));
  return trees;
}

CgroupTrees::~CgroupTrees() {
  for (const Cgroup& cgroup : idle_) Remove(parent_.get(), cgroup.name.c_str(), 0);
}

absl::StatusOr<std::unique_ptr<ProcessTree>> CgroupTrees::Create(const TreeOptions& options) {
  // Most commands have no limits of their own and cannot change a cgroup: these use each other's,
  // since making and removing one takes longer than all else that is done for a command.
  const bool is_plain = options.reusable && options.limits.memory_bytes == 0 &&
                        options.limits.processes == 0 && options.limits.cpu_millis == 0;
  Cgroup cgroup;
  if (is_plain && !idle_.empty()) {
    cgroup = std::move(idle_.back());
    idle_.pop_back();
  } else {
    ASSIGN_OR_RETURN(cgroup, MakeCgroup(options.limits));
  }
  return std::make_unique<CgroupTree>(loop_, parent_.get(), std::move(cgroup),
                                      is_plain ? &idle_ : nullptr);
}

absl::StatusOr<CgroupTrees::Cgroup> CgroupTrees::MakeCgroup(const ExecLimits& limits) {
  Cgroup cgroup;
  do {
    cgroup.name = absl::StrCat(kNamePrefix, next_number_++);
    // One that is there is somebody else's; not ours to kill.
  } while (::mkdirat(parent_.get(), cgroup.name.c_str(), 0755) != 0 && errno == EEXIST);
  constexpr int kRead = O_RDONLY | O_CLOEXEC;
  cgroup.directory.Reset(
      ::openat(parent_.get(), cgroup.name.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  const int directory = cgroup.directory.get();
  if (cgroup.directory) cgroup.events.Reset(::openat(directory, "cgroup.events", kRead));
  // Not there without its controller.
  if (cgroup.events) cgroup.memory_events.Reset(::openat(directory, "memory.events", kRead));
  absl::Status status = cgroup.events ? SetLimits(directory, limits)
                                      : ErrnoStatus(absl::StrCat("cgroup ", cgroup.name));
  if (status.ok()) return cgroup;
  ::unlinkat(parent_.get(), cgroup.name.c_str(), AT_REMOVEDIR);
  return status;
}

// Writes only what is not the kernel's default: each file costs a command some of its start.
absl::Status CgroupTrees::SetLimits(int cgroup, const ExecLimits& limits) const {
  const uint32_t processes = limits.processes != 0 ? limits.processes : default_processes_;
  if (processes != 0) {
    RETURN_IF_ERROR(SetLimit(cgroup, "pids.max", absl::StrCat(processes)));
  }
  if (limits.memory_bytes != 0) {
    RETURN_IF_ERROR(SetLimit(cgroup, "memory.max", absl::StrCat(limits.memory_bytes)));
    RETURN_IF_ERROR(SetLimit(cgroup, "memory.oom.group", "1"));
    SetNoSwap(cgroup);
  }
  if (limits.cpu_millis != 0) {
    const uint64_t quota_us = uint64_t{limits.cpu_millis} * kCpuPeriodUs / 1000;
    RETURN_IF_ERROR(SetLimit(cgroup, "cpu.max", absl::StrCat(quota_us, " ", kCpuPeriodUs)));
  }
  return absl::OkStatus();
}

}  // namespace voidbox
