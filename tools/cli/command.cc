#include "tools/cli/command.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

class FixedUsage final : public CLI::Formatter {
 public:
  explicit FixedUsage(std::string usage) : usage_(std::move(usage)) {}
  std::string make_usage(const CLI::App*, std::string) const override {
    return absl::StrCat("Usage: ", usage_, "\n");
  }

 private:
  const std::string usage_;
};

}  // namespace

void AddFormat(CLI::App& app, std::string& format) {
  app.add_option("--format", format, "text for people, json for programs")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
}

void SetUsage(CLI::App& app, const std::string& usage) {
  app.formatter(std::make_shared<FixedUsage>(usage));
}

absl::StatusOr<std::vector<std::string>> CommandOf(const CLI::App& app,
                                                   const std::vector<std::string>& after_dashes) {
  std::vector<std::string> command = app.remaining();
  if (!command.empty() && command[0].size() > 1 && command[0][0] == '-') {
    return absl::InvalidArgumentError(
        absl::StrCat("unknown flag ", command[0], "; see `voidbox ", app.get_name(), " --help`"));
  }
  if (!command.empty() && !after_dashes.empty()) command.push_back("--");
  command.insert(command.end(), after_dashes.begin(), after_dashes.end());
  return command;
}

}  // namespace voidbox
