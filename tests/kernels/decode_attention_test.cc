// Attention of decoding steps: keys packed once, and keys along a path.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/reference.h"
#include "kernels/packed_attention.h"
#include "kernels/path_attention.h"
#include "tests/kernels/tables.h"

namespace espy::kernels {
namespace {

using testing::Normal;

TEST(PackedAttention, HasAttentionsBitsForAnyNumberOfQueries) {
  ThreadPool pool(2);
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
    for (const auto& [keys, heads, dim] :
         {std::tuple(577, 3, 64), std::tuple(1, 1, 5), std::tuple(50, 2, 72),
          std::tuple(800, 1, 16), std::tuple(33, 2, 24)}) {
      const std::int64_t width = std::int64_t{heads} * dim, stride = 2 * width + 3;
      const std::int64_t query_offsets[] = {0, 3, 3, 17};
      const std::int64_t key_offsets[] = {0, keys, 2 * keys, 3 * keys};
      const auto q = Normal(17 * width, 1), kv = Normal(3 * keys * stride, 2);
      AttentionArgs whole{.sequences = 3,
                          .heads = heads,
                          .head_dim = dim,
                          .scale = 1 / std::sqrt(static_cast<float>(dim)),
                          .precision = precision,
                          .query_offsets = query_offsets,
                          .key_offsets = key_offsets,
                          .q = {q.data(), width},
                          .k = {kv.data(), stride},
                          .v = {kv.data() + width, stride},
                          .out_stride = width};
      std::vector<float> expected(q.size()), got(q.size());
      whole.out = expected.data();
      Attention(whole, nullptr);
      std::vector<PackedKeyValues> packed;
      std::vector<const PackedKeyValues*> pointers;
      for (std::int64_t s = 0; s < 3; ++s) {
        const float* rows = kv.data() + s * keys * stride;
        PackedKeyValues& one = packed.emplace_back();
        // The last is packed twice: nothing of the first packing may be left.
        if (s == 2) one.Pack(whole.v, whole.k, keys, heads, dim, Precision::kFloat32, nullptr);
        one.Pack({rows, stride}, {rows + width, stride}, keys, heads, dim, precision,
                 s == 1 ? &pool : nullptr);
      }
      for (const PackedKeyValues& one : packed) pointers.push_back(&one);
      PackedAttention({.sequences = 3,
                       .scale = whole.scale,
                       .keys = pointers.data(),
                       .query_offsets = query_offsets,
                       .q = whole.q,
                       .out = got.data(),
                       .out_stride = width},
                      &pool);
      EXPECT_EQ(std::memcmp(got.data(), expected.data(), got.size() * sizeof(float)), 0)
          << PrecisionName(precision) << " " << keys << " keys, dim " << dim;
    }
  }
}

class PathAttentionTable : public ::testing::TestWithParam<const cpu::KernelTable*> {};
INSTANTIATE_TEST_SUITE_P(Cpu, PathAttentionTable, ::testing::ValuesIn(testing::RunnableTables()),
                         testing::TableName);

// One head of one row by a table; the keys seen are rows 0 .. kept - 1, then `path`.
std::vector<float> RunRow(const cpu::KernelTable& table, const std::vector<float>& q,
                          const std::vector<float>& kv, std::int64_t dim, std::int64_t kept,
                          const std::vector<std::int64_t>& path) {
  std::vector<float> out(static_cast<std::size_t>(dim) + 1, 777.0f);
  AlignedBuffer scores(kept + static_cast<std::int64_t>(path.size()) + 16);
  table.path_attention({.q = q.data(),
                        .k = kv.data(),
                        .v = kv.data() + dim,
                        .k_stride = 2 * dim,
                        .v_stride = 2 * dim,
                        .kept = kept,
                        .path = path.data(),
                        .path_length = static_cast<std::int64_t>(path.size()),
                        .head_dim = dim,
                        .scale = 1 / std::sqrt(static_cast<float>(dim)),
                        .out = out.data(),
                        .scores = scores.data()});
  EXPECT_EQ(out.back(), 777.0f) << "written past the row";
  out.pop_back();
  return out;
}

TEST_P(PathAttentionTable, AgreesWithReferenceWhereverTheKeysLie) {
  for (const std::int64_t dim : {1, 3, 16, 24, 33, 64, 72, 128}) {
    for (const std::int64_t keys : {1, 2, 7, 16, 17, 40, 300}) {
      const auto q = Normal(dim, 3);
      const auto kv = Normal(2 * keys * dim, 4);
      const std::int64_t query_offsets[] = {0, 1}, key_offsets[] = {0, keys};
      std::vector<float> expected(static_cast<std::size_t>(dim));
      reference::Attention({.sequences = 1,
                            .heads = 1,
                            .head_dim = dim,
                            .scale = 1 / std::sqrt(static_cast<float>(dim)),
                            .query_offsets = query_offsets,
                            .key_offsets = key_offsets,
                            .q = {q.data(), dim},
                            .k = {kv.data(), 2 * dim},
                            .v = {kv.data() + dim, 2 * dim},
                            .out = expected.data(),
                            .out_stride = dim});
      const auto all_kept = RunRow(*GetParam(), q, kv, dim, keys, {});
      for (std::size_t i = 0; i < expected.size(); ++i) {
        // Weights and values of the order of 1: some roundings of 2^-24, and 3e-7 of e^x.
        ASSERT_NEAR(all_kept[i], expected[i], 5e-6f) << keys << " keys, dim " << dim;
      }
      // The same keys with the last of them on a path, from places apart: the same bits.
      for (const std::int64_t kept : {std::int64_t{0}, keys / 3, keys - 1}) {
        const std::int64_t gap = 5;
        std::vector<float> apart(static_cast<std::size_t>(2 * dim * (kept + gap * keys)), -9.0f);
        std::copy(kv.begin(), kv.begin() + 2 * dim * kept, apart.begin());
        std::vector<std::int64_t> path;
        for (std::int64_t key = kept; key < keys; ++key) {
          path.push_back(kept + gap * (key - kept) + 2);
          std::copy(kv.begin() + 2 * dim * key, kv.begin() + 2 * dim * (key + 1),
                    apart.begin() + 2 * dim * path.back());
        }
        ASSERT_EQ(RunRow(*GetParam(), q, apart, dim, kept, path), all_kept)
            << keys << " keys, " << kept << " kept, dim " << dim;
      }
    }
  }
}

TEST(PathAttention, RunsEveryHeadOfEveryRow) {
  const std::int64_t rows = 5, heads = 3, dim = 8, width = heads * dim, keys = 6;
  const auto q = Normal(rows * width, 5), k = Normal(keys * width, 6), v = Normal(keys * width, 7);
  const std::int64_t path[] = {5, 2};
  std::vector<AttentionPath> paths;
  for (std::int64_t r = 0; r < rows; ++r) {
    paths.push_back({.k = {k.data(), width},
                     .v = {v.data(), width},
                     .kept = r % 4,
                     .path = path,
                     .path_length = 1 + r % 2});
  }
  std::vector<float> out(q.size());
  ThreadPool pool(2);
  PathAttention({.rows = rows,
                 .heads = heads,
                 .head_dim = dim,
                 .scale = 0.5f,
                 .paths = paths.data(),
                 .q = {q.data(), width},
                 .out = out.data(),
                 .out_stride = width},
                &pool);
  for (std::int64_t r = 0; r < rows; ++r) {
    std::vector<std::int64_t> seen(static_cast<std::size_t>(r % 4));
    std::iota(seen.begin(), seen.end(), 0);
    seen.insert(seen.end(), path, path + 1 + r % 2);
    for (std::int64_t c = 0; c < width; ++c) {
      const std::int64_t first = c / dim * dim;
      double sum = 0, total = 0;
      for (const std::int64_t key : seen) {
        double score = 0;
        for (std::int64_t d = first; d < first + dim; ++d) {
          score += static_cast<double>(q[static_cast<std::size_t>(r * width + d)]) *
                   k[static_cast<std::size_t>(key * width + d)];
        }
        sum += std::exp(0.5 * score);
        total += std::exp(0.5 * score) * v[static_cast<std::size_t>(key * width + c)];
      }
      ASSERT_NEAR(out[static_cast<std::size_t>(r * width + c)], total / sum, 5e-6) << r << " " << c;
    }
  }
}

}  // namespace
}  // namespace espy::kernels
