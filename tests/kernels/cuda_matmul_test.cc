// Products on the GPU, or on the emulation of one, against plain loops with double sums.
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "kernels/cpu/reference.h"
#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/matmul.h"
#include "tests/kernels/on_device.h"
#ifdef ESPY_CUDA_EMULATED
#include "kernels/cuda/emulation/fibers.h"
#endif

namespace espy::cuda {
namespace {

using kernels::Activation;
using kernels::ElementType;

struct Shape {
  std::int32_t rows, outputs, inputs;
  Activation activation = Activation::kNone;
  bool bias = true;
  bool residual = false;
  ElementType type = ElementType::kFloat16;
  bool floats = false;  // out
};

std::ostream& operator<<(std::ostream& out, const Shape& s) {
  return out << s.rows << " x " << s.outputs << " x " << s.inputs << ", activation "
             << static_cast<int>(s.activation) << ", type " << static_cast<int>(s.type);
}

// A product whose operands are 16-bit numbers, its inputs padded to a multiple of 8 by zeros.
class Product {
 public:
  Product(const Shape& shape, unsigned seed) : shape_(shape) {
    std::mt19937 random(seed);
    stride_ = (shape.inputs + 7) / 8 * 8;
    const auto padded = [&](std::int32_t rows, float scale, std::vector<float>* plain) {
      *plain = Normal(Count(rows, shape.inputs), scale, &random);
      Cut(shape.type, plain);
      std::vector<float> wide(Count(rows, stride_), 0);
      for (std::int32_t r = 0; r < rows; ++r) {
        for (std::int32_t i = 0; i < shape.inputs; ++i) {
          wide[Count(r, stride_) + static_cast<std::size_t>(i)] =
              (*plain)[Count(r, shape.inputs) + static_cast<std::size_t>(i)];
        }
      }
      return OnDevice(Cut(shape.type, &wide));
    };
    std::vector<float> a, w;
    a_ = padded(shape.rows, 1, &a);
    w_ = padded(shape.outputs, 1 / std::sqrt(static_cast<float>(shape.inputs)), &w);
    std::vector<float> bias = Normal(Count(shape.outputs, 1), 1, &random);
    bias_ = OnDevice(bias);
    std::vector<float> cut = bias;
    bias_16_ = OnDevice(Cut(shape.type, &cut));
    residual = Normal(Count(shape.rows, shape.outputs), 1, &random);
    expected.resize(residual.size());
    kernels::reference::Matmul(a.data(), w.data(), shape.bias ? bias.data() : nullptr,
                               shape.activation, shape.residual ? residual.data() : nullptr,
                               shape.rows, shape.outputs, shape.inputs, expected.data());
  }

  // The result in FP32; residual in the place of out, as towers have it.
  std::vector<float> Run(MatmulKernel kernel, std::int32_t rows) const {
    const ElementType out_type = shape_.floats ? ElementType::kFloat32 : shape_.type;
    const std::size_t n = Count(rows, shape_.outputs);
    const std::vector<float> begin(residual.begin(), residual.begin() + static_cast<long>(n));
    const DeviceBuffer in_place = OnDevice(begin);
    const DeviceBuffer apart = OnDevice(std::vector<std::uint16_t>(n, 0x7fff));
    const bool place = shape_.floats;
    const MatmulArgs args{
        .type = shape_.type,
        .out_type = out_type,
        .rows = rows,
        .outputs = shape_.outputs,
        .inputs = stride_,
        .a = a_.data(),
        .a_stride = stride_,
        .weights = w_.data(),
        .weights_stride = stride_,
        .bias = shape_.bias ? static_cast<const float*>(bias_.data()) : nullptr,
        .bias_16 = shape_.bias ? bias_16_.data() : nullptr,
        .activation = shape_.activation,
        .residual = shape_.residual ? static_cast<const float*>(in_place.data()) : nullptr,
        .out = place ? in_place.data() : apart.data(),
        .out_stride = shape_.outputs};
    const Status status = Matmul(args, kernel, nullptr);
    EXPECT_TRUE(status.ok()) << status.message();
    std::vector<float> values(n);
    if (place) {
      EXPECT_TRUE(in_place.Download(values.data()).ok());
      return values;
    }
    std::vector<std::uint16_t> bits(n);
    EXPECT_TRUE(apart.Download(bits.data()).ok());
    kernels::ToFloat(bits.data(), shape_.type, static_cast<std::int64_t>(n), values.data());
    return values;
  }
  std::vector<float> Run(MatmulKernel kernel) const { return Run(kernel, shape_.rows); }

