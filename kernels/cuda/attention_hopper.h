// The rung of attention's ladder for sm_90a.
#ifndef ESPY_KERNELS_CUDA_ATTENTION_HOPPER_H_
#define ESPY_KERNELS_CUDA_ATTENTION_HOPPER_H_

#include "espy/status.h"
#include "kernels/cuda/attention.h"

namespace espy::cuda {

// Whether the device is one of sm_90 with a driver that describes tensors to it.
bool HopperIsThere();

// For arguments that HopperTakes().
Status StartHopper(const AttentionArgs& args, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ATTENTION_HOPPER_H_
