// The towers' kernels, compiled for fibers.
#include "kernels/cuda/matmul.cu"
#include "kernels/cuda/patches.cu"
#include "kernels/cuda/resize.cu"
#include "kernels/cuda/rows.cu"
