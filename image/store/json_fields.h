#ifndef VOIDBOX_IMAGE_STORE_JSON_FIELDS_H_
#define VOIDBOX_IMAGE_STORE_JSON_FIELDS_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace voidbox {

// The fields of one JSON object of hostile text, taken out one by one with their types and bounds;
// Finish says that none is left over. Errors are INVALID_ARGUMENT and begin with the field's path,
// such as "kernel.bytes".
class JsonFields {
 public:
  // INVALID_ARGUMENT unless `text` is one JSON object (RFC 8259) nested no deeper than `max_depth`.
  // The caller bounds its length.
  static absl::StatusOr<JsonFields> Parse(absl::string_view text, int max_depth);

  // 1 to `max_bytes` bytes without control characters; "" when the field is not there.
  absl::StatusOr<std::string> TakeText(const char* name, size_t max_bytes);
  // Up to `max`; an error when the field is not there.
  absl::StatusOr<uint64_t> TakeNumber(const char* name, uint64_t max);
  absl::StatusOr<std::optional<JsonFields>> TakeObject(const char* name);
  // Empty when the field is not there.
  absl::StatusOr<std::vector<JsonFields>> TakeObjects(const char* name, size_t max_count);
  // Of 0 to `max_bytes` bytes each, of any characters but NUL: what execve(2) takes. Empty when the
  // field is not there.
  absl::StatusOr<std::vector<std::string>> TakeStrings(const char* name, size_t max_count,
                                                       size_t max_bytes);
  absl::Status Finish() const;

  // INVALID_ARGUMENT about a field: "kernel.digest: <what>".
  absl::Status Error(absl::string_view name, absl::string_view what) const;

 private:
  JsonFields(nlohmann::json object, std::string path)
      : object_(std::move(object)), path_(std::move(path)) {}
  std::optional<nlohmann::json> Take(const char* name);
  absl::StatusOr<std::string> CheckText(const nlohmann::json& value, absl::string_view name,
                                        size_t max_bytes) const;
  absl::StatusOr<nlohmann::json> TakeArray(const char* name, size_t max_count);

  nlohmann::json object_;
  std::string path_;  // "" or "kernel."
};

}  // namespace voidbox

#endif  // VOIDBOX_IMAGE_STORE_JSON_FIELDS_H_
