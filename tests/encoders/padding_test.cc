#include <gtest/gtest.h>

#include <array>
#include <string>

#include "encoders/encoder.h"
#include "tests/encoders/tiny_model.h"

namespace espy::encoders {
namespace {

using Vector = std::array<float, kTinyWidth>;

Vector Encode(const std::string& directory, const std::string& text) {
  Vector vector{};
  const auto encoder = Encoder::Load(directory, {.load_text = true});
  EXPECT_TRUE(encoder.ok()) << encoder.status().message();
  if (!encoder.ok()) return vector;
  const Status status = (*encoder)->EncodeTexts({&text, 1}, vector.data());
  EXPECT_TRUE(status.ok()) << status.message();
  return vector;
}

// A pad written out in the text has the same id as one that fills it up, which shows where the fill
// went.
TEST(Padding, GoesToTheSideThatTheTokenizerNames) {
  const testing::TempDir temp;
  WriteTinySiglip2Text(temp, "left", "left");
  WriteTinySiglip2Text(temp, "right", "right");
  const Vector left = Encode(temp / "left", "a");  // "a" and the end: six pads before them
  const Vector right = Encode(temp / "right", "a");
  EXPECT_NE(left, right);
  EXPECT_EQ(left, Encode(temp / "right", "<pad><pad><pad><pad><pad><pad>a"));
  EXPECT_EQ(Encode(temp / "left", std::string(100, '!')),
            Encode(temp / "right", std::string(100, '!')));
}

}  // namespace
}  // namespace espy::encoders
