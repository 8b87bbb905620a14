#include "tools/cli/flag_parser.h"

#include <algorithm>
#include <utility>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace voidbox {
namespace {

// CLI11 does not know of the command that follows the flags.
class FixedUsage final : public CLI::Formatter {
 public:
  explicit FixedUsage(std::string usage) : usage_(std::move(usage)) {}
  std::string make_usage(const CLI::App*, std::string) const override {
    return absl::StrCat("Usage: ", usage_, "\n");
  }

 private:
  const std::string usage_;
};

// INVALID_ARGUMENT when a word stands where a command's name should, and is none.
absl::Status CheckNames(CLI::App& app, const std::vector<std::string>& arguments) {
  CLI::App* parser = &app;
  std::string path;
  for (const std::string& word : arguments) {
    const auto commands = parser->get_subcommands([](CLI::App*) { return true; });
    if (commands.empty() || word.empty() || word[0] == '-') return absl::OkStatus();
    const auto named = std::find_if(commands.begin(), commands.end(),
                                    [&](CLI::App* one) { return one->get_name() == word; });
    if (named == commands.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("unknown command ", path, word, "; see `voidbox ", path, "--help`"));
    }
    parser = *named;
    absl::StrAppend(&path, word, " ");
  }
  return absl::OkStatus();
}

}  // namespace

Flag Flag::Type(const std::string& name) const { return Flag(option_->type_name(name)); }

Flag Flag::OneOf(const std::vector<std::string>& choices) const {
  return Flag(option_->check(CLI::IsMember(choices)));
}

Flag Flag::Required() const { return Flag(option_->required()); }

Flag Flag::Needs(Flag other) const { return Flag(option_->needs(other.option_)); }

Flag Flag::Excludes(Flag other) const { return Flag(option_->excludes(other.option_)); }

Flag Flag::ShowDefault() const { return Flag(option_->capture_default_str()); }

Flag Flag::OneValueEach() const { return Flag(option_->allow_extra_args(false)); }

Flag Flag::Hidden() const { return Flag(option_->group("")); }

FlagParser FlagParser::AddCommand(const std::string& name, const std::string& help) const {
  return FlagParser(app_->add_subcommand(name, help));
}

void FlagParser::RequireCommand() const { app_->require_subcommand(1); }

Flag FlagParser::Add(const std::string& names, std::string& value, const std::string& help) const {
  return Flag(app_->add_option(names, value, help));
}

Flag FlagParser::Add(const std::string& names, uint32_t& value, const std::string& help) const {
  return Flag(app_->add_option(names, value, help));
}

Flag FlagParser::Add(const std::string& names, std::vector<std::string>& values,
                     const std::string& help) const {
  return Flag(app_->add_option(names, values, help));
}

Flag FlagParser::AddWithBare(const std::string& names, std::optional<std::string>& value,
                             const std::string& bare, const std::string& help) const {
  return Flag(app_->add_option_function<std::string>(
                      names, [&value](const std::string& given) { value = given; }, help)
                  ->expected(0, 1)
                  ->default_str(bare));
}

Flag FlagParser::AddSwitch(const std::string& names, bool& value, const std::string& help) const {
  return Flag(app_->add_flag(names, value, help));
}

Flag FlagParser::Of(const std::string& name) const { return Flag(app_->get_option(name)); }

void FlagParser::SetFooter(const std::string& text) const { app_->footer(text); }

void FlagParser::SetUsage(const std::string& usage) const {
  app_->formatter(std::make_shared<FixedUsage>(usage));
}

void FlagParser::TakeCommand() const { app_->prefix_command(); }

std::string FlagParser::name() const { return app_->get_name(); }

bool FlagParser::parsed() const { return app_->parsed(); }

std::vector<std::string> FlagParser::Remaining() const { return app_->remaining(); }

CommandLine::CommandLine(const std::string& program, const std::string& help)
    : app_(std::make_shared<CLI::App>(help, program)) {}

FlagParser CommandLine::root() const { return FlagParser(app_.get()); }

void CommandLine::SetVersion(const std::string& version) const {
  app_->set_version_flag("--version", version);
}

absl::StatusOr<bool> CommandLine::Parse(std::vector<std::string> arguments) const {
  if (const absl::Status known = CheckNames(*app_, arguments); !known.ok()) return known;
  try {
    std::reverse(arguments.begin(), arguments.end());  // CLI11 wants them so
    app_->parse(std::move(arguments));
    return true;
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() != 0) return absl::InvalidArgumentError(error.what());
    app_->exit(error);  // prints what was asked for
    return false;
  }
}

}  // namespace voidbox
