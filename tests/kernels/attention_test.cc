#include "kernels/attention.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <random>
#include <utility>

#include "kernels/aligned_buffer.h"
#include "kernels/attention_state.h"
#include "kernels/cpu/reference.h"
#include "tests/kernels/tables.h"

namespace espy::kernels {
namespace {

using testing::Normal;

// The scores' rounding (dim * 2^-24 of |q||k| * scale, a few units here) moves each weight by about
// as much of itself, exp adds 3e-7, the sums of weights and of weighted values a random walk of
// keys roundings; outputs are weighted means of values of spread 1. 1e-5 is over twice the largest
// difference below (that of the sharp scores, which are large) and six times that of the others.
constexpr float kTolerance = 1e-5f;

class AttentionTable : public ::testing::TestWithParam<const cpu::KernelTable*> {};
INSTANTIATE_TEST_SUITE_P(Cpu, AttentionTable, ::testing::ValuesIn(testing::RunnableTables()),
                         testing::TableName);

// One head whose Q, K and V are columns of a wider fused projection, as towers lay them out.
struct Head {
  Head(std::int64_t query_rows, std::int64_t key_rows, std::int64_t head_dim, bool is_causal,
       float score_spread)
      : queries(query_rows), keys(key_rows), dim(head_dim), causal(is_causal) {
    q = Normal(queries * stride(), static_cast<std::uint64_t>(queries * 1000 + dim), score_spread);
    kv = Normal(keys * stride(), static_cast<std::uint64_t>(keys * 1000 + dim + 1));
  }

  std::vector<float> Run(const cpu::AttentionKernels& kernels) const {
    std::vector<float> out(static_cast<std::size_t>(queries * out_stride()), kUntouched);
    AlignedBuffer scratch(kernels.scratch(keys, dim));
    for (std::int64_t i = 0; i < scratch.size(); ++i) scratch.data()[i] = std::nanf("");
    kernels.run({.q = q.data(),
                 .k = kv.data() + dim,
                 .v = kv.data() + 2 * dim,
                 .q_stride = stride(),
                 .k_stride = stride(),
                 .v_stride = stride(),
                 .queries = queries,
                 .keys = keys,
                 .head_dim = dim,
                 .scale = Scale(),
                 .causal = causal,
                 .out = out.data(),
                 .out_stride = out_stride(),
                 .scratch = scratch.data()});
    return out;
  }

  std::vector<float> Reference() const {
    std::vector<float> out(static_cast<std::size_t>(queries * out_stride()), kUntouched);
    const std::int64_t query_offsets[] = {0, queries}, key_offsets[] = {0, keys};
    reference::Attention({.sequences = 1,
                          .heads = 1,
                          .head_dim = dim,
                          .scale = Scale(),
                          .causal = causal,
                          .query_offsets = query_offsets,
                          .key_offsets = key_offsets,
                          .q = {q.data(), stride()},
                          .k = {kv.data() + dim, stride()},
                          .v = {kv.data() + 2 * dim, stride()},
                          .out = out.data(),
                          .out_stride = out_stride()});
    return out;
  }

  float Scale() const { return 1 / std::sqrt(static_cast<float>(dim)); }
  std::int64_t stride() const { return 3 * dim + 5; }
  std::int64_t out_stride() const { return dim + 3; }

