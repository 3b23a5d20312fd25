// Descriptions of tensors for copies of boxes (TMA). The driver makes them; it is asked for at run
// time, as all of it is.
#ifndef ESPY_KERNELS_CUDA_TENSOR_MAP_CUH_
#define ESPY_KERNELS_CUDA_TENSOR_MAP_CUH_

#include <cstdint>

#include "espy/status.h"
#include "kernels/cuda/launch.cuh"
#include "kernels/element.h"

namespace espy::cuda {

// Rows of `heads` heads of `columns` 16-bit numbers, and the box that a copy takes: of one head,
// its rows swizzled by their own width.
struct BoxedTensor {
  kernels::ElementType type = kernels::ElementType::kFloat16;
  const void* data = nullptr;  // at a multiple of 16 bytes
  std::int32_t columns = 0;
  std::int32_t heads = 0;
  std::int32_t rows = 0;
  std::int64_t row_stride = 0;   // numbers, a multiple of 8
  std::int32_t box_columns = 0;  // 64, 32 or 16
  std::int32_t box_rows = 0;     // 256 at most
};

#ifdef __CUDACC__

using EncodeTensorMap = decltype(&cuTensorMapEncodeTiled);

inline EncodeTensorMap FindEncodeTensorMap() {
  void* found = nullptr;
  cudaDriverEntryPointQueryResult result = cudaDriverEntryPointSymbolNotFound;
  const cudaError_t error = cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found,
                                                             12000, cudaEnableDefault, &result);
  if (error != cudaSuccess || result != cudaDriverEntryPointSuccess) return nullptr;
  return reinterpret_cast<EncodeTensorMap>(found);
}

inline bool TensorMapsAreThere() {
  static const bool there = [] {
    int device = 0, major = 0;
    return cudaGetDevice(&device) == cudaSuccess &&
           cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) ==
               cudaSuccess &&
           major == 9 && FindEncodeTensorMap() != nullptr;
  }();
  return there;
}

inline Result<TensorMap> MakeTensorMap(const BoxedTensor& tensor) {
  static const EncodeTensorMap encode = FindEncodeTensorMap();
  if (encode == nullptr) return Status::Unavailable("the GPU's driver describes no tensors");
  TensorMap map{};
  const cuuint64_t sizes[] = {static_cast<cuuint64_t>(tensor.columns),
                              static_cast<cuuint64_t>(tensor.heads),
                              static_cast<cuuint64_t>(tensor.rows)};
  const cuuint64_t strides[] = {static_cast<cuuint64_t>(tensor.columns) * 2,
                                static_cast<cuuint64_t>(tensor.row_stride) * 2};
  const cuuint32_t box[] = {static_cast<cuuint32_t>(tensor.box_columns), 1,
                            static_cast<cuuint32_t>(tensor.box_rows)};
  const cuuint32_t steps[] = {1, 1, 1};
  const CUtensorMapSwizzle swizzle = tensor.box_columns == 64   ? CU_TENSOR_MAP_SWIZZLE_128B
                                     : tensor.box_columns == 32 ? CU_TENSOR_MAP_SWIZZLE_64B
                                                                : CU_TENSOR_MAP_SWIZZLE_32B;
  const CUresult made = encode(
      &map,
      tensor.type == kernels::ElementType::kFloat16 ? CU_TENSOR_MAP_DATA_TYPE_FLOAT16
                                                    : CU_TENSOR_MAP_DATA_TYPE_BFLOAT16,
      3, const_cast<void*>(tensor.data), sizes, strides, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
      swizzle, CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (made != CUDA_SUCCESS) {
    return Status::Unavailable("the GPU's driver does not describe the tensor: error " +
                               std::to_string(static_cast<int>(made)));
  }
  return map;
}

#else

inline bool TensorMapsAreThere() { return true; }

inline Result<TensorMap> MakeTensorMap(const BoxedTensor& tensor) {
  return TensorMap{.data = static_cast<const std::byte*>(tensor.data),
                   .columns = tensor.columns,
                   .heads = tensor.heads,
                   .rows = tensor.rows,
                   .head_stride = std::int64_t{tensor.columns} * 2,
                   .row_stride = tensor.row_stride * 2,
                   .box_columns = tensor.box_columns,
                   .box_rows = tensor.box_rows};
}

#endif

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_TENSOR_MAP_CUH_
