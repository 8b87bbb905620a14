#include "vmm/startup_pages.h"

#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

namespace voidbox {
namespace {

int ReleaseSegments(dl_phdr_info* info, size_t, void*) {
  const uintptr_t page_mask = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE)) - 1;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = info->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W)) continue;
    const uintptr_t start = (info->dlpi_addr + segment.p_vaddr) & ~page_mask;
    const uintptr_t end = info->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    // Private file pages that were never written: the kernel reads them again when needed.
    ::madvise(reinterpret_cast<void*>(start), end - start, MADV_DONTNEED);
  }
  return 1;  // the program itself comes first
}

}  // namespace

void ReleaseStartupPages() { ::dl_iterate_phdr(ReleaseSegments, nullptr); }

}  // namespace voidbox
