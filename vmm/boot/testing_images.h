#ifndef VOIDBOX_VMM_BOOT_TESTING_IMAGES_H_
#define VOIDBOX_VMM_BOOT_TESTING_IMAGES_H_

#include <asm/bootparam.h>
#include <elf.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

// Kernel files made by hand, for tests.
namespace voidbox {

inline std::span<const std::byte> AsBytes(const std::string& file) {
  return std::as_bytes(std::span(file.data(), file.size()));
}

template <typename T>
std::string Serialize(const T& object) {
  std::string bytes(sizeof(T), '\0');
  std::memcpy(bytes.data(), &object, sizeof(T));
  return bytes;
}

struct FakeElf {
  Elf64_Ehdr header = {};
  std::vector<Elf64_Phdr> programs;
  std::string contents;  // from offset kContents on

  static constexpr uint64_t kContents = 0x1000;

  FakeElf() {
    std::memcpy(header.e_ident, ELFMAG, SELFMAG);
    header.e_ident[EI_CLASS] = ELFCLASS64;
    header.e_ident[EI_DATA] = ELFDATA2LSB;
    header.e_type = ET_EXEC;
    header.e_machine = EM_X86_64;
    header.e_entry = 0x1000000;
    header.e_phoff = sizeof(Elf64_Ehdr);
    header.e_phentsize = sizeof(Elf64_Phdr);
    contents = std::string(0x1234, 'k');
    Add(PT_LOAD, kContents, contents.size(), 0x1000000, 0x3000);
  }
  void Add(uint32_t type, uint64_t offset, uint64_t file_bytes, uint64_t gpa,
           uint64_t memory_bytes) {
    Elf64_Phdr program = {};
    program.p_type = type;
    program.p_offset = offset;
    program.p_filesz = file_bytes;
    program.p_paddr = gpa;
    program.p_memsz = memory_bytes;
    programs.push_back(program);
    header.e_phnum = static_cast<uint16_t>(programs.size());
  }
  // A PT_NOTE segment behind the contents.
  void AddNote(const std::string& owner, uint32_t type, const std::string& descriptor) {
    Elf64_Nhdr note = {};
    note.n_namesz = static_cast<uint32_t>(owner.size());
    note.n_descsz = static_cast<uint32_t>(descriptor.size());
    note.n_type = type;
    std::string bytes = Serialize(note) + owner;
    bytes.resize((bytes.size() + 3) / 4 * 4);
    bytes += descriptor;
    bytes.resize((bytes.size() + 3) / 4 * 4);
    Add(PT_NOTE, kContents + contents.size(), bytes.size(), 0, bytes.size());
    contents += bytes;
  }
  std::string Bytes() const {
    std::string file = Serialize(header);
    for (const Elf64_Phdr& program : programs) file += Serialize(program);
    file.resize(kContents);
    return file + contents;
  }
};

struct FakeBzImage {
  static constexpr size_t kVersionOffset = 0x300;
  setup_header header = {};
  std::string kernel = std::string(0x2000, 'z');
  std::string version;  // with its final zero, if it is to have one

  FakeBzImage() {
    header.setup_sects = 2;
    header.boot_flag = 0xaa55;
    header.header = 0x53726448;
    header.version = 0x020f;
    header.jump = 0xeb | 0x6a << 8;
    header.loadflags = LOADED_HIGH;
    header.xloadflags = XLF_KERNEL_64;
    header.pref_address = 0x1000000;
    header.init_size = 0x8000;
    header.syssize = static_cast<uint32_t>(kernel.size() / 16);
  }
  std::string Bytes() const {
    std::string file(3 * 512, '\0');
    setup_header complete = header;
    if (!version.empty()) complete.kernel_version = kVersionOffset - 0x200;
    std::memcpy(file.data() + 0x1f1, &complete, sizeof(complete));
    std::memcpy(file.data() + kVersionOffset, version.data(), version.size());
    return file + kernel;
  }
};

}  // namespace voidbox

#endif  // VOIDBOX_VMM_BOOT_TESTING_IMAGES_H_
