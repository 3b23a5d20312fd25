// Attention along the paths of a tree on the GPU, against plain loops with double sums. Built
// twice, as cuda_attention_test.cc is.
#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <string>
#include <vector>

#include "kernels/cuda/path_attention.h"
#include "tests/kernels/on_device.h"

namespace espy::cuda {
namespace {

using kernels::ElementType;

// Sequences of kept rows, each with a tree of further rows after them, all of whose rows ask.
struct Problem {
  Problem(ElementType type_in, std::int32_t heads_in, std::int32_t head_dim_in, unsigned seed)
      : type(type_in), heads(heads_in), head_dim(head_dim_in), random(seed) {
    width = std::int64_t{heads} * head_dim;
    for (const int kept : {0, 1, 9, 40}) AddSequence(kept, 1 + static_cast<int>(random() % 20));
    const auto n = static_cast<std::size_t>(keys * width);
    k = Normal(n, 1, &random);
    v = Normal(n, 1, &random);
    q = Normal(paths.size() * static_cast<std::size_t>(width), 1, &random);
    scale = 1.5f / std::sqrt(static_cast<float>(head_dim));
  }

  void AddSequence(int kept, int tree) {
    std::vector<std::vector<std::int32_t>> lists;  // slots of each row's path
    for (int row = 0; row < tree; ++row) {
      std::vector<std::int32_t> list;
      if (row > 0 && random() % 5 > 0) {
        list = lists[random() % static_cast<unsigned>(row)];
      }
      list.push_back(kept + row);
      lists.push_back(list);
      paths.push_back({keys, kept, static_cast<std::int32_t>(slots.size()),
                       static_cast<std::int32_t>(list.size())});
      slots.insert(slots.end(), list.begin(), list.end());
    }
    keys += kept + tree;
  }

  std::vector<std::int64_t> Seen(const AttentionPath& path) const {
    std::vector<std::int64_t> seen;
    for (std::int32_t i = 0; i < path.kept; ++i) seen.push_back(path.first + i);
    for (std::int32_t i = 0; i < path.path_length; ++i) {
      seen.push_back(path.first + slots[static_cast<std::size_t>(path.path + i)]);
    }
    return seen;
  }

  // Of the values as their format holds them: Run cuts them first.
  double Expected(std::size_t row, std::int64_t column) const {
    const std::int64_t head = column / head_dim * head_dim;
    std::vector<double> scores;
    double largest = -1e300;
    for (const std::int64_t key : Seen(paths[row])) {
      double score = 0;
      for (std::int64_t i = head; i < head + head_dim; ++i) {
        score += static_cast<double>(
                     q[row * static_cast<std::size_t>(width) + static_cast<std::size_t>(i)]) *
                 k[static_cast<std::size_t>(key * width + i)];
      }
      scores.push_back(score * scale);
      largest = std::max(largest, scores.back());
    }
    double sum = 0, value = 0;
    std::size_t n = 0;
    for (const std::int64_t key : Seen(paths[row])) {
      const double weight = std::exp(scores[n++] - largest);
      sum += weight;
      value += weight * v[static_cast<std::size_t>(key * width + column)];
    }
    return value / sum;
  }

  std::vector<float> Run() {
    const DeviceBuffer dq = OnDeviceIn(type, &q), dk = OnDeviceIn(type, &k),
                       dv = OnDeviceIn(type, &v);
    const DeviceBuffer dpaths = OnDevice(paths), dslots = OnDevice(slots);
    const DeviceBuffer out = RoomFor(type, q.size());
    const Status status = PathAttention({.type = type,
                                         .rows = static_cast<std::int32_t>(paths.size()),
                                         .heads = heads,
                                         .head_dim = head_dim,
                                         .scale = scale,
                                         .paths = static_cast<const AttentionPath*>(dpaths.data()),
                                         .slots = static_cast<const std::int32_t*>(dslots.data()),
                                         .q = {dq.data(), width},
                                         .k = {dk.data(), width},
                                         .v = {dv.data(), width},
                                         .out = out.data(),
                                         .out_stride = width},
                                        nullptr);
    EXPECT_TRUE(status.ok()) << status.message();
    return FloatsOf(type, out);
  }

  ElementType type;
  std::int32_t heads, head_dim;
  std::mt19937 random;
  std::int64_t width = 0;
  std::int64_t keys = 0;
  float scale = 1;
  std::vector<AttentionPath> paths;
  std::vector<std::int32_t> slots;
  std::vector<float> q, k, v;
};

class PathAttentionTest : public CudaTest {};

TEST_F(PathAttentionTest, IsWhatPlainLoopsGive) {
  for (const ElementType type :
       {ElementType::kFloat32, ElementType::kFloat16, ElementType::kBfloat16}) {
    for (const std::int32_t head_dim : {1, 32, 64, 72, 128, 200}) {
      Problem problem(type, 3, head_dim, static_cast<unsigned>(head_dim));
      const std::vector<float> out = problem.Run();
      // One rounding of the result to its format (values are below 4), and FP32 sums before it.
      const double rounding = RoundingOf(type);
      for (std::size_t row = 0; row < problem.paths.size(); ++row) {
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

TEST_F(PathAttentionTest, ARowHasTheSameBitsAloneAndWhetherItsPastIsKeptOrAPath) {
  Problem whole(ElementType::kFloat16, 2, 64, 5);
  const std::vector<float> together = whole.Run();
  const auto row_of = [&](const std::vector<float>& out, std::size_t row) {
    const auto first = out.begin() + static_cast<std::ptrdiff_t>(row) * whole.width;
    return std::vector<float>(first, first + whole.width);
  };
  for (const std::size_t row : {std::size_t{0}, whole.paths.size() / 2, whole.paths.size() - 1}) {
    Problem alone = whole;
    const std::vector<std::int64_t> seen = whole.Seen(whole.paths[row]);
    // Every key by its place in a path from row 0 on: none is kept.
    alone.slots.assign(seen.begin(), seen.end());
    alone.paths = {{0, 0, 0, static_cast<std::int32_t>(seen.size())}};
    alone.q = row_of(whole.q, row);
    EXPECT_EQ(alone.Run(), row_of(together, row)) << "row " << row;
  }
}

TEST_F(PathAttentionTest, HeadsThatItDoesNotTakeAreAnError) {
  PathAttentionArgs args;
  args.rows = 1;
  args.heads = 1;
  args.head_dim = 257;
  EXPECT_EQ(PathAttention(args, nullptr).code(), StatusCode::kInvalidArgument);
  args.rows = 0;
  EXPECT_TRUE(PathAttention(args, nullptr).ok()) << "nothing to do";
}

}  // namespace
}  // namespace espy::cuda
