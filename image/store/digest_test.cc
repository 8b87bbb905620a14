#include "image/store/digest.h"

#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

// FIPS 180-4's examples.
constexpr char kEmpty[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(DigestTest, IsSha256) {
  EXPECT_EQ(Digest::Of("").hex(), kEmpty);
  EXPECT_EQ(Digest::Of("abc").ToString(), std::string("sha256:") + kAbc);
}

TEST(DigestTest, ParsesWhatItPrints) {
  const Digest digest = Digest::Of("abc");
  EXPECT_EQ(*Digest::Parse(digest.ToString()), digest);
  EXPECT_EQ(*Digest::FromHex(kAbc), digest);
  EXPECT_NE(*Digest::FromHex(kEmpty), digest);
}

TEST(DigestTest, RefusesAnythingElse) {
  const std::string upper = "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD";
  for (const std::string& text :
       {std::string(), std::string(kAbc), std::string("sha512:") + kAbc, std::string("sha256:"),
        std::string("sha256:") + kAbc + "0", std::string("sha256:../") + (kAbc + 3),
        "sha256:" + upper, std::string("sha256:") + kAbc + "\n", std::string(1 << 20, 'x')}) {
    const auto digest = Digest::Parse(text);
    EXPECT_THAT(digest, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("is not")));
    EXPECT_LT(digest.status().message().size(), 500u);
  }
}

}  // namespace
}  // namespace voidbox
