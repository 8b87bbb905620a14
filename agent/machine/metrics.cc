#include "agent/machine/metrics.h"

#include <dirent.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/errno_status.h"
#include "base/io.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kMaxProcBytes = 256 << 10;

absl::Status Missing(absl::string_view file, absl::string_view what) {
  return absl::InvalidArgumentError(absl::StrCat("/proc/", file, ": no ", what));
}

std::vector<absl::string_view> Words(absl::string_view line) {
  return absl::StrSplit(line, absl::ByAnyChar(" \t\n"), absl::SkipEmpty());
}

// "12.34" in thousandths; more digits are cut off.
bool ParseThousandths(absl::string_view word, uint64_t& thousandths) {
  const size_t point = word.find('.');
  uint64_t whole = 0;
  if (!absl::SimpleAtoi(word.substr(0, point), &whole)) return false;
  std::string digits =
      point == absl::string_view::npos ? "" : std::string(word.substr(point + 1, 3));
  digits.resize(3, '0');
  uint64_t fraction = 0;
  if (!absl::SimpleAtoi(digits, &fraction)) return false;
  // Of load averages and of seconds since the start.
  constexpr uint64_t kMost = uint64_t{1} << 50;
  if (whole > kMost) return false;
  thousandths = whole * 1000 + fraction;
  return true;
}

// The processes that /proc lists.
absl::StatusOr<uint32_t> CountProcesses(const std::string& proc) {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir(proc.c_str()), ::closedir);
  if (directory == nullptr) return ErrnoStatus(proc);
  uint32_t count = 0;
  while (const dirent* const entry = ::readdir(directory.get())) {
    if (absl::ascii_isdigit(static_cast<unsigned char>(entry->d_name[0]))) ++count;
  }
  return count;
}

struct Disk {
  uint64_t total = 0;
  uint64_t available = 0;
};

absl::StatusOr<Disk> ReadDisk(const std::string& path) {
  struct statvfs disk;
  if (::statvfs(path.c_str(), &disk) != 0) return ErrnoStatus(path);
  return Disk{.total = disk.f_blocks * disk.f_frsize, .available = disk.f_bavail * disk.f_frsize};
}

absl::Status ReadDisks(const MetricsSources& sources, agent::Metrics& metrics) {
  ASSIGN_OR_RETURN(const Disk root, ReadDisk(sources.root));
  metrics.set_disk_total_bytes(root.total);
  metrics.set_disk_available_bytes(root.available);
  const absl::StatusOr<Disk> workspace = ReadDisk(sources.workspace);
  if (!workspace.ok())
    return absl::IsNotFound(workspace.status()) ? absl::OkStatus() : workspace.status();
  metrics.set_workspace_total_bytes(workspace->total);
  metrics.set_workspace_available_bytes(workspace->available);
  return absl::OkStatus();
}

}  // namespace

absl::Status ParseStat(absl::string_view text, uint64_t ticks_per_second, agent::Metrics& metrics) {
  // cpu user nice system idle iowait irq softirq steal ...
  constexpr size_t kTimes = 8;
  uint32_t cpus = 0;
  bool found = false;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (!absl::StartsWith(line, "cpu")) continue;
    const std::vector<absl::string_view> words = Words(line);
    if (words[0] != "cpu") {
      ++cpus;
      continue;
    }
    std::array<uint64_t, kTimes> ticks;
    if (words.size() <= kTimes) return Missing("stat", "times of the processors");
    for (size_t i = 0; i < kTimes; ++i) {
      if (!absl::SimpleAtoi(words[i + 1], &ticks[i])) return Missing("stat", "number in line cpu");
    }
    const auto ms = [&](uint64_t count) { return count * 1000 / ticks_per_second; };
    metrics.set_cpu_user_ms(ms(ticks[0] + ticks[1]));
    metrics.set_cpu_system_ms(ms(ticks[2] + ticks[5] + ticks[6]));
    metrics.set_cpu_idle_ms(ms(ticks[3] + ticks[4]));
    found = true;
  }
  if (!found || cpus == 0) return Missing("stat", "line of a processor");
  metrics.set_cpus(cpus);
  return absl::OkStatus();
}

