#include "base/bounded_json.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

using nlohmann::json;

// Checked in front of the parser, which would build as many levels as there are brackets.
bool IsTooDeep(absl::string_view text, int max_depth) {
  int depth = 0;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '[' || c == '{') {
      if (++depth > max_depth) return true;
    } else if (c == ']' || c == '}') {
      --depth;
    }
  }
  return false;
}

// Null when the field is missing or null.
const json* Field(const json& object, const char* name) {
  if (!object.is_object()) return nullptr;
  const auto field = object.find(name);
  return field == object.end() || field->is_null() ? nullptr : &*field;
}

absl::Status WrongType(const char* name, const json& field, absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("field ", name, " is of type ", field.type_name(), ", not ", expected));
}

}  // namespace

absl::StatusOr<json> ParseJson(absl::string_view text, int max_depth) {
  if (text.size() > kMaxJsonBytes) {
    return absl::InvalidArgumentError(absl::StrCat(
        "json of ", text.size(), " bytes is longer than the limit of ", kMaxJsonBytes));
  }
  if (IsTooDeep(text, max_depth)) {
    return absl::InvalidArgumentError(
        absl::StrCat("json is nested deeper than the limit of ", max_depth));
  }
  json parsed = json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (parsed.is_discarded()) {
    return absl::InvalidArgumentError(absl::StrCat("is not json (", text.size(), " bytes)"));
  }
  return parsed;
}

absl::StatusOr<json> ParseJsonObject(absl::string_view text) {
  ASSIGN_OR_RETURN(json parsed, ParseJson(text));
  if (!parsed.is_object()) return absl::InvalidArgumentError("json is not an object");
  return parsed;
}

absl::StatusOr<json> ParseJsonArray(absl::string_view text) {
  ASSIGN_OR_RETURN(json parsed, ParseJson(text));
  if (!parsed.is_array()) return absl::InvalidArgumentError("json is not an array");
  return parsed;
}

absl::StatusOr<std::string> StringField(const json& object, const char* name) {
  const json* const field = Field(object, name);
  if (field == nullptr) return std::string();
  const auto* const text = field->get_ptr<const json::string_t*>();
  if (text == nullptr) return WrongType(name, *field, "string");
  return *text;
}

absl::StatusOr<std::vector<std::string>> StringsField(const json& object, const char* name) {
  std::vector<std::string> strings;
  const json* const field = Field(object, name);
  if (field == nullptr) return strings;
  if (!field->is_array()) return WrongType(name, *field, "array");
  for (const json& element : *field) {
    const auto* const text = element.get_ptr<const json::string_t*>();
    if (text == nullptr) return WrongType(name, element, "string");
    strings.push_back(*text);
  }
  return strings;
}

absl::StatusOr<uint64_t> NumberField(const json& object, const char* name) {
  const json* const field = Field(object, name);
  if (field == nullptr) return 0;
  const auto* const number = field->get_ptr<const json::number_unsigned_t*>();
  if (number == nullptr) return WrongType(name, *field, "a number from 0 on");
  return *number;
}

absl::StatusOr<bool> BoolField(const json& object, const char* name) {
  const json* const field = Field(object, name);
  if (field == nullptr) return false;
  const auto* const value = field->get_ptr<const json::boolean_t*>();
  if (value == nullptr) return WrongType(name, *field, "true or false");
  return *value;
}

absl::StatusOr<std::vector<json>> ObjectsField(const json& object, const char* name, size_t max) {
  std::vector<json> objects;
  const json* const field = Field(object, name);
  if (field == nullptr) return objects;
  if (!field->is_array()) return WrongType(name, *field, "array");
  if (field->size() > max) {
    return absl::InvalidArgumentError(absl::StrCat("field ", name, " has ", field->size(),
                                                   " elements, more than the limit of ", max));
  }
  for (const json& element : *field) {
    if (!element.is_object()) return WrongType(name, element, "object");
    objects.push_back(element);
  }
  return objects;
}

absl::StatusOr<json> ObjectField(const json& object, const char* name) {
  const json* const field = Field(object, name);
  if (field == nullptr) return json::object();
  if (!field->is_object()) return WrongType(name, *field, "object");
  return *field;
}

absl::Status RejectOtherFields(const json& object, std::initializer_list<absl::string_view> known) {
  if (!object.is_object()) return absl::OkStatus();
  for (auto field = object.begin(); field != object.end(); ++field) {
    const absl::string_view name = field.key();
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    constexpr size_t kQuotedBytes = 64;
    return absl::InvalidArgumentError(
        absl::StrCat("field \"", name.substr(0, kQuotedBytes),
                     "\" is not one of: ", absl::StrJoin(known, ", ")));
  }
  return absl::OkStatus();
}

}  // namespace voidbox
