// Losses and gradients against PyTorch's, and against themselves.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "tests/parity/formula.h"
#include "tests/training/cases.h"
#include "tests/training/goldens.h"
#include "training/ops/arithmetic.h"
#include "training/ops/cross_entropy.h"
#include "training/ops/embedding.h"
#include "training/product.h"
#include "training/tape.h"

namespace espy::training {
namespace {

// PyTorch answered in double precision; sums of n FP32 terms stand sqrt(n) * 2^-24 off, some 1e-6
// here, and the goldens are written with seven digits. A wrong formula shows as 1e-3 and more.
constexpr double kLimit = 1e-4;

class Gradients : public ::testing::TestWithParam<std::string> {};
std::vector<std::string> CaseNames() {
  std::vector<std::string> names;
  for (const auto& c : Goldens().at("cases")) names.push_back(c.at("name"));
  return names;
}

INSTANTIATE_TEST_SUITE_P(Torch, Gradients, ::testing::ValuesIn(CaseNames()),
                         [](const auto& name) { return name.param; });

const nlohmann::json& CaseNamed(const std::string& name) {
  static const nlohmann::json none;
  for (const auto& c : Goldens().at("cases")) {
    if (c.at("name") == name) return c;
  }
  return none;
}

double Largest(const std::vector<float>& values) {
  double largest = 0;
  for (const float value : values) largest = std::max<double>(largest, std::abs(value));
  return largest;
}

TEST_P(Gradients, AreTorchs) {
  const nlohmann::json& golden = CaseNamed(GetParam());
  ThreadPool pool(2);
  const CaseResult ours = RunCase(golden, Compute::kFloat32, &pool);
  const double loss = golden.at("loss");
  EXPECT_NEAR(ours.loss, loss, kLimit * std::max(1e-3, std::abs(loss)));
  // A gradient that is a thousandth of the others, or 0 by nature (of a key's bias, which softmax
  // does not see), is what rounding leaves of terms as large as theirs.
  double rest = 1e-6;
  for (const auto& [_, expected] : golden.at("gradients").items()) {
    rest = std::max(rest, 1e-3 * Largest(expected.get<std::vector<float>>()));
  }
  for (const auto& [name, expected] : golden.at("gradients").items()) {
    const auto torch = expected.get<std::vector<float>>();
    const auto& mine = ours.gradients.at(name);
    ASSERT_EQ(mine.size(), torch.size()) << name;
    const double limit = kLimit * std::max(rest, Largest(torch));
    for (std::size_t i = 0; i < torch.size(); ++i)
      EXPECT_NEAR(mine[i], torch[i], limit) << name << i;
  }
}

// A 16-bit number has 8 (BF16) or 11 (FP16) bits: 4e-3 and 5e-4 of a value, which a layer's dozen
// products of a few terms let grow by an order of magnitude at most; beside the case's largest
// gradient, since smaller ones are what is left of sums that cancel.
TEST_P(Gradients, InSixteenBitsAreNearThem) {
  const nlohmann::json& golden = CaseNamed(GetParam());
  for (const auto& [compute, limit] :
       {std::pair(Compute::kBfloat16, 0.08), std::pair(Compute::kFloat16, 0.01)}) {
    const CaseResult exact = RunCase(golden, Compute::kFloat32, nullptr);
    const CaseResult rounded = RunCase(golden, compute, nullptr);
    EXPECT_NEAR(rounded.loss, exact.loss, limit * std::max(1.0, std::abs(exact.loss)));
    double scale = 0.05;
    for (const auto& [_, gradient] : exact.gradients) scale = std::max(scale, Largest(gradient));
    for (const auto& [name, gradient] : exact.gradients) {
      for (std::size_t i = 0; i < gradient.size(); ++i) {
        EXPECT_NEAR(rounded.gradients.at(name)[i], gradient[i], limit * scale)
            << ComputeName(compute) << " " << name << " " << i;
      }
    }
  }
}

nlohmann::json LargeLayer() {
  nlohmann::json c = CaseNamed("bert_layer");
  // The same layer with 96 wide, 8 heads and 40 texts of 8 tokens: enough work to wake the threads.
  const std::int64_t width = 96;
  for (auto& [name, input] : c.at("inputs").items()) {
    for (auto& size : input.at("shape")) {
      if (size == 6) size = width;
      if (size == 8) size = 4 * width;
    }
    input["scale"] = input.value("scale", 1.0f) / 4;
  }
  c.at("inputs").at("x").at("shape") = {320, width};
  c.at("inputs").at("picture").at("shape") = {40, 5};
  auto self = nlohmann::json::array();
  auto cross = nlohmann::json::array();
  for (int s = 0; s < 40; ++s) {
    self.push_back({8 * s, 8, 8 * s, 8});
    cross.push_back({8 * s, 8, 0, 40});
  }
  c.at("args").at("self")["sequences"] = self;
  c.at("args").at("cross")["sequences"] = cross;
  c.at("args").at("self")["heads"] = c.at("args").at("cross")["heads"] = 8;
  return c;
}

TEST(Determinism, GradientsHaveTheSameBitsAtAnyNumberOfThreads) {
  const nlohmann::json layer = LargeLayer();
  for (const Compute compute : {Compute::kFloat32, Compute::kBfloat16, Compute::kFloat16}) {
    const CaseResult alone = RunCase(layer, compute, nullptr);
    EXPECT_GT(Largest(alone.gradients.at("x")), 0);
    for (const int threads : {2, 3, 5}) {
      ThreadPool pool(threads);
      const CaseResult shared = RunCase(layer, compute, &pool);
      EXPECT_EQ(alone.loss, shared.loss);
      for (const auto& [name, gradient] : alone.gradients) {
        EXPECT_EQ(0, std::memcmp(gradient.data(), shared.gradients.at(name).data(),
                                 gradient.size() * sizeof(float)))
            << name << " with " << threads << " threads in " << ComputeName(compute);
      }
    }
  }
}

TEST(Product, TransposedOperandsAndAddingGiveWhatPlainLoopsGive) {
  const std::int64_t m = 37, n = 41, k = 29;
  const auto a = parity::FormulaValues("a", m * k, 1);
  const auto b = parity::FormulaValues("b", n * k, 1);
  for (const bool a_transposed : {false, true}) {
    for (const bool b_transposed : {false, true}) {
      std::vector<float> c(static_cast<std::size_t>(m * n), 1.0f);
      const Operand left = a_transposed ? TransposeOf(a.data(), k, m) : Rows(a.data(), m, k);
      const Operand right = b_transposed ? TransposeOf(b.data(), k, n) : Rows(b.data(), n, k);
      Product(Compute::kFloat32, left, right, true, c.data(), n, nullptr);
      for (std::int64_t i = 0; i < m; ++i) {
        for (std::int64_t j = 0; j < n; ++j) {
          double sum = 1;
          for (std::int64_t l = 0; l < k; ++l) {
            sum += static_cast<double>(a_transposed ? a[l * m + i] : a[i * k + l]) *
                   (b_transposed ? b[l * n + j] : b[j * k + l]);
          }
          ASSERT_NEAR(c[static_cast<std::size_t>(i * n + j)], sum, 1e-5);
        }
      }
    }
  }
}

TEST(Round, GoesToTheNearestAndKeepsWhatHasNoNeighbour) {
  const float nan = std::nanf("");
  std::vector<float> half = {1.0f + 0x1p-12f, 65519.0f, 65520.0f, -1e9f, 0x1p-26f, nan};
  Round(Compute::kFloat16, static_cast<std::int64_t>(half.size()), half.data());
  EXPECT_EQ(half[0], 1.0f);
  EXPECT_EQ(half[1], 65504.0f);
  EXPECT_EQ(half[2], INFINITY);
  EXPECT_EQ(half[3], -INFINITY);
  EXPECT_EQ(half[4], 0.0f);
  EXPECT_TRUE(std::isnan(half[5]));
  std::uint32_t payload = 0x7f800001;  // a NaN whose payload BF16 has no room for
  float narrow = 0;
  std::memcpy(&narrow, &payload, sizeof narrow);
  std::vector<float> brain = {1.0f + 0x1p-9f, 1.0f + 0x1p-7f + 0x1p-8f, 3.4028235e38f, 1e-40f,
                              narrow};
  Round(Compute::kBfloat16, static_cast<std::int64_t>(brain.size()), brain.data());
  EXPECT_EQ(brain[0], 1.0f);
  EXPECT_EQ(brain[1], 1.0f + 0x1p-6f);  // a tie: to even
  EXPECT_EQ(brain[2], INFINITY);
  EXPECT_GT(brain[3], 0.0f);
  EXPECT_TRUE(std::isnan(brain[4]));
}

TEST(CrossEntropy, WithoutATargetIsNothing) {
  ParameterSet set;
  Parameter* x = set.Add("x", 2, 3, false);
  x->value = {1, 2, 3, 4, 5, 6};
  Tape tape({});
  const std::vector<std::int64_t> none = {kIgnore, kIgnore};
  Node* loss = CrossEntropy(tape, tape.Use(x), none);
  tape.Backward(loss);
  EXPECT_EQ(loss->scalar(), 0);
  EXPECT_EQ(Largest(x->gradient), 0);
}

TEST(Tape, AParameterUsedTwiceGetsBothGradients) {
  ParameterSet set;
  Parameter* table = set.Add("table", 2, 2, false);
  table->value = {1, 2, 3, 4};
  for (int times = 1; times <= 2; ++times) {  // and tapes add up
    Tape tape({});
    const std::vector<std::int64_t> first = {0, 1}, second = {1, 1};
    const std::vector<std::int64_t> targets = {0, 1};
    Node* a = Embedding(tape, tape.Use(table), first);
    Node* b = Embedding(tape, tape.Use(table), second);
    Node* one = CrossEntropy(tape, a, targets);
    Node* two = CrossEntropy(tape, b, targets);
    const std::pair<Node*, float> losses[] = {{one, 1.0f}, {two, 2.0f}};
    Node* total = WeightedTotal(tape, losses);
    tape.Backward(total);
    // Softmax of (x, x + 1) is (s, 1 - s): row 0 has target 0 once, row 1 target 1 once in a, and
    // both targets in b with weight 2; each mean is over two rows.
    const double s = 1 / (1 + std::exp(1.0));
    EXPECT_NEAR(table->gradient[0], times * (s - 1) / 2, 1e-6);
    EXPECT_NEAR(table->gradient[2], times * (s / 2 + 2 * (s - 1) / 2 + 2 * s / 2), 1e-6);
  }
}

}  // namespace
}  // namespace espy::training
