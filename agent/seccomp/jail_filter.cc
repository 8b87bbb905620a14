#include "agent/seccomp/jail_filter.h"

#include <linux/filter.h>

namespace voidbox {
namespace {

#include "agent/seccomp/filters.inc"

static_assert(sizeof(sock_filter) == sizeof(uint64_t));

}  // namespace

std::span<const uint64_t> JailFilter() { return kJailFilter; }

}  // namespace voidbox
