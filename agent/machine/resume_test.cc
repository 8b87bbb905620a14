#include "agent/machine/resume.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <string>

#include "agent/machine/clock.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

constexpr absl::StatusCode kBad = absl::StatusCode::kInvalidArgument;
constexpr int64_t kIn2026 = 1'790'000'000'000'000'000;
constexpr char kId[] = "0123456789abcdef0123456789abcdef";

agent::ResumeRequest Request() {
  agent::ResumeRequest request;
  request.set_entropy(std::string(32, 'r'));
  request.set_realtime_ns(kIn2026);
  request.set_host_name("fork-7.voidbox");
  request.set_machine_id(kId);
  request.mutable_network()->add_addresses("10.0.2.15/24");
  return request;
}

TEST(ResumeTest, TakesAWholeRequest) {
  const auto identity = ParseResumeRequest(Request());
  ASSERT_THAT(identity, IsOk());
  EXPECT_EQ(identity->entropy, std::string(32, 'r'));
  EXPECT_EQ(identity->realtime_ns, kIn2026);
  EXPECT_EQ(identity->host_name, "fork-7.voidbox");
  EXPECT_EQ(identity->machine_id, kId);
  ASSERT_TRUE(identity->network.has_value());
  EXPECT_EQ(identity->network->addresses.size(), 1u);
}

TEST(ResumeTest, RefusesWhatIsOutOfBounds) {
  const auto refused = [](const auto& change, const char* message) {
    agent::ResumeRequest request = Request();
    change(request);
    EXPECT_THAT(ParseResumeRequest(request), StatusIs(kBad, HasSubstr(message)));
  };
  using Request = agent::ResumeRequest;
  refused([](Request& r) { r.set_entropy(std::string(31, 'r')); }, "entropy: 31 bytes");
  refused([](Request& r) { r.set_entropy(std::string(513, 'r')); }, "entropy: 513 bytes");
  refused([](Request& r) { r.set_realtime_ns(0); }, "time: 0 ns");
  refused([](Request& r) { r.set_realtime_ns(-1); }, "time: -1 ns");
  refused([](Request& r) { r.set_realtime_ns(INT64_MAX); }, "not in the years 2000 to 2199");
  refused([](Request& r) { r.set_host_name(std::string(65, 'h')); }, "host name");
  refused([](Request& r) { r.set_host_name("two words"); }, "host name");
  refused([](Request& r) { r.set_host_name("-x"); }, "host name");
  refused([](Request& r) { r.set_machine_id("0123"); }, "machine id");
  refused([](Request& r) { r.set_machine_id(std::string(32, 'A')); }, "machine id");
  refused([](Request& r) { r.set_machine_id(std::string(32, '0')); }, "machine id");
  refused([](Request& r) { r.mutable_network()->set_mtu(1); }, "mtu");
}

TEST(ResumeTest, TheKernelTakesTheEntropy) {
  EXPECT_THAT(AddEntropy(std::string(32, 'e')), IsOk());
  EXPECT_THAT(AddEntropy(std::string(512, 'e')), IsOk());
}

TEST(ResumeTest, TheHostNameIsSet) {
  ASSERT_EQ(::unshare(CLONE_NEWUTS), 0) << "this test needs root";
  ASSERT_THAT(SetHostName("other"), IsOk());
  std::array<char, 65> name = {};
  ASSERT_EQ(::gethostname(name.data(), name.size()), 0);
  EXPECT_STREQ(name.data(), "other");
}

TEST(ResumeTest, TheMachineIdIsReplacedAndReadableForAll) {
  const std::string path = ::testing::TempDir() + "/machine-id";
  ASSERT_THAT(WriteMachineId(path, std::string(32, 'f')), IsOk());
  ASSERT_THAT(WriteMachineId(path, kId), IsOk());
  EXPECT_EQ(ReadFile(path).value_or(""), std::string(kId) + "\n");
  struct stat file;
  ASSERT_EQ(::stat(path.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 07777, 0444u);
}

TEST(ClockTest, KnowsTheYearsItTakes) {
  EXPECT_THAT(CheckRealtime(946'684'800'000'000'000), IsOk());
  EXPECT_THAT(CheckRealtime(946'684'799'999'999'999), StatusIs(kBad, HasSubstr("time")));
  EXPECT_THAT(CheckRealtime(7'258'118'399'999'999'999), IsOk());
  EXPECT_THAT(CheckRealtime(7'258'118'400'000'000'000), StatusIs(kBad, HasSubstr("time")));
}

}  // namespace
}  // namespace voidbox
