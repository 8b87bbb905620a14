#include "agent/kept_output.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>

#include <string>
#include <utility>

#include "agent/agent.pb.h"
#include "base/frame.h"
#include "base/status_matchers.h"
#include "base/unique_fd.h"

namespace voidbox {
namespace {

using Output = Connection::Output;

// The frames that it sends, as "o:" or "e:" and their bytes.
std::vector<std::string> Frames(const KeptOutput& kept) {
  int pair[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  UniqueFd reader(pair[1]);
  {
    Connection connection{UniqueFd(pair[0])};
    // The stream takes more than is ever kept.
    const int room = 4 << 20;
    EXPECT_EQ(::setsockopt(pair[0], SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)), 0);
    kept.SendTo(connection);
    EXPECT_TRUE(connection.Flush());
    EXPECT_EQ(connection.unsent(), 0u);
  }
  std::vector<std::string> frames;
  for (agent::ServerFrame frame; ReadFrame(reader.get(), frame).ok();) {
    frames.push_back(frame.has_stdout() ? "o:" + frame.stdout() : "e:" + frame.stderr());
  }
  return frames;
}

TEST(KeptOutputTest, IsEmptyAtFirst) {
  const KeptOutput kept;
  EXPECT_EQ(Frames(kept), std::vector<std::string>());
  EXPECT_EQ(kept.lost_bytes(), 0u);
}

TEST(KeptOutputTest, KeepsTheOrderOfBothStreams) {
  KeptOutput kept;
  kept.Append(Output::kStdout, "a");
  kept.Append(Output::kStdout, "b");
  kept.Append(Output::kStderr, "c");
  kept.Append(Output::kStdout, "");
  kept.Append(Output::kStdout, "d");
  EXPECT_EQ(Frames(kept), (std::vector<std::string>{"o:ab", "e:c", "o:d"}));
}

TEST(KeptOutputTest, DropsTheOldestAndCountsIt) {
  KeptOutput kept;
  kept.Append(Output::kStderr, "123");
  kept.Append(Output::kStdout, std::string(KeptOutput::kMaxBytes - 1, 'x'));
  kept.Append(Output::kStderr, "yz");
  EXPECT_EQ(kept.lost_bytes(), 4u);
  std::string out;
  const std::vector<std::string> frames = Frames(kept);
  EXPECT_EQ(frames.front(), "o:" + std::string(Connection::kMaxOutputPieceBytes, 'x'));
  EXPECT_EQ(frames.back(), "e:yz");
  for (const std::string& frame : frames) out += frame.substr(2);
  EXPECT_EQ(out, std::string(KeptOutput::kMaxBytes - 2, 'x') + "yz");
}

TEST(KeptOutputTest, OneAppendMayBeMoreThanIsKept) {
  KeptOutput kept;
  kept.Append(Output::kStdout, std::string(KeptOutput::kMaxBytes + 10, 'x'));
  EXPECT_EQ(kept.lost_bytes(), 10u);
}

TEST(KeptOutputTest, ManySmallPiecesAreBoundedToo) {
  KeptOutput kept;
  for (int i = 0; i < 10'000; ++i) {
    kept.Append(i % 2 == 0 ? Output::kStdout : Output::kStderr, "x");
  }
  EXPECT_EQ(kept.lost_bytes(), 10'000u - 4096u);
  EXPECT_EQ(Frames(kept).size(), 4096u);
}

}  // namespace
}  // namespace voidbox
