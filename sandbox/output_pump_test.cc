#include "sandbox/output_pump.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

TEST(OutputPumpTest, ASocketMayBeWatchedForInputToo) {
  const auto loop = EventLoop::Create().value();
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
  const UniqueFd ours(pair[0]);
  const UniqueFd reader(pair[1]);
  const auto input = loop->Add(ours.get(), EPOLLIN, [](uint32_t) {});
  ASSERT_THAT(input, IsOk());
  OutputPump pump(*loop, ours.get(), [] {});
  // More than the socket takes, so that the rest waits for its reader.
  const std::string bytes(4 << 20, 'x');
  pump.Write(bytes);
  EXPECT_THAT(pump.status(), IsOk());
  EXPECT_FALSE(pump.IsEmpty());
  size_t got = 0;
  std::string piece(1 << 20, 0);
  while (got < bytes.size() && pump.status().ok()) {
    const ssize_t one = ::recv(reader.get(), piece.data(), piece.size(), MSG_DONTWAIT);
    if (one > 0) got += static_cast<size_t>(one);
    if (one < 0) {
      ASSERT_THAT(loop->RunOnce(absl::Seconds(10)), IsOk());
    }
  }
  EXPECT_EQ(got, bytes.size());
  EXPECT_THAT(pump.status(), IsOk());
  EXPECT_TRUE(pump.IsEmpty());
}

}  // namespace
}  // namespace voidbox
