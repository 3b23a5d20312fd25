#include "index/ivf/nearest.h"

#include <algorithm>
#include <limits>

#include "base/cpu_features.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace espy::index {
namespace {

constexpr std::int64_t kPanel = PackedColumns::kPanel;
// Rows of one tile. AVX-512: an accumulator each, 12 of 32 registers, enough to cover four cycles
// of latency at two products a cycle. AVX2 has two accumulators a row, so its tiles are of six.
constexpr std::int64_t kTileRows = 12;
constexpr std::int64_t kBlockRows =
    96;  // rows of one task: with d = 128 they stay in a 48 KB cache

// out[r][16] = bias + rows[r] . panel for r < count.
using TileFn = void (*)(const float* rows, std::int64_t count, std::int64_t d, const float* panel,
                        const float* bias, float* out);

void TilePlain(const float* rows, std::int64_t count, std::int64_t d, const float* panel,
               const float* bias, float* out) {
  for (std::int64_t r = 0; r < count; ++r) {
    float sums[kPanel];
    std::copy(bias, bias + kPanel, sums);
    for (std::int64_t k = 0; k < d; ++k) {
      const float x = rows[r * d + k];
      for (std::int64_t c = 0; c < kPanel; ++c) sums[c] += x * panel[k * kPanel + c];
    }
    std::copy(sums, sums + kPanel, out + r * kPanel);
  }
}

#if defined(__x86_64__)

template <int kRows>
__attribute__((target("avx2,fma"))) void SixAvx2(const float* rows, std::int64_t d,
                                                 const float* panel, const float* bias,
                                                 float* out) {
  __m256 low[kRows], high[kRows];
  for (int r = 0; r < kRows; ++r) {
    low[r] = _mm256_loadu_ps(bias);
    high[r] = _mm256_loadu_ps(bias + 8);
  }
  for (std::int64_t k = 0; k < d; ++k) {
    const __m256 a = _mm256_loadu_ps(panel + k * kPanel);
    const __m256 b = _mm256_loadu_ps(panel + k * kPanel + 8);
    for (int r = 0; r < kRows; ++r) {
      const __m256 x = _mm256_broadcast_ss(rows + r * d + k);
      low[r] = _mm256_fmadd_ps(x, a, low[r]);
      high[r] = _mm256_fmadd_ps(x, b, high[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) {
    _mm256_storeu_ps(out + r * kPanel, low[r]);
    _mm256_storeu_ps(out + r * kPanel + 8, high[r]);
  }
}

void TileAvx2(const float* rows, std::int64_t count, std::int64_t d, const float* panel,
              const float* bias, float* out) {
  std::int64_t r = 0;
  for (; r + 6 <= count; r += 6) SixAvx2<6>(rows + r * d, d, panel, bias, out + r * kPanel);
  for (; r < count; ++r) SixAvx2<1>(rows + r * d, d, panel, bias, out + r * kPanel);
}

template <int kRows>
__attribute__((target("avx512f"))) void RowsAvx512(const float* rows, std::int64_t d,
                                                   const float* panel, const float* bias,
                                                   float* out) {
  __m512 sums[kRows];
  for (int r = 0; r < kRows; ++r) sums[r] = _mm512_loadu_ps(bias);
  for (std::int64_t k = 0; k < d; ++k) {
    const __m512 a = _mm512_loadu_ps(panel + k * kPanel);
    for (int r = 0; r < kRows; ++r) {
      sums[r] = _mm512_fmadd_ps(_mm512_set1_ps(rows[r * d + k]), a, sums[r]);
    }
  }
  for (int r = 0; r < kRows; ++r) _mm512_storeu_ps(out + r * kPanel, sums[r]);
}

void TileAvx512(const float* rows, std::int64_t count, std::int64_t d, const float* panel,
                const float* bias, float* out) {
  if (count == kTileRows) return RowsAvx512<kTileRows>(rows, d, panel, bias, out);
  for (std::int64_t r = 0; r < count; ++r) {
    RowsAvx512<1>(rows + r * d, d, panel, bias, out + r * kPanel);
  }
}

#endif  // __x86_64__

TileFn ChooseTile() {
#if defined(__x86_64__)
  if (CpuFeatures().avx512) return TileAvx512;
  if (CpuFeatures().avx2) return TileAvx2;
#endif
  return TilePlain;
}

TileFn Tile() {
  static const TileFn tile = ChooseTile();
  return tile;
}

// Calls task(first row, rows) for blocks of rows on all threads.
template <class Task>
void ForBlocks(std::int64_t count, ThreadPool* pool, const Task& task) {
  pool->ParallelFor((count + kBlockRows - 1) / kBlockRows, [&](std::int64_t block) {
    const std::int64_t begin = block * kBlockRows;
    task(begin, std::min(kBlockRows, count - begin));
  });
}

}  // namespace

PackedColumns::PackedColumns(const float* columns, std::int64_t n, std::int64_t d, bool euclidean)
    : n_(n),
      d_(d),
      panels_((n + kPanel - 1) / kPanel),
      data_(static_cast<std::size_t>(panels_ * d * kPanel), 0.0f),
      bias_(static_cast<std::size_t>(panels_ * kPanel), -std::numeric_limits<float>::infinity()) {
  for (std::int64_t c = 0; c < n; ++c) {
    float* panel = data_.data() + c / kPanel * d * kPanel + c % kPanel;
    float squares = 0;
    for (std::int64_t k = 0; k < d; ++k) {
      panel[k * kPanel] = columns[c * d + k];
      squares += columns[c * d + k] * columns[c * d + k];
    }
    bias_[c] = euclidean ? -0.5f * squares : 0.0f;
  }
}

void PackedColumns::Nearest(const float* rows, std::int64_t count, ThreadPool* pool,
                            std::int32_t* best) const {
  const TileFn tile = Tile();
  ForBlocks(count, pool, [&](std::int64_t begin, std::int64_t size) {
    float greatest[kBlockRows];
    std::fill(greatest, greatest + size, -std::numeric_limits<float>::infinity());
    std::fill(best + begin, best + begin + size, 0);
    for (std::int64_t p = 0; p < panels_; ++p) {
      const float* panel = data_.data() + p * d_ * kPanel;
      for (std::int64_t r = 0; r < size; r += kTileRows) {
        const std::int64_t n = std::min(kTileRows, size - r);
        float out[kTileRows * kPanel];
        tile(rows + (begin + r) * d_, n, d_, panel, bias_.data() + p * kPanel, out);
        for (std::int64_t i = 0; i < n; ++i) {
          const float* scores = out + i * kPanel;
          // Rarely true, and quicker to know than the greatest of the sixteen.
          int any = 0;
          for (std::int64_t c = 0; c < kPanel; ++c) any |= scores[c] > greatest[r + i] ? 1 : 0;
          if (any == 0) continue;
          const auto at = std::max_element(scores, scores + kPanel) - scores;
          greatest[r + i] = scores[at];
          best[begin + r + i] = static_cast<std::int32_t>(p * kPanel + at);
        }
      }
    }
  });
}

void PackedColumns::Products(const float* rows, std::int64_t count, ThreadPool* pool,
                             float* out) const {
  const TileFn tile = Tile();
  const std::vector<float> zero(kPanel, 0.0f);
  ForBlocks(count, pool, [&](std::int64_t begin, std::int64_t size) {
    for (std::int64_t p = 0; p < panels_; ++p) {
      const std::int64_t columns = std::min(kPanel, n_ - p * kPanel);
      for (std::int64_t r = 0; r < size; r += kTileRows) {
        const std::int64_t n = std::min(kTileRows, size - r);
        float sums[kTileRows * kPanel];
        tile(rows + (begin + r) * d_, n, d_, data_.data() + p * d_ * kPanel, zero.data(), sums);
        for (std::int64_t i = 0; i < n; ++i) {
          std::copy(sums + i * kPanel, sums + i * kPanel + columns,
                    out + (begin + r + i) * n_ + p * kPanel);
        }
      }
    }
  });
}

}  // namespace espy::index
