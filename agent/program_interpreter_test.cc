#include "agent/program_interpreter.h"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

constexpr char kLoaderPath[] = "/lib/ld-musl-x86_64.so.1";  // with its terminator

template <typename Header, typename ProgramHeader>
std::string Elf(unsigned char elf_class) {
  Header header = {};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = elf_class;
  header.e_phoff = sizeof(header);
  header.e_phentsize = sizeof(ProgramHeader);
  header.e_phnum = 2;
  ProgramHeader segments[2] = {};
  segments[0].p_type = PT_PHDR;
  segments[1].p_type = PT_INTERP;
  segments[1].p_offset = sizeof(header) + sizeof(segments);
  segments[1].p_filesz = sizeof(kLoaderPath);
  return absl::StrCat(absl::string_view(reinterpret_cast<char*>(&header), sizeof(header)),
                      absl::string_view(reinterpret_cast<char*>(segments), sizeof(segments)),
                      absl::string_view(kLoaderPath, sizeof(kLoaderPath)));
}

TEST(ProgramInterpreterTest, OfAScript) {
  EXPECT_EQ(InterpreterOf("#!/bin/sh\necho\n"), "/bin/sh");
  EXPECT_EQ(InterpreterOf("#! \t/usr/bin/env  python3 -u\n"), "/usr/bin/env");
  EXPECT_EQ(InterpreterOf("#!/bin/sh"), "/bin/sh");
  EXPECT_EQ(InterpreterOf("#!/bin/sh\r\necho\r\n"), "/bin/sh\r");
  EXPECT_EQ(InterpreterOf("#!\necho\n"), "");
  EXPECT_EQ(InterpreterOf("#!   "), "");
  EXPECT_EQ(InterpreterOf("#!"), "");
  EXPECT_EQ(InterpreterOf("echo\n"), "");
  EXPECT_EQ(InterpreterOf(""), "");
}

TEST(ProgramInterpreterTest, OfAnElfFile) {
  EXPECT_EQ(InterpreterOf(Elf<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64)), "/lib/ld-musl-x86_64.so.1");
  EXPECT_EQ(InterpreterOf(Elf<Elf32_Ehdr, Elf32_Phdr>(ELFCLASS32)), "/lib/ld-musl-x86_64.so.1");
}

TEST(ProgramInterpreterTest, OfAnElfFileThatIsCutAnywhereThereIsNone) {
  const std::string whole = Elf<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64);
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_EQ(InterpreterOf(whole.substr(0, size)), "") << size;
  }
}

TEST(ProgramInterpreterTest, OffsetsThatLeadAwayAreNone) {
  for (const uint64_t offset : {uint64_t{1} << 40, UINT64_MAX, UINT64_MAX - 8}) {
    std::string elf = Elf<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64);
    std::memcpy(&elf[offsetof(Elf64_Ehdr, e_phoff)], &offset, sizeof(offset));
    EXPECT_EQ(InterpreterOf(elf), "");
    elf = Elf<Elf64_Ehdr, Elf64_Phdr>(ELFCLASS64);
    std::memcpy(&elf[sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_offset)],
                &offset, sizeof(offset));
    EXPECT_EQ(InterpreterOf(elf), "");
  }
}

}  // namespace
}  // namespace voidbox
