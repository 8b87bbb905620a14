#include "tools/cli/image/export_command.h"

#include <cstdio>
#include <vector>

#include "base/status_macros.h"
#include "image/store/export_image.h"
#include "tools/cli/image/image_session.h"

namespace voidbox {

CLI::App* ExportCommand::AddTo(CLI::App& app) {
  CLI::App* const command =
      app.add_subcommand("export", "Write the files of an image to a directory");
  command->add_option("name", name_)->required()->type_name("NAME");
  command->add_option("directory", directory_, "made if it is not there")
      ->required()
      ->type_name("DIR");
  command->add_flag("--force", force_, "replace files that are there");
  AddAutoFormat(*command, format_);
  command->footer(
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
