#include "sandbox/sandbox_record.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

constexpr size_t kIdDigits = 12;

template <typename Number>
bool Take(const nlohmann::json& object, const char* name, Number& value) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_number_integer()) return false;
  value = found->get<Number>();
  return true;
}

void Take(const nlohmann::json& object, const char* name, std::string& text) {
  const auto found = object.find(name);
  if (found != object.end() && found->is_string()) text = found->get<std::string>();
}

void TakeCommand(const nlohmann::json& object, std::vector<std::string>& command) {
  const auto found = object.find("command");
  if (found == object.end() || !found->is_array()) return;
  for (const nlohmann::json& word : *found) {
    if (word.is_string()) command.push_back(word.get<std::string>());
  }
}

void TakeLabels(const nlohmann::json& object, std::map<std::string, std::string>& labels) {
  const auto found = object.find("labels");
  if (found == object.end() || !found->is_object()) return;
  for (const auto& [key, value] : found->items()) {
    if (value.is_string()) labels[key] = value.get<std::string>();
  }
}

bool IsHex(absl::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return absl::ascii_isdigit(static_cast<unsigned char>(c)) || (c >= 'a' && c <= 'f');
  });
}

}  // namespace

nlohmann::json ToJson(const SandboxRecord& record) {
  nlohmann::json json = {
      {"id", record.id},
      {"name", record.name},
      {"pid", record.vmm.pid},
      {"pid_start_time", record.vmm.start_time},
      {"owner_pid", record.owner.pid},
      {"owner_start_time", record.owner.start_time},
      {"kernel", record.kernel},
      {"image", record.image},
      {"image_digest", record.image_digest},
      {"cpus", record.vcpu_count},
      {"memory_bytes", record.memory_bytes},
      {"created", record.created_unix_seconds},
      {"labels", record.labels},
      {"command", record.command},
      {"detached", record.detached},
  };
  if (record.ended_unix_seconds != 0) {
    json["ended"] = record.ended_unix_seconds;
    if (record.exit_status.has_value()) json["exit_status"] = *record.exit_status;
    if (!record.end_reason.empty()) json["end_reason"] = record.end_reason;
  }
  return json;
}

std::optional<SandboxRecord> ParseSandboxRecord(const std::string& id, const std::string& text) {
  const nlohmann::json object = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  SandboxRecord record;
  record.id = id;
  if (!object.is_object() || !Take(object, "pid", record.vmm.pid) ||
      !Take(object, "pid_start_time", record.vmm.start_time)) {
    return std::nullopt;
  }
  Take(object, "owner_pid", record.owner.pid);
  Take(object, "owner_start_time", record.owner.start_time);
  Take(object, "cpus", record.vcpu_count);
  Take(object, "memory_bytes", record.memory_bytes);
  Take(object, "created", record.created_unix_seconds);
  Take(object, "kernel", record.kernel);
  Take(object, "image", record.image);
  Take(object, "image_digest", record.image_digest);
  Take(object, "name", record.name);
  Take(object, "ended", record.ended_unix_seconds);
  Take(object, "end_reason", record.end_reason);
  int exit_status;
  if (Take(object, "exit_status", exit_status)) record.exit_status = exit_status;
  TakeLabels(object, record.labels);
  TakeCommand(object, record.command);
  const auto detached = object.find("detached");
  record.detached = detached != object.end() && detached->is_boolean() && detached->get<bool>();
  return record;
}

absl::Status CheckSandboxName(absl::string_view name) {
  const auto is_plain = [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  };
  if (name.empty() || name.size() > kMaxNameBytes ||
      !absl::ascii_isalnum(static_cast<unsigned char>(name[0])) ||
      !std::all_of(name.begin(), name.end(), is_plain)) {
    return absl::InvalidArgumentError(
        absl::StrCat("name '", name, "': wants 1 to ", kMaxNameBytes,
                     " letters, digits, '.', '_' and '-', and a letter or digit first"));
  }
  if (name.size() == kIdDigits && IsHex(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("name '", name, "': looks like an id; choose another"));
  }
  return absl::OkStatus();
}

absl::StatusOr<SandboxRecord> FindSandbox(const std::vector<SandboxRecord>& records,
                                          absl::string_view text) {
  const SandboxRecord* found = nullptr;
  size_t matches = 0;
  for (const SandboxRecord& record : records) {
    if (record.id == text || (!text.empty() && record.name == text)) return record;
    if (!text.empty() && absl::StartsWith(record.id, text)) {
      found = &record;
      ++matches;
    }
  }
  if (matches == 1) return *found;
  if (matches > 1) {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is the beginning of ", matches,
                                                   " ids; give more of it, see `voidbox ps -a`"));
  }
  return absl::NotFoundError(absl::StrCat("no sandbox '", text, "'; see `voidbox ps -a`"));
}

}  // namespace voidbox
