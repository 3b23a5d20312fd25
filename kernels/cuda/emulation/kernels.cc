// The kernels' own sources, compiled for fibers.
#include "kernels/cuda/attention.cu"
#include "kernels/cuda/norm.cu"
#include "kernels/cuda/path_attention.cu"
#include "kernels/cuda/picture_attention.cu"
