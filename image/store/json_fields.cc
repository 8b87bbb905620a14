#include "image/store/json_fields.h"

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace voidbox {
namespace {

// Names and texts of hostile files, short enough for a message.
std::string Shown(absl::string_view text) { return absl::CHexEscape(text.substr(0, 64)); }

// C0, DEL, and C1 as UTF-8 writes it: what a terminal obeys.
bool HasControlCharacter(absl::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c < 0x20 || c == 0x7f) return true;
    if (c == 0xc2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xa0) {
      return true;
    }
  }
  return false;
}

}  // namespace

absl::StatusOr<JsonFields> JsonFields::Parse(absl::string_view text, int max_depth) {
  bool too_deep = false;
  const auto watch_depth = [&](int depth, nlohmann::json::parse_event_t, nlohmann::json&) {
    too_deep = too_deep || depth > max_depth;
    return !too_deep;  // what is deeper is dropped as it comes
  };
  nlohmann::json object =
      nlohmann::json::parse(text.begin(), text.end(), watch_depth, /*allow_exceptions=*/false);
  if (too_deep) {
    return absl::InvalidArgumentError(absl::StrCat("nested deeper than ", max_depth, " levels"));
  }
  if (object.is_discarded()) return absl::InvalidArgumentError("not JSON");
  if (!object.is_object()) return absl::InvalidArgumentError("not a JSON object");
  return JsonFields(std::move(object), "");
}

absl::Status JsonFields::Error(absl::string_view name, absl::string_view what) const {
  return absl::InvalidArgumentError(absl::StrCat(path_, name, ": ", what));
}

std::optional<nlohmann::json> JsonFields::Take(const char* name) {
  const auto found = object_.find(name);
  if (found == object_.end()) return std::nullopt;
  nlohmann::json value = std::move(*found);
  object_.erase(found);
  return value;
}

absl::StatusOr<std::string> JsonFields::CheckText(const nlohmann::json& value,
                                                  absl::string_view name, size_t max_bytes) const {
  if (!value.is_string()) return Error(name, "not a text");
  const auto& text = value.get_ref<const std::string&>();
  if (text.empty() || text.size() > max_bytes) {
    return Error(name, absl::StrCat(text.size(), " bytes, expected 1 to ", max_bytes));
  }
  if (HasControlCharacter(text)) {
    return Error(name, absl::StrCat("'", Shown(text), "' has a control character"));
  }
  return text;
}

absl::StatusOr<std::string> JsonFields::TakeText(const char* name, size_t max_bytes) {
  const auto value = Take(name);
  if (!value.has_value()) return std::string();
  return CheckText(*value, name, max_bytes);
}

absl::StatusOr<uint64_t> JsonFields::TakeNumber(const char* name, uint64_t max) {
  const auto value = Take(name);
  if (!value.has_value()) return Error(name, "missing");
  if (!value->is_number_unsigned()) return Error(name, "not a whole number of 0 or more");
  const auto number = value->get<uint64_t>();
  if (number > max) return Error(name, absl::StrCat(number, " is more than the limit of ", max));
  return number;
}

absl::StatusOr<std::optional<JsonFields>> JsonFields::TakeObject(const char* name) {
  auto value = Take(name);
  if (!value.has_value()) return std::nullopt;
  if (!value->is_object()) return Error(name, "not an object");
  return JsonFields(*std::move(value), absl::StrCat(path_, name, "."));
}

absl::StatusOr<nlohmann::json> JsonFields::TakeArray(const char* name, size_t max_count) {
  auto value = Take(name);
  if (!value.has_value()) return nlohmann::json::array();
  if (!value->is_array()) return Error(name, "not an array");
  if (value->size() > max_count) {
    return Error(name,
                 absl::StrCat(value->size(), " elements are more than the limit of ", max_count));
  }
  return *std::move(value);
}

absl::StatusOr<std::vector<JsonFields>> JsonFields::TakeObjects(const char* name,
                                                                size_t max_count) {
  ASSIGN_OR_RETURN(nlohmann::json array, TakeArray(name, max_count));
  std::vector<JsonFields> objects;
  for (nlohmann::json& element : array) {
    const std::string element_name = absl::StrCat(name, "[", objects.size(), "]");
    if (!element.is_object()) return Error(element_name, "not an object");
    objects.push_back(JsonFields(std::move(element), absl::StrCat(path_, element_name, ".")));
  }
  return objects;
}

absl::StatusOr<std::vector<std::string>> JsonFields::TakeStrings(const char* name, size_t max_count,
                                                                 size_t max_bytes) {
  ASSIGN_OR_RETURN(const nlohmann::json array, TakeArray(name, max_count));
  std::vector<std::string> strings;
  for (const nlohmann::json& element : array) {
    const std::string element_name = absl::StrCat(name, "[", strings.size(), "]");
    if (!element.is_string()) return Error(element_name, "not a text");
    const auto& text = element.get_ref<const std::string&>();
    if (text.size() > max_bytes || text.find('\0') != std::string::npos) {
      return Error(element_name, absl::StrCat(text.size(), " bytes, expected up to ", max_bytes,
                                              " and no NUL among them"));
    }
    strings.push_back(text);
  }
  return strings;
}

absl::Status JsonFields::Finish() const {
  if (object_.empty()) return absl::OkStatus();
  return Error(Shown(object_.begin().key()), "unknown field");
}

}  // namespace voidbox
