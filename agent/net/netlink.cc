#include "agent/net/netlink.h"

#include <arpa/inet.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/errno_status.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// The kernel makes its datagrams as long as the reader's buffer, up to 32 KiB.
constexpr size_t kReceiveBytes = 32 << 10;

// The longest batch is that of a firewall's elements, some 100 bytes for each.
constexpr int kMaxBatchBytes = 1 << 20;

template <typename T>
bool Take(absl::string_view bytes, T& value) {
  if (bytes.size() < sizeof(value)) return false;
  std::memcpy(&value, bytes.data(), sizeof(value));
  return true;
}

struct Message {
  nlmsghdr header;
  absl::string_view payload;
};

// The first message of `bytes`, taken off it.
std::optional<Message> TakeMessage(absl::string_view& bytes) {
  Message message;
  if (!Take(bytes, message.header)) return std::nullopt;
  const size_t size = message.header.nlmsg_len;
  if (size < NLMSG_HDRLEN || size > bytes.size()) return std::nullopt;
  message.payload = bytes.substr(NLMSG_HDRLEN, size - NLMSG_HDRLEN);
  bytes.remove_prefix(std::min<size_t>(NLMSG_ALIGN(size), bytes.size()));
  return message;
}

// What the kernel says beyond the number (NETLINK_EXT_ACK); without the request's echo
// (NETLINK_CAP_ACK).
std::string ExtendedText(absl::string_view payload) {
  std::string text;
  ForEachAttribute(payload.substr(std::min(sizeof(nlmsgerr), payload.size())),
                   [&](uint16_t type, absl::string_view value) {
                     if (type != NLMSGERR_ATTR_MSG) return;
                     text = absl::StrCat(" (", value.substr(0, value.find('\0')), ")");
                   });
  return text;
}

// OK for an acknowledgement.
absl::Status ErrorOf(const Message& message, const NetlinkBatch& batch) {
  nlmsgerr error;
  if (!Take(message.payload, error)) return absl::InternalError("netlink: an error cut short");
  if (error.error == 0) return absl::OkStatus();
  return ErrnoStatus(
      absl::StrCat(batch.Name(message.header.nlmsg_seq), ExtendedText(message.payload)),
      -error.error);
}

}  // namespace

void NetlinkBatch::Put(absl::string_view bytes) {
  bytes_.append(bytes.data(), bytes.size());
  bytes_.resize(NLMSG_ALIGN(bytes_.size()), '\0');
  const auto size = static_cast<uint32_t>(bytes_.size() - message_);
  Overwrite(message_ + offsetof(nlmsghdr, nlmsg_len), Bytes(size));
}

void NetlinkBatch::Overwrite(size_t at, absl::string_view bytes) {
  bytes_.replace(at, bytes.size(), bytes.data(), bytes.size());
}

void NetlinkBatch::Begin(absl::string_view what, uint16_t type, uint16_t flags) {
  names_.emplace_back(what);
  if ((flags & NLM_F_ACK) != 0) ++acknowledged_;
  message_ = bytes_.size();
  const nlmsghdr header = {.nlmsg_type = type,
                           .nlmsg_flags = static_cast<uint16_t>(flags | NLM_F_REQUEST),
                           .nlmsg_seq = static_cast<uint32_t>(names_.size())};
  absl::StrAppend(&bytes_, Bytes(header));
  Put("");
}

void NetlinkBatch::Attribute(uint16_t type, absl::string_view bytes) {
  const nlattr header = {.nla_len = static_cast<uint16_t>(sizeof(nlattr) + bytes.size()),
                         .nla_type = type};
  absl::StrAppend(&bytes_, Bytes(header));
  Put(bytes);
}

void NetlinkBatch::BigEndian32(uint16_t type, uint32_t value) { Value(type, ::htonl(value)); }

void NetlinkBatch::Text(uint16_t type, absl::string_view text) {
  Attribute(type, absl::StrCat(text, absl::string_view("\0", 1)));
}

NetlinkBatch::Nest::Nest(NetlinkBatch& batch, uint16_t type)
    : batch_(batch), start_(batch.bytes_.size()) {
  batch_.Attribute(type | NLA_F_NESTED, "");
}

NetlinkBatch::Nest::~Nest() {
  const auto size = static_cast<uint16_t>(batch_.bytes_.size() - start_);
  batch_.Overwrite(start_ + offsetof(nlattr, nla_len), Bytes(size));
}

absl::string_view NetlinkBatch::Name(uint32_t sequence) const {
  if (sequence == 0 || sequence > names_.size()) return "netlink";
  return names_[sequence - 1];
}

absl::StatusOr<NetlinkSocket> NetlinkSocket::Open(int protocol) {
  UniqueFd socket(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!socket) return ErrnoStatus("socket(AF_NETLINK)");
  // Without them errors are only less well explained, and longer.
  const int on = 1;
  ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_EXT_ACK, &on, sizeof(on));
  ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_CAP_ACK, &on, sizeof(on));
  // Without it a batch may be no longer than net.core.wmem_max.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kMaxBatchBytes, sizeof(kMaxBatchBytes));
  return NetlinkSocket(std::move(socket));
}

absl::Status NetlinkSocket::Send(const NetlinkBatch& batch) {
  const absl::string_view bytes = batch.contents();
  const ssize_t sent = ::send(socket_.get(), bytes.data(), bytes.size(), 0);
  if (sent < 0) return ErrnoStatus("netlink");
  return absl::OkStatus();
}

absl::StatusOr<std::string> NetlinkSocket::Receive() {
  std::string bytes(kReceiveBytes, '\0');
  const ssize_t got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) return ErrnoStatus("netlink: no answer of the kernel");
  bytes.resize(static_cast<size_t>(got));
  return bytes;
}

absl::Status NetlinkSocket::Commit(const NetlinkBatch& batch) {
  RETURN_IF_ERROR(Send(batch));
  for (size_t acknowledged = 0; acknowledged < batch.acknowledged();) {
    ASSIGN_OR_RETURN(const std::string bytes, Receive());
    absl::string_view rest = bytes;
    while (const std::optional<Message> message = TakeMessage(rest)) {
      if (message->header.nlmsg_type != NLMSG_ERROR) continue;
      RETURN_IF_ERROR(ErrorOf(*message, batch));
      ++acknowledged;
    }
  }
  return absl::OkStatus();
}

absl::Status NetlinkSocket::Dump(const NetlinkBatch& request,
                                 const std::function<void(absl::string_view payload)>& each) {
  RETURN_IF_ERROR(Send(request));
  for (;;) {
    ASSIGN_OR_RETURN(const std::string bytes, Receive());
    absl::string_view rest = bytes;
    while (const std::optional<Message> message = TakeMessage(rest)) {
      if (message->header.nlmsg_type == NLMSG_DONE) return absl::OkStatus();
      if (message->header.nlmsg_type == NLMSG_ERROR) return ErrorOf(*message, request);
      each(message->payload);
    }
  }
}

void ForEachAttribute(absl::string_view bytes,
                      const std::function<void(uint16_t, absl::string_view)>& each) {
  nlattr header;
  while (Take(bytes, header) && header.nla_len >= sizeof(header) &&
         header.nla_len <= bytes.size()) {
    each(header.nla_type & NLA_TYPE_MASK,
         bytes.substr(sizeof(header), header.nla_len - sizeof(header)));
    bytes.remove_prefix(std::min<size_t>(NLA_ALIGN(header.nla_len), bytes.size()));
  }
}

}  // namespace voidbox
