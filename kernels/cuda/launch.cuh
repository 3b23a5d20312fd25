// Starting a kernel, on a GPU or emulated.
#ifndef ESPY_KERNELS_CUDA_LAUNCH_CUH_
#define ESPY_KERNELS_CUDA_LAUNCH_CUH_

#include <string>
#include <tuple>

#include "espy/status.h"
#include "kernels/cuda/platform.cuh"
#ifndef __CUDACC__
#include "kernels/cuda/emulation/runtime.h"
#endif

namespace espy::cuda {

struct Grid {
  int blocks_x = 1;
  int blocks_y = 1;
  int threads = 32;  // of a block
  int shared_bytes = 0;
};

#ifdef __CUDACC__

inline Status OfCuda(cudaError_t error, const std::string& what) {
  if (error == cudaSuccess) return Status::Ok();
  const std::string text = what + ": " + cudaGetErrorString(error);
  if (error == cudaErrorMemoryAllocation) {
    return Status::ResourceExhausted(text +
                                     "; close other programs that use the GPU, or use the "
                                     "CPU");
  }
  return Status::Unavailable(text);
}

// Of an allocation of `bytes`, whose pointer is at `data`; `where` ends the message's subject.
inline Status Allocated(cudaError_t error, void** data, std::size_t bytes, const char* where) {
  if (error == cudaSuccess) return Status::Ok();
  *data = nullptr;
  cudaGetLastError();  // an allocation that failed is no error of what follows
  return OfCuda(error, std::to_string(bytes) + " bytes " + where);
}

// Shared memory that a block of the current device may have at most.
inline int MostSharedBytes() {
  int device = 0, bytes = 0;
  if (cudaGetDevice(&device) != cudaSuccess ||
      cudaDeviceGetAttribute(&bytes, cudaDevAttrMaxSharedMemoryPerBlockOptin, device) !=
          cudaSuccess) {
    return 48 * 1024;
  }
  return bytes;
}
inline int Multiprocessors() {
  int device = 0, count = 0;
  if (cudaGetDevice(&device) != cudaSuccess ||
      cudaDeviceGetAttribute(&count, cudaDevAttrMultiProcessorCount, device) != cudaSuccess) {
    return 1;
  }
  return count;
}

template <class... Parameters, class... Arguments>
Status Start(const char* what, void (*kernel)(Parameters...), const Grid& grid, void* stream,
             const Arguments&... arguments) {
  if (grid.shared_bytes > 48 * 1024) {
    const cudaError_t error =
        cudaFuncSetAttribute(reinterpret_cast<const void*>(kernel),
                             cudaFuncAttributeMaxDynamicSharedMemorySize, grid.shared_bytes);
    if (error != cudaSuccess) return OfCuda(error, what);
  }
  const dim3 blocks(static_cast<unsigned>(grid.blocks_x), static_cast<unsigned>(grid.blocks_y));
  kernel<<<blocks, static_cast<unsigned>(grid.threads), static_cast<std::size_t>(grid.shared_bytes),
           static_cast<cudaStream_t>(stream)>>>(arguments...);
  return OfCuda(cudaGetLastError(), what);
}

#else

// An H100's.
inline int MostSharedBytes() { return 227 * 1024; }
inline int Multiprocessors() { return emulation::Multiprocessors(); }

template <class... Parameters, class... Arguments>
Status Start(const char* /*what*/, void (*kernel)(Parameters...), const Grid& grid, void* stream,
             const Arguments&... arguments) {
  // By value, as a GPU takes them: the caller's own may change before the kernel runs.
  const std::tuple<Parameters...> kept(arguments...);
  return emulation::Launched(stream, [=] {
    emulation::Run({.blocks_x = grid.blocks_x,
                    .blocks_y = grid.blocks_y,
                    .threads = grid.threads,
                    .shared_bytes = static_cast<std::size_t>(grid.shared_bytes)},
                   [&] { std::apply(kernel, kept); });
  });
}

#endif

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_LAUNCH_CUH_