  // Sums of products of size 1 in FP32 are off by some 1e-6, the activations by 1e-5 at most; what
  // is stored in 16 bits has half a unit of its own. cuBLASLt adds a bias of 16 bits and rounds
  // between product and activation: two units more.
  void ExpectClose(const std::vector<float>& got, int units) const {
    const float unit = shape_.type == ElementType::kFloat16 ? 0x1p-11f : 0x1p-8f;
    for (std::size_t i = 0; i < got.size(); ++i) {
      const float size = std::abs(expected[i]);
      ASSERT_NEAR(got[i], expected[i],
                  2e-5f + (shape_.floats ? 0 : unit * (size + 0.1f) * static_cast<float>(units)))
          << shape_ << " at " << i;
    }
  }

  std::vector<float> expected, residual;

 private:
  static std::size_t Count(std::int32_t rows, std::int32_t width) {
    return static_cast<std::size_t>(rows) * static_cast<std::size_t>(width);
  }
  Shape shape_;
  std::int32_t stride_ = 0;
  DeviceBuffer a_, w_, bias_, bias_16_;
};

std::vector<Shape> Shapes() {
  return {
      {1, 1, 8},
      {3, 33, 21, Activation::kNone, false},
      {50, 144, 588, Activation::kGelu, true, false, ElementType::kBfloat16},
      {128, 128, 32},
      {129, 130, 96, Activation::kQuickGelu},
      {257, 40, 64, Activation::kGeluTanh, true, false, ElementType::kBfloat16},
      {70, 136, 100, Activation::kNone, true, true, ElementType::kFloat16, true},
      {65, 257, 128, Activation::kGelu, true, true, ElementType::kBfloat16, true},
      {200, 72, 304, Activation::kNone, false, false, ElementType::kFloat16, true},
  };
}

using CudaMatmulTest = CudaTest;

TEST_F(CudaMatmulTest, EveryKernelGivesTheReferencesNumbers) {
  unsigned seed = 1;
  for (const Shape& shape : Shapes()) {
    const Product product(shape, seed++);
    product.ExpectClose(product.Run(MatmulKernel::kTensor), 1);
    product.ExpectClose(product.Run(MatmulKernel::kReference), 1);
    product.ExpectClose(product.Run(MatmulKernel::kFastest), 3);
  }
}

TEST_F(CudaMatmulTest, ARowHasTheSameBitsInAnyBatch) {
  const Product product({140, 72, 200, Activation::kQuickGelu}, 7);
  const std::vector<float> all = product.Run(MatmulKernel::kTensor);
  for (const std::int32_t rows : {1, 17, 129}) {
    const std::vector<float> some = product.Run(MatmulKernel::kTensor, rows);
    EXPECT_EQ(some, std::vector<float>(all.begin(), all.begin() + rows * 72)) << rows;
  }
}

TEST_F(CudaMatmulTest, RefusesWhatItDoesNotTake) {
  MatmulArgs args{.rows = 1, .outputs = 1, .inputs = 12, .a_stride = 16, .weights_stride = 16};
  EXPECT_FALSE(TensorTakes(args));
  EXPECT_EQ(Matmul(args, MatmulKernel::kTensor, nullptr).code(), StatusCode::kInvalidArgument);
  args.inputs = 16;
  EXPECT_TRUE(TensorTakes(args));
  args.a_stride = 20;
  EXPECT_FALSE(TensorTakes(args));
  args.type = ElementType::kFloat32;
  EXPECT_EQ(Matmul(args, MatmulKernel::kReference, nullptr).code(), StatusCode::kInvalidArgument);
  args.type = ElementType::kFloat16;
  args.out_type = ElementType::kBfloat16;
  EXPECT_EQ(Matmul(args, MatmulKernel::kReference, nullptr).code(), StatusCode::kInvalidArgument);
}

// A library that is not there is told, and products go on without it.
TEST_F(CudaMatmulTest, WithoutCublasLtItsKernelSaysSo) {
  if (CublasLtFound().ok()) GTEST_SKIP() << "cuBLASLt is here";
  const MatmulArgs args{.rows = 1, .outputs = 8, .inputs = 8, .a_stride = 8, .weights_stride = 8};
  const Status status = Matmul(args, MatmulKernel::kCublasLt, nullptr);
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_NE(status.message().find("cuBLASLt"), std::string::npos) << status.message();
}

#ifdef ESPY_CUDA_EMULATED
// A result that hangs on which thread comes first is a race.
TEST_F(CudaMatmulTest, TheOrderOfThreadsDoesNotShow) {
  const Product product({130, 140, 260, Activation::kGelu}, 5);
  const std::vector<float> forward = product.Run(MatmulKernel::kTensor);
  for (const emulation::Order order : {emulation::Order::kBackward, emulation::Order::kShuffled}) {
    emulation::SetOrder(order);
    EXPECT_EQ(forward, product.Run(MatmulKernel::kTensor));
  }
  emulation::SetOrder(emulation::Order::kForward);
}
#endif

}  // namespace
}  // namespace espy::cuda
