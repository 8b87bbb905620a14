// ELF64: System V ABI, "Object Files"; the PVH entry: Xen docs/misc/pvh.pandoc and
// xen/include/public/elfnote.h.
#include <elf.h>

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "vmm/boot/file_bytes.h"
#include "vmm/boot/kernel_image.h"

namespace voidbox {
namespace {

constexpr uint32_t kXenNotePhys32Entry = 18;  // XEN_ELFNOTE_PHYS32_ENTRY
constexpr uint64_t kMaxSegments = 64;
constexpr uint64_t kMaxNotes = 64;
constexpr uint64_t kMaxGpa = uint64_t{1} << 52;

absl::Status CheckHeader(const Elf64_Ehdr& header) {
  if (header.e_ident[EI_CLASS] != ELFCLASS64 || header.e_ident[EI_DATA] != ELFDATA2LSB) {
    return absl::UnimplementedError("not a 64-bit little-endian ELF file");
  }
  if (header.e_machine != EM_X86_64) {
    return absl::UnimplementedError(absl::StrCat("ELF machine ", header.e_machine,
                                                 " is not x86-64 (", EM_X86_64,
                                                 "): a kernel for another architecture"));
  }
  if (header.e_type != ET_EXEC && header.e_type != ET_DYN) {
    return absl::InvalidArgumentError(
        absl::StrCat("ELF type ", header.e_type, " is not executable"));
  }
  if (header.e_phentsize != sizeof(Elf64_Phdr)) {
    return absl::InvalidArgumentError(absl::StrCat("ELF program header entries of ",
                                                   header.e_phentsize, " bytes, expected ",
                                                   sizeof(Elf64_Phdr)));
  }
  if (header.e_phnum == 0 || header.e_phnum > kMaxSegments) {
    return absl::InvalidArgumentError(
        absl::StrCat(header.e_phnum, " ELF program headers, expected 1 to ", kMaxSegments));
  }
  return absl::OkStatus();
}

absl::StatusOr<KernelImage::Segment> CheckSegment(const Elf64_Phdr& header, size_t index,
                                                  size_t file_size) {
  if (header.p_offset > file_size || header.p_filesz > file_size - header.p_offset) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ELF segment ", index, " of ", header.p_filesz, " bytes at offset ", header.p_offset,
        " lies behind the file's ", file_size, " bytes: the file is truncated"));
  }
  if (header.p_memsz < header.p_filesz || header.p_paddr > kMaxGpa ||
      header.p_memsz > kMaxGpa - header.p_paddr) {
    return absl::InvalidArgumentError(absl::StrCat(
        "ELF segment ", index, " with ", header.p_filesz, " bytes in the file and ", header.p_memsz,
        " at 0x", absl::Hex(header.p_paddr), " in memory is impossible"));
  }
  return KernelImage::Segment{.gpa = header.p_paddr,
                              .file_offset = header.p_offset,
                              .file_bytes = header.p_filesz,
                              .memory_bytes = header.p_memsz};
}

struct Notes {
  std::optional<uint64_t> pvh_entry;
  bool linux_kernel = false;
};

// What a PT_NOTE segment says: the 32-bit entry point of PVH, and whether it is Linux (which marks
// itself with notes of the owner "Linux": include/linux/elfnote-lto.h, build-salt.h).
void ReadNotes(std::span<const std::byte> bytes, Notes& notes) {
  constexpr uint32_t kXen = 0x006e6558;   // "Xen\0"
  constexpr uint32_t kLinu = 0x756e694c;  // "Linu"
  uint64_t offset = 0;
  for (uint64_t count = 0; count < kMaxNotes; ++count) {
    const auto note = ReadAt<Elf64_Nhdr>(bytes, offset, "ELF note");
    if (!note.ok()) return;
    const uint64_t name = offset + sizeof(Elf64_Nhdr);
    const uint64_t descriptor = name + (uint64_t{note->n_namesz} + 3) / 4 * 4;
    const auto owner = ReadAt<uint32_t>(bytes, name, "ELF note name");
    if (owner.ok() && note->n_namesz == 6 && *owner == kLinu) notes.linux_kernel = true;
    if (owner.ok() && note->n_namesz == 4 && *owner == kXen &&
        note->n_type == kXenNotePhys32Entry && !notes.pvh_entry) {
      if (note->n_descsz == 8) {
        const auto entry = ReadAt<uint64_t>(bytes, descriptor, "PVH entry");
        if (entry.ok()) notes.pvh_entry = *entry;
      } else {
        const auto entry = ReadAt<uint32_t>(bytes, descriptor, "PVH entry");
        if (entry.ok()) notes.pvh_entry = *entry;
      }
    }
    offset = descriptor + (uint64_t{note->n_descsz} + 3) / 4 * 4;
  }
}

bool InsideSegments(const KernelImage& image, uint64_t gpa) {
  return std::any_of(image.segments.begin(), image.segments.end(),
                     [&](const auto& segment) { return gpa - segment.gpa < segment.memory_bytes; });
}

}  // namespace

absl::StatusOr<KernelImage> ParseElfKernel(std::span<const std::byte> file) {
  ASSIGN_OR_RETURN(const Elf64_Ehdr header, ReadAt<Elf64_Ehdr>(file, 0, "ELF header"));
  RETURN_IF_ERROR(CheckHeader(header));
  if (header.e_phoff > file.size()) {
    return absl::InvalidArgumentError(absl::StrCat("ELF program headers at offset ", header.e_phoff,
                                                   " lie behind the file's ", file.size(),
                                                   " bytes"));
  }
  KernelImage image;
  Notes notes;
  for (size_t i = 0; i < header.e_phnum; ++i) {
    ASSIGN_OR_RETURN(
        const Elf64_Phdr program,
        ReadAt<Elf64_Phdr>(file, header.e_phoff + i * sizeof(Elf64_Phdr), "ELF program header"));
    if (program.p_type != PT_LOAD && program.p_type != PT_NOTE) continue;
    ASSIGN_OR_RETURN(const KernelImage::Segment segment, CheckSegment(program, i, file.size()));
    if (program.p_type == PT_NOTE) {
      ReadNotes(file.subspan(segment.file_offset, segment.file_bytes), notes);
    } else if (segment.memory_bytes > 0) {
      image.segments.push_back(segment);
      image.end = std::max(image.end, segment.gpa + segment.memory_bytes);
    }
  }
  // Linux has both entries; by way of PVH it asks CPUID some hundred times for Xen first, an exit
  // each.
  const bool pvh = notes.pvh_entry.has_value() && !notes.linux_kernel;
  image.protocol = pvh ? BootProtocol::kPvh : BootProtocol::kLinux64;
  image.entry = pvh ? *notes.pvh_entry : header.e_entry;
  if (image.segments.empty())
    return absl::InvalidArgumentError("ELF file without a loadable segment");
  if (!InsideSegments(image, image.entry)) {
    return absl::InvalidArgumentError(
        absl::StrCat("entry point 0x", absl::Hex(image.entry), " is in no loadable segment"));
  }
  return image;
}

}  // namespace voidbox
