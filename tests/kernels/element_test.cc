#include "kernels/element.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/half.h"
#include "tests/kernels/tables.h"

namespace espy::kernels {
namespace {

TEST(ToFloat, ReadsEachFormatFromAnyAddress) {
  const std::int64_t n = 700;  // more than two of the runs it converts in
  const auto values = testing::Normal(n, 1);
  for (const ElementType type :
       {ElementType::kFloat32, ElementType::kFloat16, ElementType::kBfloat16}) {
    std::vector<unsigned char> bytes(static_cast<std::size_t>(n) * ElementBytes(type) + 1);
    std::vector<float> expected(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
      unsigned char* at = bytes.data() + 1 + i * ElementBytes(type);
      if (type == ElementType::kFloat32) {
        expected[i] = values[i];
        std::memcpy(at, &values[i], 4);
      } else {
        std::uint16_t bits = FloatToHalf(values[i]);
        expected[i] = HalfToFloat(bits);
        if (type == ElementType::kBfloat16) {
          std::memcpy(&bits, reinterpret_cast<const unsigned char*>(&values[i]) + 2, 2);
          expected[i] = Bfloat16ToFloat(bits);
        }
        std::memcpy(at, &bits, 2);
      }
    }
    std::vector<float> got(values.size());
    ToFloat(bytes.data() + 1, type, n, got.data());
    EXPECT_EQ(got, expected);
  }
}

}  // namespace
}  // namespace espy::kernels
