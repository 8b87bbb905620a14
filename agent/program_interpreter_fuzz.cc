#include <cstdint>

#include "agent/program_interpreter.h"
#include "base/check.h"

// The beginning of a program.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view head(reinterpret_cast<const char*>(data), size);
  const absl::string_view name = voidbox::InterpreterOf(head);
  voidbox::Check(name.empty() || (name.data() >= head.data() &&
                                  name.data() + name.size() <= head.data() + head.size()),
                 "the name is a part of the head");
  voidbox::Check(name.find('\0') == absl::string_view::npos, "names have no NUL");
  return 0;
}
