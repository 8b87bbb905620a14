#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "base/check.h"
#include "base/frame.h"
#include "base/frame_test.pb.h"

// The first byte says in which pieces the rest arrives. Whatever the pieces, the frames are the
// same as when all arrives at once.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr size_t kLimit = 4096;
  const size_t piece = data[0] + 1u;
  absl::string_view rest(reinterpret_cast<const char*>(data + 1), size - 1);
  voidbox::FrameReader whole(kLimit), pieces(kLimit);
  whole.Append(rest);
  for (bool more = true; more;) {
    pieces.Append(rest.substr(0, piece));
    rest.remove_prefix(std::min(piece, rest.size()));
    more = !rest.empty();
    for (;;) {
      auto got = pieces.Next();
      if (!got.ok()) return 0;
      if (!*got) break;
      auto expected = whole.Next();
      voidbox::Check(expected.ok() && expected->has_value() && **expected == **got,
                     "a frame does not depend on how it arrives");
      voidbox::TestMessage message;
      [[maybe_unused]] const bool parsed =
          message.ParseFromArray((*got)->data(), static_cast<int>((*got)->size()));
    }
  }
  return 0;
}
