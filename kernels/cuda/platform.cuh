// What kernels are written in. nvcc compiles them for GPUs; a host compiler compiles the same
// sources against kernels/cuda/emulation, where a block's threads are fibers, so that their index
// arithmetic, tiling and synchronisation run, and are tested, without a GPU.
#ifndef ESPY_KERNELS_CUDA_PLATFORM_CUH_
#define ESPY_KERNELS_CUDA_PLATFORM_CUH_

#ifdef __CUDACC__
#define ESPY_DEVICE __device__ __forceinline__
#define ESPY_HOST_DEVICE __host__ __device__
#define ESPY_KERNEL __global__ void
// ESPY_KERNEL ESPY_BLOCKS(threads, blocks) Name(...): `blocks` of so many threads fit a
// multiprocessor's registers together.
#define ESPY_BLOCKS(threads, blocks) __launch_bounds__(threads, blocks)
#include "kernels/cuda/instructions.cuh"
#else
#define ESPY_DEVICE inline
#define ESPY_HOST_DEVICE
#define ESPY_KERNEL void
#define ESPY_BLOCKS(threads, blocks)
#include "kernels/cuda/emulation/instructions.h"
#endif

#endif  // ESPY_KERNELS_CUDA_PLATFORM_CUH_
