// What commands say of their flags and arguments. CLI11 reads them; it stays behind this face, for
// its templates are half of what a file that includes them costs to compile.
#ifndef VOIDBOX_TOOLS_CLI_FLAG_PARSER_H_
#define VOIDBOX_TOOLS_CLI_FLAG_PARSER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace voidbox {

// One flag or argument, for more to be said of it. As good as a pointer: its CommandLine owns what
// it speaks of.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}

  // What stands for the value in the help, such as FILE.
  Flag Type(const std::string& name) const;
  Flag OneOf(const std::vector<std::string>& choices) const;
  Flag Required() const;
  Flag Needs(Flag other) const;
  Flag Excludes(Flag other) const;
  // The help shows what the variable holds now.
  Flag ShowDefault() const;
  // A flag that may be given several times takes one value each time; without this, all words up to
  // the next flag.
  Flag OneValueEach() const;
  // Not in the help.
  Flag Hidden() const;

 private:
  CLI::Option* option_;
};

// What one command takes. As good as a pointer: its CommandLine owns what it speaks of.
class FlagParser {
 public:
  FlagParser() = default;
  explicit FlagParser(CLI::App* app) : app_(app) {}

  // A command below this one.
  FlagParser AddCommand(const std::string& name, const std::string& help) const;
  // One of them must be given.
  void RequireCommand() const;

  // `names` are "-f,--flag", or the name of an argument, which has no dashes. The values are there
  // once all was parsed.
  Flag Add(const std::string& names, std::string& value, const std::string& help = "") const;
  Flag Add(const std::string& names, uint32_t& value, const std::string& help) const;
  Flag Add(const std::string& names, std::vector<std::string>& values,
           const std::string& help = "") const;
  // A flag that may be given without a value, and then has `bare`.
  Flag AddWithBare(const std::string& names, std::optional<std::string>& value,
                   const std::string& bare, const std::string& help) const;
  Flag AddSwitch(const std::string& names, bool& value, const std::string& help = "") const;
  // One that was added.
  Flag Of(const std::string& name) const;

  // What comes behind the flags in the help.
  void SetFooter(const std::string& text) const;
  // The help's first line, for a command that takes one of the guest.
  void SetUsage(const std::string& usage) const;
  // The first word that is neither a flag nor an argument begins a command of the guest.
  void TakeCommand() const;

  std::string name() const;
  bool parsed() const;
  // The words of that command.
  std::vector<std::string> Remaining() const;
  const CLI::App& app() const { return *app_; }

 private:
  CLI::App* app_ = nullptr;
};

// All commands of a program.
class CommandLine {
 public:
  CommandLine(const std::string& program, const std::string& help);

  FlagParser root() const;
  // `version` is what --version prints.
  void SetVersion(const std::string& version) const;
  // False when --help or --version was asked for and answered. INVALID_ARGUMENT when the words are
  // not what was said.
  absl::StatusOr<bool> Parse(std::vector<std::string> arguments) const;

 private:
  std::shared_ptr<CLI::App> app_;
};

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_FLAG_PARSER_H_
