#include "agent/hosts_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

constexpr absl::string_view kLocalHost = "localhost";

// The address of a line that has `name` behind it; empty for another line.
absl::string_view AddressOf(absl::string_view line, absl::string_view name) {
  line = line.substr(0, line.find('#'));
  absl::string_view address;
  for (const absl::string_view word :
       absl::StrSplit(line, absl::ByAnyChar(" \t\r"), absl::SkipEmpty())) {
    if (!address.empty() && absl::EqualsIgnoreCase(word, name)) return address;
    if (address.empty()) address = word;
  }
  return "";
}

bool Names(absl::string_view hosts, absl::string_view name) {
  return !AddressesOf(hosts, name).empty();
}

void MakeParent(const std::string& path) {
  static_cast<void>(::mkdir(path.substr(0, path.rfind('/')).c_str(), 0755));
}

}  // namespace

std::vector<std::string> AddressesOf(absl::string_view hosts, absl::string_view name) {
  std::vector<std::string> addresses;
  for (const absl::string_view line : absl::StrSplit(hosts, '\n')) {
    const absl::string_view address = AddressOf(line, name);
    if (!address.empty()) addresses.emplace_back(address);
  }
  return addresses;
}

std::string MissingHosts(absl::string_view hosts, absl::string_view host_name) {
  std::string missing;
  if (!Names(hosts, kLocalHost)) {
    missing = absl::StrCat("127.0.0.1\t", kLocalHost, "\n::1\t", kLocalHost, "\n");
  }
  // As Debian has it for a machine without a lasting address.
  if (!host_name.empty() && host_name != kLocalHost && !Names(hosts, host_name)) {
    absl::StrAppend(&missing, "127.0.1.1\t", host_name, "\n");
  }
  return missing;
}

absl::Status CompleteHosts(const std::string& path, absl::string_view host_name) {
  // An image may have a pipe there, which must not hold us up.
  constexpr int kFlags = O_RDWR | O_APPEND | O_CREAT | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
  UniqueFd file(::open(path.c_str(), kFlags, 0644));
  if (!file && errno == ENOENT) {
    MakeParent(path);
    file.Reset(::open(path.c_str(), kFlags, 0644));
  }
  if (!file) return ErrnoStatus(path);
  struct stat info;
  if (::fstat(file.get(), &info) != 0) return ErrnoStatus(path);
  if (!S_ISREG(info.st_mode) || info.st_size > static_cast<off_t>(kMaxHostsBytes)) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": no file of ", kMaxHostsBytes,
                                                   " bytes at most; localhost may be unknown"));
  }
  std::string hosts(static_cast<size_t>(info.st_size), '\0');
  ASSIGN_OR_RETURN(const size_t size, ReadUpTo(file.get(), hosts.data(), hosts.size()));
  hosts.resize(size);
  std::string missing = MissingHosts(hosts, host_name);
  if (missing.empty()) return absl::OkStatus();
  if (!hosts.empty() && hosts.back() != '\n') missing.insert(0, "\n");
  return WriteAll(file.get(), missing);
}

}  // namespace voidbox
