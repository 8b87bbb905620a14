#ifndef VOIDBOX_TESTS_PAYLOADS_RECORD_H_
#define VOIDBOX_TESTS_PAYLOADS_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>

namespace voidbox {

// "NNNNNNNN" and what separates it from the rest.
inline constexpr size_t kRecordHeadBytes = 9;

// A line that only its number can have made: the number, a checksum, and letters up to 6 KiB, so
// that records begin and end anywhere in blocks.
inline std::string MakeRecord(uint64_t number) {
  const size_t letters = 10 + number * 2654435761u % 6000;
  std::string text;
  uint64_t hash = 14695981039346656037u;  // FNV-1a
  for (size_t i = 0; i < letters; ++i) {
    const char letter = static_cast<char>('a' + (number * 31 + i * i) % 26);
    hash = (hash ^ static_cast<unsigned char>(letter)) * 1099511628211u;
    text += letter;
  }
  char head[64];
  std::snprintf(head, sizeof(head), "%08lu %016lx ", static_cast<unsigned long>(number),
                static_cast<unsigned long>(hash));
  return head + text + "\n";
}

}  // namespace voidbox

#endif  // VOIDBOX_TESTS_PAYLOADS_RECORD_H_
