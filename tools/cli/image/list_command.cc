#include "tools/cli/image/list_command.h"

#include <cstdio>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "tools/cli/human_units.h"
#include "tools/cli/image/image_session.h"

namespace voidbox {
namespace {

using Row = std::vector<std::string>;

Row RowOf(const ImageStore& store, const ImageStore::Entry& entry) {
  if (!entry.image.ok()) {
    return {entry.name, "broken", "", "", std::string(entry.image.status().message())};
  }
  const ImageManifest& manifest = entry.image->manifest;
  const char* form = manifest.rootfs.has_value() ? "rootfs" : "initramfs";
  return {entry.name, manifest.flavour, form, HumanBytes(entry.image->Bytes()),
          absl::StrCat(HumanTime(manifest.created_unix_seconds),
                       store.IsInUse(*entry.image) ? "  in use" : "")};
}

void PrintText(const ImageStore& store, const std::vector<ImageStore::Entry>& entries) {
  if (entries.empty()) {
    std::puts(
        "No images yet: see `voidbox image import --help`. "
        "Without --image, `voidbox run` boots its built-in one.");
    return;
  }
  std::vector<Row> rows = {{"NAME", "FLAVOUR", "FORM", "SIZE", "CREATED"}};
  for (const ImageStore::Entry& entry : entries) rows.push_back(RowOf(store, entry));
  std::fputs(FormatTable(rows).c_str(), stdout);
}

nlohmann::json Json(const ImageStore& store, const std::vector<ImageStore::Entry>& entries) {
  nlohmann::json list = nlohmann::json::array();
  for (const ImageStore::Entry& entry : entries) {
    if (entry.image.ok()) {
      nlohmann::json image = DescribeImage(store, *entry.image);
      // For the whole of these there is `inspect`.
      for (const char* field : {"packages", "inputs", "config", "schema"}) image.erase(field);
      list.push_back(std::move(image));
    } else {
      list.push_back({{"name", entry.name}, {"broken", entry.image.status().message()}});
    }
  }
  return list;
}

}  // namespace

FlagParser ListCommand::AddTo(FlagParser app) {
  const FlagParser list = app.AddCommand("ls", "List the images");
  AddAutoFormat(list, format_);
  list.SetFooter("Example:\n  voidbox image ls --format json | jq -r '.[].name'");
  return list;
}

int ListCommand::Run(const Invocation&) {
  return RunInterruptibly([&](Progress&) -> absl::Status {
    ASSIGN_OR_RETURN(const ImageStore store, OpenImageStore(/*changes=*/false));
    ASSIGN_OR_RETURN(const std::vector<ImageStore::Entry> entries, store.List());
    if (WantsJson(format_)) {
      PrintJson(Json(store, entries));
    } else {
      PrintText(store, entries);
    }
    return absl::OkStatus();
  });
}

}  // namespace voidbox
