#ifndef VOIDBOX_AGENT_SECCOMP_JAIL_FILTER_H_
#define VOIDBOX_AGENT_SECCOMP_JAIL_FILTER_H_

#include <cstdint>
#include <span>

namespace voidbox {

// The seccomp filter of a command in a jail, as instructions for SECCOMP_SET_MODE_FILTER (each a
// struct sock_filter). What it refuses, and how, is in compile_filters.cc.
std::span<const uint64_t> JailFilter();

}  // namespace voidbox

#endif  // VOIDBOX_AGENT_SECCOMP_JAIL_FILTER_H_
