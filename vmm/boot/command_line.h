#ifndef VOIDBOX_VMM_BOOT_COMMAND_LINE_H_
#define VOIDBOX_VMM_BOOT_COMMAND_LINE_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

inline constexpr size_t kMaxCommandLineBytes =
    2047;  // COMMAND_LINE_SIZE of x86, less the final zero

// `line` followed by the words that announce `device_count` virtio-mmio devices from `mmio_base`
// on, one page each, with interrupt lines from `first_irq` on (virtio 1.2 §4.2.5, Linux
// virtio_mmio.device=). They stand before a "--" word, behind which the kernel hands words to init.
// INVALID_ARGUMENT for zero bytes, line feeds, or more than kMaxCommandLineBytes in all.
absl::StatusOr<std::string> CompleteCommandLine(absl::string_view line, uint64_t mmio_base,
                                                uint32_t first_irq, size_t device_count);

}  // namespace voidbox

#endif  // VOIDBOX_VMM_BOOT_COMMAND_LINE_H_
