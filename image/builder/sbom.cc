#include "image/builder/sbom.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "base/version.h"
#include "image/sha256.h"

namespace voidbox {
namespace {

using nlohmann::json;

// Package information, SPDX 2.3 clause 7. Where we know nothing, the specification wants it said.
json DescribePackage(const Component& component, const std::string& id) {
  json package = {{"SPDXID", id},
                  {"name", component.name},
                  {"versionInfo", component.version},
                  {"downloadLocation", "NOASSERTION"},
                  {"filesAnalyzed", false},
                  {"licenseConcluded", "NOASSERTION"},
                  {"licenseDeclared", "NOASSERTION"},
                  {"copyrightText", "NOASSERTION"}};
  if (!component.purl.empty()) {
    package["externalRefs"] = json::array({{{"referenceCategory", "PACKAGE-MANAGER"},
                                            {"referenceType", "purl"},
                                            {"referenceLocator", component.purl}}});
  }
  if (component.digest.has_value()) {
    package["checksums"] =
        json::array({{{"algorithm", "SHA256"}, {"checksumValue", component.digest->hex()}}});
  }
  if (!component.comment.empty()) package["comment"] = component.comment;
  return package;
}

}  // namespace

std::string MakeSbom(const std::string& image, const std::vector<Component>& components,
                     int64_t source_date_epoch) {
  constexpr char kImageId[] = "SPDXRef-image";
  json packages = json::array();
  packages.push_back(
      DescribePackage({.name = image, .version = "", .comment = "the image itself"}, kImageId));
  packages[0].erase("versionInfo");
  packages[0]["primaryPackagePurpose"] = "OPERATING-SYSTEM";
  json relationships = json::array({{{"spdxElementId", "SPDXRef-DOCUMENT"},
                                     {"relationshipType", "DESCRIBES"},
                                     {"relatedSpdxElement", kImageId}}});
  for (size_t i = 0; i < components.size(); ++i) {
    const std::string id = absl::StrCat("SPDXRef-", i + 1);
    packages.push_back(DescribePackage(components[i], id));
    relationships.push_back({{"spdxElementId", kImageId},
                             {"relationshipType", "CONTAINS"},
                             {"relatedSpdxElement", id}});
  }
  const std::string digest = HexDigest(Sha256Of(packages.dump()));
  const std::string created = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%SZ", absl::FromUnixSeconds(source_date_epoch), absl::UTCTimeZone());
  const json document = {
      {"spdxVersion", "SPDX-2.3"},
      {"dataLicense", "CC0-1.0"},
      {"SPDXID", "SPDXRef-DOCUMENT"},
      {"name", image},
      {"documentNamespace", absl::StrCat("urn:voidbox:sbom:", image, ":", digest)},
      {"creationInfo",
       {{"created", created},
        {"creators", json::array({absl::StrCat("Tool: voidbox-", kVersion)})}}},
      {"packages", std::move(packages)},
      {"relationships", std::move(relationships)}};
  return absl::StrCat(document.dump(2, ' ', false, json::error_handler_t::replace), "\n");
}

}  // namespace voidbox
