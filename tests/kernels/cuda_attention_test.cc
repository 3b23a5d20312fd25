// Attention on the GPU against plain loops with double sums. Built twice: for a GPU, and for the
// emulation of one, where blocks' threads are fibers and shared memory begins as NaN.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "kernels/cpu/reference.h"
#include "kernels/cuda/attention.h"
#include "kernels/element.h"
#include "tests/kernels/on_device.h"
#ifdef ESPY_CUDA_EMULATED
#include "kernels/cuda/emulation/fibers.h"
#endif

namespace espy::cuda {
namespace {

using kernels::ElementType;

struct Shape {
  std::vector<std::int32_t> queries, keys;  // of each sequence
  std::int32_t heads = 1;
  std::int32_t head_dim = 64;
  bool causal = false;
  float spread = 1;  // of the values: the larger, the more the running maximum moves
};

std::string Name(const Shape& shape) {
  std::string name = "dim " + std::to_string(shape.head_dim) + (shape.causal ? " causal" : "");
  for (std::size_t s = 0; s < shape.queries.size(); ++s) {
    name += " " + std::to_string(shape.queries[s]) + "x" + std::to_string(shape.keys[s]);
  }
  return name;
}

// 16-bit numbers drawn so that they are exact in their format.
std::vector<std::uint16_t> Draw(std::size_t n, ElementType type, float spread,
                                std::mt19937* random) {
  std::normal_distribution<float> normal(0, spread);
  std::vector<std::uint16_t> values(n);
  for (std::uint16_t& value : values) {
    const float x = normal(*random);
    const auto bits = std::bit_cast<std::uint32_t>(x);
    if (type == ElementType::kBfloat16) {
      value = static_cast<std::uint16_t>(bits >> 16);
    } else {  // cut to FP16's 10 bits; exponents stay in its range
      const std::uint32_t exponent = bits >> 23 & 0xff;
      value = exponent < 113
                  ? 0
                  : static_cast<std::uint16_t>((bits >> 16 & 0x8000u) | (exponent - 112) << 10 |
                                               (bits >> 13 & 0x3ffu));
    }
  }
  return values;
}

std::vector<std::int32_t> Offsets(const std::vector<std::int32_t>& counts) {
  std::vector<std::int32_t> offsets{0};
  for (const std::int32_t n : counts) offsets.push_back(offsets.back() + n);
  return offsets;
}

struct Problem {
  Problem(const Shape& shape_in, ElementType type_in, unsigned seed)
      : shape(shape_in), type(type_in) {
    std::mt19937 random(seed);
    query_offsets = Offsets(shape.queries);
    key_offsets = Offsets(shape.keys);
    width = std::int64_t{shape.heads} * shape.head_dim;
    const auto row = static_cast<std::size_t>(width);
    q = Draw(static_cast<std::size_t>(query_offsets.back()) * row, type, shape.spread, &random);
    k = Draw(static_cast<std::size_t>(key_offsets.back()) * row, type, shape.spread, &random);
    v = Draw(static_cast<std::size_t>(key_offsets.back()) * row, type, 1, &random);
    scale = 1.0f / std::sqrt(static_cast<float>(shape.head_dim));
  }

  std::vector<float> Floats(const std::vector<std::uint16_t>& values) const {
    std::vector<float> out(values.size());
    kernels::ToFloat(values.data(), type, static_cast<std::int64_t>(values.size()), out.data());
    return out;
  }

  std::vector<float> Expected() const {
    const std::vector<float> qf = Floats(q), kf = Floats(k), vf = Floats(v);
    const std::vector<std::int64_t> qo(query_offsets.begin(), query_offsets.end());
    const std::vector<std::int64_t> ko(key_offsets.begin(), key_offsets.end());
    std::vector<float> out(q.size());
    kernels::reference::Attention({.sequences = static_cast<std::int64_t>(shape.queries.size()),
                                   .heads = shape.heads,
                                   .head_dim = shape.head_dim,
                                   .scale = scale,
                                   .causal = shape.causal,
                                   .query_offsets = qo.data(),
                                   .key_offsets = ko.data(),
                                   .q = {qf.data(), width},
                                   .k = {kf.data(), width},
                                   .v = {vf.data(), width},
                                   .out = out.data(),
                                   .out_stride = width});
    return out;
  }

