#include "agent/exec_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

absl::Status NoSuchExec(uint64_t id) {
  return absl::NotFoundError(absl::StrCat("exec ", id, ": there is none of this id (any more)"));
}

}  // namespace

ExecTable::ExecTable(Exec::Environment environment) : environment_(std::move(environment)) {
  environment_.may_leave = [this] {
    const auto left = std::count_if(execs_.begin(), execs_.end(),
                                    [](const auto& entry) { return entry.second->has_left(); });
    return static_cast<size_t>(left) < kMaxLeft;
  };
  environment_.left_gone = [this](uint64_t id) { Remove(id); };
}

void ExecTable::Remove(uint64_t id) {
  const auto found = execs_.find(id);
  if (found == execs_.end() || found->second->keep() || found->second->has_left()) return;
  execs_.erase(found);
}

// A place for one more that keeps its output.
absl::Status ExecTable::MakeRoom() {
  const auto kept = std::count_if(execs_.begin(), execs_.end(),
                                  [](const auto& entry) { return entry.second->keep(); });
  if (static_cast<size_t>(kept) < kMaxKept) return absl::OkStatus();
  const auto ended = std::find_if(execs_.begin(), execs_.end(), [](const auto& entry) {
    return entry.second->keep() && entry.second->ended();
  });
  if (ended == execs_.end()) {
    return absl::ResourceExhaustedError(absl::StrCat(
        "keep: ", kMaxKept, " execs that keep their output run already; end one of them"));
  }
  ended->second->GiveUp();
  Remove(ended->first);
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<Exec>> ExecTable::Start(Command command,
                                                       Exec::Attachment& attachment) {
  if (command.keep) RETURN_IF_ERROR(MakeRoom());
  const uint64_t id = next_id_++;
  ASSIGN_OR_RETURN(std::shared_ptr<Exec> exec,
                   Exec::Start(environment_, id, std::move(command), attachment));
  execs_.emplace_hint(execs_.end(), id, exec);
  if (attachment.connection.holds() && !ReleaseStartLater(id)) attachment.connection.Release();
  return exec;
}

// One timer for all: what starts while it runs is told sooner. False when there is none.
bool ExecTable::ReleaseStartLater(uint64_t id) {
  if (starting_.empty()) {
    if (!start_timer_) {
      auto timer = environment_.loop.AddTimer([this] { ReleaseStarts(); });
      if (!timer.ok()) return false;
      start_timer_ = *std::move(timer);
    }
    if (!start_timer_->Set(kStartedDelay).ok()) return false;
  }
  starting_.push_back(id);
  return true;
}

void ExecTable::ReleaseStarts() {
  for (const uint64_t id : std::exchange(starting_, {})) {
    const auto found = execs_.find(id);
    if (found == execs_.end()) continue;
    const std::shared_ptr<Exec> exec = found->second;  // its end may remove it
    exec->ReleaseStart();
  }
}

absl::StatusOr<std::shared_ptr<Exec>> ExecTable::FindKept(uint64_t id) const {
  const auto found = execs_.find(id);
  if (found == execs_.end()) return NoSuchExec(id);
  if (!found->second->keep()) {
    return absl::NotFoundError(
        absl::StrCat("exec ", id, ": it was not started with `keep`, so nobody can attach to it"));
  }
  return found->second;
}

agent::ExecList ExecTable::List() const {
  agent::ExecList list;
  for (const auto& [id, exec] : execs_) *list.add_execs() = exec->Info();
  return list;
}

size_t ExecTable::running() const {
  return static_cast<size_t>(std::count_if(
      execs_.begin(), execs_.end(), [](const auto& entry) { return !entry.second->ended(); }));
}

ExecTable::Left ExecTable::CountLeft() const {
  Left left;
  for (const auto& [id, exec] : execs_) {
    if (!exec->has_left()) continue;
    ++left.execs;
    left.processes += exec->left_processes();
  }
  return left;
}

size_t ExecTable::living() const {
  return static_cast<size_t>(std::count_if(execs_.begin(), execs_.end(), [](const auto& entry) {
    return !entry.second->ended() || entry.second->has_left();
  }));
}

absl::Status ExecTable::Kill(const agent::KillExecRequest& request) {
  const auto found = execs_.find(request.id());
  if (found == execs_.end()) return NoSuchExec(request.id());
  if (request.signal() > kMaxSignal) {
    return absl::InvalidArgumentError(
        absl::StrCat("signal: ", request.signal(), " is outside 0 to ", kMaxSignal));
  }
  if (request.signal() == 0) {
    found->second->Kill();
  } else {
    found->second->Signal(static_cast<int>(request.signal()));
  }
  return absl::OkStatus();
}

}  // namespace voidbox
