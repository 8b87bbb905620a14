#ifndef VOIDBOX_TOOLS_CLI_OUTPUT_FORMAT_H_
#define VOIDBOX_TOOLS_CLI_OUTPUT_FORMAT_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/cli/flag_parser.h"

namespace voidbox {

// Adds --format: "text", "json", or empty for what suits standard output.
void AddAutoFormat(FlagParser app, std::string& format);
// Whether programs read the output: they do unless it is a terminal, here or, for a voidbox inside
// the emulated host, on the machine outside.
bool WantsJson(const std::string& format);
// In the environment of a voidbox that is run there for one whose output, or standard error, is a
// terminal.
inline constexpr char kOutputIsTerminalVariable[] = "VOIDBOX_OUTPUT_IS_TERMINAL";
inline constexpr char kErrorIsTerminalVariable[] = "VOIDBOX_ERROR_IS_TERMINAL";
// Whether what is written to this process' standard output, or standard error, comes to a terminal,
// here or outside.
bool OutputIsTerminal();
bool ErrorIsTerminal();

// To a terminal in ASCII: other characters as \uNNNN, since some of them command it.
void PrintJson(const nlohmann::json& json);

// Columns as wide as their longest cell, two spaces apart; the first row is the heading. All rows
// have the same number of cells. Cells are PrintableLine.
std::string FormatTable(const std::vector<std::vector<std::string>>& rows);

}  // namespace voidbox

#endif  // VOIDBOX_TOOLS_CLI_OUTPUT_FORMAT_H_
