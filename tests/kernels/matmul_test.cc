#include "kernels/matmul.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <set>

#include "base/half.h"
#include "kernels/cpu/kernel_table.h"
#include "kernels/cpu/reference.h"
#include "tests/kernels/tables.h"

namespace espy::kernels {
namespace {

using testing::Normal;

// FP32 rounds each of `inputs` multiply-adds by at most 2^-24 of the partial sum. The partial sums
// of normal values of spread 1 and s grow to about s * sqrt(inputs), and roundings add like a
// random walk: s * inputs * 2^-24 / 2 bounds their sum well above three standard deviations. The
// epilogue adds a few roundings of the result.
float Tolerance(std::int64_t inputs, float spread) {
  return spread * static_cast<float>(inputs) * 0x1p-24f + 2e-6f;
}

class MatmulTable : public ::testing::TestWithParam<const cpu::KernelTable*> {};
INSTANTIATE_TEST_SUITE_P(Cpu, MatmulTable, ::testing::ValuesIn(testing::RunnableTables()),
                         testing::TableName);

constexpr Precision kAllPrecisions[] = {Precision::kFloat32, Precision::kBfloat16,
                                        Precision::kInt8};

struct Product {
  std::int64_t rows, outputs, inputs;
  const std::vector<float>& a;
  const std::vector<float>& w;
  const float* bias = nullptr;
  Activation activation = Activation::kNone;
  const float* residual = nullptr;
};

// A whole product by one table: panels as PackedMatrix lays them out, then one block.
std::vector<float> BlockProduct(const cpu::KernelTable& table, Precision precision,
                                const Product& p) {
  const cpu::ProductKernels& kernels = table.product(precision);
  const std::int64_t padded = (p.inputs + kernels.group - 1) / kernels.group * kernels.group;
  const std::int64_t columns = p.outputs + table.panel_width;
  AlignedBuffer panels(columns * padded);
  std::memset(panels.data(), 0, static_cast<std::size_t>(panels.size()) * sizeof(float));
  std::vector<float> scales(static_cast<std::size_t>(columns));
  std::vector<std::int32_t> offsets(scales.size());
  auto* panel = reinterpret_cast<std::byte*>(panels.data());
  for (std::int64_t n = 0; n < p.outputs; n += table.panel_width) {
    const std::int64_t present = std::min(table.panel_width, p.outputs - n);
    const std::int64_t lanes = kernels.last_panel_lanes;
    const std::int64_t width = (present + lanes - 1) / lanes * lanes;
    kernels.pack({.source = p.w.data() + n * p.inputs,
                  .first = 0,
                  .count = present,
                  .inputs = p.inputs,
                  .width = width,
                  .scales = scales.data() + n,
                  .offsets = offsets.data() + n},
                 panel);
    panel += width * padded * kernels.weight_bytes;
  }
  const void* a = p.a.data();
  std::int64_t a_stride = p.inputs;
  std::vector<float> a_scales(static_cast<std::size_t>(p.rows));
  std::vector<std::byte> converted;
  if (kernels.convert_row != nullptr) {
    a_stride = padded + 4;
    converted.resize(static_cast<std::size_t>(p.rows * a_stride * kernels.activation_bytes));
    for (std::int64_t r = 0; r < p.rows; ++r) {
      a_scales[static_cast<std::size_t>(r)] =
          kernels.convert_row(p.a.data() + r * p.inputs, p.inputs,
                              converted.data() + r * a_stride * kernels.activation_bytes);
    }
    a = converted.data();
  }
  constexpr float kUntouched = 12345.0f;
  std::vector<float> out(static_cast<std::size_t>(p.rows * (p.outputs + 3)), kUntouched);
  kernels.matmul({.a = a,
                  .a_stride = a_stride,
                  .rows = p.rows,
                  .panels = panels.data(),
                  .inputs = p.inputs,
                  .a_scales = a_scales.data(),
                  .weight_scales = scales.data(),
                  .weight_offsets = offsets.data(),
                  .columns = p.outputs,
                  .bias = p.bias,
                  .activation = p.activation,
                  .residual = p.residual,
                  .residual_stride = p.outputs,
                  .out = out.data(),
                  .out_stride = p.outputs + 3});
  std::vector<float> dense;
  for (std::int64_t r = 0; r < p.rows; ++r) {
    for (std::int64_t n = 0; n < p.outputs + 3; ++n) {
      const float x = out[static_cast<std::size_t>(r * (p.outputs + 3) + n)];
      if (n < p.outputs) {
        dense.push_back(x);
      } else {
        EXPECT_EQ(x, kUntouched) << "written past column " << p.outputs << " of row " << r;
      }
    }
  }
  return dense;
}

// What a precision makes of a matrix's rows, written plainly.
std::vector<float> Rounded(Precision precision, std::vector<float> x, std::int64_t width) {
  if (precision == Precision::kBfloat16) {
    for (float& value : x) {  // to nearest, ties to even
      std::uint32_t bits;
      std::memcpy(&bits, &value, sizeof(bits));
      const std::uint32_t low = bits & 0xffff;
      bits &= 0xffff0000;
      if (low > 0x8000 || (low == 0x8000 && (bits & 0x10000) != 0)) bits += 0x10000;
      std::memcpy(&value, &bits, sizeof(bits));
    }
  }
  if (precision == Precision::kInt8) {
    for (std::size_t row = 0; row < x.size(); row += static_cast<std::size_t>(width)) {
      float largest = 0;
      for (std::int64_t i = 0; i < width; ++i) {
        largest = std::max(largest, std::abs(x[row + static_cast<std::size_t>(i)]));
      }
      for (std::int64_t i = 0; i < width && largest > 0; ++i) {
        float& value = x[row + static_cast<std::size_t>(i)];
        value = std::nearbyint(value * (127.0f / largest)) * (largest / 127.0f);
      }
    }
  }
  return x;
}

TEST_P(MatmulTable, AgreesWithReferenceOverShapesAndEpilogues) {
  struct Shape {
    std::int64_t rows, outputs, inputs;
  };
  std::uint64_t seed = 1;
  for (const Shape& s : {Shape{1, 1, 1},
                         {1, 16, 64},
                         {2, 17, 5},
                         {3, 8, 33},
                         {5, 33, 7},
                         {6, 16, 16},
                         {7, 48, 100},
                         {13, 31, 64},
                         {25, 40, 72},
                         {50, 72, 128},
                         {77, 100, 160},
                         {4, 9, 768},
                         {12, 32, 3072}}) {
    for (const Activation activation :
         {Activation::kNone, Activation::kQuickGelu, Activation::kGeluTanh, Activation::kGelu}) {
      const float spread = 1 / std::sqrt(static_cast<float>(s.inputs));
      const auto a = Normal(s.rows * s.inputs, ++seed);
      const auto w = Normal(s.outputs * s.inputs, ++seed, spread);
      const auto bias = Normal(s.outputs, ++seed);
      const auto residual = Normal(s.rows * s.outputs, ++seed);
      const bool plain = seed % 8 < 4;
      const Product product{.rows = s.rows,
                            .outputs = s.outputs,
                            .inputs = s.inputs,
                            .a = a,
                            .w = w,
                            .bias = plain ? nullptr : bias.data(),
                            .activation = activation,
                            .residual = plain ? nullptr : residual.data()};
      for (const Precision precision : kAllPrecisions) {
        const bool rounds_a = GetParam()->product(precision).convert_row != nullptr;
        const auto near_a = rounds_a ? Rounded(precision, a, s.inputs) : a;
        const auto near_w = Rounded(precision, w, s.inputs);
        std::vector<float> expected(residual.size());
        reference::Matmul(near_a.data(), near_w.data(), product.bias, activation, product.residual,
                          s.rows, s.outputs, s.inputs, expected.data());
        const auto got = BlockProduct(*GetParam(), precision, product);
        for (std::size_t i = 0; i < got.size(); ++i) {
          ASSERT_NEAR(got[i], expected[i], Tolerance(s.inputs, spread * 4))
              << PrecisionName(precision) << " " << s.rows << "x" << s.outputs << "x" << s.inputs
              << " at " << i;
        }
      }
    }
  }
}

TEST_P(MatmulTable, RowHasTheSameBitsAloneAndInAnyBatch) {
  const std::int64_t rows = 41, outputs = 72, inputs = 200;
  const auto a = Normal(rows * inputs, 3);
  const auto w = Normal(outputs * inputs, 4);
  const auto bias = Normal(outputs, 5);
  for (const Precision precision : kAllPrecisions) {
    Product product{.rows = rows,
                    .outputs = outputs,
                    .inputs = inputs,
                    .a = a,
                    .w = w,
                    .bias = bias.data(),
                    .activation = Activation::kGelu};
    const auto all = BlockProduct(*GetParam(), precision, product);
    for (std::int64_t r = 0; r < rows; ++r) {
      const std::vector<float> row(a.begin() + r * inputs, a.begin() + (r + 1) * inputs);
      const auto alone = BlockProduct(*GetParam(), precision,
                                      {.rows = 1,
                                       .outputs = outputs,
                                       .inputs = inputs,
                                       .a = row,
                                       .w = w,
                                       .bias = bias.data(),
                                       .activation = Activation::kGelu});
      ASSERT_EQ(std::memcmp(alone.data(), all.data() + r * outputs, sizeof(float) * outputs), 0)
          << PrecisionName(precision) << ", row " << r;
    }
  }
}

// INT8 sums are whole numbers, so that the quantised product is the same on every CPU up to the one
// rounding of its scale; the largest sums that any layer can have must not overflow.
TEST_P(MatmulTable, Int8SumsAreExactUpToTheLongestRows) {
  const std::int64_t inputs = 65536;
  const std::vector<float> a(inputs, 3.0f), w(inputs, -5.0f), zeros(inputs, 0.0f);
  const auto got = BlockProduct(*GetParam(), Precision::kInt8,
                                {.rows = 1, .outputs = 1, .inputs = inputs, .a = a, .w = w});
  EXPECT_FLOAT_EQ(got[0], -15.0f * 65536.0f);
  const auto nothing =
      BlockProduct(*GetParam(), Precision::kInt8,
                   {.rows = 1, .outputs = 1, .inputs = inputs, .a = zeros, .w = w});
  EXPECT_EQ(nothing[0], 0.0f);
}

TEST(Matmul, ThreadsChangeNoBitAndResidualMayBeTheOutput) {
  const std::int64_t rows = 130, outputs = 400, inputs = 96;  // enough work for threads to be woken
  const auto a = Normal(rows * inputs, 6);
  const auto w = Normal(outputs * inputs, 7);
  const auto residual = Normal(rows * outputs, 8);
  for (const Precision precision : kAllPrecisions) {
    PackedMatrix packed(outputs, inputs, precision);
    packed.SetRows(0, outputs, w.data(), ElementType::kFloat32, nullptr);
    std::vector<float> one = residual, three = residual;
    MatmulArgs args{.a = a.data(), .a_stride = inputs, .rows = rows, .weights = &packed};
    args.residual_stride = args.out_stride = outputs;
    args.residual = args.out = one.data();
    Matmul(args, nullptr);
    ThreadPool pool(3);
    args.residual = args.out = three.data();
    Matmul(args, &pool);
    EXPECT_EQ(one, three) << PrecisionName(precision);
    if (precision != Precision::kFloat32) continue;

    std::vector<float> expected(one.size());
    reference::Matmul(a.data(), w.data(), nullptr, Activation::kNone, residual.data(), rows,
                      outputs, inputs, expected.data());
    for (std::size_t i = 0; i < one.size(); ++i) {
      ASSERT_NEAR(one[i], expected[i], Tolerance(inputs, 4)) << i;
    }
  }
}

TEST(Matmul, OutputRangeEqualsThoseColumnsOfTheWhole) {
  const std::int64_t rows = 9, inputs = 40, panel = PackedMatrix::PanelWidth();
  const std::int64_t outputs = 3 * panel + 5;
  const auto a = Normal(rows * inputs, 9);
  const auto w = Normal(outputs * inputs, 10);
  const auto bias = Normal(outputs, 11);
  for (const Precision precision : kAllPrecisions) {
    PackedMatrix packed(outputs, inputs, precision);
    packed.SetRows(0, outputs, w.data(), ElementType::kFloat32, nullptr);
    std::vector<float> whole(static_cast<std::size_t>(rows * outputs));
    MatmulArgs args{.a = a.data(), .a_stride = inputs, .rows = rows, .weights = &packed};
    args.bias = bias.data();
    args.out = whole.data();
    args.out_stride = outputs;
    Matmul(args, nullptr);
    std::vector<float> part(static_cast<std::size_t>(rows * (outputs - panel)));
    args.first_output = panel;
    args.out = part.data();
    args.out_stride = outputs - panel;
    Matmul(args, nullptr);
    for (std::int64_t r = 0; r < rows; ++r) {
      for (std::int64_t n = 0; n < outputs - panel; ++n) {
        ASSERT_EQ(part[static_cast<std::size_t>(r * (outputs - panel) + n)],
                  whole[static_cast<std::size_t>(r * outputs + panel + n)]);
      }
    }
  }
}

TEST(PackedMatrix, TheCallersMemoryGetsTheSameBytesAndNoMore) {
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
    for (const auto& [outputs, inputs] : {std::pair{1, 1}, {75, 37}, {200, 64}, {97, 130}}) {
      const auto w = Normal(std::int64_t{outputs} * inputs, 5);
      PackedMatrix owned(outputs, inputs, precision);
      owned.SetRows(0, outputs, w.data(), ElementType::kFloat32, nullptr);
      const auto bytes =
          static_cast<std::size_t>(PackedMatrix::PackedBytes(outputs, inputs, precision));
      AlignedBuffer memory(static_cast<std::int64_t>(bytes / 4 + 16));
      std::memset(memory.data(), 0xee, bytes + 64);
      PackedMatrix within = PackedMatrix::Within(outputs, inputs, precision, memory.data());
      within.SetRows(0, outputs, w.data(), ElementType::kFloat32, nullptr);
      const auto* raw = reinterpret_cast<const unsigned char*>(memory.data());
      EXPECT_EQ(std::memcmp(raw, owned.data(), bytes), 0) << outputs << " x " << inputs;
      for (std::size_t i = bytes; i < bytes + 64; ++i) ASSERT_EQ(raw[i], 0xee);
    }
  }
}

TEST(PackedMatrix, ItsLayoutHasANameOfItsOwnForEachPrecision) {
  std::set<std::string> ids;
  for (const Precision precision : {Precision::kFloat32, Precision::kBfloat16, Precision::kInt8}) {
    const std::string id = PackedMatrix::LayoutId(precision);
    EXPECT_EQ(id, PackedMatrix::LayoutId(precision));
    EXPECT_EQ(id.find(cpu::Kernels().name), 0u) << id;
    EXPECT_EQ(id.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_-"), id.npos) << id;
    ids.insert(id);
  }
  EXPECT_EQ(ids.size(), 3u);
}

TEST(PackedMatrix, RowsSetInPartsAndHalfFormatsEqualTheirFloats) {
  const std::int64_t outputs = 75, inputs = 37;
  const auto w = Normal(outputs * inputs, 12);
  std::vector<std::uint16_t> half(w.size()), brain(w.size());
  FloatToHalf(w.data(), w.size(), half.data());
  std::vector<float> from_half(w.size()), from_brain(w.size());
  HalfToFloat(half.data(), half.size(), from_half.data());
  for (std::size_t i = 0; i < w.size(); ++i) {
    std::uint32_t bits = 0;
    std::memcpy(&bits, &w[i], sizeof(bits));
    brain[i] = static_cast<std::uint16_t>(bits >> 16);
    from_brain[i] = Bfloat16ToFloat(brain[i]);
  }
  // Source bytes at an odd address, as tensors in a file may lie.
  const auto misaligned = [](const void* data, std::size_t bytes) {
    std::vector<unsigned char> copy(bytes + 1);
    std::memcpy(copy.data() + 1, data, bytes);
    return copy;
  };
  const auto packed = [&](const unsigned char* source, ElementType type, std::int64_t split) {
    PackedMatrix m(outputs, inputs);
    m.SetRows(0, split, source, type, nullptr);
    ThreadPool pool(2);
    m.SetRows(split, outputs - split,
              source + static_cast<std::size_t>(split * inputs) * ElementBytes(type), type, &pool);
    return m;
  };
  const auto check = [&](const std::vector<float>& floats, const unsigned char* source,
                         ElementType type) {
    PackedMatrix expected(outputs, inputs);
    expected.SetRows(0, outputs, floats.data(), ElementType::kFloat32, nullptr);
    for (const std::int64_t split : {0, 1, 16, 33, 64, 75}) {
      const PackedMatrix got = packed(source, type, split);
      std::vector<float> identity(static_cast<std::size_t>(inputs * inputs), 0.0f);
      for (std::int64_t i = 0; i < inputs; ++i)
        identity[static_cast<std::size_t>(i * inputs + i)] = 1;
      std::vector<float> a(static_cast<std::size_t>(inputs * outputs)), b(a.size());
      MatmulArgs args{.a = identity.data(), .a_stride = inputs, .rows = inputs};
      args.out_stride = outputs;
      args.weights = &expected;
      args.out = a.data();
      Matmul(args, nullptr);
      args.weights = &got;
      args.out = b.data();
      Matmul(args, nullptr);
      ASSERT_EQ(a, b) << "split at " << split;
      for (std::int64_t r = 0; r < outputs; ++r) {
        for (std::int64_t c = 0; c < inputs; ++c) {
          ASSERT_EQ(b[static_cast<std::size_t>(c * outputs + r)],
                    floats[static_cast<std::size_t>(r * inputs + c)]);
        }
      }
    }
  };
  const auto w_bytes = misaligned(w.data(), w.size() * 4);
  const auto half_bytes = misaligned(half.data(), half.size() * 2);
  const auto brain_bytes = misaligned(brain.data(), brain.size() * 2);
  check(w, w_bytes.data() + 1, ElementType::kFloat32);
  check(from_half, half_bytes.data() + 1, ElementType::kFloat16);
  check(from_brain, brain_bytes.data() + 1, ElementType::kBfloat16);
}

}  // namespace
}  // namespace espy::kernels
