#ifndef VOIDBOX_BASE_PRINTABLE_TEXT_H_
#define VOIDBOX_BASE_PRINTABLE_TEXT_H_

#include <string>

#include "absl/strings/string_view.h"

namespace voidbox {

// Text of somebody who is not trusted, for a person's terminal, which control characters would
// command. What is UTF-8 and printable stays; control characters (C0, DEL, C1), those that turn the
// direction of text, and bytes that are no UTF-8 are shown as \x1b or \u009b.

// Keeps line feeds and tabs.
std::string PrintableText(absl::string_view text);
// Keeps neither: one line, one cell of a table.
std::string PrintableLine(absl::string_view text);

// The same for a stream that comes in pieces, which may cut characters. Keeps line feeds, tabs and
// carriage returns. Not thread-safe.
class PrintableStream {
 public:
  std::string Take(absl::string_view piece);
  // What is left of a character that was cut.
  std::string Finish();

 private:
  std::string cut_;  // at most three bytes
};

}  // namespace voidbox

#endif  // VOIDBOX_BASE_PRINTABLE_TEXT_H_
