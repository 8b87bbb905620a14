#ifndef VOIDBOX_BASE_BOUNDED_JSON_H_
#define VOIDBOX_BASE_BOUNDED_JSON_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "nlohmann/json.hpp"

namespace voidbox {

// JSON out of hostile files and requests, without exceptions. Errors are INVALID_ARGUMENT and name
// the field.

// What a description of an image may have: 4 MiB is what registries accept, and the deepest of
// them has some ten levels; requests are of the same kind, and shorter.
inline constexpr size_t kMaxJsonBytes = 4 << 20;
inline constexpr int kMaxJsonDepth = 32;

absl::StatusOr<nlohmann::json> ParseJson(absl::string_view text, int max_depth = kMaxJsonDepth);
absl::StatusOr<nlohmann::json> ParseJsonObject(absl::string_view text);
absl::StatusOr<nlohmann::json> ParseJsonArray(absl::string_view text);

// A field of an object. One that is missing or null is empty (0 for a number); one of another type
// is an error. `object` may be anything: what is no object has no fields.
absl::StatusOr<std::string> StringField(const nlohmann::json& object, const char* name);
absl::StatusOr<std::vector<std::string>> StringsField(const nlohmann::json& object,
                                                      const char* name);
absl::StatusOr<uint64_t> NumberField(const nlohmann::json& object, const char* name);
absl::StatusOr<bool> BoolField(const nlohmann::json& object, const char* name);
// An array's elements that are all objects; at most `max` of them.
absl::StatusOr<std::vector<nlohmann::json>> ObjectsField(const nlohmann::json& object,
                                                         const char* name, size_t max);
// A field that is an object; an empty one when it is missing.
absl::StatusOr<nlohmann::json> ObjectField(const nlohmann::json& object, const char* name);
// An error for the first field that is none of these.
absl::Status RejectOtherFields(const nlohmann::json& object,
                               std::initializer_list<absl::string_view> known);

}  // namespace voidbox

#endif  // VOIDBOX_BASE_BOUNDED_JSON_H_