  std::vector<std::uint16_t> Run(AttentionKernel kernel) const {
    const DeviceBuffer dq = OnDevice(q);
    const DeviceBuffer dk = OnDevice(k);
    const DeviceBuffer dv = OnDevice(v);
    const DeviceBuffer dqo = OnDevice(query_offsets);
    const DeviceBuffer dko = OnDevice(key_offsets);
    std::vector<std::uint16_t> out(q.size(), 0x7fff);  // NaN
    const DeviceBuffer dout = OnDevice(out);
    const Status status =
        Attention({.type = type,
                   .sequences = static_cast<std::int32_t>(shape.queries.size()),
                   .heads = shape.heads,
                   .head_dim = shape.head_dim,
                   .scale = scale,
                   .causal = shape.causal,
                   .query_offsets = static_cast<const std::int32_t*>(dqo.data()),
                   .key_offsets = static_cast<const std::int32_t*>(dko.data()),
                   .most_queries = *std::max_element(shape.queries.begin(), shape.queries.end()),
                   .most_keys = *std::max_element(shape.keys.begin(), shape.keys.end()),
                   .key_rows = key_offsets.back(),
                   .q = {dq.data(), width},
                   .k = {dk.data(), width},
                   .v = {dv.data(), width},
                   .out = dout.data(),
                   .out_stride = width},
                  kernel, nullptr);
    EXPECT_TRUE(status.ok()) << status.message();
    EXPECT_TRUE(dout.Download(out.data()).ok());
    return out;
  }

  // Whether the device does: the emulated one always.
  bool HopperTakes() const {
    return cuda::HopperTakes({.type = type,
                              .head_dim = shape.head_dim,
                              .key_rows = key_offsets.back(),
                              .q = {nullptr, width},
                              .k = {nullptr, width},
                              .v = {nullptr, width},
                              .out_stride = width});
  }

