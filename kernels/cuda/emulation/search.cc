// The kernels of search, compiled for fibers.
#include "kernels/cuda/search.cu"
