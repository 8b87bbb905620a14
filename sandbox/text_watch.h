#ifndef VOIDBOX_SANDBOX_TEXT_WATCH_H_
#define VOIDBOX_SANDBOX_TEXT_WATCH_H_

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// Whether a text stands in a stream that comes in pieces. Keeps less than the text's length.
class TextWatch {
 public:
  explicit TextWatch(std::string text) : text_(std::move(text)) {}

  void Append(absl::string_view piece) {
    if (seen_) return;
    const size_t overlap = text_.size() - 1;
    // What could not reach into the piece's first bytes is not kept, so this is bounded.
    seen_ = absl::StrContains(absl::StrCat(end_, piece.substr(0, overlap)), text_) ||
            absl::StrContains(piece, text_);
    absl::StrAppend(&end_, piece.substr(piece.size() - std::min(piece.size(), overlap)));
    end_.erase(0, end_.size() - std::min(end_.size(), overlap));
  }
  bool seen() const { return seen_; }

 private:
  const std::string text_;
  std::string end_;  // of what came
  bool seen_ = false;
};

}  // namespace voidbox

#endif  // VOIDBOX_SANDBOX_TEXT_WATCH_H_
