#ifndef VOIDBOX_BASE_TEST_ROUNDS_H_
#define VOIDBOX_BASE_TEST_ROUNDS_H_

#include <cstdlib>

namespace voidbox {

// How often a test does what goes wrong rarely: `usual` times, or as often as its soak target
// (third_party/soak.bzl) says.
inline int TestRounds(int usual) {
  const char* const rounds = std::getenv("VOIDBOX_TEST_ROUNDS");
  return rounds != nullptr ? std::atoi(rounds) : usual;
}

}  // namespace voidbox

#endif  // VOIDBOX_BASE_TEST_ROUNDS_H_
