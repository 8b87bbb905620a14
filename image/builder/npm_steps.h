#ifndef VOIDBOX_IMAGE_BUILDER_NPM_STEPS_H_
#define VOIDBOX_IMAGE_BUILDER_NPM_STEPS_H_

#include "absl/status/status.h"
#include "image/builder/build.h"

namespace voidbox {

// The steps that take programs from npm's registry, as npm-lock.json pins them.

// /home/user/.deno/bin/deno, unless the caller wants none.
absl::Status AddDeno(Build& build);
// /usr/local/bin/claude-code: the mock, or the real one (as `claude` too) where the caller wants
// it.
absl::Status AddClaudeCode(Build& build);

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_BUILDER_NPM_STEPS_H_
