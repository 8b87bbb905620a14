#include "agent/run_ts/preload_script.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace voidbox {
namespace {

// In strict mode, as every module. What is written is renamed into place, so that a program that is
// killed leaves a whole value or none.
constexpr absl::string_view kScript = R"js(
const { mkdirSync, writeFileSync, renameSync } = Deno;
const encoder = new TextEncoder();
function toJson(name, value) {
  const refuse = (what, key) => {
    throw new TypeError(`${name}: ${what}${key === "" ? "" : ` at '${key}'`} is not a JSON value`);
  };
  const text = JSON.stringify(value, function (key, item) {
    switch (typeof item) {
      case "number":
        return Number.isFinite(item) ? item : refuse(String(item), key);
      case "undefined":
        return key !== "" && !Array.isArray(this) ? item : refuse("undefined", key);
      case "bigint": case "function": case "symbol":
        return refuse(`a ${typeof item}`, key);
      default:
        return item;
    }
  });
  const bytes = encoder.encode(text);
  if (bytes.length > limit) {
    throw new RangeError(`${name}: ${bytes.length} bytes of JSON are more than the limit of ${limit}`);
  }
  return bytes;
}
function write(name, path, value) {
  const bytes = toJson(name, value);
  mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
  writeFileSync(path + ".new", bytes);
  renameSync(path + ".new", path);
}
Object.defineProperty(globalThis, "result", {
  value: Object.freeze({
    set: (value) => write("result.set", paths.result, value),
    error: (value) => write("result.error", paths.error, value),
  }),
  writable: true, configurable: true, enumerable: false,
});
)js";

}  // namespace

std::string PreloadUrl(const ResultFiles& files) {
  // The paths are the agent's own: nothing in them needs to be quoted.
  const std::string script =
      absl::StrCat("const limit = ", kMaxResultBytes, ", paths = { result: \"", files.result_path(),
                   "\", error: \"", files.error_path(), "\" };", kScript);
  return absl::StrCat("data:application/javascript;base64,", absl::Base64Escape(script));
}

}  // namespace voidbox
