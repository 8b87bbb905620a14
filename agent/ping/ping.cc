#include "agent/ping/ping.h"

#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <bitset>
#include <cstring>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "agent/hosts_file.h"
#include "agent/net/ip_range.h"
#include "agent/ping/echo_message.h"
#include "agent/ping/echo_socket.h"
#include "agent/ping/ping_options.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr char kHosts[] = "/etc/hosts";

uint64_t NowUs() {
  timespec now;
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000 + static_cast<uint64_t>(now.tv_nsec) / 1000;
}

// Text for standard output, from parts. Its functions are no templates: this is in every guest.
class Text {
 public:
  Text& operator<<(absl::string_view part);
  Text& operator<<(uint64_t number);
  // In milliseconds: "0.042".
  Text& Time(uint64_t us);
  void Print() const { static_cast<void>(WriteAll(STDOUT_FILENO, text_)); }

 private:
  std::string text_;
};

Text& Text::operator<<(absl::string_view part) {
  text_.append(part.data(), part.size());
  return *this;
}

Text& Text::operator<<(uint64_t number) {
  absl::StrAppend(&text_, number);
  return *this;
}

Text& Text::Time(uint64_t us) {
  absl::StrAppend(&text_, us / 1000, ".", absl::Dec(us % 1000, absl::kZeroPad3));
  return *this;
}

absl::StatusOr<IpAddress> FindHost(const std::string& host, int family) {
  std::vector<std::string> candidates = {host};
  if (!ParseIpAddress(host).ok()) {
    candidates = AddressesOf(ReadFile(kHosts, kMaxHostsBytes).value_or(""), host);
  }
  for (const std::string& candidate : candidates) {
    absl::StatusOr<IpAddress> address = ParseIpAddress(candidate);
    if (address.ok() && (family == AF_UNSPEC || family == address->family())) return address;
  }
  return absl::NotFoundError(absl::StrCat("bad address '", host, "': it is no address, and ",
                                          kHosts, " has no such name"));
}

class Ping {
 public:
  Ping(const PingOptions& options, const IpAddress& address, EchoSocket socket)
      : options_(options),
        family_(address.family()),
        shown_address_(ToString(address)),
        socket_(std::move(socket)) {}

  absl::Status Run();
  bool has_answers() const { return received_ > 0; }

 private:
  absl::Status Watch();
  bool IsOver(uint64_t now) const;
  // In microseconds on the clock of NowUs; when something is to be done though nothing comes.
  uint64_t NextTurn() const;
  absl::Status Send(uint64_t now);
  absl::Status Receive();
  void TakeReply(const EchoReply& reply, size_t bytes, uint64_t hop_limit);
  void PrintSums() const;

  const PingOptions& options_;  // outlives it
  const int family_;
  const std::string shown_address_;
  const EchoSocket socket_;
  UniqueFd signals_;
  bool interrupted_ = false;
  uint64_t begun_us_ = 0;
  uint64_t next_us_ = 0;  // the next request; after the last one, the end of waiting for answers
  uint32_t sent_ = 0;
  uint32_t received_ = 0;
  uint32_t duplicates_ = 0;
  std::bitset<65536> answered_;  // by the sequence number of requests
  uint32_t timed_ = 0;           // answers that brought back when they were asked for
  uint64_t least_us_ = UINT64_MAX, most_us_ = 0, sum_us_ = 0;
};

absl::Status Ping::Watch() {
  sigset_t set;
  ::sigemptyset(&set);
  ::sigaddset(&set, SIGINT);
  if (::sigprocmask(SIG_BLOCK, &set, nullptr) != 0) return ErrnoStatus("sigprocmask");
  signals_.Reset(::signalfd(-1, &set, SFD_CLOEXEC));
  return signals_ ? absl::OkStatus() : ErrnoStatus("signalfd");
}

bool Ping::IsOver(uint64_t now) const {
  if (interrupted_) return true;
  if (options_.deadline_ms != 0 && now >= begun_us_ + options_.deadline_ms * 1000) return true;
  if (options_.count == 0 || sent_ < options_.count) return false;
  return received_ >= options_.count || now >= next_us_;
}

uint64_t Ping::NextTurn() const {
  if (options_.deadline_ms == 0) return next_us_;
  return std::min(next_us_, begun_us_ + options_.deadline_ms * 1000);
}

absl::Status Ping::Send(uint64_t now) {
  std::string data(options_.data_bytes, '\0');
  if (data.size() >= sizeof(now)) std::memcpy(data.data(), &now, sizeof(now));
  const auto sequence = static_cast<uint16_t>(sent_);
  answered_.reset(sequence);
  RETURN_IF_ERROR(socket_.Send(EchoRequest(family_, sequence, data)));
  ++sent_;
  const bool is_last = sent_ == options_.count;
  next_us_ = now + (is_last ? options_.linger_ms : options_.interval_ms) * 1000;
  return absl::OkStatus();
}

