#include "image/builder/npm_registry.h"

#include <cstdlib>
#include <string>

#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

class NpmRegistryTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("npm_config_registry");
    ::unsetenv("NPM_CONFIG_REGISTRY");
    ::unsetenv("NPM_CONFIG_USERCONFIG");
  }
  void TearDown() override { SetUp(); }

  static std::string Npmrc(const std::string& name, const std::string& text) {
    std::string path = ::testing::TempDir() + "/" + name;
    EXPECT_THAT(WriteFileAtomically(path, text), IsOk());
    return path;
  }
};

TEST_F(NpmRegistryTest, IsThePublicOneUnlessOneIsConfigured) {
  EXPECT_EQ(NpmRegistry({}), "https://registry.npmjs.org");
  EXPECT_EQ(NpmRegistry({"/nonexistent", Npmrc("none",
                                               "fund=false\n; registry=http://no\n"
                                               "@scope:registry=http://no\n")}),
            "https://registry.npmjs.org");
}

TEST_F(NpmRegistryTest, StandsInTheFirstFileThatHasIt) {
  const std::string users =
      Npmrc("users", "fund=false\n registry = \"http://users.example/npm/\"\n");
  const std::string machines = Npmrc("machines", "registry=http://machines.example//\n");
  EXPECT_EQ(NpmRegistry({users, machines}), "http://users.example/npm");
  EXPECT_EQ(NpmRegistry({Npmrc("empty", "registry=\n"), machines}), "http://machines.example");
  ::setenv("NPM_CONFIG_USERCONFIG", users.c_str(), 1);
  EXPECT_EQ(NpmRegistry(), "http://users.example/npm");
}

TEST_F(NpmRegistryTest, OfTheEnvironmentComesFirst) {
  const std::string users = Npmrc("users", "registry=http://users.example\n");
  ::setenv("NPM_CONFIG_REGISTRY", "http://upper.example/", 1);
  EXPECT_EQ(NpmRegistry({users}), "http://upper.example");
  ::setenv("npm_config_registry", "http://lower.example", 1);
  EXPECT_EQ(NpmRegistry({users}), "http://lower.example");
}

TEST_F(NpmRegistryTest, KeepsAnArchiveBelowItsPackage) {
  EXPECT_EQ(NpmArchiveUrl("http://r.example", "@scope/name", "1.2"),
            "http://r.example/@scope/name/-/name-1.2.tgz");
  EXPECT_EQ(NpmArchiveUrl("http://r.example", "name", "1.2"),
            "http://r.example/name/-/name-1.2.tgz");
}

}  // namespace
}  // namespace voidbox
