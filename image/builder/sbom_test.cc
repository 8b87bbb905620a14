#include "image/builder/sbom.h"

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace voidbox {
namespace {

using nlohmann::json;

std::vector<Component> Components() {
  return {{.name = "bash",
           .version = "5.2-1",
           .purl = "pkg:deb/debian/bash@5.2-1?arch=amd64",
           .digest = {},
           .comment = ""},
          {.name = "agent",
           .version = "0.1",
           .purl = "",
           .digest = Digest::Of("agent"),
           .comment = "PID 1"}};
}

// SPDX 2.3: what a document and a package must have, and in which form.
TEST(SbomTest, IsADocumentOfSpdx) {
  const json document = json::parse(MakeSbom("debian", Components(), 1767225600));
  EXPECT_EQ(document.at("spdxVersion"), "SPDX-2.3");
  EXPECT_EQ(document.at("dataLicense"), "CC0-1.0");
  EXPECT_EQ(document.at("SPDXID"), "SPDXRef-DOCUMENT");
  EXPECT_EQ(document.at("name"), "debian");
  EXPECT_EQ(document.at("creationInfo").at("created"), "2026-01-01T00:00:00Z");
  const json& packages = document.at("packages");
  ASSERT_EQ(packages.size(), 3);
  EXPECT_EQ(packages[0].at("name"), "debian");
  for (const json& package : packages) {
    EXPECT_EQ(package.at("downloadLocation"), "NOASSERTION");
    EXPECT_EQ(package.at("filesAnalyzed"), false);
  }
  EXPECT_EQ(packages[1].at("versionInfo"), "5.2-1");
  EXPECT_EQ(packages[1].at("externalRefs")[0].at("referenceType"), "purl");
  EXPECT_EQ(packages[1].at("externalRefs")[0].at("referenceLocator"),
            "pkg:deb/debian/bash@5.2-1?arch=amd64");
  EXPECT_FALSE(packages[2].contains("externalRefs"));
  EXPECT_EQ(packages[2].at("checksums")[0].at("algorithm"), "SHA256");
  EXPECT_EQ(packages[2].at("checksums")[0].at("checksumValue"), Digest::Of("agent").hex());
}

TEST(SbomTest, EveryPackageIsInTheImage) {
  const json document = json::parse(MakeSbom("debian", Components(), 0));
  const json& relationships = document.at("relationships");
  ASSERT_EQ(relationships.size(), 3);
  EXPECT_EQ(relationships[0].at("relationshipType"), "DESCRIBES");
  EXPECT_EQ(relationships[0].at("relatedSpdxElement"), document.at("packages")[0].at("SPDXID"));
  for (size_t i = 1; i < 3; ++i) {
    EXPECT_EQ(relationships[i].at("relationshipType"), "CONTAINS");
    EXPECT_EQ(relationships[i].at("relatedSpdxElement"), document.at("packages")[i].at("SPDXID"));
  }
}

TEST(SbomTest, TheSameComponentsGiveTheSameBytes) {
  std::vector<Component> components = Components();
  EXPECT_EQ(MakeSbom("a", components, 1), MakeSbom("a", Components(), 1));
  const json before = json::parse(MakeSbom("a", components, 1));
  components[0].version = "5.2-2";
  const json after = json::parse(MakeSbom("a", components, 1));
  EXPECT_NE(before.at("documentNamespace"), after.at("documentNamespace"));
}

}  // namespace
}  // namespace voidbox
