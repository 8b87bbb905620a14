#include "image/builder/package_database.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

constexpr size_t kMaxPackages = 100'000;  // Debian as a whole has some 65,000
constexpr size_t kMaxWordBytes = 255;

// How a database calls what we want to know of a package.
struct Format {
  absl::string_view name;
  absl::string_view version;
  absl::string_view architecture;
  absl::string_view status;  // empty: what is listed is installed
  absl::string_view purl;    // the type and the namespace
};

struct Record {
  std::string name, version, architecture, status;
  int line = 0;       // of its first line
  bool empty = true;  // no line yet
};

bool IsWord(absl::string_view text) {
  return !text.empty() && text.size() <= kMaxWordBytes &&
         std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f; });
}

absl::Status Add(const Record& record, const Format& format, std::vector<Component>& components) {
  if (record.empty) return absl::OkStatus();
  if (!format.status.empty() && !absl::EndsWith(record.status, " installed")) {
    return absl::OkStatus();
  }
  if (!IsWord(record.name) || !IsWord(record.version)) {
    return absl::InvalidArgumentError(absl::StrCat("package database: the package at line ",
                                                   record.line, " has no proper name or version"));
  }
  if (components.size() == kMaxPackages) {
    return absl::ResourceExhaustedError(
        absl::StrCat("package database: more than ", kMaxPackages, " packages"));
  }
  Component component = {.name = record.name, .version = record.version};
  component.purl = absl::StrCat("pkg:", format.purl, "/", record.name, "@", record.version);
  if (IsWord(record.architecture)) absl::StrAppend(&component.purl, "?arch=", record.architecture);
  components.push_back(std::move(component));
  return absl::OkStatus();
}

void TakeField(absl::string_view line, const Format& format, Record& record) {
  const size_t colon = line.find(':');
  if (colon == absl::string_view::npos) return;
  const absl::string_view key = line.substr(0, colon);
  const absl::string_view value = absl::StripAsciiWhitespace(line.substr(colon + 1));
  if (key == format.name) record.name = std::string(value);
  if (key == format.version) record.version = std::string(value);
  if (key == format.architecture) record.architecture = std::string(value);
  if (!format.status.empty() && key == format.status) record.status = std::string(value);
}

absl::StatusOr<std::vector<Component>> Parse(absl::string_view text, const Format& format) {
  std::vector<Component> components;
  Record record;
  int number = 0;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    ++number;
    if (line.empty()) {
      RETURN_IF_ERROR(Add(record, format, components));
      record = {};
      continue;
    }
    if (record.empty) record.line = number;
    record.empty = false;
    TakeField(line, format, record);  // a continuation begins with a blank, which no key does
  }
  RETURN_IF_ERROR(Add(record, format, components));
  std::sort(components.begin(), components.end(), [](const Component& a, const Component& b) {
    return std::tie(a.name, a.purl) < std::tie(b.name, b.purl);
  });
  return components;
}

}  // namespace

absl::StatusOr<std::vector<Component>> ParseDpkgStatus(absl::string_view text) {
  return Parse(text, {.name = "Package",
                      .version = "Version",
                      .architecture = "Architecture",
                      .status = "Status",
                      .purl = "deb/debian"});
}

absl::StatusOr<std::vector<Component>> ParseApkInstalled(absl::string_view text) {
  return Parse(
      text, {.name = "P", .version = "V", .architecture = "A", .status = "", .purl = "apk/alpine"});
}

}  // namespace voidbox
