#ifndef VOIDBOX_AGENT_RUN_TS_PRELOAD_SCRIPT_H_
#define VOIDBOX_AGENT_RUN_TS_PRELOAD_SCRIPT_H_

#include <string>

#include "agent/run_ts/result_files.h"

namespace voidbox {

// The module that Deno runs before the program, as a data: URL, so that there is no file of it for
// others to change. It defines the global `result`, whose set and error write JSON to `files` and
// throw for what JSON cannot say: undefined, functions, symbols, bigints, NaN and infinities, at
// the top and in arrays and objects (a property that is undefined is left out, as in
// JSON.stringify), and for text longer than kMaxResultBytes.
std::string PreloadUrl(const ResultFiles& files);

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_RUN_TS_PRELOAD_SCRIPT_H_
