#include "base/seccomp_compiler.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/unique_fd.h"

namespace voidbox {

void FailCompilation(const char* what, int error) {
  fprintf(stderr, "compile_filters: %s: %s\n", what, strerror(error < 0 ? -error : errno));
  exit(1);
}

scmp_filter_ctx NewFilter(uint32_t action) {
  scmp_filter_ctx filter = seccomp_init(action);
  if (filter == nullptr) FailCompilation("seccomp_init", 0);
  if (int result = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2); result != 0) {
    FailCompilation("SCMP_FLTATR_CTL_OPTIMIZE", result);
  }
  return filter;
}

void WriteFilter(const char* name, scmp_filter_ctx filter) {
  const UniqueFd file(::memfd_create("filter", MFD_CLOEXEC));
  if (!file) FailCompilation("memfd_create", 0);
  if (int result = seccomp_export_bpf(filter, file.get()); result != 0) {
    FailCompilation("seccomp_export_bpf", result);
  }
  printf("constexpr uint64_t %s[] = {\n", name);
  uint64_t instruction;
  off_t offset = 0;
  while (::pread(file.get(), &instruction, sizeof(instruction), offset) == sizeof(instruction)) {
    printf("    0x%016lx,\n", instruction);
    offset += sizeof(instruction);
  }
  printf("};\n");
}

}  // namespace voidbox
