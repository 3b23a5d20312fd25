// Cross-attention of few rows to pictures on the GPU, against plain loops with double sums. Built
// twice, as cuda_attention_test.cc is.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "kernels/cuda/picture_attention.h"
#include "tests/kernels/on_device.h"

namespace espy::cuda {
namespace {

using kernels::ElementType;

constexpr std::int64_t kLayers = 2;

// Pictures of several sizes, fewer tokens than a block has warps among them, each in memory of its
// own; three rows look at each.
struct Problem {
  Problem(ElementType type_in, std::int32_t heads_in, std::int32_t head_dim_in, unsigned seed)
      : type(type_in), heads(heads_in), head_dim(head_dim_in), random(seed) {
    width = std::int64_t{heads} * head_dim;
    for (const std::int32_t n : {1, 5, 8, 9, 50, 197}) {
      tokens.push_back(n);
      pictures.push_back(Normal(static_cast<std::size_t>(kLayers * n * 2 * width), 1, &random));
      for (int i = 0; i < 3; ++i) looked_at.push_back(pictures.size() - 1);
    }
    q = Normal(looked_at.size() * static_cast<std::size_t>(width), 1, &random);
    scale = 1.5f / std::sqrt(static_cast<float>(head_dim));
  }

  // Of layer 1, of the values as their format holds them: Run cuts them first.
  double Expected(std::size_t row, std::int64_t column) const {
    const std::size_t picture = looked_at[row];
    const std::int64_t head = column / head_dim * head_dim, n = tokens[picture];
    const float* rows = pictures[picture].data() + n * 2 * width;
    const float* query = q.data() + static_cast<std::int64_t>(row) * width;
    std::vector<double> scores;
    for (std::int64_t t = 0; t < n; ++t) {
      double score = 0;
      for (std::int64_t i = head; i < head + head_dim; ++i) {
        score += static_cast<double>(query[i]) * rows[t * 2 * width + i];
      }
      scores.push_back(score * scale);
    }
    const double largest = *std::max_element(scores.begin(), scores.end());
    double sum = 0, value = 0;
    for (std::int64_t t = 0; t < n; ++t) {
      const double weight = std::exp(scores[static_cast<std::size_t>(t)] - largest);
      sum += weight;
      value += weight * rows[(2 * t + 1) * width + column];
    }
    return value / sum;
  }

  // The rows that are asked for, in that order.
  std::vector<float> Run(const std::vector<std::size_t>& asked) {
    std::vector<DeviceBuffer> buffers;
    for (std::vector<float>& picture : pictures) buffers.push_back(OnDeviceIn(type, &picture));
    std::vector<float> queries;
    std::vector<PictureRows> rows;
    for (const std::size_t row : asked) {
      const auto first = q.begin() + static_cast<std::ptrdiff_t>(row) * width;
      queries.insert(queries.end(), first, first + width);
      rows.push_back({buffers[looked_at[row]].data(), tokens[looked_at[row]]});
    }
    (void)OnDeviceIn(type, &q);  // cut as the queries are
    const DeviceBuffer dq = OnDeviceIn(type, &queries), drows = OnDevice(rows);
    const DeviceBuffer out = RoomFor(type, queries.size());
    const Status status =
        PictureAttention({.type = type,
                          .rows = static_cast<std::int32_t>(asked.size()),
                          .heads = heads,
                          .head_dim = head_dim,
                          .scale = scale,
                          .pictures = static_cast<const PictureRows*>(drows.data()),
                          .layer = 1,
                          .q = {dq.data(), width},
                          .out = out.data(),
                          .out_stride = width},
                         nullptr);
    EXPECT_TRUE(status.ok()) << status.message();
    return FloatsOf(type, out);
  }

  std::vector<std::size_t> All() const {
    std::vector<std::size_t> all(looked_at.size());
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = i;
    return all;
  }

  ElementType type;
  std::int32_t heads, head_dim;
  std::mt19937 random;
  std::int64_t width = 0;
  float scale = 1;
  std::vector<std::int32_t> tokens;
  std::vector<std::vector<float>> pictures;
  std::vector<std::size_t> looked_at;  // by row
  std::vector<float> q;
};

class PictureAttentionTest : public CudaTest {};

TEST_F(PictureAttentionTest, IsWhatPlainLoopsGive) {
  for (const ElementType type :
       {ElementType::kFloat32, ElementType::kFloat16, ElementType::kBfloat16}) {
    for (const std::int32_t head_dim : {1, 32, 64, 72, 128, 200}) {
      Problem problem(type, 2, head_dim, static_cast<unsigned>(head_dim));
      const std::vector<float> out = problem.Run(problem.All());
      const double rounding = RoundingOf(type);
      for (std::size_t row = 0; row < problem.looked_at.size(); ++row) {
        for (std::int64_t column = 0; column < problem.width; ++column) {
          const double expected = problem.Expected(row, column);
          ASSERT_NEAR(
              out[row * static_cast<std::size_t>(problem.width) + static_cast<std::size_t>(column)],
              expected, rounding * std::abs(expected) + 1e-5)
              << "head_dim " << head_dim << ", row " << row << ", column " << column;
        }
      }
    }
  }
}

TEST_F(PictureAttentionTest, ARowHasTheSameBitsAlone) {
  Problem problem(ElementType::kFloat16, 2, 64, 5);
  const std::vector<float> together = problem.Run(problem.All());
  for (const std::size_t row : {std::size_t{0}, std::size_t{7}, std::size_t{17}}) {
    const auto first = together.begin() + static_cast<std::ptrdiff_t>(row) * problem.width;
    EXPECT_EQ(problem.Run({row}), std::vector<float>(first, first + problem.width)) << row;
  }
}

TEST_F(PictureAttentionTest, HeadsThatItDoesNotTakeAreAnError) {
  PictureAttentionArgs args;
  args.rows = 1;
  args.heads = 1;
  args.head_dim = 257;
  EXPECT_EQ(PictureAttention(args, nullptr).code(), StatusCode::kInvalidArgument);
  args.rows = 0;
  EXPECT_TRUE(PictureAttention(args, nullptr).ok()) << "nothing to do";
}

}  // namespace
}  // namespace espy::cuda
