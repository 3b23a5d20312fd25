// The kernel for sm_90a, compiled for fibers.
#include "kernels/cuda/attention_hopper.cu"
