#include "kernels/cuda/cublaslt.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/cuda/matmul.h"
#include "kernels/cuda/matmul_tiles.cuh"

namespace espy::cuda {
namespace {

constexpr std::int32_t kMostBlocksOfRows = 65535;  // that a launch takes

int BlocksOf(int n, int by) { return (n + by - 1) / by; }

template <class T, class Out>
Status StartProduct(const MatmulArgs& args, MatmulKernel kernel, void* stream) {
  if (kernel == MatmulKernel::kReference) {
    constexpr int kThreads = 128;
    const int rows = args.rows < kMostBlocksOfRows ? args.rows : kMostBlocksOfRows;
    return Start(
        "reference product", &MatmulReference<T, Out>,
        {.blocks_x = BlocksOf(args.outputs, kThreads), .blocks_y = rows, .threads = kThreads},
        stream, args, rows);
  }
  return Start("product", &MatmulTensor<T, Out>,
               {.blocks_x = BlocksOf(args.outputs, ProductTile::kOutputs),
                .blocks_y = BlocksOf(args.rows, ProductTile::kRows),
                .threads = ProductTile::kThreads,
                .shared_bytes = ProductTile::kSharedBytes},
               stream, args);
}

template <class T>
Status StartProduct(const MatmulArgs& args, MatmulKernel kernel, void* stream) {
  return args.out_type == kernels::ElementType::kFloat32
             ? StartProduct<T, float>(args, kernel, stream)
             : StartProduct<T, T>(args, kernel, stream);
}

bool AtSixteenBytes(const void* data, std::int64_t stride) {
  return reinterpret_cast<std::uintptr_t>(data) % 16 == 0 && stride % 8 == 0;
}

}  // namespace

bool TensorTakes(const MatmulArgs& args) {
  return args.inputs % 8 == 0 && AtSixteenBytes(args.a, args.a_stride) &&
         AtSixteenBytes(args.weights, args.weights_stride) &&
         args.rows <= kMostBlocksOfRows * std::int64_t{ProductTile::kRows};
}

Status Matmul(const MatmulArgs& args, MatmulKernel kernel, void* stream) {
  if (args.rows == 0 || args.outputs == 0) return Status::Ok();
  if (args.type == kernels::ElementType::kFloat32 ||
      (args.out_type != args.type && args.out_type != kernels::ElementType::kFloat32)) {
    return Status::InvalidArgument(
        "products on the GPU are of FP16 or BF16 numbers, their results of the same or FP32");
  }
  if (kernel == MatmulKernel::kTensor && !TensorTakes(args)) {
    return Status::InvalidArgument(
        "a product on tensor cores takes rows that begin at multiples of 16 bytes, and a multiple "
        "of 8 inputs");
  }
  if (kernel == MatmulKernel::kCublasLt) return MatmulByCublasLt(args, stream);
  if (kernel == MatmulKernel::kFastest) {
    if (CublasLtTakes(args)) return MatmulByCublasLt(args, stream);
    kernel = TensorTakes(args) ? MatmulKernel::kTensor : MatmulKernel::kReference;
  }
  return args.type == kernels::ElementType::kFloat16 ? StartProduct<Half>(args, kernel, stream)
                                                     : StartProduct<Bfloat16>(args, kernel, stream);
}

}  // namespace espy::cuda
