#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/printable_text.h"

namespace voidbox {
namespace {

// No byte of a control character but the kept ones, and no lone byte that terminals of other
// encodings take for one: 0x80 to 0x9f come only behind another byte of their character.
void CheckPrintable(absl::string_view text, absl::string_view kept) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    Check((c >= 0x20 && c != 0x7f) || kept.find(text[i]) != kept.npos, "no C0 and no DEL");
    if (c >= 0x80 && c < 0xa0) {
      Check(i > 0 && static_cast<unsigned char>(text[i - 1]) >= 0x80, "no lone C1 byte");
      Check(static_cast<unsigned char>(text[i - 1]) != 0xc2, "no C1 character");
    }
  }
}

void Run(absl::string_view text, size_t cut) {
  CheckPrintable(PrintableText(text), "\n\t");
  CheckPrintable(PrintableLine(text), "");
  Check(PrintableText(PrintableText(text)) == PrintableText(text), "printable text stays");
  PrintableStream whole;
  std::string expected = whole.Take(text);
  expected += whole.Finish();
  CheckPrintable(expected, "\n\t\r");
  PrintableStream pieces;
  std::string actual = pieces.Take(text.substr(0, cut));
  actual += pieces.Take(text.substr(cut));
  actual += pieces.Finish();
  Check(actual == expected, "pieces make no difference");
}

}  // namespace
}  // namespace voidbox

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text(data, data + size);
  voidbox::Run(text, size == 0 ? 0 : data[0] % (size + 1));
  return 0;
}
