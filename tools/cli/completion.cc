#include "tools/cli/completion.h"

#include <functional>
#include <map>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"

namespace voidbox {
namespace {

constexpr char kNames[] = R"sh(
_voidbox_home() { printf %s "${VOIDBOX_HOME:-${XDG_DATA_HOME:-$HOME/.local/share}/voidbox}"; }
_voidbox_images() { ls -- "$(_voidbox_home)/images/names" 2>/dev/null; }
_voidbox_sandboxes() {
  sed -n 's/^ *"\(id\|name\)": "\(..*\)",*$/\2/p' "$(_voidbox_home)"/detached/*/record.json 2>/dev/null
}
)sh";

// What comes after `words` in the way: everything up to the case of the commands.
constexpr char kBashHead[] = R"sh(_voidbox() {
  local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path= words= i
  for ((i = 1; i < COMP_CWORD; i++)); do
    [[ ${COMP_WORDS[i]} == -- ]] && { COMPREPLY=($(compgen -c -- "$word")); return; }
  done
  case ${COMP_WORDS[1]} in
    %s) path="${COMP_WORDS[1]}" ; ((COMP_CWORD > 2)) && path="$path ${COMP_WORDS[2]}" ;;
    *) ((COMP_CWORD > 1)) && path="${COMP_WORDS[1]}" ;;
  esac
)sh";

constexpr char kBashTail[] = R"sh(  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o default -F _voidbox voidbox
)sh";

using Commands = std::vector<const CLI::App*>;

Commands SubcommandsOf(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App*) { return true; });
}

// The long flags of a command, hidden ones apart.
std::vector<const CLI::Option*> FlagsOf(const CLI::App& app) {
  std::vector<const CLI::Option*> flags;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_lnames().empty() && !option->get_group().empty()) flags.push_back(option);
  }
  return flags;
}

std::string LongName(const CLI::Option& option) {
  return absl::StrCat("--", option.get_lnames().front());
}

// "a b" of a type "NAME:{a,b}", which is how CLI11 writes a membership; empty for another.
std::string ChoicesOf(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  const size_t open = type.find('{');
  const size_t close = type.rfind('}');
  if (open == std::string::npos || close == std::string::npos || close < open) return "";
  return absl::StrReplaceAll(type.substr(open + 1, close - open - 1), {{",", " "}});
}

bool TakesPath(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return absl::StartsWith(type, "FILE") || type == "DIR" || type == "DIRECTORY";
}

// What a command takes beside flags, as words for compgen -W.
std::string ArgumentsOf(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_positional()) continue;
    const std::string choices = ChoicesOf(*option);
    const std::string name = option->get_name(true);
    if (!choices.empty()) absl::StrAppend(&words, " ", choices);
    if (absl::StrContains(name, "ID")) absl::StrAppend(&words, " $(_voidbox_sandboxes)");
    if (absl::StrContains(name, "IMAGE")) absl::StrAppend(&words, " $(_voidbox_images)");
  }
  // Whose first word behind the flags is a sandbox, and the others a command.
  if (app.get_name() == "exec" && app.get_parent()->get_parent() == nullptr) {
    absl::StrAppend(&words, " $(_voidbox_sandboxes)");
  }
  return words;
}

std::string WordsOf(const CLI::App& app) {
  std::vector<std::string> words;
  for (const CLI::App* command : SubcommandsOf(app)) words.push_back(command->get_name());
  for (const CLI::Option* flag : FlagsOf(app)) words.push_back(LongName(*flag));
  return absl::StrCat(absl::StrJoin(words, " "), ArgumentsOf(app));
}

// For the app and each command below, with the words that name it.
void ForEachCommand(const CLI::App& app, const std::string& path,
                    const std::function<void(const CLI::App&, const std::string&)>& visit) {
  visit(app, path);
  for (const CLI::App* command : SubcommandsOf(app)) {
    ForEachCommand(*command, absl::StrCat(path, path.empty() ? "" : " ", command->get_name()),
                   visit);
  }
}

std::string Bash(const CLI::App& app) {
  std::vector<std::string> paths;
  std::map<std::string, std::string> choices;
  std::string cases;
  ForEachCommand(app, "", [&](const CLI::App& command, const std::string& path) {
    for (const CLI::Option* flag : FlagsOf(command)) {
      if (TakesPath(*flag)) paths.push_back(LongName(*flag));
      const std::string one = ChoicesOf(*flag);
      if (!one.empty()) choices[LongName(*flag)] = one;
    }
    absl::StrAppend(&cases, "    '", path, "') words=\"", WordsOf(command), "\" ;;\n");
  });
  std::vector<std::string> groups;
  for (const CLI::App* command : SubcommandsOf(app)) {
    if (!SubcommandsOf(*command).empty()) groups.push_back(command->get_name());
  }
  std::string script = absl::StrCat(
      kNames, absl::StrReplaceAll(kBashHead, {{"%s", absl::StrJoin(groups, " | ")}}),
      "  case $previous in\n"
      "    --image) COMPREPLY=($(compgen -W \"$(_voidbox_images)\" -- \"$word\")); return ;;\n");
  if (!paths.empty()) {
    absl::StrAppend(&script, "    ", absl::StrJoin(paths, " | "),
                    ") COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n");
  }
  for (const auto& [flag, words] : choices) {
    absl::StrAppend(&script, "    ", flag, ") COMPREPLY=($(compgen -W \"", words,
                    "\" -- \"$word\")); return ;;\n");
  }
  absl::StrAppend(&script, "  esac\n  case $path in\n", cases, "  esac\n", kBashTail);
  return script;
}

std::string Quoted(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"\\", "\\\\"}, {"'", "\\'"}}), "'");
}

// When the words of `path` were typed.
std::string FishCondition(const std::string& path) {
  if (path.empty()) return "__fish_use_subcommand";
  const std::vector<std::string> words = absl::StrSplit(path, ' ');
  std::vector<std::string> seen;
  seen.reserve(words.size());
  for (const std::string& word : words) {
    seen.push_back(absl::StrCat("__fish_seen_subcommand_from ", word));
  }
  return absl::StrJoin(seen, "; and ");
}

std::string Fish(const CLI::App& app) {
  std::string script = R"sh(function __voidbox_home
  test -n "$VOIDBOX_HOME"; and echo $VOIDBOX_HOME; and return
  test -n "$XDG_DATA_HOME"; and echo $XDG_DATA_HOME/voidbox; or echo $HOME/.local/share/voidbox
end
function _voidbox_images; command ls (__voidbox_home)/images/names 2>/dev/null; end
function _voidbox_sandboxes
  sed -n 's/^ *"\(id\|name\)": "\(..*\)",*$/\2/p' (__voidbox_home)/detached/*/record.json 2>/dev/null
end
complete -c voidbox -f
)sh";
  ForEachCommand(app, "", [&](const CLI::App& command, const std::string& path) {
    const std::string line = absl::StrCat("complete -c voidbox -n ", Quoted(FishCondition(path)));
    for (const CLI::App* sub : SubcommandsOf(command)) {
      absl::StrAppend(&script, line, " -a ", sub->get_name(), " -d ",
                      Quoted(sub->get_description()), "\n");
    }
    const std::string arguments = ArgumentsOf(command);
    if (!arguments.empty()) {
      absl::StrAppend(&script, line, " -a ",
                      Quoted(absl::StrReplaceAll(arguments.substr(1), {{"$(", "("}})), "\n");
    }
    for (const CLI::Option* flag : FlagsOf(command)) {
      absl::StrAppend(&script, line, " -l ", flag->get_lnames().front());
      if (!flag->get_snames().empty()) absl::StrAppend(&script, " -s ", flag->get_snames().front());
      const std::string choices = ChoicesOf(*flag);
      if (LongName(*flag) == "--image") {
        absl::StrAppend(&script, " -xa '(_voidbox_images)'");
      } else if (!choices.empty()) {
        absl::StrAppend(&script, " -xa ", Quoted(choices));
      } else if (TakesPath(*flag)) {
        absl::StrAppend(&script, " -rF");
      } else if (flag->get_items_expected_max() > 0) {
        absl::StrAppend(&script, " -x");
      }
      absl::StrAppend(&script, " -d ", Quoted(flag->get_description()), "\n");
    }
  });
  return script;
}

}  // namespace

absl::StatusOr<std::string> CompletionScript(const std::string& shell, FlagParser parser) {
  const CLI::App& app = parser.app();
  if (shell == "bash") {
    return absl::StrCat("# bash completion of voidbox: source <(voidbox completion bash)",
                        Bash(app));
  }
  // zsh runs bash's completions, and has arrays begin at 0 for them (zshcompsys(1), bashcompinit).
  if (shell == "zsh") {
    return absl::StrCat(
        "# zsh completion of voidbox: source <(voidbox completion zsh)\n"
        "autoload -U +X compinit bashcompinit && compinit && bashcompinit",
        Bash(app));
  }
  if (shell == "fish") {
    return absl::StrCat("# fish completion of voidbox: voidbox completion fish | source\n",
                        Fish(app));
  }
  return absl::InvalidArgumentError(
      absl::StrCat("shell '", shell, "' is not one of bash, zsh, fish"));
}

}  // namespace voidbox
