#include "agent/http/request_fields.h"

#include <cstdint>
#include <initializer_list>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/bounded_json.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

using agent::Request;
using nlohmann::json;

bool Has(const json& body, const char* name) {
  const auto field = body.find(name);
  return field != body.end() && !field->is_null();
}

// Exactly one of two.
absl::Status CheckEither(const json& body, const char* one, const char* other) {
  if (Has(body, one) != Has(body, other)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("fields ", one, " and ", other, ": give one of them, and not both"));
}

template <typename Message>
absl::Status AddEnvironment(const json& body, Message& request) {
  ASSIGN_OR_RETURN(const json env, ObjectField(body, "env"));
  for (auto variable = env.begin(); variable != env.end(); ++variable) {
    const auto* const value = variable->get_ptr<const json::string_t*>();
    if (value == nullptr) {
      return absl::InvalidArgumentError(absl::StrCat(
          "field env: the value of ", variable.key().substr(0, 64), " is not a string"));
    }
    agent::EnvironmentVariable& added = *request.add_environment();
    added.set_name(variable.key());
    added.set_value(*value);
  }
  return absl::OkStatus();
}

absl::StatusOr<uint32_t> Number32(const json& object, const char* name) {
  ASSIGN_OR_RETURN(const uint64_t number, NumberField(object, name));
  if (number > std::numeric_limits<uint32_t>::max()) {
    return absl::InvalidArgumentError(
        absl::StrCat("field ", name, " is ", number, ", more than 4294967295"));
  }
  return static_cast<uint32_t>(number);
}

template <typename Message>
absl::Status SetLimits(const json& body, Message& request) {
  if (!Has(body, "limits")) return absl::OkStatus();
  ASSIGN_OR_RETURN(const json limits, ObjectField(body, "limits"));
  RETURN_IF_ERROR(RejectOtherFields(
      limits, {"memoryBytes", "processes", "cpuMillis", "fileBytes", "openFiles"}));
  agent::ExecLimits& set = *request.mutable_limits();
  ASSIGN_OR_RETURN(const uint64_t memory, NumberField(limits, "memoryBytes"));
  ASSIGN_OR_RETURN(const uint64_t file, NumberField(limits, "fileBytes"));
  ASSIGN_OR_RETURN(const uint32_t processes, Number32(limits, "processes"));
  ASSIGN_OR_RETURN(const uint32_t cpu, Number32(limits, "cpuMillis"));
  ASSIGN_OR_RETURN(const uint32_t files, Number32(limits, "openFiles"));
  set.set_memory_bytes(memory);
  set.set_file_bytes(file);
  set.set_processes(processes);
  set.set_cpu_millis(cpu);
  set.set_open_files(files);
  return absl::OkStatus();
}

// What exec and run-ts have in common.
template <typename Message>
absl::Status SetCommon(const json& body, Message& request) {
  RETURN_IF_ERROR(AddEnvironment(body, request));
  RETURN_IF_ERROR(SetLimits(body, request));
  ASSIGN_OR_RETURN(const uint64_t timeout, NumberField(body, "timeoutMs"));
  request.set_timeout_ms(timeout);
  ASSIGN_OR_RETURN(const std::string input, InputOf(body));
  request.set_stdin(!input.empty());
  return absl::OkStatus();
}

absl::StatusOr<agent::Isolation> IsolationOf(const json& body) {
  ASSIGN_OR_RETURN(const std::string name, StringField(body, "isolation"));
  if (name.empty() || name == "jail") return agent::JAIL;
  if (name == "rootfs") return agent::ROOTFS;
  return absl::InvalidArgumentError("field isolation is neither \"jail\" nor \"rootfs\"");
}

