#ifndef VOIDBOX_AGENT_HTTP_OUTPUT_TEXT_H_
#define VOIDBOX_AGENT_HTTP_OUTPUT_TEXT_H_

#include <cstddef>
#include <string>

#include "absl/strings/string_view.h"

namespace voidbox {

// Bytes of a program's output as a JSON string can hold them.
struct OutputText {
  std::string text;     // as it is, or in base64 (RFC 4648 §4)
  bool base64 = false;  // not UTF-8, or with so many control characters that it is no text
};
OutputText ToOutputText(absl::string_view bytes);

// How many of the bytes to take now so that none of the last character is missing: all but an
// incomplete UTF-8 sequence at the end (at most three bytes).
size_t WholeCharacters(absl::string_view bytes);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_HTTP_OUTPUT_TEXT_H_