  Shape shape;
  ElementType type;
  std::vector<std::int32_t> query_offsets, key_offsets;
  std::int64_t width = 0;
  std::vector<std::uint16_t> q, k, v;
  float scale = 1;
};

// Weights and outputs are rounded to `type`: half a unit each in the last of its bits, of outputs
// that are averages of values within about 4.5; the sums' own errors in FP32 are below that by far.
double Tolerance(ElementType type) {
  const double unit = type == ElementType::kFloat16 ? std::ldexp(1, -11) : std::ldexp(1, -8);
  return 2 * unit * 4.5;
}

void ExpectClose(const Problem& problem, const std::vector<std::uint16_t>& out,
                 const std::string& what) {
  const std::vector<float> expected = problem.Expected(), got = problem.Floats(out);
  double largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_TRUE(std::isfinite(got[i])) << what << " " << Name(problem.shape) << " at " << i;
    largest = std::max(largest, std::abs(static_cast<double>(got[i]) - expected[i]));
  }
  EXPECT_LE(largest, Tolerance(problem.type)) << what << " " << Name(problem.shape);
}

using CudaAttentionTest = CudaTest;

// The tokens of ViT-B/32, B/16, L/14 and the heads of every family, and lengths beside each edge of
// the tiling.
std::vector<Shape> Shapes() {
  std::vector<Shape> shapes;
  for (const std::int32_t n : {1, 15, 16, 17, 50, 63, 64, 65, 128, 129, 197}) {
    shapes.push_back({{n}, {n}});
  }
  for (const std::int32_t dim : {72, 80, 88, 96, 128}) {
    shapes.push_back({{50}, {50}, 1, dim});
    shapes.push_back({{81}, {81}, 1, dim, true});
  }
  shapes.push_back({{257}, {257}});
  shapes.push_back({{77, 9, 33}, {77, 9, 33}, 2, 64, true});  // texts
  shapes.push_back({{1, 1, 1}, {196, 40, 7}, 2, 72});         // SigLIP's pooling head
  shapes.push_back({{64, 100}, {64, 100}, 1, 64, false, 6});  // scores far apart
  shapes.push_back({{90}, {90}, 1, 80, true, 6});
  return shapes;
}

TEST_F(CudaAttentionTest, EveryKernelGivesTheReferencesNumbers) {
  unsigned seed = 1;
  std::size_t by_hopper = 0;
  for (const Shape& shape : Shapes()) {
    const ElementType type = seed % 2 == 0 ? ElementType::kFloat16 : ElementType::kBfloat16;
    const Problem problem(shape, type, seed++);
    ExpectClose(problem, problem.Run(AttentionKernel::kFused), "fused");
    if (problem.HopperTakes()) {
      ExpectClose(problem, problem.Run(AttentionKernel::kHopper), "hopper");
      ++by_hopper;
    }
    if (problem.q.size() > 130 * 128) continue;  // minutes, emulated
    ExpectClose(problem, problem.Run(AttentionKernel::kPlain), "plain");
    ExpectClose(problem, problem.Run(AttentionKernel::kReference), "reference");
  }
#ifdef ESPY_CUDA_EMULATED
  EXPECT_EQ(by_hopper, Shapes().size());
#else
  RecordProperty("by_hopper", static_cast<int>(by_hopper));
#endif
}

class CudaAttentionHopperTest : public CudaTest {
 protected:
  void SetUp() override {
    CudaTest::SetUp();
    if (!IsSkipped() && !Problem({{1}, {1}}, ElementType::kFloat16, 1).HopperTakes()) {
      GTEST_SKIP() << "the GPU is none of sm_90";
    }
  }
};

// Beside each edge of each width of key tiles (64, 88, 128, 200) and of query tiles (64), each
// panel of each head (64; 64 and 16, 32 or 64), both types.
TEST_F(CudaAttentionHopperTest, EveryEdgeOfItsTilesGivesTheReferencesNumbers) {
  std::vector<Shape> shapes;
  for (const std::int32_t keys : {63, 64, 65, 87, 88, 89, 176, 177, 199, 200, 201, 256, 257}) {
    shapes.push_back({{keys % 2 == 0 ? 64 : 33}, {keys}});
  }
  for (const std::int32_t dim : {72, 80, 88, 96, 128}) {
    for (const std::int32_t keys : {57, 88, 120, 173}) shapes.push_back({{40}, {keys}, 2, dim});
  }
  for (const std::int32_t n : {65, 129, 190}) shapes.push_back({{n}, {n}, 1, 64, true, 4});
  unsigned seed = 40;
  for (const Shape& shape : shapes) {
    const ElementType type = seed % 2 == 0 ? ElementType::kFloat16 : ElementType::kBfloat16;
    const Problem problem(shape, type, seed++);
    ExpectClose(problem, problem.Run(AttentionKernel::kHopper), "hopper");
  }
}

// More keys than stages have room for; and query tiles that the last block lacks.
TEST_F(CudaAttentionHopperTest, LongSequencesPassThroughARingOfStages) {
  for (const Shape& shape :
       {Shape{{150}, {1250}, 1, 128, false, 3}, Shape{{900}, {900}, 1, 128, true},
        Shape{{20, 70, 130}, {1000, 3, 400}, 1, 128}}) {
    const Problem problem(shape, ElementType::kBfloat16, 9);
    ExpectClose(problem, problem.Run(AttentionKernel::kHopper), "ring");
  }
}

// Copies bring rows of the next sequence along: not a number there is its own affair.
TEST_F(CudaAttentionHopperTest, ANeighboursNaNStaysThere) {
  for (const std::int32_t dim : {64, 72}) {
    Problem both({{30, 40}, {30, 40}, 1, dim}, ElementType::kFloat16, 4);
    Problem alone = both;
    const auto mine = static_cast<std::size_t>(30 * both.width);
    for (std::size_t i = mine; i < both.q.size(); ++i) both.q[i] = both.k[i] = both.v[i] = 0x7e00;
    alone.shape.queries = alone.shape.keys = {30};
    alone.query_offsets = alone.key_offsets = {0, 30};
    for (auto* values : {&alone.q, &alone.k, &alone.v}) values->resize(mine);
    std::vector<std::uint16_t> beside = both.Run(AttentionKernel::kHopper);
    beside.resize(mine);
    EXPECT_EQ(beside, alone.Run(AttentionKernel::kHopper));
    ExpectClose(alone, beside, "beside");
  }
}

TEST_F(CudaAttentionHopperTest, HopperRefusesWhatItDoesNotTake) {
  AttentionArgs args{.sequences = 1, .heads = 1, .head_dim = 64, .most_queries = 1, .most_keys = 1};
  args.key_rows = 1;
  EXPECT_TRUE(HopperTakes(args));
  args.key_rows = 0;  // not said
  EXPECT_FALSE(HopperTakes(args));
  EXPECT_EQ(Attention(args, AttentionKernel::kHopper, nullptr).code(),
            StatusCode::kInvalidArgument);
  args.key_rows = 1;
  args.head_dim = 60;
  EXPECT_FALSE(HopperTakes(args));
}

// K and V of 1,100 keys do not fit a multiprocessor's shared memory: the ring of tiles.
TEST_F(CudaAttentionTest, LongSequencesPassThroughTheRing) {
  for (const bool causal : {false, true}) {
    for (const std::int32_t dim : {64, 72}) {
      const Shape shape{{causal ? 1100 : 37}, {1100}, 1, dim, causal, 3};
      const Problem problem(shape, ElementType::kFloat16, 7);
      ExpectClose(problem, problem.Run(AttentionKernel::kFused), "ring");
    }
  }
}

// Alone, whole in shared memory; beside a long one, through the ring: the same bits.
TEST_F(CudaAttentionTest, ASequenceHasTheSameBitsBesideAnother) {
  const Problem both({{70, 20}, {70, 1300}, 1, 64}, ElementType::kBfloat16, 3);
  Problem alone = both;
  const auto mine = static_cast<std::size_t>(70 * both.width);
  alone.shape.queries = alone.shape.keys = {70};
  alone.query_offsets = alone.key_offsets = {0, 70};
  alone.q.resize(mine);
  alone.k.resize(mine);
  alone.v.resize(mine);
  std::vector<std::uint16_t> beside = both.Run(AttentionKernel::kFused);
  beside.resize(mine);
  EXPECT_EQ(beside, alone.Run(AttentionKernel::kFused));
}

TEST_F(CudaAttentionTest, FusedRefusesWhatItDoesNotTake) {
  AttentionArgs args{.sequences = 1, .heads = 1, .head_dim = 60, .most_queries = 1, .most_keys = 1};
  EXPECT_FALSE(FusedTakes(args));
  EXPECT_EQ(Attention(args, AttentionKernel::kFused, nullptr).code(), StatusCode::kInvalidArgument);
  args.head_dim = 64;
  EXPECT_TRUE(FusedTakes(args));
  args.q.row_stride = 68;
  EXPECT_FALSE(FusedTakes(args));
  args.q.row_stride = 64;
  args.type = ElementType::kFloat32;
  EXPECT_FALSE(FusedTakes(args));
  args.head_dim = 257;
  EXPECT_EQ(Attention(args, AttentionKernel::kFastest, nullptr).code(),
            StatusCode::kInvalidArgument);
}

#ifdef ESPY_CUDA_EMULATED
// A result that hangs on which thread comes first is a race.
TEST_F(CudaAttentionTest, TheOrderOfThreadsDoesNotShow) {
  struct Case {
    Shape shape;
    AttentionKernel kernel;
  };
  for (const Case& c : {Case{{{130}, {130}, 1, 72, true}, AttentionKernel::kFused},
                        Case{{{40}, {1200}, 1, 64}, AttentionKernel::kFused},
                        Case{{{130}, {130}, 1, 72, true}, AttentionKernel::kHopper},
                        Case{{{140}, {800}, 1, 128}, AttentionKernel::kHopper}}) {
    const Problem problem(c.shape, ElementType::kFloat16, 5);
    const std::vector<std::uint16_t> forward = problem.Run(c.kernel);
    for (const emulation::Order order : {emulation::Order::kBackward, emulation::Order::kShuffled,
                                         emulation::Order::kWarpByWarp}) {
      emulation::SetOrder(order);
      EXPECT_EQ(forward, problem.Run(c.kernel)) << Name(c.shape);
    }
    emulation::SetOrder(emulation::Order::kForward);
  }
}
#endif

}  // namespace
}  // namespace espy::cuda
