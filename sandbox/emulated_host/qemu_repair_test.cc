#include "sandbox/emulated_host/qemu_repair.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"
#include "gtest/gtest.h"
#include "sandbox/child_process.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

constexpr char kQemu[] = "/usr/bin/qemu-system-x86_64";

// A program that has the code at 100: of Debian 12's QEMU 7.2.
std::string WithCode() {
  const absl::string_view code(
      "\x89\xb3\x54\xef\xff\xff\xc7\x83\x84\x33\0\0\0\0\0\0\x48\xc7\x83\x88\x33\0\0\xff\xff\xff\xff"
      "\xf6\x05\xba\x45\xb6\0\x02\x0f\x85\x6c\x01\0\0\xba\x01\0\0\0\x48\x89\xdf\xe8\xa7\x4f\x05\0",
      53);
  return absl::StrCat(std::string(100, '\x89'), code, std::string(100, '\xb3'));
}

// The same of Debian 13's QEMU 10.0.
std::string WithNewerCode() {
  const absl::string_view code(
      "\x89\xb3\x10\xd7\xff\xff\xc7\x83\xe4\x33\0\0\0\0\0\0\x48\xc7\x83\xe8\x33\0\0\xff\xff\xff\xff"
      "\xf6\x05\xec\xe2\x3d\x01\x02\x0f\x85\xc1\0\0\0\xba\x01\0\0\0\x48\x89\xdf\xe8\xb9\xab\x06\0",
      53);
  return absl::StrCat(std::string(100, '\x89'), code, std::string(100, '\xb3'));
}

// The six bytes before `code` in the process.
std::string CodeBefore(pid_t pid, const std::string& code) {
  const UniqueFd memory(::open(absl::StrCat("/proc/", pid, "/mem").c_str(), O_RDONLY | O_CLOEXEC));
  const auto maps = ReadFile(absl::StrCat("/proc/", pid, "/maps"));
  if (!memory || !maps.ok()) return "";
  for (const std::string& line : std::vector<std::string>(absl::StrSplit(*maps, '\n'))) {
    unsigned long from = 0, to = 0;
    char mode[5] = "";
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, mode) != 3 || mode[2] != 'x') continue;
    std::string text(to - from, '\0');
    if (::pread(memory.get(), text.data(), text.size(), static_cast<off_t>(from)) < 0) continue;
    const size_t at = text.find(code);
    if (at != std::string::npos) return text.substr(at - 6, 6);
  }
  return "";
}

TEST(QemuRepairTest, FindsTheStoreInTheQemuOfBothReleases) {
  for (const std::string& program : {WithCode(), WithNewerCode()}) {
    const auto offset = FindStaleVectorStore(program);
    ASSERT_THAT(offset, IsOk());
    EXPECT_EQ(*offset, 100u);
  }
}

TEST(QemuRepairTest, RefusesWhatItDoesNotKnow) {
  EXPECT_THAT(FindStaleVectorStore(""),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there 0 times")));
  std::string other = WithCode();
  other[100 + 40] = '\xbb';
  EXPECT_THAT(FindStaleVectorStore(other),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there 0 times")));
  EXPECT_THAT(FindStaleVectorStore(WithCode().substr(0, 148)),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there 0 times")));
}

TEST(QemuRepairTest, RefusesTwoPlaces) {
  EXPECT_THAT(FindStaleVectorStore(WithCode() + WithCode()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there 2 times")));
}

// A program that has begun, and waits for the end of its input.
struct Waiting {
  UniqueFd input, output;
  ChildProcess process;
};

// The program writes something first.
absl::StatusOr<Waiting> StartWaiting(const std::vector<std::string>& argv) {
  int input[2], output[2];
  if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) {
    return ErrnoStatus("pipe2");
  }
  const UniqueFd input_read(input[0]), output_write(output[1]);
  Waiting waiting = {.input = UniqueFd(input[1]), .output = UniqueFd(output[0])};
  ASSIGN_OR_RETURN(
      waiting.process,
      ChildProcess::Spawn({.argv = argv,
                           .descriptors = {{input_read.get(), 0}, {output_write.get(), 1}},
                           .die_with_parent = true}));
  char first = 0;
  RETURN_IF_ERROR(ReadUpTo(waiting.output.get(), &first, 1).status());
  return waiting;
}

TEST(QemuRepairTest, RepairsTheQemuThatIsInstalledAndOnlyOnce) {
  const auto file = ReadFile(kQemu, 256 << 20);
  ASSERT_THAT(file, IsOk());
  const auto offset = FindStaleVectorStore(*file);
  ASSERT_THAT(offset, IsOk());
  const std::string after = file->substr(*offset + 6, 47);
  const auto qemu = StartWaiting({kQemu, "-machine", "none", "-display", "none", "-qmp", "stdio"});
  ASSERT_THAT(qemu, IsOk());
  const pid_t pid = qemu->process.pid();
  ASSERT_EQ(CodeBefore(pid, after), file->substr(*offset, 6));

  EXPECT_THAT(RepairEventInjection(pid), IsOk());
  EXPECT_EQ(CodeBefore(pid, after), std::string("\x66\x0f\x1f\x44\0\0", 6));
  EXPECT_THAT(RepairEventInjection(pid),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("is not as in")));
}

TEST(QemuRepairTest, RefusesAnotherProgram) {
  const auto shell = StartWaiting({"/bin/sh", "-c", "echo begun; read line"});
  ASSERT_THAT(shell, IsOk());
  EXPECT_THAT(RepairEventInjection(shell->process.pid()),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("there 0 times")));
}

}  // namespace
}  // namespace voidbox
