#include "agent/machine/resume.h"

#include <fcntl.h>
#include <linux/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "agent/hosts_file.h"
#include "agent/machine/clock.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/ioctl.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr size_t kMachineIdDigits = 32;

bool IsHostName(absl::string_view name) {
  // RFC 1123 §2.1, and the underscore that people use.
  return name.size() <= kMaxHostNameBytes && name.front() != '-' && name.front() != '.' &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) {
           return absl::ascii_isalnum(c) || c == '-' || c == '.' || c == '_';
         });
}

bool IsMachineId(absl::string_view id) {
  return id.size() == kMachineIdDigits && id != std::string(kMachineIdDigits, '0') &&
         std::all_of(id.begin(), id.end(), [](unsigned char c) {
           return absl::ascii_isdigit(c) || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

absl::StatusOr<Identity> ParseResumeRequest(const agent::ResumeRequest& request) {
  const size_t entropy = request.entropy().size();
  if (entropy < kMinEntropyBytes || entropy > kMaxEntropyBytes) {
    return absl::InvalidArgumentError(absl::StrCat("entropy: ", entropy, " bytes are not from ",
                                                   kMinEntropyBytes, " to ", kMaxEntropyBytes));
  }
  RETURN_IF_ERROR(CheckRealtime(request.realtime_ns()));
  if (!request.host_name().empty() && !IsHostName(request.host_name())) {
    return absl::InvalidArgumentError(absl::StrCat("host name: not 1 to ", kMaxHostNameBytes,
                                                   " letters, digits, dots, hyphens, underscores"));
  }
  if (!request.machine_id().empty() && !IsMachineId(request.machine_id())) {
    return absl::InvalidArgumentError(absl::StrCat("machine id: not ", kMachineIdDigits,
                                                   " lower-case hexadecimal digits, not all zero"));
  }
  Identity identity = {.entropy = request.entropy(),
                       .realtime_ns = request.realtime_ns(),
                       .host_name = request.host_name(),
                       .machine_id = request.machine_id()};
  if (request.has_network()) {
    ASSIGN_OR_RETURN(identity.network, ParseNetworkRequest(request.network()));
  }
  return identity;
}

absl::Status ApplyIdentity(const Identity& identity, const std::string& etc) {
  RETURN_IF_ERROR(AddEntropy(identity.entropy));
  RETURN_IF_ERROR(SetRealtime(identity.realtime_ns));
  if (!identity.host_name.empty()) {
    RETURN_IF_ERROR(SetHostName(identity.host_name));
    const absl::Status hosts = CompleteHosts(absl::StrCat(etc, "/hosts"), identity.host_name);
    // Files that an image has in the way are no reason not to go on.
    if (!hosts.ok()) LogWarning(hosts.message());
  }
  if (!identity.machine_id.empty()) {
    RETURN_IF_ERROR(WriteMachineId(absl::StrCat(etc, "/machine-id"), identity.machine_id));
  }
  if (!identity.network.has_value()) return absl::OkStatus();
  return ApplyNetworkConfig(*identity.network, absl::StrCat(etc, "/resolv.conf"));
}

absl::Status AddEntropy(absl::string_view bytes) {
  // random(4): rand_pool_info, whose flexible array these are the words of.
  constexpr size_t kHeaderWords = sizeof(rand_pool_info) / sizeof(int);
  std::array<int, kHeaderWords + kMaxEntropyBytes / sizeof(int)> pool = {};
  const size_t size = std::min(bytes.size(), kMaxEntropyBytes);
  pool[0] = static_cast<int>(size * 8);  // entropy_count, in bits
  pool[1] = static_cast<int>(size);      // buf_size
  std::memcpy(&pool[kHeaderWords], bytes.data(), size);
  const UniqueFd random(::open("/dev/urandom", O_WRONLY | O_CLOEXEC));
  if (!random) return ErrnoStatus("/dev/urandom");
  RETURN_IF_ERROR(Ioctl(random.get(), RNDADDENTROPY, "RNDADDENTROPY", pool.data()).status());
  return Ioctl(random.get(), RNDRESEEDCRNG, "RNDRESEEDCRNG", 0).status();
}

absl::Status SetHostName(absl::string_view name) {
  if (::sethostname(name.data(), name.size()) != 0) return ErrnoStatus("sethostname");
  return absl::OkStatus();
}

absl::Status WriteMachineId(const std::string& path, absl::string_view id) {
  return WriteFileAtomically(path, absl::StrCat(id, "\n"), /*mode=*/0444);
}

}  // namespace voidbox
