#include "base/bounded_json.h"

#include <gtest/gtest.h>

#include <string>

#include "base/status_matchers.h"

namespace voidbox {
namespace {

using nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr absl::StatusCode kBad = absl::StatusCode::kInvalidArgument;

TEST(BoundedJsonTest, ReadsFieldsOfEachKind) {
  const auto object = ParseJsonObject(
      R"({"s":"text","l":["a","b"],"n":18446744073709551615,"b":true,"o":{"x":1},"z":null})");
  ASSERT_THAT(object, IsOk());
  EXPECT_EQ(*StringField(*object, "s"), "text");
  EXPECT_THAT(*StringsField(*object, "l"), ElementsAre("a", "b"));
  EXPECT_EQ(*NumberField(*object, "n"), UINT64_MAX);
  EXPECT_EQ(*BoolField(*object, "b"), true);
  EXPECT_EQ((*ObjectField(*object, "o"))["x"], 1);
}

TEST(BoundedJsonTest, WhatIsMissingOrNullIsEmpty) {
  const json object = {{"z", nullptr}};
  for (const char* name : {"z", "missing"}) {
    EXPECT_EQ(*StringField(object, name), "");
    EXPECT_TRUE(StringsField(object, name)->empty());
    EXPECT_EQ(*NumberField(object, name), 0u);
    EXPECT_EQ(*BoolField(object, name), false);
    EXPECT_TRUE(ObjectField(object, name)->empty());
  }
}

TEST(BoundedJsonTest, AnotherTypeIsAnErrorThatNamesTheField) {
  const json object = {{"s", 1}, {"l", {1}}, {"n", -1}, {"b", "true"}, {"o", json::array()}};
  EXPECT_THAT(StringField(object, "s"), StatusIs(kBad, "field s is of type number, not string"));
  EXPECT_THAT(StringsField(object, "l"), StatusIs(kBad, HasSubstr("field l")));
  EXPECT_THAT(NumberField(object, "n"), StatusIs(kBad, HasSubstr("field n")));
  EXPECT_THAT(BoolField(object, "b"), StatusIs(kBad, HasSubstr("field b")));
  EXPECT_THAT(ObjectField(object, "o"), StatusIs(kBad, HasSubstr("field o")));
}

TEST(BoundedJsonTest, RefusesWhatIsTooLongTooDeepOrNoJson) {
  EXPECT_THAT(ParseJsonObject(std::string(kMaxJsonBytes + 1, ' ')),
              StatusIs(kBad, HasSubstr("longer than the limit")));
  EXPECT_THAT(ParseJsonArray(std::string(kMaxJsonDepth, '[') + std::string(kMaxJsonDepth, ']')),
              IsOk());
  EXPECT_THAT(ParseJsonArray(std::string(kMaxJsonDepth + 1, '[')),
              StatusIs(kBad, HasSubstr("nested deeper")));
  EXPECT_THAT(ParseJsonObject("{"), StatusIs(kBad, HasSubstr("is not json")));
  EXPECT_THAT(ParseJsonObject("[]"), StatusIs(kBad, HasSubstr("not an object")));
  EXPECT_THAT(ParseJsonArray("{}"), StatusIs(kBad, HasSubstr("not an array")));
}

TEST(BoundedJsonTest, AnUnknownFieldIsNamedWithTheKnownOnes) {
  const json object = {{"a", 1}, {"c", 1}};
  EXPECT_THAT(RejectOtherFields(object, {"a", "b", "c"}), IsOk());
  EXPECT_THAT(RejectOtherFields(object, {"a", "b"}),
              StatusIs(kBad, "field \"c\" is not one of: a, b"));
  EXPECT_LT(RejectOtherFields({{std::string(10'000, 'x'), 1}}, {"a"}).message().size(), 200u);
}

TEST(BoundedJsonTest, AnyValueIsTakenUpToADepth) {
  EXPECT_EQ(*ParseJson("3"), 3);
  const std::string deep = std::string(100, '[') + std::string(100, ']');
  EXPECT_FALSE(ParseJson(deep, 99).ok());
  EXPECT_TRUE(ParseJson(deep, 100).ok());
}

}  // namespace
}  // namespace voidbox