  static constexpr float kUntouched = 777.0f;
  std::int64_t queries, keys, dim;
  bool causal;
  std::vector<float> q, kv;
};

void CheckHead(const cpu::KernelTable& table, std::int64_t queries, std::int64_t keys,
               std::int64_t dim, bool causal, float score_spread) {
  const Head head(queries, keys, dim, causal, score_spread);
  const auto got = head.Run(table.attention), expected = head.Reference();
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_NEAR(got[i], expected[i], kTolerance) << queries << " queries, " << keys << " keys, dim "
                                                 << dim << ", causal " << causal << ", at " << i;
  }
}

// Q, K and V are numbers of BF16 already, so that scores are those of FP32. What is left is the
// rounding of each weight (BF16 has 8 bits: 2^-8 of it at most) and the coarser power of 2
// (8.6e-5 of it, in the weight and in their sum), each times the weighted mean of |V|; and what
// FP32 has.
void CheckBfloat16Head(const cpu::KernelTable& table, std::int64_t queries, std::int64_t keys,
                       std::int64_t dim, bool causal, float score_spread) {
  Head head(queries, keys, dim, causal, score_spread);
  const auto cut = [](float& x) {
    std::uint32_t bits;
    std::memcpy(&bits, &x, sizeof(bits));
    bits &= 0xffff0000u;
    std::memcpy(&x, &bits, sizeof(x));
  };
  for (float& x : head.q) cut(x);
  for (float& x : head.kv) cut(x);
  const auto got = head.Run(table.attention_bf16), expected = head.Reference();
  for (std::int64_t key = 0; key < keys; ++key) {
    float* v = head.kv.data() + key * head.stride() + 2 * dim;
    for (std::int64_t c = 0; c < dim; ++c) v[c] = std::abs(v[c]);
  }
  const auto mean_size = head.Reference();
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (expected[i] == Head::kUntouched) {
      ASSERT_EQ(got[i], expected[i]) << i;
      continue;
    }
    ASSERT_NEAR(got[i], expected[i], (0x1p-8f + 2 * 8.6e-5f) * mean_size[i] + kTolerance)
        << queries << " queries, " << keys << " keys, dim " << dim << ", causal " << causal
        << ", at " << i;
  }
}

TEST_P(AttentionTable, AgreesWithReferenceAtTheTowersShapes) {
  for (const std::int64_t n : {1, 50, 77, 197, 257, 577, 729}) {
    for (const std::int64_t dim : {64, 72, 80}) {
      if (n > 300 && dim != 72 && GetParam() == &cpu::BaselineKernels()) continue;
      CheckHead(*GetParam(), n, n, dim, false, 1.0f);
      CheckHead(*GetParam(), n, n, dim, true, 1.0f);
    }
  }
}

TEST_P(AttentionTable, AgreesWithReferenceAtAnyDimensionAndLength) {
  std::mt19937 random(5);
  for (const std::int64_t dim : {1, 3, 8, 13, 16, 24, 32, 33, 40, 48, 56, 88, 96, 104, 128, 160}) {
    for (int i = 0; i < 4; ++i) {
      const std::int64_t keys = 1 + random() % 140;
      CheckHead(*GetParam(), 1 + random() % 60, keys, dim, false, 1.0f);
      CheckHead(*GetParam(), keys, keys, dim, true, 1.0f);
    }
  }
}

TEST_P(AttentionTable, AgreesWithReferenceAroundTheKeyBlocks) {
  for (const std::int64_t n : {511, 512, 513, 1024, 1030}) {
    CheckHead(*GetParam(), 7, n, 16, false, 1.0f);
    CheckHead(*GetParam(), n, n, 8, true, 1.0f);
  }
}

TEST_P(AttentionTable, InBfloat16WeightsAreRoundedAndNothingElse) {
  if (GetParam()->attention_bf16.run == nullptr) {
    // Only where products in BF16 widen it to FP32 too.
    EXPECT_EQ(GetParam()->product(Precision::kBfloat16).activation_bytes, 4);
    return;
  }
  for (const std::int64_t n : {1, 2, 50, 77, 197, 729, 770, 1030}) {
    for (const std::int64_t dim : {64, 72, 80}) {
      if (n > 100 && dim != 72) continue;
      CheckBfloat16Head(*GetParam(), n, n, dim, false, 1.0f);
      CheckBfloat16Head(*GetParam(), n, n, dim, true, 1.0f);
    }
  }
  std::mt19937 random(7);
  for (const std::int64_t dim : {1, 3, 8, 16, 17, 31, 33, 48, 88, 96, 128}) {
    for (int i = 0; i < 3; ++i) {
      const std::int64_t keys = 1 + random() % 140;
      CheckBfloat16Head(*GetParam(), 1 + random() % 60, keys, dim, false, 1.0f);
      CheckBfloat16Head(*GetParam(), keys, keys, dim, true, 1.0f);
    }
  }
  CheckBfloat16Head(*GetParam(), 20, 900, 64, false, 3.0f);
}

