#include "sandbox/emulated_host/mux.h"

#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/io.h"
#include "base/status_matchers.h"
#include "base/unix_socket.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

constexpr size_t kWindow = 64 << 10;

std::string Pattern(size_t size, uint32_t seed) {
  std::string bytes(size, '\0');
  for (char& c : bytes) c = static_cast<char>((seed = seed * 1664525 + 1013904223) >> 24);
  return bytes;
}

// Two Muxes on one loop, joined by a socket pair.
class MuxTest : public ::testing::Test {
 protected:
  void SetUp() override {
    loop_ = *EventLoop::Create();
    auto pair = UnixSocketPair();
    ASSERT_THAT(pair, IsOk());
    auto opener =
        Mux::Create(*loop_, std::move(pair->first), {.window_bytes = kWindow, .max_streams = 8},
                    nullptr, [this](const absl::Status& status) { opener_failure_ = status; });
    ASSERT_THAT(opener, IsOk());
    opener_ = *std::move(opener);
    auto acceptor = Mux::Create(
        *loop_, std::move(pair->second), {.window_bytes = kWindow, .max_streams = 8},
        [this](absl::string_view purpose) { return Accept(purpose); },
        [this](const absl::Status& status) { acceptor_failure_ = status; });
    ASSERT_THAT(acceptor, IsOk());
    acceptor_ = *std::move(acceptor);
  }

  UniqueFd Accept(absl::string_view purpose) {
    if (refuse_) return UniqueFd();
    purpose_ = std::string(purpose);
    auto pair = *UnixSocketPair();
    accepted_.push_back(std::move(pair.second));
    return std::move(pair.first);
  }

  // The near end of a new stream, once the far end is in accepted_.
  UniqueFd Open() {
    auto pair = *UnixSocketPair();
    EXPECT_THAT(opener_->Open(std::move(pair.first)), IsOk());
    const size_t before = accepted_.size();
    RunUntil([&] { return accepted_.size() > before; });
    return std::move(pair.second);
  }

  void RunUntil(const std::function<bool()>& done) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    while (!done()) {
      ASSERT_LT(absl::Now(), deadline) << "nothing more happens";
      // `done` may have something to do, too.
      ASSERT_THAT(loop_->RunOnce(absl::Milliseconds(1)), IsOk());
    }
  }
  // Until everything that can move has moved.
  void RunUntilQuiet() {
    for (int i = 0; i < 2000; ++i) ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  }

  // Moves `bytes` from one end to the other, in pieces of `piece`, while both Muxes run.
  void Transfer(int from, int to, const std::string& bytes, size_t piece) {
    size_t sent = 0;
    std::string received;
    RunUntil([&] {
      if (sent < bytes.size()) {
        const ssize_t n = ::send(from, bytes.data() + sent, std::min(piece, bytes.size() - sent),
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) sent += static_cast<size_t>(n);
      }
      received += Take(to);
      return received.size() >= bytes.size();
    });
    EXPECT_TRUE(received == bytes);
  }

  static std::string Take(int fd) {
    std::string bytes(32 << 10, '\0');
    const ssize_t got = ::recv(fd, bytes.data(), bytes.size(), MSG_DONTWAIT);
    bytes.resize(got > 0 ? static_cast<size_t>(got) : 0);
    return bytes;
  }
  static bool AtEnd(int fd) {
    char byte;
    return ::recv(fd, &byte, 1, MSG_DONTWAIT) == 0;
  }

  std::unique_ptr<EventLoop> loop_;
  std::vector<UniqueFd> accepted_;
  std::string purpose_;  // of the latest stream
  bool refuse_ = false;
  std::optional<absl::Status> opener_failure_, acceptor_failure_;
  std::unique_ptr<Mux> opener_, acceptor_;
};

TEST_F(MuxTest, TellsWhatAStreamIsFor) {
  Open();
  EXPECT_EQ(purpose_, "");
  auto pair = *UnixSocketPair();
  const std::string longest(kMaxMuxPurpose, 'p');
  ASSERT_THAT(opener_->Open(std::move(pair.first), longest), IsOk());
  RunUntil([&] { return purpose_ == longest; });
  pair = *UnixSocketPair();
  EXPECT_THAT(opener_->Open(std::move(pair.first), longest + "p"),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::_));
}

TEST_F(MuxTest, CarriesBytesBothWaysBeyondTheWindow) {
  UniqueFd near = Open();
  Transfer(near.get(), accepted_[0].get(), Pattern(1 << 20, 1), 7001);
  Transfer(accepted_[0].get(), near.get(), Pattern(1 << 20, 2), 60000);
}

