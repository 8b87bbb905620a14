#ifndef VOIDBOX_VIRTIO_VSOCK_MUXER_H_
#define VOIDBOX_VIRTIO_VSOCK_MUXER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/acceptor.h"
#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "virtio/descriptor_chain.h"
#include "virtio/vsock/connection.h"
#include "virtio/vsock/packet.h"
#include "virtio/vsock/rx_queue.h"

namespace voidbox {

struct VsockOptions {
  uint64_t guest_cid = 3;  // the first that is not reserved; each sandbox has a network of its own
  // Host programs connect here (the socket stays when the device ends: a confined process removes
  // no files), and the guest's connections to host port P go to <socket_path>_P.
  // Relative to the working directory.
  std::string socket_path = "vsock.sock";
  // Of both directions, unfinished handshakes included; each costs a descriptor.
  size_t max_connections = 1024;
  // Unit of the deadlines: 5 of them for a client's CONNECT line, 8 for the guest's last RST.
  absl::Duration tick = absl::Seconds(1);
};

// All connections of one guest and the host's listening socket: finds the connection that a packet
// or an event is for, makes and ends them, and decides whose packets the guest gets next. The event
// loop's thread.
class Muxer {
 public:
  // Listens at once; clients wait until Start. `loop` outlives the muxer.
  static absl::StatusOr<std::unique_ptr<Muxer>> Create(VsockOptions options, EventLoop& loop);
  ~Muxer();
  Muxer(const Muxer&) = delete;

  // Accepts host clients from now on, and calls `deliver` when there may be packets for the guest
  // (which does not happen inside HandlePacket and Deliver).
  absl::Status Start(std::function<void()> deliver);
  // Closes every connection and accepts none.
  void Stop();

  // False while so many refusals wait for the guest that no further packet of it may be handled.
  bool TakesPackets() const { return refusals_.size() < kMaxRefusals; }
  // A packet of the guest; `body` stands behind the header.
  void HandlePacket(const VsockHeader& header, ChainReader& body);

  enum class Delivery {
    kDone,   // the guest has got everything
    kFull,   // the driver has posted no more buffers
    kYield,  // there is more, but others should have their turn
  };
  // Sends what there is for the guest. An error means that the ring is broken.
  absl::StatusOr<Delivery> Deliver(RxQueue& rx);

  size_t connection_count() const { return connections_.size(); }

 private:
  using Id = uint64_t;
  static constexpr size_t kMaxRefusals = 256;

  Muxer(VsockOptions options, EventLoop& loop) : options_(std::move(options)), loop_(loop) {}

  void HandleClient(UniqueFd socket);
  void HandleEvent(Id id, uint32_t events);
  void ContinueHandshake(Connection& connection);
  std::string PortPath(uint32_t port) const;
  VsockPorts AllocatePorts(uint32_t guest_port);
  void ConnectToHost(const VsockHeader& request);
  // Takes the connection over and watches it; nullptr when that fails.
  Connection* Insert(std::unique_ptr<Connection> connection);
  absl::StatusOr<bool> Serve(Connection& connection, RxQueue& rx);
  void Settle(Connection& connection);
  void Erase(Connection& connection);
  void Refuse(const VsockHeader& header);
  void Tick();

  const VsockOptions options_;
  EventLoop& loop_;
  BufferBudget budget_;
  std::function<void()> deliver_;
  Id next_id_ = 1;
  uint32_t next_host_port_ = kFirstHostPort;
  absl::flat_hash_map<Id, std::unique_ptr<Connection>> connections_;
  absl::flat_hash_map<VsockPorts, Connection*> by_ports_;  // those that the guest knows
  std::deque<Connection*> ready_;     // those with packets for the guest, `queued`
  std::deque<VsockHeader> refusals_;  // RSTs that belong to no connection
  std::unique_ptr<Acceptor> acceptor_;
  EventLoop::Timer timer_;
  bool ticking_ = false;

  // Ports given to host clients, apart from those that programs choose.
  static constexpr uint32_t kFirstHostPort = 1u << 30;
  static constexpr uint32_t kEndHostPort = 1u << 31;
};

}  // namespace voidbox

#endif  // VOIDBOX_VIRTIO_VSOCK_MUXER_H_
