#include "index/ivf/rabitq.h"

#include <algorithm>
#include <cmath>

namespace espy::index {

RabitqFactors EncodeRabitq(const float* r, std::int64_t dimensions, std::uint8_t* code) {
  double squares = 0, absolute = 0;
  std::fill(code, code + dimensions / 4, 0);
  for (std::int64_t i = 0; i < dimensions; ++i) {
    squares += double{r[i]} * r[i];
    absolute += std::fabs(r[i]);
    if (r[i] >= 0) code[i / 4] = static_cast<std::uint8_t>(code[i / 4] | 1 << i % 4);
  }
  if (!(absolute > 0)) return {};  // estimated as 0, which it is
  const double t2 = absolute * absolute / (static_cast<double>(dimensions) * squares);
  const double ratio = std::max(0.0, (1 - t2) / t2);
  const double degrees = static_cast<double>(std::max<std::int64_t>(dimensions - 1, 1));
  return {static_cast<float>(squares / absolute),
          static_cast<float>(std::sqrt(squares * ratio / degrees))};
}

void RabitqTable(const float* query, std::int64_t dimensions, float* table) {
  for (std::int64_t m = 0; m < dimensions / 4; ++m) {
    const float* q = query + m * 4;
    for (int j = 0; j < 16; ++j) {
      float sum = 0;
      for (int i = 0; i < 4; ++i) sum += (j >> i & 1) != 0 ? q[i] : -q[i];
      table[m * 16 + j] = sum;
    }
  }
}

}  // namespace espy::index
