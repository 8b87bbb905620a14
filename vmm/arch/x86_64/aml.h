#ifndef VOIDBOX_VMM_ARCH_X86_64_AML_H_
#define VOIDBOX_VMM_ARCH_X86_64_AML_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

// ACPI Machine Language, ACPI 6.5 chapter 20, as much as a list of devices takes. Each function
// gives the bytes of one term; terms that stand one after the other are a list.
namespace voidbox::aml {

// §20.2.3: an integer in its shortest form.
std::string Integer(uint64_t value);
// §20.2.3: printable ASCII.
std::string String(absl::string_view text);
// §19.3.4, the EISAID macro: `id` is three upper-case letters and four hexadecimal digits.
std::string EisaId(absl::string_view id);

// §20.2.5.1. `segment` is a name of four characters out of A-Z, 0-9 and '_', the first no digit.
std::string Name(absl::string_view segment, absl::string_view value);
// §20.2.5.1: `terms` below the root's `segment`.
std::string Scope(absl::string_view segment, absl::string_view terms);
// §20.2.5.2
std::string Device(absl::string_view segment, absl::string_view terms);

// A buffer (§20.2.5.4) with the resource descriptors and the end tag (§6.4.2.9) behind them.
std::string ResourceTemplate(absl::string_view descriptors);
// §6.4.3.4: writable.
std::string Memory32Fixed(uint32_t address, uint32_t bytes);
// §6.4.2.5: ports that are decoded with 16 bits.
std::string IoPorts(uint16_t first, uint8_t count);
// §6.4.3.6: one edge, active high, not shared. `line` is a global system interrupt.
std::string Interrupt(uint32_t line);

}  // namespace voidbox::aml

#endif  // VOIDBOX_VMM_ARCH_X86_64_AML_H_
