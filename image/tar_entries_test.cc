#include "image/tar_entries.h"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gtest/gtest.h"
#include "image/testing/tar_builder.h"

namespace voidbox {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::HasSubstr;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;

TarEntries::Next Pieces(std::string archive, size_t piece) {
  return [archive = std::move(archive), piece,
          at = size_t{0}]() mutable -> absl::StatusOr<absl::string_view> {
    const auto got = absl::string_view(archive).substr(at, piece);
    at += got.size();
    return got;
  };
}

// What an archive has, with holes filled.
struct File {
  TarMember entry;
  std::string data;
};
absl::StatusOr<std::vector<File>> ReadAll(const std::string& archive,
                                          const TarFormatOptions& options = {},
                                          size_t piece = 100) {
  TarEntries entries(Pieces(archive, piece), options);
  std::vector<File> files;
  for (;;) {
    absl::StatusOr<std::optional<TarMember>> entry = entries.NextEntry();
    if (!entry.ok()) return entry.status();
    if (!entry->has_value()) return files;
    File file = {.entry = **std::move(entry)};
    const absl::Status read = entries.ReadData([&](uint64_t offset, absl::string_view data) {
      file.data.resize(offset);
      absl::StrAppend(&file.data, data);
      return absl::OkStatus();
    });
    if (!read.ok()) return read;
    file.data.resize(file.entry.size);
    files.push_back(std::move(file));
  }
}

std::string Output(const std::string& command) {
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) {
    output.push_back(static_cast<char>(c));
  }
  EXPECT_EQ(::pclose(pipe), 0) << command;
  return output;
}

TEST(TarEntriesTest, ReadsEveryFormatOfGnuTarWithLongNamesAndHoles) {
  const std::string directory = absl::StrCat(::testing::TempDir(), "/tar-", ::getpid());
  const std::string name = std::string(150, 'n') + "-\xc3\xa4\xff";
  Output("mkdir -p " + directory + "/d && cd " + directory + "/d && printf hello > '" + name +
         "' && touch -d @-77 '" + name + "' && ln -s '" + name + "' link && " +
         "for i in $(seq 0 40); do printf $i | dd of=sparse bs=1 conv=notrunc status=none "
         "seek=$((i * 100000)); done");
  std::string expected;
  for (int i = 0; i <= 40; ++i) {
    expected.resize(static_cast<size_t>(i) * 100000);
    expected += absl::StrCat(i);
  }
  for (const std::string format :
       {"--format=gnu", "--format=oldgnu", "--format=pax --sparse-version=0.0",
        "--format=pax --sparse-version=0.1", "--format=pax --sparse-version=1.0"}) {
    const auto files = ReadAll(Output("cd " + directory + "/d && tar -S --sort=name " + format +
                                      " -cf - link '" + name + "' sparse"));
    ASSERT_THAT(files, IsOk()) << format;
    ASSERT_EQ(files->size(), 3u) << format;
    EXPECT_EQ((*files)[0].entry.type, '2');
    EXPECT_EQ((*files)[0].entry.link, name) << format;
    EXPECT_EQ((*files)[1].entry.name, name) << format;
    EXPECT_EQ((*files)[1].entry.mtime, -77) << format;
    EXPECT_EQ((*files)[1].data, "hello") << format;
    EXPECT_EQ((*files)[2].entry.name, "sparse") << format;
    EXPECT_TRUE((*files)[2].data == expected) << format;
  }
  Output("rm -r " + directory);
}

TEST(TarEntriesTest, PaxNamesStayTheBytesThatTheyAre) {
  // Both forms of an e with an accent, and what is no UTF-8: four different files.
  const std::vector<std::string> names = {"e\xcc\x81", "\xc3\xa9", "\xff\xfe", "\xed\xa0\x80"};
  TarBuilder tar;
  for (const std::string& name : names) {
    tar.Add({.name = "x", .type = '2', .link = "y", .pax = {{"path", name}, {"linkpath", name}}});
  }
  const auto files = ReadAll(tar.Finish()).value();
  ASSERT_EQ(files.size(), names.size());
  for (size_t i = 0; i < names.size(); ++i) {
    EXPECT_EQ(files[i].entry.name, names[i]);
    EXPECT_EQ(files[i].entry.link, names[i]);
  }
}

TEST(TarEntriesTest, TheLastPaxRecordOfAKeyHoldsAndAnEmptyOneTakesItBack) {
  const auto files = ReadAll(TarBuilder()
                                 .Add({.name = "own", .pax = {{"path", "a"}, {"path", "b"}}})
                                 .Add({.name = "own", .pax = {{"path", "a"}, {"path", ""}}})
                                 .Add({.name = "plain"})
                                 .Finish())
                         .value();
  const auto name = [](const std::string& is) {
    return Field(&File::entry, Field(&TarMember::name, is));
  };
  EXPECT_THAT(files, ElementsAre(name("b"), name("own"), name("plain")));
}

