#include "kernels/cuda/emulation/instructions_hopper.h"

#include <array>
#include <cstring>
#include <vector>

#include "base/check.h"

namespace espy::cuda {
namespace {

// Bits 4 to 6 of an address, as many as the span has pieces of 16 bytes, are exchanged by bits 7 to
// 9.
std::uint32_t Swizzled(std::uint32_t address, std::uint32_t span) {
  return address ^ ((address >> 7 & (span / 16 - 1)) << 4);
}

// A matrix descriptor's fields (PTX ISA, "Matrix Descriptor Format").
struct Descriptor {
  explicit Descriptor(std::uint64_t bits)
      : start(static_cast<std::uint32_t>(bits & 0x3fff) << 4),
        leading(static_cast<std::uint32_t>(bits >> 16 & 0x3fff) << 4),
        stride(static_cast<std::uint32_t>(bits >> 32 & 0x3fff) << 4) {
    static constexpr std::uint32_t kSpans[] = {0, 128, 64, 32};
    span = kSpans[bits >> 62];
    ESPY_CHECK(span != 0, "operands lie swizzled");
    ESPY_CHECK((bits >> 49 & 7) == 0, "operands begin where the swizzle's pattern does");
  }
  std::uint32_t start, leading, stride, span;

  // Of element (k, n) of B, in bytes of shared memory. Pieces are of 8 numbers; `span` bytes of
  // them are a row, 8 rows a group.
  std::uint32_t Address(int k, int n, bool transposed) const {
    const auto row = static_cast<std::uint32_t>(transposed ? k : n);
    const auto column = static_cast<std::uint32_t>(transposed ? n : k);
    const std::uint32_t pieces = span / 16, piece = column / 8;
    ESPY_CHECK(transposed || piece < pieces, "a row of B lies within one span");
    const std::uint32_t at = start + piece / pieces * leading + piece % pieces * 16 +
                             row / 8 * stride + row % 8 * span + column % 8 * 2;
    return Swizzled(at, span);
  }
};

}  // namespace

void CopyBox(const TensorMap& map, int x, int head, int row, void* to, Barrier* barrier) {
  const auto span = static_cast<std::uint32_t>(map.box_columns) * 2;
  ESPY_CHECK(span == 128 || span == 64 || span == 32, "a box's row is a swizzle's span");
  const std::uint32_t base = SharedAddress(to);
  ESPY_CHECK(base % (span * 8) == 0, "a box begins where the swizzle's pattern does");
  for (int r = 0; r < map.box_rows; ++r) {
    for (int c = 0; c < map.box_columns; c += 8) {
      const bool present = row + r < map.rows && head < map.heads && x + c < map.columns;
      const std::byte* from = map.data + (row + r) * map.row_stride + head * map.head_stride +
                              static_cast<std::int64_t>(x + c) * 2;
      const std::uint32_t at = Swizzled(
          base + static_cast<std::uint32_t>(r) * span + static_cast<std::uint32_t>(c) * 2, span);
      emulation::StartBoxCopy(barrier, static_cast<std::byte*>(to) + (at - base),
                              present ? from : nullptr);
    }
  }
}

namespace emulation {
namespace {

struct Pending {
  Product product;
  Exchanged<std::array<std::uint32_t, 4>> a;  // of the warp
};

std::vector<Pending>& PendingOf(int thread) {
  static std::vector<std::vector<Pending>> all(1024);  // of a block's threads
  return all[static_cast<std::size_t>(thread)];
}

}  // namespace

void StartProduct(const Product& product, const std::uint32_t* a) {
  std::array<std::uint32_t, 4> mine;
  std::memcpy(mine.data(), a, sizeof mine);
  PendingOf(ThreadInBlock()).push_back({product, cuda::ExchangeInWarp(mine)});
}

void FinishProducts() {
  SyncWarp();
  const int lane = ThreadInBlock() % 32;
  for (const Pending& pending : PendingOf(ThreadInBlock())) {
    const Product& product = pending.product;
    const Descriptor b(product.b);
    for (int i = 0; i < product.columns / 2; ++i) {
      const int row = lane / 4 + (i % 4 >= 2 ? 8 : 0), column = i / 4 * 8 + lane % 4 * 2 + i % 2;
      float sum = product.accumulate ? product.sums[i] : 0;
      for (int k = 0; k < 16; ++k) {
        const std::uint32_t pair =
            pending.a.lanes[row % 8 * 4 + k % 8 / 2][static_cast<std::size_t>(row / 8 + k / 8 * 2)];
        std::uint16_t right = 0;
        std::memcpy(&right, SharedAt(b.Address(k, column, product.transposed)), 2);
        sum += product.to_float(static_cast<std::uint16_t>(pair >> k % 2 * 16)) *
               product.to_float(right);
      }
      product.sums[i] = sum;
    }
  }
  PendingOf(ThreadInBlock()).clear();
}

}  // namespace emulation
}  // namespace espy::cuda
