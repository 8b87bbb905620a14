#include "tools/cli/image/export_command.h"

#include <cstdio>
#include <vector>

#include "base/status_macros.h"
#include "image/store/export_image.h"
#include "tools/cli/image/image_session.h"

namespace voidbox {

FlagParser ExportCommand::AddTo(FlagParser app) {
  const FlagParser command = app.AddCommand("export", "Write the files of an image to a directory");
  command.Add("name", name_).Required().Type("NAME");
  command.Add("directory", directory_, "made if it is not there").Required().Type("DIR");
  command.AddSwitch("--force", force_, "replace files that are there");
  AddAutoFormat(command, format_);
  command.SetFooter(
      "Other virtual machine monitors boot them too: docs/images.md says how.\n\n"
      "Example:\n  voidbox image export debian dist/images/debian");
  return command;
}

int ExportCommand::Run(const Invocation&) {
  return RunInterruptibly([&](Progress& progress) -> absl::Status {
    ASSIGN_OR_RETURN(const ImageStore store, OpenImageStore(/*changes=*/false));
    // Nobody removes it meanwhile.
    ASSIGN_OR_RETURN(const ImageLease lease, store.Use(name_));
    ASSIGN_OR_RETURN(const std::vector<std::string> paths,
                     ExportImage(store, lease.image, directory_, force_, progress));
    if (WantsJson(format_)) {
      PrintJson({{"name", name_}, {"files", paths}});
    } else {
      for (const std::string& path : paths) std::puts(path.c_str());
    }
    return absl::OkStatus();
  });
}

}  // namespace voidbox