TEST(TarEntriesTest, ReadsAttributesOfBothWriters) {
  const auto files =
      ReadAll(TarBuilder()
                  .Add({.name = "a",
                        .pax = {{"SCHILY.xattr.user.x", std::string("\0\n=", 3)},
                                {"LIBARCHIVE.xattr.user.%c3%a4", "aGVsbG8="},
                                {"SCHILY.acl.access", "user::rw-,group::r--,other::r--"}}})
                  .Finish())
          .value();
  EXPECT_EQ(files[0].entry.xattrs.at("user.x"), std::string("\0\n=", 3));
  EXPECT_EQ(files[0].entry.xattrs.at("user.\xc3\xa4"), "hello");
  EXPECT_EQ(files[0].entry.access_acl, "user::rw-,group::r--,other::r--");
}

TEST(TarEntriesTest, LinksAndDirectoriesHaveNoDataWhateverTheySay) {
  TarBuilder tar;
  for (const char type : {'1', '2', '5'}) {
    tar.Add({.name = "l", .type = type, .link = "a", .pax = {{"size", "5000"}}});
  }
  const auto files = ReadAll(tar.Add({.name = "last", .data = "x"}).Finish()).value();
  ASSERT_EQ(files.size(), 4u);
  EXPECT_EQ(files[3].data, "x");
}

TEST(TarEntriesTest, PassesByGlobalHeadersAndVolumeLabels) {
  const auto files = ReadAll(TarBuilder()
                                 .Add({.name = "g", .type = 'g', .data = "17 comment=xxxxx\n"})
                                 .Add({.name = "label", .type = 'V'})
                                 .Add({.name = "a", .data = "x"})
                                 .Finish())
                         .value();
  ASSERT_EQ(files.size(), 1u);
  EXPECT_EQ(files[0].entry.name, "a");
}

TEST(TarEntriesTest, AnEndWithoutMarkAndPaddingIsOneOnlyWhereADigestSaysSo) {
  const std::string tar =
      TarBuilder().Add({.name = "a", .data = "a"}).Add({.name = "b", .data = "bcd"}).WithoutEnd();
  const TarFormatOptions proven = {.needs_end_mark = false};
  const std::string unpadded = tar.substr(0, tar.size() - 509);
  for (const std::string& archive : {tar, unpadded, tar.substr(0, tar.size() - 100)}) {
    EXPECT_THAT(ReadAll(archive), StatusIs(kDataLoss, HasSubstr("zeroes that mark its end")));
    const auto files = ReadAll(archive, proven);
    ASSERT_THAT(files, IsOk());
    ASSERT_EQ(files->size(), 2u);
    EXPECT_EQ((*files)[1].data, "bcd");
  }
  EXPECT_EQ(ReadAll("", proven).value().size(), 0u);
  EXPECT_THAT(ReadAll(""), StatusIs(kDataLoss, HasSubstr("cut short at byte 0")));
  // In the middle of data, or of a header, it is cut short all the same.
  for (const size_t size : {unpadded.size() - 1, size_t{1024 + 345}, size_t{1024 + 511}}) {
    EXPECT_THAT(ReadAll(unpadded.substr(0, size), proven),
                StatusIs(kDataLoss, HasSubstr("cut short at byte")))
        << size;
  }
  // So it is where an entry's extension has no entry behind it.
  const std::string pax = TarBuilder().Add({.name = "x", .pax = {{"path", "y"}}}).WithoutEnd();
  EXPECT_THAT(ReadAll(pax.substr(0, 1024), proven), StatusIs(kDataLoss, HasSubstr("cut short")));
}

TEST(TarEntriesTest, BoundsWhatAHeaderMaySay) {
  const std::string long_name(size_t{1} << 20, 'n');
  EXPECT_THAT(ReadAll(TarBuilder().Add({.name = "x", .pax = {{"path", long_name}}}).Finish()),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit of 1048576")));
  EXPECT_THAT(
      ReadAll(TarBuilder().Add({.name = "x", .type = 'L', .data = long_name + "n"}).Finish()),
      StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("limit of 1048576")));
}

TEST(TarEntriesTest, RefusesMapsOfHolesThatDoNotFit) {
  const auto sparse = [](const std::string& map, const std::string& size) {
    return ReadAll(TarBuilder()
                       .Add({.name = "s",
                             .data = "data",
                             .pax = {{"GNU.sparse.map", map}, {"GNU.sparse.size", size}}})
                       .Finish())
        .status();
  };
  EXPECT_THAT(sparse("0,2,10,2", "20"), IsOk());
  for (const std::string map :
       {"0,5", "0,2,1,2", "18,4", "10,2,0,2", "0,2,1", "x,2", "18446744073709551615,2"}) {
    EXPECT_THAT(sparse(map, "20"), StatusIs(kDataLoss, HasSubstr("damaged"))) << map;
  }
  const auto text = [](const std::string& map) {
    return ReadAll(TarBuilder()
                       .Add({.name = "s",
                             .data = map + std::string(512 - map.size(), '\0'),
                             .pax = {{"GNU.sparse.major", "1"}, {"GNU.sparse.realsize", "20"}}})
                       .Finish())
        .status();
  };
  EXPECT_THAT(text("1\n5\n0\n"), IsOk());
  EXPECT_THAT(text("99999999\n"),
              StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("65536")));
  for (const std::string map : {"", "2\n0\n0\n", "\n\n", "1 5 0", "123456789012345678901\n"}) {
    EXPECT_THAT(text(map), StatusIs(kDataLoss, HasSubstr("damaged"))) << map;
  }
}

}  // namespace
}  // namespace voidbox