absl::Status SetArguments(const json& body, agent::ExecRequest& request) {
  RETURN_IF_ERROR(CheckEither(body, "cmd", "argv"));
  if (Has(body, "cmd")) {
    ASSIGN_OR_RETURN(const std::string cmd, StringField(body, "cmd"));
    for (const std::string& argument : {std::string("sh"), std::string("-c"), cmd}) {
      request.add_argv(argument);
    }
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(std::vector<std::string> argv, StringsField(body, "argv"));
  for (std::string& argument : argv) request.add_argv(std::move(argument));
  return absl::OkStatus();
}

// "02:00:00:00:00:01" as six bytes.
absl::StatusOr<std::string> MacOf(const json& body) {
  ASSIGN_OR_RETURN(const std::string text, StringField(body, "mac"));
  std::string mac;
  if (text.empty()) return mac;
  for (const absl::string_view byte : absl::StrSplit(text, ':')) {
    const bool good =
        byte.size() == 2 && absl::ascii_isxdigit(byte[0]) && absl::ascii_isxdigit(byte[1]);
    if (!good) {
      return absl::InvalidArgumentError("field mac is not like \"02:00:00:00:00:01\"");
    }
    mac += absl::HexStringToBytes(byte);
  }
  return mac;
}

template <typename Repeated>
absl::Status AddStrings(const json& body, const char* name, Repeated* field) {
  ASSIGN_OR_RETURN(std::vector<std::string> texts, StringsField(body, name));
  for (std::string& text : texts) *field->Add() = std::move(text);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> InputOf(const json& body) {
  if (Has(body, "stdin") && Has(body, "stdinBase64")) {
    return absl::InvalidArgumentError("fields stdin and stdinBase64: give one of them at most");
  }
  ASSIGN_OR_RETURN(const std::string encoded, StringField(body, "stdinBase64"));
  std::string decoded;
  if (!absl::Base64Unescape(encoded, &decoded)) {
    return absl::InvalidArgumentError("field stdinBase64 is not base64");
  }
  if (!encoded.empty()) return decoded;
  return StringField(body, "stdin");
}

absl::StatusOr<Request> ExecRequestOf(const json& body) {
  RETURN_IF_ERROR(
      RejectOtherFields(body, {"cmd", "argv", "cwd", "env", "timeoutMs", "stdin", "stdinBase64",
                               "isolation", "user", "limits", "killTree"}));
  Request request;
  agent::ExecRequest& exec = *request.mutable_exec();
  RETURN_IF_ERROR(SetArguments(body, exec));
  RETURN_IF_ERROR(SetCommon(body, exec));
  ASSIGN_OR_RETURN(*exec.mutable_working_directory(), StringField(body, "cwd"));
  ASSIGN_OR_RETURN(*exec.mutable_user(), StringField(body, "user"));
  ASSIGN_OR_RETURN(const agent::Isolation isolation, IsolationOf(body));
  exec.set_isolation(isolation);
  ASSIGN_OR_RETURN(const bool kill_tree, BoolField(body, "killTree"));
  exec.set_kill_tree(kill_tree);
  return request;
}

absl::StatusOr<Request> RunTsRequestOf(const json& body) {
  RETURN_IF_ERROR(RejectOtherFields(body, {"code", "path", "args", "env", "allowNet", "timeoutMs",
                                           "stdin", "stdinBase64", "limits"}));
  RETURN_IF_ERROR(CheckEither(body, "code", "path"));
  Request request;
  agent::RunTsRequest& run = *request.mutable_run_ts();
  if (Has(body, "code")) {
    ASSIGN_OR_RETURN(*run.mutable_code(), StringField(body, "code"));
  } else {
    ASSIGN_OR_RETURN(*run.mutable_path(), StringField(body, "path"));
  }
  RETURN_IF_ERROR(AddStrings(body, "args", run.mutable_arguments()));
  RETURN_IF_ERROR(SetCommon(body, run));
  ASSIGN_OR_RETURN(const bool allow_net, BoolField(body, "allowNet"));
  run.set_allow_net(allow_net);
  return request;
}

absl::StatusOr<Request> FirewallRequestOf(const json& body) {
  RETURN_IF_ERROR(RejectOtherFields(body, {"allowIps", "outboundInternet"}));
  Request request;
  agent::FirewallRequest& firewall = *request.mutable_firewall();
  RETURN_IF_ERROR(AddStrings(body, "allowIps", firewall.mutable_allowed()));
  ASSIGN_OR_RETURN(const bool internet, BoolField(body, "outboundInternet"));
  firewall.set_outbound_internet(internet);
  return request;
}

absl::StatusOr<Request> NetworkRequestOf(const json& body) {
  RETURN_IF_ERROR(
      RejectOtherFields(body, {"interface", "addresses", "gateways", "nameServers", "mtu", "mac"}));
  Request request;
  agent::NetworkRequest& network = *request.mutable_network();
  ASSIGN_OR_RETURN(*network.mutable_interface(), StringField(body, "interface"));
  RETURN_IF_ERROR(AddStrings(body, "addresses", network.mutable_addresses()));
  RETURN_IF_ERROR(AddStrings(body, "gateways", network.mutable_gateways()));
  RETURN_IF_ERROR(AddStrings(body, "nameServers", network.mutable_name_servers()));
  ASSIGN_OR_RETURN(const uint32_t mtu, Number32(body, "mtu"));
  network.set_mtu(mtu);
  ASSIGN_OR_RETURN(*network.mutable_mac(), MacOf(body));
  return request;
}

absl::StatusOr<Request> TimeSyncRequestOf(const json& body) {
  constexpr uint64_t kNanosecondsPerMillisecond = 1'000'000;
  RETURN_IF_ERROR(RejectOtherFields(body, {"unixMs"}));
  if (!Has(body, "unixMs")) return absl::InvalidArgumentError("field unixMs is missing");
  ASSIGN_OR_RETURN(const uint64_t ms, NumberField(body, "unixMs"));
  if (ms > std::numeric_limits<int64_t>::max() / kNanosecondsPerMillisecond) {
    return absl::InvalidArgumentError(absl::StrCat("field unixMs: ", ms, " is not a time"));
  }
  Request request;
  request.mutable_time_sync()->set_realtime_ns(
      static_cast<int64_t>(ms * kNanosecondsPerMillisecond));
  return request;
}

}  // namespace voidbox
