#include "image/builder/fake_programs.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"

namespace voidbox {

FakePrograms::FakePrograms(std::initializer_list<std::pair<const char*, std::string>> scripts)
    : directory_(absl::StrCat(::testing::TempDir(), "/fake_programs")),
      path_before_(std::getenv("PATH")) {
  std::filesystem::remove_all(directory_);
  std::filesystem::create_directories(directory_ + "/bin");
  for (const auto& [name, script] : scripts) {
    EXPECT_THAT(WriteFileAtomically(absl::StrCat(directory_, "/bin/", name),
                                    absl::StrCat("#!/bin/sh\n", script, "\n"), 0755),
                IsOk());
  }
  ::setenv("FAKE", directory_.c_str(), 1);
  ::setenv("PATH", absl::StrCat(directory_, "/bin:", path_before_).c_str(), 1);
}

FakePrograms::~FakePrograms() {
  ::setenv("PATH", path_before_.c_str(), 1);
  ::unsetenv("FAKE");
  std::filesystem::remove_all(directory_);
}

std::string FakePrograms::Written(const std::string& file) const {
  const auto text = ReadFile(absl::StrCat(directory_, "/", file));
  return text.ok() ? *text : "";
}

}  // namespace voidbox