absl::Status ParseMemory(absl::string_view text, agent::Metrics& metrics) {
  uint32_t found = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words = Words(line);
    uint64_t kib = 0;
    if (words.size() < 2 || !absl::SimpleAtoi(words[1], &kib)) continue;
    const uint64_t bytes = kib << 10;
    ++found;
    if (words[0] == "MemTotal:") {
      metrics.set_memory_total_bytes(bytes);
    } else if (words[0] == "MemAvailable:") {
      metrics.set_memory_available_bytes(bytes);
    } else if (words[0] == "MemFree:") {
      metrics.set_memory_free_bytes(bytes);
    } else if (words[0] == "Cached:") {
      metrics.set_memory_cached_bytes(bytes);
    } else {
      --found;
    }
  }
  return found == 4 ? absl::OkStatus() : Missing("meminfo", "total, available, free or cached");
}

absl::Status ParseLoad(absl::string_view text, agent::Metrics& metrics) {
  const std::vector<absl::string_view> words = Words(text);
  uint64_t one, five, fifteen;
  if (words.size() < 3 || !ParseThousandths(words[0], one) || !ParseThousandths(words[1], five) ||
      !ParseThousandths(words[2], fifteen)) {
    return Missing("loadavg", "three averages");
  }
  metrics.set_load_1_millis(static_cast<uint32_t>(one));
  metrics.set_load_5_millis(static_cast<uint32_t>(five));
  metrics.set_load_15_millis(static_cast<uint32_t>(fifteen));
  return absl::OkStatus();
}

absl::Status ParseNetworkDevices(absl::string_view text, agent::Metrics& metrics) {
  // "  eth0: bytes packets errs drop fifo frame compressed multicast bytes ..." after two lines of
  // heads, which have no colon.
  constexpr size_t kReceived = 0;
  constexpr size_t kSent = 8;
  uint64_t received = 0;
  uint64_t sent = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const size_t colon = line.find(':');
    if (colon == absl::string_view::npos) continue;
    if (absl::StripAsciiWhitespace(line.substr(0, colon)) == "lo") continue;
    const std::vector<absl::string_view> words = Words(line.substr(colon + 1));
    uint64_t in, out;
    if (words.size() <= kSent || !absl::SimpleAtoi(words[kReceived], &in) ||
        !absl::SimpleAtoi(words[kSent], &out)) {
      return Missing("net/dev", "number of bytes");
    }
    received += in;
    sent += out;
  }
  metrics.set_network_received_bytes(received);
  metrics.set_network_sent_bytes(sent);
  return absl::OkStatus();
}

absl::Status ParseUptime(absl::string_view text, agent::Metrics& metrics) {
  const std::vector<absl::string_view> words = Words(text);
  uint64_t ms;
  if (words.empty() || !ParseThousandths(words[0], ms)) return Missing("uptime", "number");
  metrics.set_uptime_ms(ms);
  return absl::OkStatus();
}

absl::Status ParseOwnMemory(absl::string_view text, uint64_t page_bytes, agent::Metrics& metrics) {
  const std::vector<absl::string_view> words = Words(text);
  uint64_t pages;
  if (words.size() < 2 || !absl::SimpleAtoi(words[1], &pages)) {
    return Missing("self/statm", "resident pages");
  }
  metrics.set_agent_resident_bytes(pages * page_bytes);
  return absl::OkStatus();
}

absl::StatusOr<agent::Metrics> ReadMetrics(const MetricsSources& sources) {
  const auto read = [&](absl::string_view name) {
    return ReadFile(absl::StrCat(sources.proc, "/", name), kMaxProcBytes);
  };
  agent::Metrics metrics;
  ASSIGN_OR_RETURN(const std::string stat, read("stat"));
  RETURN_IF_ERROR(ParseStat(stat, static_cast<uint64_t>(::sysconf(_SC_CLK_TCK)), metrics));
  ASSIGN_OR_RETURN(const std::string memory, read("meminfo"));
  RETURN_IF_ERROR(ParseMemory(memory, metrics));
  ASSIGN_OR_RETURN(const std::string load, read("loadavg"));
  RETURN_IF_ERROR(ParseLoad(load, metrics));
  ASSIGN_OR_RETURN(const std::string uptime, read("uptime"));
  RETURN_IF_ERROR(ParseUptime(uptime, metrics));
  ASSIGN_OR_RETURN(const std::string devices, read("net/dev"));
  RETURN_IF_ERROR(ParseNetworkDevices(devices, metrics));
  ASSIGN_OR_RETURN(const std::string own, read("self/statm"));
  RETURN_IF_ERROR(ParseOwnMemory(own, static_cast<uint64_t>(::sysconf(_SC_PAGESIZE)), metrics));
  ASSIGN_OR_RETURN(const uint32_t processes, CountProcesses(sources.proc));
  metrics.set_processes(processes);
  RETURN_IF_ERROR(ReadDisks(sources, metrics));
  return metrics;
}

}  // namespace voidbox
