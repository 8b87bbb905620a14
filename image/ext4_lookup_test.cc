#include "image/ext4_lookup.h"

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/io.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

// The first revision of ext2: mke2fs 1.47.2 took away the option that 1.47.0 has for it.
constexpr char kRevision0[] =
    "-t ext2 $(/sbin/mke2fs -r 0 -V 2>&1 | grep -q removed && echo '' -E revision=0 || echo '' -r "
    "0)";

class Ext4LookupTest : public ::testing::Test {
 protected:
  void SetUp() override {
    Run(absl::StrCat("rm -rf ", tree_, "; mkdir -p ", tree_));
    Run("mkdir -p usr/sbin usr/lib many; ln -s usr/sbin sbin; echo agent > usr/lib/agent; "
        "chmod 755 usr/lib/agent; ln -s ../lib/agent usr/sbin/init; ln -s /usr/lib/agent absolute; "
        "ln -s loop loop; ln -s nowhere dangling; echo text > text; chmod 644 text; "
        "ln -s ././././././././././././././././././././././././././././././././././usr/lib/agent "
        "long; ln -s ../../../../usr/./lib/../lib/agent climbing; "
        "i=0; while [ $i -lt 500 ]; do echo > many/a-file-with-a-name-$i; i=$((i+1)); done; "
        "cp usr/lib/agent many/zz");
  }
  void Run(const std::string& script) {
    const std::string command = absl::StrCat("mkdir -p ", tree_, " && cd ", tree_, " && ", script);
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  // Makes the image of the tree, as mke2fs does it with these flags.
  void Make(const std::string& flags, const std::string& then = "true") {
    Run(absl::StrCat("rm -f ", image_, "; /sbin/mke2fs -q -F ", flags, " -d ", tree_, " ", image_,
                     " 16M >/dev/null 2>&1 && ", then));
    bytes_ = *ReadFile(image_, 64 << 20);
    super_ = *ReadExt4Superblock(image_);
  }
  Ext4Entry LookUp(absl::string_view path) {
    const Ext4Read read = [this](uint64_t offset, std::span<char> bytes) -> absl::Status {
      ++reads_;
      if (offset > bytes_.size() || bytes.size() > bytes_.size() - offset) {
        return absl::OutOfRangeError("behind the end");
      }
      std::memcpy(bytes.data(), bytes_.data() + offset, bytes.size());
      return absl::OkStatus();
    };
    return LookUpInExt4(super_, read, path);
  }

  const std::string tree_ = ::testing::TempDir() + "/ext4_lookup_tree";
  const std::string image_ = ::testing::TempDir() + "/ext4_lookup.img";
  std::string bytes_;
  Ext4Superblock super_;
  int reads_ = 0;
};

TEST_F(Ext4LookupTest, FindsProgramsInEveryLayout) {
  for (const char* flags :
       {"-t ext4", "-t ext4 -b 1024", "-t ext4 -b 2048", "-t ext3 -b 1024", "-t ext2 -b 1024",
        "-t ext2 -b 4096 -O ^filetype", "-t ext4 -O bigalloc -b 1024", "-t ext4 -O bigalloc",
        "-t ext4 -b 1024 -O meta_bg,^resize_inode", "-t ext4 -O ^64bit -I 128",
        "-t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode", "-t ext4 -O sparse_super2 -b 1024",
        "-t ext4 -b 1024 -g 1024 -O ^flex_bg", kRevision0}) {
    Make(flags);
    for (const char* path : {"/sbin/init", "usr/lib/agent", "/absolute", "/long", "/climbing",
                             "//usr/../usr//lib/agent", "/many/zz"}) {
      EXPECT_EQ(LookUp(path), Ext4Entry::kProgram) << flags << " " << path;
    }
    for (const char* path : {"/sbin/nothing", "/loop", "/dangling", "/text/x", "/many/zzz"}) {
      EXPECT_EQ(LookUp(path), Ext4Entry::kNone) << flags << " " << path;
    }
    for (const char* path : {"/", "/sbin", "/text"}) {
      EXPECT_EQ(LookUp(path), Ext4Entry::kOther) << flags << " " << path;
    }
  }
}

TEST_F(Ext4LookupTest, FindsEntriesOfAHashedDirectory) {
  Make("-t ext4 -b 1024",
       absl::StrCat("(/sbin/e2fsck -fyD ", image_, " >/dev/null; test $? -lt 4)"));
  EXPECT_EQ(LookUp("/many/zz"), Ext4Entry::kProgram);
  EXPECT_EQ(LookUp("/many/a-file-with-a-name-499"), Ext4Entry::kOther);
  EXPECT_EQ(LookUp("/many/other"), Ext4Entry::kNone);
}

TEST_F(Ext4LookupTest, WhatCannotBeReadIsUnknownAndNotMissing) {
  Make("-t ext4 -O inline_data");
  EXPECT_EQ(LookUp("/usr/nothing"), Ext4Entry::kUnknown);
  Make("-t ext4");
  super_.needs_recovery = true;
  EXPECT_EQ(LookUp("/nothing"), Ext4Entry::kUnknown);
  EXPECT_EQ(LookUp("/sbin/init"), Ext4Entry::kProgram);
}

TEST_F(Ext4LookupTest, EveryTruncationEnds) {
  Make("-t ext4 -b 1024");
  const std::string whole = bytes_;
  for (size_t size = 0; size < 300'000; size += 1024) {
    bytes_ = whole.substr(0, size);
    const Ext4Entry entry = LookUp("/sbin/init");
    EXPECT_TRUE(entry == Ext4Entry::kUnknown || entry == Ext4Entry::kProgram) << size;
  }
}

// Each byte of the metadata, one after the other, becomes the worst.
TEST_F(Ext4LookupTest, DamageIsBounded) {
  Make("-t ext4 -b 1024");
  for (size_t at = 2048; at < 200'000; at += 61) {
    const char whole = bytes_[at];
    bytes_[at] = static_cast<char>(~whole);
    reads_ = 0;
    LookUp("/many/zzz");
    EXPECT_LT(reads_, 70'000) << at;
    bytes_[at] = whole;
  }
}

TEST_F(Ext4LookupTest, AGuestNeedsItsInit) {
  Make("-t ext4");
  EXPECT_THAT(CheckExt4Init(image_, super_, "/sbin/init"), IsOk());
  EXPECT_THAT(CheckExt4Init(image_, super_, "/sbin/other"),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(image_), HasSubstr("/sbin/other is not there"),
                             HasSubstr("--tar"))));
  EXPECT_THAT(CheckExt4Init(image_, super_, "/text"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("/text is no program")));
  EXPECT_THAT(CheckExt4Init("/nonexistent", super_, "/x"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/nonexistent")));
}

}  // namespace
}  // namespace voidbox