absl::Status Ping::Receive() {
  for (;;) {
    ASSIGN_OR_RETURN(const auto message, socket_.Receive(kEchoHeaderBytes + options_.data_bytes));
    if (!message.has_value()) return absl::OkStatus();
    const auto reply = ParseEchoReply(family_, message->bytes);
    if (reply.has_value()) TakeReply(*reply, message->bytes.size(), message->hop_limit);
  }
}

void Ping::TakeReply(const EchoReply& reply, size_t bytes, uint64_t hop_limit) {
  const bool is_duplicate = answered_.test(reply.sequence);
  answered_.set(reply.sequence);
  ++(is_duplicate ? duplicates_ : received_);
  Text line;
  line << bytes << " bytes from " << shown_address_ << ": seq=" << reply.sequence
       << " ttl=" << hop_limit;
  uint64_t asked_us = 0;
  const uint64_t now = NowUs();
  if (reply.data.size() >= sizeof(asked_us)) {
    std::memcpy(&asked_us, reply.data.data(), sizeof(asked_us));
    // Whoever answers may have written what he liked.
    const uint64_t took_us = now - std::clamp(asked_us, begun_us_, now);
    ++timed_;
    least_us_ = std::min(least_us_, took_us);
    most_us_ = std::max(most_us_, took_us);
    sum_us_ += took_us;
    (line << " time=").Time(took_us) << " ms";
  }
  line << (is_duplicate ? " (DUP!)\n" : "\n");
  if (!options_.quiet) line.Print();
}

void Ping::PrintSums() const {
  Text text;
  text << "\n--- " << options_.host << " ping statistics ---\n"
       << sent_ << " packets transmitted, " << received_ << " packets received, ";
  if (duplicates_ > 0) text << duplicates_ << " duplicates, ";
  const uint64_t lost = sent_ - std::min(sent_, received_);
  text << (sent_ == 0 ? 0 : lost * 100 / sent_) << "% packet loss\n";
  if (timed_ > 0) {
    (text << "round-trip min/avg/max = ").Time(least_us_) << "/";
    text.Time(sum_us_ / timed_) << "/";
    text.Time(most_us_) << " ms\n";
  }
  text.Print();
}

absl::Status Ping::Run() {
  RETURN_IF_ERROR(Watch());
  Text first;
  first << "PING " << options_.host << " (" << shown_address_ << "): " << options_.data_bytes
        << " data bytes\n";
  first.Print();
  begun_us_ = next_us_ = NowUs();
  for (uint64_t now = begun_us_; !IsOver(now); now = NowUs()) {
    if (now >= next_us_) RETURN_IF_ERROR(Send(now));
    pollfd sources[] = {{.fd = socket_.fd(), .events = POLLIN, .revents = 0},
                        {.fd = signals_.get(), .events = POLLIN, .revents = 0}};
    const uint64_t turn = std::max(NextTurn(), now) - now;
    const timespec wait = {.tv_sec = static_cast<time_t>(turn / 1'000'000),
                           .tv_nsec = static_cast<long>(turn % 1'000'000 * 1000)};
    if (::ppoll(sources, std::size(sources), &wait, nullptr) < 0 && errno != EINTR) {
      return ErrnoStatus("ppoll");
    }
    interrupted_ = sources[1].revents != 0;
    RETURN_IF_ERROR(Receive());
  }
  PrintSums();
  return absl::OkStatus();
}

absl::StatusOr<bool> PingHost(const PingOptions& options) {
  ASSIGN_OR_RETURN(const IpAddress address, FindHost(options.host, options.family));
  ASSIGN_OR_RETURN(EchoSocket socket, EchoSocket::Open(address, options.hop_limit));
  Ping ping(options, address, std::move(socket));
  RETURN_IF_ERROR(ping.Run());
  return ping.has_answers();
}

}  // namespace

int RunPing(absl::string_view name, std::span<const char* const> arguments) {
  if (arguments.size() == 1 && absl::string_view(arguments[0]) == "--help") {
    static_cast<void>(WriteAll(STDOUT_FILENO, kPingUsage));
    return 0;
  }
  const auto fail = [](const absl::Status& status, absl::string_view more) {
    static_cast<void>(
        WriteAll(STDERR_FILENO, absl::StrCat("ping: ", status.message(), "\n", more)));
    return 1;
  };
  absl::StatusOr<PingOptions> options = ParsePingOptions(arguments);
  if (!options.ok()) return fail(options.status(), kPingUsage);
  if (options->family == AF_UNSPEC && absl::EndsWith(name, "6")) options->family = AF_INET6;
  const absl::StatusOr<bool> answered = PingHost(*options);
  if (!answered.ok()) return fail(answered.status(), "");
  return *answered ? 0 : 1;
}

}  // namespace voidbox
