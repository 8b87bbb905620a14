#include "tools/cli/output_format.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "base/printable_text.h"
#include "sandbox/home.h"

namespace voidbox {

void AddAutoFormat(FlagParser app, std::string& format) {
  app.Add("--format", format,
          "text for people, json for programs (default: text on a terminal, else json)")
      .OneOf({"text", "json"});
}

bool WantsJson(const std::string& format) {
  if (!format.empty()) return format == "json";
  return !OutputIsTerminal();
}

bool OutputIsTerminal() {
  return ::isatty(STDOUT_FILENO) == 1 || ProcessEnvironment(kOutputIsTerminalVariable).has_value();
}

bool ErrorIsTerminal() {
  return ::isatty(STDERR_FILENO) == 1 || ProcessEnvironment(kErrorIsTerminalVariable).has_value();
}

void PrintJson(const nlohmann::json& json) {
  const bool ascii = OutputIsTerminal();
  std::puts(json.dump(2, ' ', ascii, nlohmann::json::error_handler_t::replace).c_str());
}

std::string FormatTable(const std::vector<std::vector<std::string>>& cells) {
  std::vector<std::vector<std::string>> rows = cells;
  for (auto& row : rows) {
    for (std::string& cell : row) cell = PrintableLine(cell);
  }
  std::vector<size_t> widths(rows.empty() ? 0 : rows[0].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) {
      absl::StrAppend(&text, row[i], std::string(widths[i] - row[i].size() + 2, ' '));
    }
    absl::StrAppend(&text, row.back(), "\n");
  }
  return text;
}

}  // namespace voidbox
