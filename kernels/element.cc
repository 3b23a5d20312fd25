#include "kernels/element.h"

#include <cstring>

#include "base/half.h"

namespace espy::kernels {

std::size_t ElementBytes(ElementType type) { return type == ElementType::kFloat32 ? 4 : 2; }

void ToFloat(const void* in, ElementType type, std::int64_t n, float* out) {
  const auto count = static_cast<std::size_t>(n);
  if (type == ElementType::kFloat32) {
    std::memcpy(out, in, count * sizeof(float));
    return;
  }
  // Copied in short runs first, because the source may lie at an odd address.
  constexpr std::size_t kRun = 256;
  std::uint16_t run[kRun];
  const auto* bytes = static_cast<const unsigned char*>(in);
  for (std::size_t i = 0; i < count; i += kRun) {
    const std::size_t length = count - i < kRun ? count - i : kRun;
    std::memcpy(run, bytes + 2 * i, 2 * length);
    if (type == ElementType::kFloat16) {
      HalfToFloat(run, length, out + i);
    } else {
      for (std::size_t j = 0; j < length; ++j) out[i + j] = Bfloat16ToFloat(run[j]);
    }
  }
}

}  // namespace espy::kernels
