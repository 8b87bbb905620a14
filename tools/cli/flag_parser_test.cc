#include "tools/cli/flag_parser.h"

#include <optional>
#include <string>
#include <vector>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

// A command of every kind of flag.
class FlagParserTest : public ::testing::Test {
 protected:
  void SetUp() override {
    commands_.root().RequireCommand();
    commands_.SetVersion("voidbox 1");
    run_ = commands_.root().AddCommand("run", "Run a command");
    const Flag image = run_.Add("--image,-I", image_, "image").Type("NAME");
    run_.Add("--ref", reference_, "which").Needs(image);
    run_.Add("--rootfs", rootfs_, "file").Excludes(image);
    run_.Add("--kind", kind_, "kind").OneOf({"rootfs", "jail"}).ShowDefault();
    run_.Add("--env", variables_, "variable").OneValueEach();
    run_.AddWithBare("--entrypoint", entrypoint_, "the image's", "program").Needs(run_.Of("--ref"));
    run_.AddSwitch("-q,--quiet", quiet_).Hidden();
    run_.TakeCommand();
    proxy_ = commands_.root().AddCommand("proxy", "Make a port a socket");
    proxy_.Add("ID", id_, "sandbox").Required();
    proxy_.Add("PORT", port_, "port").Required();
    image_command_ = commands_.root().AddCommand("image", "Images");
    image_command_.RequireCommand();
    list_ = image_command_.AddCommand("ls", "List");
  }

  absl::StatusOr<bool> Parse(const std::vector<std::string>& arguments) {
    return commands_.Parse(arguments);
  }
  // What `arguments` are refused with.
  std::string Refusal(const std::vector<std::string>& arguments) {
    const auto parsed = Parse(arguments);
    EXPECT_EQ(parsed.status().code(), absl::StatusCode::kInvalidArgument);
    return std::string(parsed.status().message());
  }

  std::string image_, reference_, rootfs_, id_;
  std::string kind_ = "rootfs";
  std::vector<std::string> variables_;
  std::optional<std::string> entrypoint_;
  uint32_t port_ = 0;
  bool quiet_ = false;
  const CommandLine commands_{"voidbox", "Tests"};
  FlagParser run_, proxy_, image_command_, list_;
};

TEST_F(FlagParserTest, FlagsAndArgumentsAreThere) {
  EXPECT_THAT(Parse({"run", "-I", "debian", "--ref=v1", "--kind", "jail", "--env", "A=1", "--env",
                     "B=2", "-q", "id", "-u"}),
              IsOk());
  EXPECT_EQ(image_, "debian");
  EXPECT_EQ(reference_, "v1");
  EXPECT_EQ(kind_, "jail");
  EXPECT_EQ(variables_, (std::vector<std::string>{"A=1", "B=2"}));
  EXPECT_EQ(entrypoint_, std::nullopt);
  EXPECT_TRUE(quiet_);
  EXPECT_TRUE(run_.parsed());
  EXPECT_FALSE(proxy_.parsed());
  EXPECT_EQ(run_.Remaining(), (std::vector<std::string>{"id", "-u"}));
  EXPECT_EQ(run_.name(), "run");
}

TEST_F(FlagParserTest, AFlagMayBeBare) {
  EXPECT_THAT(Parse({"run", "--image", "x", "--ref", "y", "--entrypoint"}), IsOk());
  EXPECT_EQ(entrypoint_, "the image's");
  EXPECT_THAT(Parse({"run", "--image", "x", "--ref", "y", "--entrypoint", ""}), IsOk());
  EXPECT_EQ(entrypoint_, "");
}

TEST_F(FlagParserTest, NumbersAreChecked) {
  EXPECT_THAT(Parse({"proxy", "web", "8080"}), IsOk());
  EXPECT_EQ(id_, "web");
  EXPECT_EQ(port_, 8080u);
  EXPECT_THAT(Refusal({"proxy", "web", "4294967296"}), HasSubstr("PORT"));
  EXPECT_THAT(Refusal({"proxy", "web", "-1"}), HasSubstr("-1"));
  EXPECT_THAT(Refusal({"proxy", "web", "http"}), HasSubstr("http"));
}

TEST_F(FlagParserTest, WhatWasNotSaidIsRefusedWithItsName) {
  EXPECT_THAT(Refusal({"run", "--ref", "v1"}), HasSubstr("--image"));
  EXPECT_THAT(Refusal({"run", "--image", "x", "--rootfs", "y"}), HasSubstr("--rootfs"));
  EXPECT_THAT(Refusal({"run", "--kind", "vm"}), HasSubstr("vm"));
  EXPECT_THAT(Refusal({"run", "--env"}), HasSubstr("--env"));
  EXPECT_THAT(Refusal({"proxy", "web"}), HasSubstr("PORT"));
  EXPECT_THAT(Refusal({"proxy", "--colour", "web", "1"}), HasSubstr("--colour"));
  EXPECT_THAT(Refusal({}), HasSubstr("subcommand"));
  EXPECT_EQ(Refusal({"fly"}), "unknown command fly; see `voidbox --help`");
  EXPECT_EQ(Refusal({"image", "fly"}), "unknown command image fly; see `voidbox image --help`");
}

TEST_F(FlagParserTest, HelpAndVersionAreAnswered) {
  run_.SetUsage("voidbox run -- COMMAND");
  run_.SetFooter("Example:\n  voidbox run");
  ::testing::internal::CaptureStdout();
  const auto help = Parse({"run", "--help"});
  const std::string text = ::testing::internal::GetCapturedStdout();
  EXPECT_THAT(help, IsOk());
  EXPECT_FALSE(*help);
  EXPECT_THAT(text, HasSubstr("Usage: voidbox run -- COMMAND\n"));
  EXPECT_THAT(text, HasSubstr("Example:\n  voidbox run"));
  EXPECT_THAT(text, HasSubstr("--kind"));
  EXPECT_THAT(text, HasSubstr("{rootfs,jail}"));
  EXPECT_THAT(text, ::testing::ContainsRegex("=rootfs|\\[rootfs\\]"));  // the default
  EXPECT_THAT(text, ::testing::Not(HasSubstr("--quiet")));

  ::testing::internal::CaptureStdout();
  const auto version = Parse({"--version"});
  EXPECT_EQ(::testing::internal::GetCapturedStdout(), "voidbox 1\n");
  EXPECT_THAT(version, IsOk());
  EXPECT_FALSE(*version);
}

}  // namespace
}  // namespace voidbox
