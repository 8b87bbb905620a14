#include "agent/program_interpreter.h"

#include <elf.h>

#include <cstdint>
#include <cstring>

#include "absl/strings/match.h"

namespace voidbox {
namespace {

// Linux include/uapi/linux/binfmts.h: what the kernel reads of a program for a "#!".
constexpr size_t BINPRM_BUF_SIZE = 256;

absl::string_view ScriptInterpreter(absl::string_view head) {
  absl::string_view line = head.substr(2, BINPRM_BUF_SIZE - 2);
  line = line.substr(0, line.find_first_of(absl::string_view("\n\0", 2)));
  const size_t begin = line.find_first_not_of(" \t");
  if (begin == absl::string_view::npos) return "";
  line.remove_prefix(begin);
  return line.substr(0, line.find_first_of(" \t"));
}

template <typename T>
bool Load(absl::string_view head, uint64_t offset, T& value) {
  if (offset > head.size() || sizeof(value) > head.size() - offset) return false;
  std::memcpy(&value, head.data() + offset, sizeof(value));
  return true;
}

template <typename Header, typename ProgramHeader>
absl::string_view Loader(absl::string_view head) {
  Header header;
  if (!Load(head, 0, header) || header.e_phentsize != sizeof(ProgramHeader)) return "";
  for (uint64_t i = 0; i < header.e_phnum; ++i) {
    ProgramHeader segment;
    const uint64_t offset = uint64_t{header.e_phoff} + i * sizeof(segment);
    if (!Load(head, offset, segment)) return "";
    if (segment.p_type != PT_INTERP) continue;
    if (segment.p_offset > head.size() || segment.p_filesz > head.size() - segment.p_offset) {
      return "";
    }
    const absl::string_view name = head.substr(segment.p_offset, segment.p_filesz);
    return name.substr(0, name.find('\0'));
  }
  return "";
}

}  // namespace

absl::string_view InterpreterOf(absl::string_view head) {
  if (absl::StartsWith(head, "#!")) return ScriptInterpreter(head);
  if (head.size() <= EI_CLASS || !absl::StartsWith(head, absl::string_view(ELFMAG, SELFMAG))) {
    return "";
  }
  return head[EI_CLASS] == ELFCLASS32 ? Loader<Elf32_Ehdr, Elf32_Phdr>(head)
                                      : Loader<Elf64_Ehdr, Elf64_Phdr>(head);
}

}  // namespace voidbox