TEST_P(AttentionTable, SharpScoresStayFinite) {
  // Scores of spread 30: all but a few weights are below 1e-38 of the largest, which changes block
  // by block.
  CheckHead(*GetParam(), 20, 600, 64, false, 3.0f);
  const std::int64_t keys = 700, dim = 8;
  std::vector<float> q(dim, 100.0f), k(static_cast<std::size_t>(keys * dim)),
      v = Normal(keys * dim, 1);
  for (std::int64_t i = 0; i < keys * dim; ++i) {
    k[static_cast<std::size_t>(i)] = static_cast<float>(i / dim);  // scores rise by 800 a key
  }
  std::vector<float> out(dim);
  AlignedBuffer scratch(GetParam()->attention.scratch(keys, dim));
  GetParam()->attention.run({.q = q.data(),
                             .k = k.data(),
                             .v = v.data(),
                             .q_stride = dim,
                             .k_stride = dim,
                             .v_stride = dim,
                             .queries = 1,
                             .keys = keys,
                             .head_dim = dim,
                             .scale = 1,
                             .causal = false,
                             .out = out.data(),
                             .out_stride = dim,
                             .scratch = scratch.data()});
  for (std::int64_t c = 0; c < dim; ++c) {
    EXPECT_EQ(out[static_cast<std::size_t>(c)], v[static_cast<std::size_t>((keys - 1) * dim + c)]);
  }
}

TEST(Attention, SequencesDoNotSeeEachOtherAndThreadsChangeNoBit) {
  const std::int64_t heads = 3, dim = 24, width = heads * dim;
  const std::vector<std::int64_t> offsets{0, 5, 6, 140,
                                          257};  // enough work for threads to be woken
  const std::int64_t tokens = offsets.back();
  const auto qkv = Normal(tokens * 3 * width, 2);
  for (const auto& [causal, precision] :
       {std::pair(false, Precision::kFloat32), std::pair(true, Precision::kFloat32),
        std::pair(false, Precision::kBfloat16), std::pair(true, Precision::kInt8)}) {
    AttentionArgs args{.sequences = 4,
                       .heads = heads,
                       .head_dim = dim,
                       .scale = 0.2f,
                       .precision = precision,
                       .causal = causal};
    args.query_offsets = args.key_offsets = offsets.data();
    args.q = {qkv.data(), 3 * width};
    args.k = {qkv.data() + width, 3 * width};
    args.v = {qkv.data() + 2 * width, 3 * width};
    args.out_stride = width;
    std::vector<float> together(static_cast<std::size_t>(tokens * width));
    args.out = together.data();
    ThreadPool pool(3);
    Attention(args, &pool);
    std::vector<float> expected(together.size());
    args.out = expected.data();
    reference::Attention(args);
    // Rounding Q, K, V and the weights to BF16 moves an output by a few parts in a thousand.
    const float tolerance = precision == Precision::kFloat32 ? kTolerance : 0.05f;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      ASSERT_NEAR(together[i], expected[i], tolerance) << i;
    }
    std::vector<float> alone(together.size());
    args.out = alone.data();
    args.sequences = 1;
    for (std::size_t s = 0; s + 1 < offsets.size(); ++s) {
      args.query_offsets = args.key_offsets = offsets.data() + s;
      Attention(args, nullptr);
    }
    EXPECT_EQ(together, alone);
  }
}

TEST(AttentionState, MergingPartsInAnyOrderEqualsTheWhole) {
  const std::int64_t terms = 40, dim = 3;
  const auto scores = Normal(terms, 1, 20.0f);
  const auto values = Normal(terms * dim, 2);
  const auto over = [&](std::int64_t first, std::int64_t last, float* output) {
    AttentionState state;
    std::fill(output, output + dim, 0.0f);
    for (std::int64_t i = first; i < last; ++i) {
      const AttentionState term{.max = scores[static_cast<std::size_t>(i)], .sum = 1};
      Merge(&state, output, term, values.data() + i * dim, dim);
    }
    return state;
  };
  float whole[dim];
  const AttentionState all = over(0, terms, whole);
  for (const std::int64_t cut : {0, 1, 17, 40}) {
    float left[dim], right[dim];
    AttentionState a = over(0, cut, left);
    const AttentionState b = over(cut, terms, right);
    Merge(&a, left, b, right, dim);
    EXPECT_EQ(a.max, all.max);
    EXPECT_NEAR(a.sum / all.sum, 1, 1e-5);
    for (std::int64_t c = 0; c < dim; ++c) {
      EXPECT_NEAR(left[c] / a.sum, whole[c] / all.sum, 1e-5) << "cut at " << cut;
    }
  }
}

}  // namespace
}  // namespace espy::kernels
