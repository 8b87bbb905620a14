#include "sandbox/emulated_host/qemu_repair.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr int kAny = -1;
// Case SVM_EVTINJ_TYPE_INTR of helper_vmrun, as Debian 12's GCC 12 compiles QEMU 7.2 and Debian
// 13's GCC 14 QEMU 10.0; `rbx` is the CPUX86State.
constexpr std::array kCode = {
    0x89, 0xb3, kAny, kAny, 0xff, 0xff,                 // mov %esi, exception_index
    0xc7, 0x83, kAny, kAny, kAny, kAny, 0,    0, 0, 0,  // movl $0, exception_is_int
    0x48, 0xc7, 0x83, kAny, kAny, kAny, kAny,           // movq $-1, exception_next_eip
    0xff, 0xff, 0xff, 0xff,                             //
    0xf6, 0x05, kAny, kAny, kAny, kAny, 0x02,           // testb $CPU_LOG_TB_IN_ASM, qemu_loglevel
    0x0f, 0x85, kAny, kAny, kAny, kAny,                 // jne
    0xba, 0x01, 0x00, 0x00, 0x00,                       // mov $1, %edx
    0x48, 0x89, 0xdf,                                   // mov %rbx, %rdi
    0xe8,                                               // call do_interrupt_x86_hardirq
};
constexpr size_t kStoreBytes = 6;
// nopw 0(%rax,%rax,1): as long as the store.
constexpr absl::string_view kNothing("\x66\x0f\x1f\x44\x00\x00", kStoreBytes);

constexpr size_t kMaxProgramBytes = 256 << 20;

bool IsCode(absl::string_view bytes) {
  for (size_t i = 0; i < kCode.size(); ++i) {
    if (kCode[i] != kAny && kCode[i] != static_cast<unsigned char>(bytes[i])) return false;
  }
  return true;
}

// Where the process has the executable page of its program with this offset in the program's file:
// of a line "55d0c0a00000-55d0c1200000 r-xp 00400000 08:01 1234   /usr/bin/qemu-system-x86_64".
absl::StatusOr<uint64_t> AddressOf(uint64_t offset, absl::string_view program,
                                   absl::string_view maps) {
  for (const absl::string_view line : absl::StrSplit(maps, '\n')) {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (fields.size() != 6 || fields[1] != "r-xp" || fields[5] != program) continue;
    const std::vector<absl::string_view> ends = absl::StrSplit(fields[0], '-');
    uint64_t from = 0, to = 0, begin = 0;
    if (ends.size() == 2 && absl::SimpleHexAtoi(ends[0], &from) &&
        absl::SimpleHexAtoi(ends[1], &to) && absl::SimpleHexAtoi(fields[2], &begin) &&
        offset >= begin && offset - begin < to - from) {
      return from + (offset - begin);
    }
  }
  return absl::NotFoundError(absl::StrCat("it has no code of ", program, " at ", offset));
}

absl::StatusOr<std::string> ProgramOf(const std::string& process) {
  std::string program(4096, '\0');
  const ssize_t size =
      ::readlink(absl::StrCat(process, "/exe").c_str(), program.data(), program.size());
  if (size < 0) return ErrnoStatus(absl::StrCat(process, "/exe"));
  program.resize(static_cast<size_t>(size));
  return program;
}

}  // namespace

absl::StatusOr<uint64_t> FindStaleVectorStore(absl::string_view file) {
  const absl::string_view first("\x89\xb3", 2);
  std::vector<uint64_t> found;
  for (size_t at = file.find(first); at != absl::string_view::npos; at = file.find(first, at + 1)) {
    if (file.size() - at < kCode.size()) break;
    if (IsCode(file.substr(at))) found.push_back(at);
  }
  if (found.size() != 1) {
    return absl::NotFoundError(
        absl::StrCat("the code that injects interrupts is there ", found.size(), " times"));
  }
  return found[0];
}

absl::Status RepairEventInjection(pid_t qemu) {
  const std::string process = absl::StrCat("/proc/", qemu);
  ASSIGN_OR_RETURN(const std::string program, ProgramOf(process));
  ASSIGN_OR_RETURN(const std::string file, ReadFile(program, kMaxProgramBytes));
  ASSIGN_OR_RETURN(const uint64_t offset, FindStaleVectorStore(file));
  ASSIGN_OR_RETURN(const std::string maps, ReadFile(absl::StrCat(process, "/maps")));
  ASSIGN_OR_RETURN(const uint64_t address, AddressOf(offset, program, maps));
  const std::string path = absl::StrCat(process, "/mem");
  const UniqueFd memory(::open(path.c_str(), O_RDWR | O_CLOEXEC));
  if (!memory) return ErrnoStatus(path);
  std::array<char, kStoreBytes> store;
  const auto at = static_cast<off_t>(address);
  if (::pread(memory.get(), store.data(), store.size(), at) != ssize_t{kStoreBytes} ||
      absl::string_view(store.data(), store.size()) != file.substr(offset, kStoreBytes)) {
    return absl::FailedPreconditionError(
        absl::StrCat("the code of process ", qemu, " is not as in ", program));
  }
  if (::pwrite(memory.get(), kNothing.data(), kNothing.size(), at) != ssize_t{kStoreBytes}) {
    return ErrnoStatus(absl::StrCat("write to ", path));
  }
  return absl::OkStatus();
}

}  // namespace voidbox
