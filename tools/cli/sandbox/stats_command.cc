#include "tools/cli/sandbox/stats_command.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/event_loop.h"
#include "base/io.h"
#include "base/status_macros.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/human_units.h"
#include "tools/cli/output_format.h"
#include "tools/cli/parse.h"
#include "tools/cli/sandbox/ask.h"
#include "tools/cli/sandbox/guest_json.h"
#include "tools/cli/sandbox/sandboxes.h"
#include "tools/cli/signal_source.h"

namespace voidbox {
namespace {

// A guest that is slow to answer holds the table up so long.
constexpr absl::Duration kPatience = absl::Seconds(5);

struct Sample {
  SandboxRecord record;
  absl::StatusOr<agent::Metrics> guest = absl::UnknownError("not asked");
  uint64_t vmm_resident_bytes = 0;
  double vmm_cpu_seconds = 0;
  absl::Time taken;
};

// utime and stime, fields 14 and 15 of /proc/PID/stat (proc(5)).
double CpuSeconds(pid_t pid) {
  const auto stat = ReadFile(absl::StrCat("/proc/", pid, "/stat"), 4096);
  if (!stat.ok()) return 0;
  const size_t name_end = stat->rfind(')');
  if (name_end == std::string::npos) return 0;
  const std::vector<absl::string_view> fields =
      absl::StrSplit(absl::string_view(*stat).substr(name_end + 1), ' ', absl::SkipEmpty());
  uint64_t user = 0;
  uint64_t system = 0;
  if (fields.size() < 13 || !absl::SimpleAtoi(fields[11], &user) ||
      !absl::SimpleAtoi(fields[12], &system)) {
    return 0;
  }
  return static_cast<double>(user + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

// Field 2 of /proc/PID/statm.
uint64_t ResidentBytes(pid_t pid) {
  const auto statm = ReadFile(absl::StrCat("/proc/", pid, "/statm"), 4096);
  if (!statm.ok()) return 0;
  const std::vector<absl::string_view> fields = absl::StrSplit(*statm, ' ');
  uint64_t pages = 0;
  if (fields.size() < 2 || !absl::SimpleAtoi(fields[1], &pages)) return 0;
  return pages * static_cast<uint64_t>(::sysconf(_SC_PAGESIZE));
}

absl::StatusOr<agent::Metrics> MetricsOf(const Sandboxes& sandboxes, const SandboxRecord& record) {
  ASSIGN_OR_RETURN(UniqueFd vsock, sandboxes.Connect(record, kVsockSocket));
  agent::Request request;
  request.mutable_metrics();
  ASSIGN_OR_RETURN(const agent::ServerFrame frame,
                   AskAgent(std::move(vsock), request, agent::ServerFrame::kMetrics, kPatience));
  return frame.metrics();
}

absl::StatusOr<std::vector<Sample>> Take(Sandboxes& sandboxes,
                                         const std::vector<std::string>& names) {
  std::vector<SandboxRecord> records;
  if (names.empty()) {
    ASSIGN_OR_RETURN(records, sandboxes.Living());
  }
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(SandboxRecord record, sandboxes.FindLiving(name));
    records.push_back(std::move(record));
  }
  std::vector<Sample> samples;
  for (SandboxRecord& record : records) {
    Sample sample;
    sample.guest = MetricsOf(sandboxes, record);
    sample.vmm_resident_bytes = ResidentBytes(record.vmm.pid);
    sample.vmm_cpu_seconds = CpuSeconds(record.vmm.pid);
    sample.taken = absl::Now();
    sample.record = std::move(record);
    samples.push_back(std::move(sample));
  }
  return samples;
}

using Earlier = std::map<std::string, std::pair<absl::Time, double>>;

// Of a processor, since the sample before, or since the sandbox was made.
double CpuPercent(const Sample& sample, const Earlier& earlier) {
  const auto found = earlier.find(sample.record.id);
  const absl::Time since = found != earlier.end()
                               ? found->second.first
                               : absl::FromUnixSeconds(sample.record.created_unix_seconds);
  const double before = found != earlier.end() ? found->second.second : 0;
  const double seconds = std::max(0.001, absl::ToDoubleSeconds(sample.taken - since));
  return 100 * (sample.vmm_cpu_seconds - before) / seconds;
}

std::string Table(const std::vector<Sample>& samples, const Earlier& earlier) {
  std::vector<std::vector<std::string>> rows = {{"ID", "NAME", "CPU %", "MEMORY USED / TOTAL",
                                                 "HOST MEMORY", "PROCESSES", "EXECS",
                                                 "LEFT RUNNING", "LOAD", "DISK USED / TOTAL"}};
  for (const Sample& sample : samples) {
    std::vector<std::string> row = {sample.record.id, sample.record.name,
                                    absl::StrFormat("%.1f", CpuPercent(sample, earlier))};
    if (sample.guest.ok()) {
      const agent::Metrics& guest = *sample.guest;
      row.push_back(absl::StrCat(
          HumanBytes(guest.memory_total_bytes() -
                     std::min(guest.memory_total_bytes(), guest.memory_available_bytes())),
          " / ", HumanBytes(guest.memory_total_bytes())));
      row.push_back(HumanBytes(sample.vmm_resident_bytes));
      row.push_back(absl::StrCat(guest.processes()));
      row.push_back(absl::StrCat(guest.running_execs()));
      row.push_back(absl::StrCat(guest.left_processes()));
      row.push_back(absl::StrFormat("%.2f", guest.load_1_millis() / 1000.0));
      row.push_back(
          absl::StrCat(HumanBytes(guest.disk_total_bytes() -
                                  std::min(guest.disk_total_bytes(), guest.disk_available_bytes())),
                       " / ", HumanBytes(guest.disk_total_bytes())));
    } else {
      row.insert(row.end(), {"?", HumanBytes(sample.vmm_resident_bytes), "?", "?", "?", "?",
                             std::string(sample.guest.status().message())});
    }
    rows.push_back(std::move(row));
  }
  return FormatTable(rows);
}

nlohmann::json Json(const std::vector<Sample>& samples, const Earlier& earlier) {
  nlohmann::json list = nlohmann::json::array();
  for (const Sample& sample : samples) {
    nlohmann::json one = {{"id", sample.record.id},
                          {"name", sample.record.name},
                          {"cpu_percent", CpuPercent(sample, earlier)},
                          {"vmm_resident_bytes", sample.vmm_resident_bytes},
                          {"vmm_cpu_seconds", sample.vmm_cpu_seconds}};
    if (sample.guest.ok()) {
      one["guest"] = ToJson(*sample.guest);
    } else {
      one["error"] = sample.guest.status().message();
    }
    list.push_back(std::move(one));
  }
  return list;
}

// The table anew at every turn, until a signal ends it.
class LiveTable {
 public:
  LiveTable(EventLoop& loop, Sandboxes& sandboxes, const std::vector<std::string>& names,
            absl::Duration interval)
      : loop_(loop), sandboxes_(sandboxes), names_(names), interval_(interval) {}

  absl::Status Start() {
    ASSIGN_OR_RETURN(signals_, SignalSource::Create(loop_, [this](int) { loop_.Stop(); }));
    ASSIGN_OR_RETURN(timer_, loop_.AddTimer([this] { Draw(); }));
    Draw();
    return absl::OkStatus();
  }
  const absl::Status& status() const { return status_; }

 private:
  void Draw() {
    auto samples = Take(sandboxes_, names_);
    status_ = samples.status();
    if (!status_.ok()) return loop_.Stop();
    // Home, the table, and nothing below it (ECMA-48 CUP and ED).
    const std::string text = absl::StrCat("\x1b[H\x1b[2J", Table(*samples, earlier_));
    if (!WriteAll(STDOUT_FILENO, text).ok()) return loop_.Stop();
    earlier_.clear();
    for (const Sample& sample : *samples) {
      earlier_[sample.record.id] = {sample.taken, sample.vmm_cpu_seconds};
    }
    status_ = timer_.Set(interval_);
    if (!status_.ok()) loop_.Stop();
  }

  EventLoop& loop_;
  Sandboxes& sandboxes_;
  const std::vector<std::string>& names_;
  const absl::Duration interval_;
  Earlier earlier_;
  absl::Status status_;
  std::unique_ptr<SignalSource> signals_;
  EventLoop::Timer timer_;
};

}  // namespace

FlagParser StatsCommand::AddTo(FlagParser app) {
  const FlagParser stats = app.AddCommand("stats", "Show what sandboxes use");
  stats.Add("ID", names_, "names, ids or beginnings of ids (default: all that run)");
  stats.AddSwitch("--once", once_, "one table, not a live one; so it is when programs read it");
  stats.Add("--interval", interval_, "between two tables").Type("TIME").ShowDefault();
  AddAutoFormat(stats, format_);
  stats.SetFooter(
      "LEFT RUNNING counts the processes of commands that have ended; `voidbox inspect` says whose "
      "they are.\n\nExamples:\n  voidbox stats\n  voidbox stats --format json web | jq "
      "'.[0].guest'");
  return stats;
}

int StatsCommand::Show() const {
  const auto interval = ParseDuration(interval_);
  if (!interval.ok()) return ExitStatusOf(interval.status());
  auto sandboxes = Sandboxes::Open();
  if (!sandboxes.ok()) return ExitStatusOf(sandboxes.status());
  const bool json = WantsJson(format_);
  if (json || once_) {
    const auto samples = Take(*sandboxes, names_);
    if (!samples.ok()) return ExitStatusOf(samples.status());
    if (json) {
      PrintJson(Json(*samples, {}));
    } else {
      std::fputs(Table(*samples, {}).c_str(), stdout);
    }
    return 0;
  }
  auto loop = EventLoop::Create();
  if (!loop.ok()) return ExitStatusOf(loop.status());
  LiveTable table(**loop, *sandboxes, names_, *interval);
  absl::Status status = table.Start();
  if (status.ok() && table.status().ok()) status = (*loop)->Run();
  if (status.ok()) status = table.status();
  return status.ok() ? 0 : ExitStatusOf(status);
}

int StatsCommand::Run(const Invocation& invocation) {
  return RunWhereSandboxesLive(invocation, [this] { return Show(); });
}

}  // namespace voidbox
