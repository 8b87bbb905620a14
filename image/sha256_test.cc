#include "image/sha256.h"

#include <gtest/gtest.h>

namespace voidbox {
namespace {

TEST(Sha256Test, IsWhatTheStandardSays) {
  // FIPS 180-4, the examples of one and of no block.
  EXPECT_EQ(HexDigest(Sha256Of("abc")),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(HexDigest(Sha256Of("")),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(Sha256Test, DoesNotDependOnThePieces) {
  Sha256 hash;
  hash.Update("a");
  hash.Update("");
  hash.Update("bc");
  EXPECT_EQ(hash.Finish(), Sha256Of("abc"));
}

TEST(Sha256Test, TellsNeighbouringStringsApart) {
  Sha256 one, two;
  one.UpdateString("a");
  one.UpdateString("bc");
  two.UpdateString("ab");
  two.UpdateString("c");
  EXPECT_NE(one.Finish(), two.Finish());
}

}  // namespace
}  // namespace voidbox
