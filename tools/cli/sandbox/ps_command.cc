#include "tools/cli/sandbox/ps_command.h"

#include <algorithm>
#include <cstdio>
#include <ctime>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "tools/cli/exit_status.h"
#include "tools/cli/human_units.h"
#include "tools/cli/output_format.h"
#include "tools/cli/sandbox/sandboxes.h"

namespace voidbox {
namespace {

constexpr size_t kMaxCommandWidth = 40;

std::string Shortened(const std::vector<std::string>& command) {
  std::string text = absl::StrJoin(command, " ");
  // What a guest's user wrote must not move the cursor.
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < ' ' || c == 0x7f) c = ' ';
  }
  if (text.size() > kMaxCommandWidth)
    text = absl::StrCat(text.substr(0, kMaxCommandWidth - 3), "...");
  return text;
}

std::string Age(int64_t unix_seconds) {
  return HumanDuration(absl::Seconds(std::max<int64_t>(0, ::time(nullptr) - unix_seconds)));
}

bool Matches(const SandboxRecord& record, const std::vector<std::string>& labels) {
  return std::all_of(labels.begin(), labels.end(), [&](const std::string& label) {
    const size_t equals = label.find('=');
    const auto found = record.labels.find(label.substr(0, equals));
    return found != record.labels.end() &&
           (equals == std::string::npos || found->second == label.substr(equals + 1));
  });
}

}  // namespace

FlagParser PsCommand::AddTo(FlagParser app) {
  const FlagParser ps = app.AddCommand("ps", "List the sandboxes that run");
  ps.AddSwitch("-a,--all", all_, "also detached ones that have ended");
  ps.AddSwitch("-q,--quiet", quiet_, "print ids alone");
  ps.Add("--label", labels_, "those with this label; repeatable")
      .Type("NAME[=VALUE]")
      .OneValueEach();
  AddAutoFormat(ps, format_);
  ps.SetFooter(
      "Examples:\n"
      "  voidbox ps -a\n"
      "  voidbox ps -q --label job=7 | xargs voidbox stop");
  return ps;
}

int PsCommand::List() const {
  auto sandboxes = Sandboxes::Open();
  if (!sandboxes.ok()) return ExitStatusOf(sandboxes.status());
  auto records = all_ ? sandboxes->All() : sandboxes->Living();
  if (!records.ok()) return ExitStatusOf(records.status());
  std::vector<std::vector<std::string>> rows = {
      {"ID", "NAME", "IMAGE", "STATE", "AGE", "CPUS", "MEMORY", "COMMAND"}};
  nlohmann::json list = nlohmann::json::array();
  const bool json = !quiet_ && WantsJson(format_);
  for (const SandboxRecord& record : *records) {
    if (!Matches(record, labels_)) continue;
    if (quiet_) {
      std::puts(record.id.c_str());
    } else if (json) {
      nlohmann::json one = ToJson(record);
      one["state"] =
          HasEnded(record) ? (record.ended_unix_seconds == 0 ? "died" : "exited") : "running";
      list.push_back(std::move(one));
    } else {
      rows.push_back({record.id, record.name, record.image.empty() ? "-" : record.image,
                      StateOf(record), Age(record.created_unix_seconds),
                      absl::StrCat(record.vcpu_count), HumanBytes(record.memory_bytes),
                      Shortened(record.command)});
    }
  }
  if (json) PrintJson(list);
  if (!quiet_ && !json) std::fputs(FormatTable(rows).c_str(), stdout);
  return 0;
}

int PsCommand::Run(const Invocation&) { return List(); }

}  // namespace voidbox