TEST_F(MuxTest, PassesHalfClosesOn) {
  UniqueFd near = Open();
  ASSERT_THAT(WriteAll(near.get(), "question"), IsOk());
  ::shutdown(near.get(), SHUT_WR);
  std::string question;
  RunUntil([&] { return (question += Take(accepted_[0].get())).size() == 8; });
  RunUntil([&] { return AtEnd(accepted_[0].get()); });
  EXPECT_EQ(opener_->stream_count(), 1u);  // the other direction is still open
  ASSERT_THAT(WriteAll(accepted_[0].get(), "answer"), IsOk());
  accepted_[0].Reset();
  std::string answer;
  RunUntil([&] { return (answer += Take(near.get())).size() == 6; });
  RunUntil([&] { return AtEnd(near.get()); });
  RunUntil([&] { return opener_->stream_count() == 0 && acceptor_->stream_count() == 0; });
}

TEST_F(MuxTest, EndOfOneSideWhileTheOtherIsQuietClosesBoth) {
  UniqueFd near = Open();
  near.Reset();
  RunUntil([&] { return AtEnd(accepted_[0].get()); });
  RunUntil([&] { return opener_->stream_count() == 0 && acceptor_->stream_count() == 0; });
  near = Open();
  accepted_[1].Reset();
  RunUntil([&] { return AtEnd(near.get()); });
  RunUntil([&] { return opener_->stream_count() == 0 && acceptor_->stream_count() == 0; });
}

TEST_F(MuxTest, BytesWrittenBeforeACloseArriveEvenAtASlowReader) {
  UniqueFd near = Open();
  const std::string bytes = Pattern(kWindow * 3, 5);
  size_t sent = 0;
  RunUntil([&] {
    const ssize_t n = ::send(accepted_[0].get(), bytes.data() + sent, bytes.size() - sent,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<size_t>(n);
    return sent == bytes.size();
  });
  accepted_[0].Reset();
  RunUntilQuiet();
  std::string received;
  RunUntil([&] { return (received += Take(near.get())).size() >= bytes.size(); });
  EXPECT_TRUE(received == bytes);
  RunUntil([&] { return AtEnd(near.get()); });
}

TEST_F(MuxTest, AReaderThatNeverReadsHoldsUpNobodyElseAndItsWriterStops) {
  UniqueFd stuck = Open();
  UniqueFd lively = Open();
  const std::string bytes(32 << 10, 's');
  size_t sent = 0;
  int turns_without_progress = 0;
  while (turns_without_progress < 1000) {
    const ssize_t n = ::send(stuck.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n > 0) sent += static_cast<size_t>(n);
    turns_without_progress = n > 0 ? 0 : turns_without_progress + 1;
    ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  }
  EXPECT_LT(sent, 4u << 20);  // socket buffers and two windows
  Transfer(lively.get(), accepted_[1].get(), Pattern(1 << 20, 3), 50000);
  Transfer(accepted_[1].get(), lively.get(), Pattern(1 << 20, 4), 50000);
  // And nothing that the stuck stream took is lost.
  size_t received = 0;
  RunUntil([&] { return (received += Take(accepted_[0].get()).size()) == sent; });
}

TEST_F(MuxTest, AClosedReaderDoesNotWakeTheLoopOverAndOver) {
  UniqueFd near = Open();
  ::shutdown(near.get(), SHUT_WR);
  RunUntil([&] { return AtEnd(accepted_[0].get()); });
  RunUntilQuiet();
  const absl::Time start = absl::Now();
  ASSERT_THAT(loop_->RunOnce(absl::Milliseconds(50)), IsOk());
  EXPECT_GE(absl::Now() - start, absl::Milliseconds(45));
}

TEST_F(MuxTest, WriterToAClosedReaderIsToldAndFreed) {
  UniqueFd near = Open();
  accepted_[0].Reset();
  RunUntil([&] { return AtEnd(near.get()); });
  const std::string bytes(1000, 'x');
  RunUntil([&] { return ::send(near.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) < 0; });
  EXPECT_EQ(opener_->stream_count(), 0u);
  EXPECT_EQ(acceptor_->stream_count(), 0u);
}

TEST_F(MuxTest, RefusedStreamIsClosed) {
  refuse_ = true;
  auto pair = *UnixSocketPair();
  ASSERT_THAT(opener_->Open(std::move(pair.first)), IsOk());
  RunUntil([&] { return AtEnd(pair.second.get()); });
  EXPECT_EQ(opener_->stream_count(), 0u);
}

TEST_F(MuxTest, RefusesMoreStreamsThanAllowed) {
  std::vector<UniqueFd> near;
  for (int i = 0; i < 8; ++i) near.push_back(Open());
  auto pair = *UnixSocketPair();
  EXPECT_THAT(opener_->Open(std::move(pair.first)),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("8 streams")));
  near[3].Reset();
  RunUntil([&] { return opener_->stream_count() == 7 && acceptor_->stream_count() == 7; });
  near.push_back(Open());
}

