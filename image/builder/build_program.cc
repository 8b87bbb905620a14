#include "image/builder/build_program.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// How often a person who presses Ctrl-C is listened to.
constexpr int kPollMilliseconds = 200;
// mmdebstrap needs some time to unmount and remove what it made.
constexpr absl::Duration kTermTime = absl::Seconds(10);
// A process that was killed is gone at once, unless a disk holds it.
constexpr absl::Duration kKillTime = absl::Seconds(2);
constexpr size_t kErrorLines = 12;
constexpr size_t kErrorBytes = 4096;

// Whether there is something to read, waiting for it.
absl::Status WaitReadable(int fd, Progress& progress) {
  while (true) {
    RETURN_IF_ERROR(progress.Advance(0));
    pollfd watched = {.fd = fd, .events = POLLIN};
    const int ready = ::poll(&watched, 1, kPollMilliseconds);
    if (ready > 0) return absl::OkStatus();
    if (ready < 0 && errno != EINTR) return ErrnoStatus("poll");
  }
}

int MillisecondsUntil(absl::Time deadline) {
  return static_cast<int>(std::max<int64_t>(0, absl::ToInt64Milliseconds(deadline - absl::Now())));
}

// Reads a pipe to its end, which comes when the last process that could write to it is gone.
void DrainUntil(int fd, absl::Time deadline) {
  char piece[4096];
  while (absl::Now() < deadline) {
    pollfd watched = {.fd = fd, .events = POLLIN};
    const int ready = ::poll(&watched, 1, MillisecondsUntil(deadline));
    if (ready < 0 && errno == EINTR) continue;
    if (ready <= 0 || ::read(fd, piece, sizeof(piece)) <= 0) return;
  }
}

// The last lines of a file.
std::string Tail(int fd) {
  struct stat attributes;
  if (::fstat(fd, &attributes) != 0) return "";
  std::string text(kErrorBytes, '\0');
  const off_t from = std::max<off_t>(0, attributes.st_size - static_cast<off_t>(text.size()));
  const ssize_t got = ::pread(fd, text.data(), text.size(), from);
  text.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
  std::vector<std::string> lines =
      absl::StrSplit(absl::StripAsciiWhitespace(text), '\n', absl::SkipWhitespace());
  if (lines.size() > kErrorLines) lines.erase(lines.begin(), lines.end() - kErrorLines);
  return absl::StrJoin(lines, "\n");
}

std::vector<std::string> Environment(const std::vector<std::string>& added) {
  std::vector<std::string> environment = added;
  for (char** variable = ::environ; *variable != nullptr; ++variable) {
    const std::string text = *variable;
    const std::string name = text.substr(0, text.find('=') + 1);
    const bool is_replaced = std::any_of(added.begin(), added.end(), [&](const std::string& one) {
      return one.compare(0, name.size(), name) == 0;
    });
    if (!is_replaced) environment.push_back(text);
  }
  return environment;
}

}  // namespace

absl::StatusOr<std::string> FindProgram(absl::string_view name, absl::string_view package) {
  const char* const path = std::getenv("PATH");
  const std::string places =
      absl::StrCat(path != nullptr ? path : "", ":/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin");
  for (const absl::string_view directory : absl::StrSplit(places, ':', absl::SkipEmpty())) {
    const std::string candidate = absl::StrCat(directory, "/", name);
    std::error_code unusable;  // a directory of $PATH may be anything
    if (std::filesystem::is_regular_file(candidate, unusable) &&
        ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
  }
  return absl::NotFoundError(absl::StrCat(name, " is missing: apt-get install ", package));
}

absl::StatusOr<BuildProgram> BuildProgram::Start(const std::vector<std::string>& argv,
                                                 const std::vector<std::string>& environment,
                                                 const std::string& name) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return ErrnoStatus("pipe");
  UniqueFd output(ends[0]), output_write(ends[1]);
  UniqueFd error(::memfd_create("errors", MFD_CLOEXEC));
  const UniqueFd input(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  if (!error || !input) return ErrnoStatus("memfd_create");
  ASSIGN_OR_RETURN(ChildProcess child,
                   ChildProcess::Spawn({.argv = argv,
                                        .environment = Environment(environment),
                                        .descriptors = {{input.get(), STDIN_FILENO},
                                                        {output_write.get(), STDOUT_FILENO},
                                                        {error.get(), STDERR_FILENO}},
                                        .new_session = true,
                                        .die_with_parent = true}));
  return BuildProgram(name.empty() ? std::filesystem::path(argv[0]).filename().string() : name,
                      std::move(child), std::move(output), std::move(error));
}

BuildProgram::~BuildProgram() {
  if (finished_ || child_.pid() <= 0) return;
  // It is not reaped before child_ is destroyed, so the number is this session's all the while.
  const pid_t session = child_.pid();
  ::kill(-session, SIGTERM);
  const absl::Time deadline = absl::Now() + kTermTime;
  DrainUntil(output_.get(), deadline);
  pollfd ended = {.fd = child_.pidfd(), .events = POLLIN};
  ::poll(&ended, 1, MillisecondsUntil(deadline));
  ::kill(-session, SIGKILL);
  DrainUntil(output_.get(), absl::Now() + kKillTime);
}

ByteSource BuildProgram::Output(Progress& progress) {
  return [this, &progress](char* data, size_t size) -> absl::StatusOr<size_t> {
    RETURN_IF_ERROR(WaitReadable(output_.get(), progress));
    while (true) {
      const ssize_t got = ::read(output_.get(), data, size);
      if (got >= 0) return static_cast<size_t>(got);
      if (errno != EINTR) return ErrnoStatus(name_);
    }
  };
}

absl::Status BuildProgram::Finish(Progress& progress) {
  RETURN_IF_ERROR(WaitReadable(child_.pidfd(), progress));
  finished_ = true;
  ASSIGN_OR_RETURN(const int status, child_.Wait());
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return absl::OkStatus();
  return absl::AbortedError(
      absl::StrCat(name_, " ended with ", DescribeWaitStatus(status), ":\n", Tail(error_.get())));
}

absl::StatusOr<std::string> BuildProgram::ReadOutput(Progress& progress, size_t max_bytes) {
  const ByteSource source = Output(progress);
  std::string text;
  char piece[4096];
  while (true) {
    ASSIGN_OR_RETURN(const size_t got, source(piece, sizeof(piece)));
    if (got == 0) break;
    if (text.size() + got > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(name_, " printed more than ", max_bytes, " bytes"));
    }
    text.append(piece, got);
  }
  RETURN_IF_ERROR(Finish(progress));
  return text;
}

}  // namespace voidbox
