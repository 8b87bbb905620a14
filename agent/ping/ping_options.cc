#include "agent/ping/ping_options.h"

#include <optional>

#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Of an IPv4 packet, with its header and that of ICMP (RFC 791, RFC 792).
constexpr uint32_t kMaxDataBytes = 65535 - 20 - 8;
constexpr uint32_t kMaxSeconds = 1'000'000;

// Seconds with up to three decimals, in milliseconds.
std::optional<uint64_t> ParseSeconds(absl::string_view text) {
  const absl::string_view whole = text.substr(0, text.find('.'));
  uint32_t seconds = 0;
  if (!whole.empty() && (!absl::SimpleAtoi(whole, &seconds) || seconds > kMaxSeconds)) {
    return std::nullopt;
  }
  uint64_t ms = seconds * uint64_t{1000};
  if (whole.size() == text.size()) return whole.empty() ? std::nullopt : std::optional(ms);
  const absl::string_view decimals = text.substr(whole.size() + 1);
  if (decimals.empty() || decimals.size() > 3) return std::nullopt;
  uint32_t unit = 100;
  for (const char digit : decimals) {
    if (digit < '0' || digit > '9') return std::nullopt;
    ms += static_cast<uint32_t>(digit - '0') * unit;
    unit /= 10;
  }
  return ms;
}

absl::Status Refused(absl::string_view word, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("'", word, "' ", why));
}

absl::Status Wrong(char option, absl::string_view value) {
  std::string why = "is no value of -";
  why.push_back(option);
  return Refused(value, why);
}

absl::Status SetNumber(char option, absl::string_view value, uint32_t least, uint32_t most,
                       uint32_t& number) {
  if (absl::SimpleAtoi(value, &number) && number >= least && number <= most) {
    return absl::OkStatus();
  }
  return Wrong(option, value);
}

absl::Status SetTime(char option, absl::string_view value, uint64_t& ms) {
  const std::optional<uint64_t> parsed = ParseSeconds(value);
  if (!parsed || *parsed == 0) return Wrong(option, value);
  ms = *parsed;
  return absl::OkStatus();
}

absl::Status SetValue(char option, absl::string_view value, PingOptions& options) {
  switch (option) {
    case 'c':
      return SetNumber(option, value, 1, UINT32_MAX, options.count);
    case 's':
      return SetNumber(option, value, 0, kMaxDataBytes, options.data_bytes);
    case 't':
      return SetNumber(option, value, 1, 255, options.hop_limit);
    case 'i':
      return SetTime(option, value, options.interval_ms);
    case 'W':
      return SetTime(option, value, options.linger_ms);
    default:
      return SetTime(option, value, options.deadline_ms);
  }
}

bool SetFlag(char flag, PingOptions& options) {
  if (flag == '4') options.family = AF_INET;
  if (flag == '6') options.family = AF_INET6;
  if (flag == 'q') options.quiet = true;
  return flag == '4' || flag == '6' || flag == 'q';
}

}  // namespace

absl::StatusOr<PingOptions> ParsePingOptions(std::span<const char* const> arguments) {
  PingOptions options;
  bool only_hosts = false;
  for (size_t i = 0; i < arguments.size(); ++i) {
    absl::string_view word = arguments[i];
    if (word == "--" && !only_hosts) {
      only_hosts = true;
      continue;
    }
    if (only_hosts || word.size() < 2 || word[0] != '-') {
      if (!options.host.empty() || word.empty()) {
        return Refused(word, "is no host, or one more than is asked");
      }
      options.host = std::string(word);
      continue;
    }
    for (word.remove_prefix(1); !word.empty(); word.remove_prefix(1)) {
      const char option = word[0];
      if (SetFlag(option, options)) continue;
      if (absl::string_view("cistWw").find(option) == absl::string_view::npos) {
        return Refused(arguments[i], "is no option of it");
      }
      const bool is_next = word.size() == 1;
      if (is_next && ++i == arguments.size()) return Wrong(option, "");
      RETURN_IF_ERROR(
          SetValue(option, is_next ? absl::string_view(arguments[i]) : word.substr(1), options));
      break;
    }
  }
  if (options.host.empty()) return Refused("", "is no host");
  return options;
}

}  // namespace voidbox
