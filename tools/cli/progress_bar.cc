#include "tools/cli/progress_bar.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/io.h"
#include "base/ioctl.h"
#include "tools/cli/human_units.h"

namespace voidbox {
namespace {

constexpr absl::Duration kQuiet = absl::Seconds(1);
constexpr absl::Duration kRedraw = absl::Milliseconds(100);
constexpr int kBarColumns = 20;
// ECMA-48: to the line's start, and erase it to its end.
constexpr char kClearLine[] = "\r\x1b[K";

int ColumnsOf(int fd) {
  winsize size = {};
  const auto got = Ioctl(fd, TIOCGWINSZ, "TIOCGWINSZ", &size);
  return got.ok() && size.ws_col > 0 ? size.ws_col : 80;
}

}  // namespace

ProgressBar::ProgressBar(Options options)
    : options_(std::move(options)), started_(options_.now()), step_started_(started_) {}

ProgressBar::Options ProgressBar::ForTerminal(std::function<absl::Status()> check) {
  Options options;
  options.fd = STDERR_FILENO;
  options.is_terminal = ::isatty(options.fd) == 1;
  if (options.is_terminal) options.columns = ColumnsOf(options.fd);
  options.now = absl::Now;
  options.check = std::move(check);
  return options;
}

ProgressBar::~ProgressBar() { Clear(); }

void ProgressBar::Begin(absl::string_view step, uint64_t total_bytes) {
  step_ = std::string(step);
  done_ = 0;
  total_ = total_bytes;
  step_started_ = options_.now();
  if (step_.empty()) return Clear();
  // What has no size is a wait for others, of any length.
  if (total_ == 0 || visible_) Draw(step_started_);
}

absl::Status ProgressBar::Advance(uint64_t bytes) {
  done_ = std::min(total_, done_ + bytes);
  const absl::Time now = options_.now();
  if (total_ > 0 && done_ == total_) {
    Clear();
  } else if (now - started_ >= kQuiet && now - drawn_ >= kRedraw) {
    Draw(now);
  }
  return options_.check();
}

void ProgressBar::Draw(absl::Time now) {
  if (!options_.is_terminal) return;
  // A terminal that is gone is no reason to end the operation.
  static_cast<void>(WriteAll(options_.fd, absl::StrCat(kClearLine, Line(now))));
  drawn_ = now;
  visible_ = true;
}

void ProgressBar::Clear() {
  if (visible_) static_cast<void>(WriteAll(options_.fd, kClearLine));
  visible_ = false;
}

std::string ProgressBar::Line(absl::Time now) const {
  std::string numbers;
  if (total_ > 0) {
    const double share = static_cast<double>(done_) / static_cast<double>(total_);
    const int full = static_cast<int>(share * kBarColumns);
    numbers = absl::StrCat("  [", std::string(static_cast<size_t>(full), '#'),
                           std::string(static_cast<size_t>(kBarColumns - full), ' '), "] ",
                           HumanBytes(done_), " / ", HumanBytes(total_));
    const double seconds = absl::ToDoubleSeconds(now - step_started_);
    if (done_ > 0 && seconds > 0) {
      const double rate = static_cast<double>(done_) / seconds;
      absl::StrAppend(&numbers, ", ", HumanBytes(static_cast<uint64_t>(rate)), "/s, ",
                      HumanDuration(absl::Seconds(static_cast<double>(total_ - done_) / rate)),
                      " left");
    }
  }
  // The step gives way to the numbers, and the line must not wrap.
  const auto columns = static_cast<size_t>(std::max(options_.columns - 1, 1));
  const size_t room = columns > numbers.size() ? columns - numbers.size() : 0;
  std::string step = step_;
  if (step.size() > room) step = room > 3 ? absl::StrCat(step.substr(0, room - 3), "...") : "";
  return absl::StrCat(step, numbers).substr(0, columns);
}

}  // namespace voidbox