TEST_F(MuxTest, ManyStreamsKeepTheirBytesApart) {
  std::vector<UniqueFd> near;
  for (int i = 0; i < 8; ++i) near.push_back(Open());
  std::vector<std::string> bytes, received(8);
  std::vector<size_t> sent(8, 0);
  for (uint32_t i = 0; i < 8; ++i) bytes.push_back(Pattern(200000 + i * 1000, i));
  RunUntil([&] {
    bool done = true;
    for (size_t i = 0; i < 8; ++i) {
      if (sent[i] < bytes[i].size()) {
        const ssize_t n = ::send(near[i].get(), bytes[i].data() + sent[i],
                                 bytes[i].size() - sent[i], MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0) sent[i] += static_cast<size_t>(n);
      }
      received[i] += Take(accepted_[i].get());
      done = done && received[i].size() >= bytes[i].size();
    }
    return done;
  });
  for (size_t i = 0; i < 8; ++i) EXPECT_TRUE(received[i] == bytes[i]) << i;
}

TEST_F(MuxTest, LossOfTheConnectionClosesEveryStreamAndIsToldOnce) {
  UniqueFd near = Open();
  acceptor_.reset();
  RunUntil([&] { return opener_failure_.has_value(); });
  EXPECT_EQ(opener_failure_->code(), absl::StatusCode::kUnavailable);
  EXPECT_TRUE(AtEnd(near.get()));
  auto pair = *UnixSocketPair();
  EXPECT_FALSE(opener_->Open(std::move(pair.first)).ok());
}

// The acceptor with a peer that sends what it likes.
class HostileMuxTest : public MuxTest {
 protected:
  void SetUp() override {
    MuxTest::SetUp();
    auto pair = *UnixSocketPair();
    peer_ = std::move(pair.first);
    acceptor_ = *Mux::Create(
        *loop_, std::move(pair.second), {.window_bytes = kWindow, .max_streams = 8},
        [this](absl::string_view purpose) { return Accept(purpose); },
        [this](const absl::Status& status) { acceptor_failure_ = status; });
  }
  void SendFrame(const MuxFrame& frame) {
    std::string wire;
    AppendMuxFrame(frame, wire);
    ASSERT_THAT(WriteAll(peer_.get(), wire), IsOk());
  }
  void ExpectFailure(const std::string& reason) {
    RunUntil([&] { return acceptor_failure_.has_value(); });
    EXPECT_THAT(*acceptor_failure_,
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(reason)));
    EXPECT_EQ(acceptor_->stream_count(), 0u);
    for (UniqueFd& fd : accepted_) {
      Take(fd.get());
      Take(fd.get());
      Take(fd.get());
      EXPECT_TRUE(AtEnd(fd.get()));
    }
  }
  UniqueFd peer_;
};

TEST_F(HostileMuxTest, GarbageEndsIt) {
  ASSERT_THAT(WriteAll(peer_.get(), "GET / HTTP/1.1\r\n\r\n"), IsOk());
  ExpectFailure("not of this protocol");
}

TEST_F(HostileMuxTest, MoreDataThanTheWindowEndsIt) {
  SendFrame({.stream = 9, .type = MuxFrame::Type::kOpen});
  RunUntil([&] { return accepted_.size() == 1; });
  // The acceptor's local socket takes some, and grants some of that again: so send without end.
  const std::string bytes(kMaxMuxPayload, 'x');
  for (int i = 0; i < 1000 && !acceptor_failure_.has_value(); ++i) {
    std::string wire;
    AppendMuxFrame({.stream = 9, .type = MuxFrame::Type::kData, .payload = bytes}, wire);
    if (!WriteAll(peer_.get(), wire).ok()) break;
    RunUntilQuiet();
  }
  RunUntil([&] { return acceptor_failure_.has_value(); });
  EXPECT_THAT(*acceptor_failure_, StatusIs(absl::StatusCode::kInvalidArgument,
                                           HasSubstr("sent to a stream that takes")));
}

TEST_F(HostileMuxTest, DataAfterTheEndEndsIt) {
  SendFrame({.stream = 9, .type = MuxFrame::Type::kOpen});
  SendFrame({.stream = 9, .type = MuxFrame::Type::kFinish});
  SendFrame({.stream = 9, .type = MuxFrame::Type::kData, .payload = "x"});
  ExpectFailure("data after the end");
}

