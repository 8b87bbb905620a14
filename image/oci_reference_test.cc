#include "image/oci_reference.h"

#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace voidbox {
namespace {

using ::testing::HasSubstr;

TEST(OciReferenceTest, CompletesShortNamesAsDockerDoes) {
  EXPECT_EQ(CompleteImageName("app"), "docker.io/library/app:latest");
  EXPECT_EQ(CompleteImageName("app:1"), "docker.io/library/app:1");
  EXPECT_EQ(CompleteImageName("me/app"), "docker.io/me/app:latest");
  EXPECT_EQ(CompleteImageName("docker.io/app"), "docker.io/library/app:latest");
  EXPECT_EQ(CompleteImageName("index.docker.io/library/app"), "docker.io/library/app:latest");
  EXPECT_EQ(CompleteImageName("localhost/app"), "localhost/app:latest");
  EXPECT_EQ(CompleteImageName("localhost:5000/app"), "localhost:5000/app:latest");
  EXPECT_EQ(CompleteImageName("ghcr.io/me/app:2"), "ghcr.io/me/app:2");
  EXPECT_EQ(CompleteImageName("app:1@sha256:00"), "docker.io/library/app:1");
}

TEST(OciReferenceTest, AReferenceNamesWhatItIsOrIsShortFor) {
  EXPECT_TRUE(ReferenceNames("app", "docker.io/library/app:latest"));
  EXPECT_TRUE(ReferenceNames("docker.io/library/app:latest", "app"));
  EXPECT_TRUE(ReferenceNames("latest", "latest"));
  EXPECT_TRUE(ReferenceNames("any words", "any words"));
  EXPECT_FALSE(ReferenceNames("app", "docker.io/library/app:1"));
  EXPECT_FALSE(ReferenceNames("app", "localhost/app:latest"));
  EXPECT_FALSE(ReferenceNames("", ""));
}

TEST(OciReferenceTest, ADigestMayBeGivenByItsFirstTwelveDigits) {
  const std::string hex = "0123456789ab" + std::string(52, 'c');
  for (const std::string& reference : {hex, "sha256:" + hex, std::string("sha256:0123456789ab"),
                                       std::string("0123456789abcc"), "app@sha256:" + hex}) {
    EXPECT_TRUE(ReferenceIsDigest(reference, hex)) << reference;
  }
  for (const std::string& reference : {std::string("0123456789a"), std::string("sha256:"),
                                       std::string("1123456789ab"), hex + "c", std::string()}) {
    EXPECT_FALSE(ReferenceIsDigest(reference, hex)) << reference;
  }
}

TEST(OciReferenceTest, KnowsThePlatformsOfAGuest) {
  EXPECT_EQ(ParseGuestPlatform("").value(), "");
  EXPECT_EQ(ParseGuestPlatform("linux/amd64").value(), "");
  EXPECT_EQ(ParseGuestPlatform("linux/amd64/v3").value(), "v3");
  for (const std::string platform : {"linux", "linux/arm64", "windows/amd64", "/", "a/b/c/d"}) {
    EXPECT_THAT(ParseGuestPlatform(platform),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("linux/amd64/v3")))
        << platform;
  }
  EXPECT_TRUE(IsGuestPlatform("", ""));
  EXPECT_FALSE(IsGuestPlatform("unknown", "unknown"));
  EXPECT_LT(VariantRank(""), VariantRank("v2"));
  EXPECT_EQ(VariantRank("v1"), VariantRank(""));
  EXPECT_LT(VariantRank("v2"), VariantRank("v3"));
  EXPECT_LT(VariantRank("v4"), VariantRank("odd"));
}

}  // namespace
}  // namespace voidbox
