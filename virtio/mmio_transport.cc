#include "virtio/mmio_transport.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/errno_status.h"
#include "base/log.h"
#include "base/status_macros.h"
#include "virtio/spec.h"

namespace voidbox {
namespace {

// Devices save what is in flight, which their queues and buffers bound to far less.
constexpr size_t kMaxStateBytes = 64 << 20;

}  // namespace

absl::StatusOr<std::unique_ptr<MmioTransport>> MmioTransport::Create(
    std::unique_ptr<VirtioDevice> device, EventLoop& loop, const GuestMemory& memory,
    InterruptLine& line) {
  const DeviceIdentity& identity = device->identity();
  if (identity.config.size() > kMmioRegionBytes - VIRTIO_MMIO_CONFIG) {
    return absl::InvalidArgumentError(
        absl::StrCat(identity.name, ": ", identity.config.size(), " bytes of configuration space"));
  }
  std::vector<UniqueFd> notify;
  for (size_t i = 0; i < identity.queue_sizes.size(); ++i) {
    notify.emplace_back(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!notify.back()) return ErrnoStatus("eventfd of a queue");
  }
  return std::unique_ptr<MmioTransport>(
      new MmioTransport(std::move(device), loop, memory, line, std::move(notify)));
}

MmioTransport::MmioTransport(std::unique_ptr<VirtioDevice> device, EventLoop& loop,
                             const GuestMemory& memory, InterruptLine& line,
                             std::vector<UniqueFd> notify)
    : device_(std::move(device)),
      loop_(loop),
      memory_(memory),
      line_(line),
      notify_(std::move(notify)),
      registers_(device_->identity()),
      config_(device_->identity().config),
      self_(std::make_shared<MmioTransport*>(this)) {}

MmioTransport::~MmioTransport() {
  Deactivate();
  device_.reset();  // waits for its threads, which use the rest
}

std::vector<int> MmioTransport::notify_fds() const {
  std::vector<int> fds;
  for (const UniqueFd& fd : notify_) fds.push_back(fd.get());
  return fds;
}

void MmioTransport::Post(std::function<void()> task) {
  loop_.Post([self = std::weak_ptr<MmioTransport*>(self_), task = std::move(task)] {
    // The transport ends on the loop's thread, so it cannot do so between the check and the call.
    if (!self.expired()) task();
  });
}

// --- Accesses of the guest -----------------------------------------------------------------------

void MmioTransport::Read(uint64_t offset, std::span<std::byte> out) {
  std::fill(out.begin(), out.end(), std::byte{0});
  if (offset >= VIRTIO_MMIO_CONFIG) return ReadConfig(offset - VIRTIO_MMIO_CONFIG, out);
  if (out.size() != sizeof(uint32_t) || offset % sizeof(uint32_t) != 0) return;
  const uint32_t value = ReadRegister(static_cast<uint32_t>(offset));
  std::memcpy(out.data(), &value, sizeof(value));
}

void MmioTransport::Write(uint64_t offset, std::span<const std::byte> in) {
  if (offset >= VIRTIO_MMIO_CONFIG) return;  // no device of ours has a field for the driver
  if (in.size() != sizeof(uint32_t) || offset % sizeof(uint32_t) != 0) return;
  uint32_t value;
  std::memcpy(&value, in.data(), sizeof(value));
  WriteRegister(static_cast<uint32_t>(offset), value);
}

uint32_t MmioTransport::ReadRegister(uint32_t offset) {
  if (offset == VIRTIO_MMIO_INTERRUPT_STATUS) return interrupt_status_.load();
  MutexLock lock(mutex_);
  return registers_.Read(offset);
}

void MmioTransport::WriteRegister(uint32_t offset, uint32_t value) {
  switch (offset) {
    case VIRTIO_MMIO_QUEUE_NOTIFY:
      if (value < notify_.size()) NotifyAgain(static_cast<uint16_t>(value));
      return;
    case VIRTIO_MMIO_INTERRUPT_ACK:
      interrupt_status_.fetch_and(~value);
      return;
    case VIRTIO_MMIO_STATUS:
      return WriteStatus(value);
    default: {
      MutexLock lock(mutex_);
      if (!resetting_) registers_.Write(offset, value);
    }
  }
}

void MmioTransport::ReadConfig(uint64_t offset, std::span<std::byte> out) {
  if (!std::has_single_bit(out.size()) || out.size() > sizeof(uint64_t)) return;
  MutexLock lock(mutex_);
  if (offset >= config_.size()) return;
  std::memcpy(out.data(), config_.data() + offset,
              std::min<size_t>(out.size(), config_.size() - offset));
}

void MmioTransport::WriteStatus(uint32_t value) {
  MutexLock lock(mutex_);
  if (value == 0) return ResetAndWait();
  if (resetting_ || !registers_.WriteStatus(value)) return;
  activation_pending_ = true;
  Post([this] { ActivatePending(); });
}

// The registers alone belong to vCPU threads: without DRIVER_OK the device has nothing to forget.
void MmioTransport::ResetAndWait() {
  if (!resetting_) {
    if (!registers_.driver_ok()) {
      registers_.Reset();
      interrupt_status_.store(0);
      return;
    }
    resetting_ = true;
    if (loop_.OnLoopThread()) {
      mutex_.Unlock();
      BeginReset();
      mutex_.Lock();
      return;
    }
    Post([this] { BeginReset(); });
  }
  while (resetting_ && !loop_.OnLoopThread()) reset_done_.Wait(mutex_);
}

// --- The device's side ---------------------------------------------------------------------------

void MmioTransport::Raise(uint32_t cause) {
  // A cause that the driver has not acknowledged yet was announced already; it looks at its rings
  // after the acknowledgement (§4.2.2.1), so one edge does for both.
  if ((interrupt_status_.fetch_or(cause) & cause) == 0) line_.Trigger();
}

void MmioTransport::NotifyAgain(uint16_t queue) {
  const uint64_t one = 1;
  // Fails only when the counter is full, and then it is readable anyway.
  [[maybe_unused]] const ssize_t written = ::write(notify_[queue].get(), &one, sizeof(one));
}

void MmioTransport::Fail(absl::Status error) {
  if (activity_ != Activity::kActive || !failure_.ok()) return;
  failure_ = std::move(error);
  Post([this] { ReportFailure(); });
}

void MmioTransport::ReportFailure() {
  if (!failure_.ok()) Break(failure_);
}

void MmioTransport::SetConfig(absl::string_view config) {
  {
    MutexLock lock(mutex_);
    Check(config.size() == config_.size(), "a configuration space keeps its size");
    config_ = std::string(config);
    registers_.IncrementConfigGeneration();
    if (!registers_.driver_ok()) return;
  }
  RaiseConfig();
}

void MmioTransport::ActivatePending() {
  {
    MutexLock lock(mutex_);
    // Reset came first, or another activation did this one's work.
    if (!std::exchange(activation_pending_, false) || resetting_) return;
  }
  if (absl::Status status = Activate({}); !status.ok()) Break(status);
}

absl::Status MmioTransport::Activate(const std::vector<QueueProgress>& progress) {
  std::vector<QueueConfig> configs;
  uint64_t features;
  {
    MutexLock lock(mutex_);
    configs = registers_.queues();
    features = registers_.features();
  }
  for (size_t i = 0; i < configs.size(); ++i) {
    if (!configs[i].ready) {
      return absl::FailedPreconditionError(absl::StrCat("queue ", i, " is not ready"));
    }
    absl::StatusOr<Queue> queue =
        Queue::Activate(configs[i], device_->identity().queue_sizes[i], features, memory_, *this,
                        i < progress.size() ? progress[i] : QueueProgress());
    if (!queue.ok()) {
      return absl::Status(queue.status().code(),
                          absl::StrCat("queue ", i, ": ", queue.status().message()));
    }
    queues_.push_back(*std::move(queue));
  }
  activity_ = Activity::kActive;
  RETURN_IF_ERROR(device_->Activate(
      {.features = features, .queues = queues_, .interrupt = this, .transport = this}));
  for (size_t i = 0; i < notify_.size(); ++i) {
    // Edge-triggered: every notification is a new edge, and nobody needs to read the counter.
    ASSIGN_OR_RETURN(EventLoop::Watch watch,
                     loop_.Add(notify_[i].get(), EPOLLIN | EPOLLET,
                               [this, i](uint32_t) { HandleNotify(static_cast<uint16_t>(i)); }));
    watches_.push_back(std::move(watch));
  }
  return absl::OkStatus();
}

void MmioTransport::HandleNotify(uint16_t queue) {
  if (quiet_ != Quiet::kNo) return;  // Resume has every queue looked at
  if (absl::Status status = device_->HandleNotify(queue); !status.ok()) {
    Break(absl::Status(status.code(), absl::StrCat("queue ", queue, ": ", status.message())));
  }
}

void MmioTransport::Deactivate() {
  watches_.clear();
  failure_ = absl::OkStatus();
  if (activity_ == Activity::kNone) return queues_.clear();  // of an activation that failed
  if (activity_ == Activity::kStopping) return;
  activity_ = Activity::kStopping;
  device_->Reset([this] { DeviceStopped(); });
}

void MmioTransport::DeviceStopped() {
  activity_ = Activity::kNone;
  queues_.clear();
  if (reset_begun_) FinishReset();
  if (quiet_ == Quiet::kBegun) DeviceQuiet();
}

void MmioTransport::Break(const absl::Status& error) {
  const std::string message(error.message());  // `error` may be failure_
  Deactivate();
  // A guest can do this as often as it likes; what it can make us write stays small.
  if (std::has_single_bit(++breakages_)) {
    LogWarning("virtio ", device_->identity().name, ": ", message, ", needs reset (", breakages_,
               breakages_ == 1 ? " time)" : " times)");
  }
  {
    MutexLock lock(mutex_);
    registers_.SetNeedsReset();
  }
  RaiseConfig();  // §2.1.2
}

void MmioTransport::BeginReset() {
  reset_begun_ = true;
  Deactivate();
  if (reset_begun_ && activity_ == Activity::kNone) FinishReset();
}

void MmioTransport::FinishReset() {
  reset_begun_ = false;
  MutexLock lock(mutex_);
  registers_.Reset();
  interrupt_status_.store(0);
  activation_pending_ = false;
  resetting_ = false;
  reset_done_.NotifyAll();
}

// --- Pauses and snapshots ------------------------------------------------------------------------

void MmioTransport::Quiesce(std::function<void()> done) {
  Check(quiet_ == Quiet::kNo, "one Quiesce at a time");
  // What vCPUs and the device have posted before.
  ActivatePending();
  ReportFailure();
  quiet_ = Quiet::kBegun;
  quiesced_ = std::move(done);
  if (activity_ == Activity::kActive) return device_->Quiesce([this] { DeviceQuiet(); });
  if (activity_ == Activity::kNone) DeviceQuiet();
}

void MmioTransport::DeviceQuiet() {
  for (Queue& queue : queues_) {
    queue.Signal();
    Check(queue.in_flight() == 0, "a quiesced device holds no chains");
  }
  quiet_ = Quiet::kYes;
  std::exchange(quiesced_, nullptr)();
}

void MmioTransport::Resume() {
  if (quiet_ == Quiet::kNo) return;
  quiet_ = Quiet::kNo;
  quiesced_ = nullptr;
  if (activity_ != Activity::kActive) return;
  device_->Resume();
  for (size_t i = 0; i < notify_.size(); ++i) NotifyAgain(static_cast<uint16_t>(i));
}

absl::StatusOr<std::string> MmioTransport::Save() {
  if (quiet_ != Quiet::kYes) return absl::FailedPreconditionError("the device is not quiesced");
  TransportState state;
  if (activity_ == Activity::kActive) {
    ASSIGN_OR_RETURN(*state.mutable_device(), device_->Save());
  }
  {
    MutexLock lock(mutex_);
    if (resetting_) return absl::FailedPreconditionError("a reset is going on");
    registers_.Save(state);
    state.set_config(config_);
  }
  for (size_t i = 0; i < queues_.size(); ++i) {
    state.mutable_queues(static_cast<int>(i))->set_next_index(queues_[i].progress().next_used);
  }
  state.set_interrupt_status(interrupt_status_.load());
  return state.SerializeAsString();
}

absl::Status MmioTransport::RestoreRegisters(const TransportState& state) {
  MutexLock lock(mutex_);
  if (activity_ != Activity::kNone || registers_.Read(VIRTIO_MMIO_STATUS) != 0) {
    return absl::FailedPreconditionError("the device is in use");
  }
  if (state.config().size() != config_.size() || state.config() != config_) {
    return absl::InvalidArgumentError("the configuration space is another");
  }
  if ((state.interrupt_status() & ~(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG)) != 0) {
    return absl::InvalidArgumentError(absl::StrCat("interrupt status ", state.interrupt_status()));
  }
  RETURN_IF_ERROR(registers_.Restore(state));
  // Before the device goes on, which may add to it.
  interrupt_status_.store(state.interrupt_status());
  return absl::OkStatus();
}

absl::Status MmioTransport::Restore(absl::string_view bytes) {
  TransportState state;
  if (bytes.size() > kMaxStateBytes ||
      !state.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return absl::InvalidArgumentError("transport state does not parse");
  }
  RETURN_IF_ERROR(RestoreRegisters(state));
  std::vector<QueueProgress> progress;
  for (const QueueState& queue : state.queues()) {
    const auto index = static_cast<uint16_t>(queue.next_index());
    progress.push_back({.next_available = index, .next_used = index});
  }
  const bool active = (state.status() & VIRTIO_STATUS_DRIVER_OK) != 0 &&
                      (state.status() & VIRTIO_STATUS_DEVICE_NEEDS_RESET) == 0;
  if (active) {
    absl::Status status = Activate(progress);
    if (status.ok()) status = device_->Restore(state.device());
    if (!status.ok()) {
      BeginReset();
      return status;
    }
    for (size_t i = 0; i < notify_.size(); ++i) NotifyAgain(static_cast<uint16_t>(i));
  }
  if (state.interrupt_status() != 0) line_.Trigger();
  return absl::OkStatus();
}

}  // namespace voidbox