TEST_F(HostileMuxTest, CreditBeyondTheWindowDoesNotOverflow) {
  SendFrame({.stream = 9, .type = MuxFrame::Type::kOpen});
  for (int i = 0; i < 100; ++i) {
    SendFrame({.stream = 9, .type = MuxFrame::Type::kCredit, .credit = 0xffffffff});
  }
  RunUntil([&] { return accepted_.size() == 1; });
  RunUntilQuiet();
  const std::string bytes = Pattern(kWindow, 6);
  size_t sent = 0;
  std::string wire;
  RunUntil([&] {
    if (sent < bytes.size()) {
      const ssize_t n = ::send(accepted_[0].get(), bytes.data() + sent, bytes.size() - sent,
                               MSG_DONTWAIT | MSG_NOSIGNAL);
      if (n > 0) sent += static_cast<size_t>(n);
    }
    wire += Take(peer_.get());
    return wire.size() >= kWindow;
  });
}

TEST_F(HostileMuxTest, FramesForUnknownStreamsAreIgnored) {
  SendFrame({.stream = 1, .type = MuxFrame::Type::kData, .payload = "x"});
  SendFrame({.stream = 2, .type = MuxFrame::Type::kCredit, .credit = 1});
  SendFrame({.stream = 3, .type = MuxFrame::Type::kFinish});
  SendFrame({.stream = 4, .type = MuxFrame::Type::kReset});
  SendFrame({.stream = 9, .type = MuxFrame::Type::kOpen});
  RunUntil([&] { return accepted_.size() == 1; });
  EXPECT_FALSE(acceptor_failure_.has_value());
}

TEST_F(HostileMuxTest, OpeningWithoutEndIsAnsweredWithinBounds) {
  // Each open beyond the eighth is answered by a reset that the peer never reads.
  std::string wire;
  for (uint32_t i = 0; i < 8; ++i) SendFrame({.stream = i, .type = MuxFrame::Type::kOpen});
  RunUntil([&] { return accepted_.size() == 8; });
  for (uint32_t i = 100; i < 10100; ++i) {
    AppendMuxFrame({.stream = i, .type = MuxFrame::Type::kOpen}, wire);
  }
  size_t sent = 0;
  int turns_without_progress = 0;
  uint64_t total = 0;
  while (turns_without_progress < 1000 && total < (512u << 20)) {
    const ssize_t n =
        ::send(peer_.get(), wire.data() + sent, wire.size() - sent, MSG_DONTWAIT | MSG_NOSIGNAL);
    turns_without_progress = n > 0 ? 0 : turns_without_progress + 1;
    if (n > 0) {
      total += static_cast<uint64_t>(n);
      sent = (sent + static_cast<size_t>(n)) % wire.size();
    }
    ASSERT_THAT(loop_->RunOnce(absl::ZeroDuration()), IsOk());
  }
  EXPECT_LT(total, 16u << 20);  // it is no longer read
  EXPECT_EQ(accepted_.size(), 8u);
}

TEST_F(HostileMuxTest, OpeningTheSameStreamAgainReplacesIt) {
  SendFrame({.stream = 9, .type = MuxFrame::Type::kOpen});
  SendFrame({.stream = 9, .type = MuxFrame::Type::kOpen});
  RunUntil([&] { return accepted_.size() == 2; });
  EXPECT_TRUE(AtEnd(accepted_[0].get()));
  EXPECT_EQ(acceptor_->stream_count(), 1u);
}

TEST_F(HostileMuxTest, AnAcceptorThatOpensEndsTheOpener) {
  auto pair = *UnixSocketPair();
  opener_ = *Mux::Create(*loop_, std::move(pair.second), {}, nullptr,
                         [this](const absl::Status& status) { opener_failure_ = status; });
  peer_ = std::move(pair.first);
  SendFrame({.stream = 9, .type = MuxFrame::Type::kOpen});
  RunUntil([&] { return opener_failure_.has_value(); });
  EXPECT_THAT(*opener_failure_,
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("acceptor opened")));
}

TEST_F(MuxTest, ReportsNoFailureAfterItsEndOfLife) {
  acceptor_.reset();
  ASSERT_THAT(loop_->RunOnce(absl::Seconds(60)), IsOk());  // the opener sees the end
  ASSERT_FALSE(opener_failure_.has_value());               // and reports it at the next turn
  opener_.reset();
  RunUntilQuiet();
  EXPECT_FALSE(opener_failure_.has_value());
}

}  // namespace
}  // namespace voidbox
