#include "sandbox/emulated_host/qemu.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::_;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Not;

EmulatedMachine Machine() {
  return {.qemu = "/bin/sh", .kernel = "/kernel", .initramfs = "/initramfs", .home = "/home,ro"};
}

TEST(QemuTest, SharesTheRootReadOnlyAndWritableAndTheHomeWhateverItsName) {
  const auto arguments = QemuArguments(Machine());
  EXPECT_THAT(arguments, Contains(HasSubstr("local,path=/,mount_tag=hostroot,security_model=none,"
                                            "readonly=on")));
  EXPECT_THAT(arguments, Contains(HasSubstr("local,path=/,mount_tag=machine,security_model=none,"
                                            "multidevs")));
  // A comma in a name must not become an option.
  EXPECT_THAT(arguments, Contains(HasSubstr("path=/home,,ro,mount_tag=voidboxhome")));
}

TEST(QemuTest, HasNoNetwork) {
  for (const std::string& argument : QemuArguments(Machine())) {
    EXPECT_THAT(argument, Not(HasSubstr("net"))) << argument;
    EXPECT_THAT(argument, Not(HasSubstr("tcp"))) << argument;
  }
  EXPECT_THAT(QemuArguments(Machine()), Contains("-nodefaults"));
}

// More are not safe: docs/architecture.md.
TEST(QemuTest, HasOneProcessorOnOneThreadWithAPeriodicTick) {
  for (const auto clock : {EmulatedMachine::Clock::kWall, EmulatedMachine::Clock::kCounted}) {
    EmulatedMachine machine = Machine();
    machine.clock = clock;
    const auto arguments = QemuArguments(machine);
    const auto processors = std::find(arguments.begin(), arguments.end(), "-smp");
    ASSERT_NE(processors, arguments.end());
    EXPECT_EQ(*std::next(processors), "1");
    EXPECT_EQ(std::count(arguments.begin(), arguments.end(), "-smp"), 1);
    EXPECT_THAT(arguments, Contains(HasSubstr("tcg,thread=single")));
    EXPECT_THAT(arguments, Contains(HasSubstr(" nohz=off highres=off")));
  }
}

TEST(QemuTest, KeyDependsOnWhatTheStateDependsOn) {
  const auto key = StateKey(Machine(), "digest");
  ASSERT_THAT(key, IsOk());
  EXPECT_EQ(*key, *StateKey(Machine(), "digest"));
  EXPECT_NE(*key, *StateKey(Machine(), "another"));
  EmulatedMachine machine = Machine();
  machine.memory_mib = 1024;
  EXPECT_NE(*key, *StateKey(machine, "digest"));
  machine = Machine();
  machine.clock = EmulatedMachine::Clock::kCounted;
  EXPECT_NE(*key, *StateKey(machine, "digest"));
  machine = Machine();
  machine.qemu = "/bin/true";
  EXPECT_NE(*key, *StateKey(machine, "digest"));
}

TEST(QemuTest, KeyDependsOnTheFirmware) {
  EmulatedMachine machine = Machine();
  machine.firmware = {::testing::TempDir() + "/qemu_test_firmware"};
  std::filesystem::remove(machine.firmware[0]);
  const auto absent = StateKey(machine, "digest");
  ASSERT_THAT(absent, IsOk());
  ASSERT_THAT(WriteFileAtomically(machine.firmware[0], "one"), IsOk());
  const auto one = StateKey(machine, "digest");
  ASSERT_THAT(WriteFileAtomically(machine.firmware[0], "another"), IsOk());
  const auto another = StateKey(machine, "digest");
  EXPECT_NE(*absent, *one);
  EXPECT_NE(*one, *another);
}

TEST(QemuTest, KeyDoesNotDependOnNames) {
  EmulatedMachine machine = Machine();
  machine.home = "/elsewhere";
  machine.kernel = "/moved/kernel";
  machine.initramfs = "/moved/initramfs";
  EXPECT_EQ(*StateKey(Machine(), "digest"), *StateKey(machine, "digest"));
}

TEST(QemuTest, SaysThatQemuIsMissing) {
  EmulatedMachine machine = Machine();
  machine.qemu = "/nonexistent/qemu";
  EXPECT_THAT(StateKey(machine, ""),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent/qemu")));
  EXPECT_THAT(StartQemu(machine, UniqueFd()), StatusIs(absl::StatusCode::kNotFound, _));
}

TEST(QemuTest, GivesWhatQemuSaysAndItsEnd) {
  // A shell does not know QEMU's flags.
  auto qemu = StartQemu(Machine(), UniqueFd());
  ASSERT_THAT(qemu, IsOk());
  ASSERT_THAT(qemu->process.Wait(), IsOk());
  std::string text(4096, '\0');
  auto got = ReadUpTo(qemu->console.get(), text.data(), text.size());
  ASSERT_THAT(got, IsOk());
  EXPECT_GT(*got, 0u);
}

}  // namespace
}  // namespace voidbox
