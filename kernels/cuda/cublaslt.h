// Products by NVIDIA's cuBLASLt, a library of some hundred megabytes that is loaded when the first
// product asks for it: the program starts, and encodes, without it (decision 0042).
#ifndef ESPY_KERNELS_CUDA_CUBLASLT_H_
#define ESPY_KERNELS_CUDA_CUBLASLT_H_

#include "espy/status.h"
#include "kernels/cuda/matmul.h"

namespace espy::cuda {

// Whether the library is there, for the current device: loads it at the first call. NotFound with
// the loader's words where it is not installed, or where $ESPY_CUBLASLT is "0". Any thread.
Status CublasLtFound();

// It is found and multiplies such a product.
bool CublasLtTakes(const MatmulArgs& args);

// QuickGELU and the exact GELU, which its epilogue does not have, follow in a kernel of their own.
Status MatmulByCublasLt(const MatmulArgs& args, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_CUBLASLT_H_
