// What towers do with whole rows besides products, norms and attention. Everything is in device
// memory; each function queues a kernel on `stream` and does not wait; Unavailable when the device
// fails. No row's result depends on another row.
#ifndef ESPY_KERNELS_CUDA_ROWS_H_
#define ESPY_KERNELS_CUDA_ROWS_H_

#include <cstdint>

#include "espy/status.h"
#include "kernels/activation.h"
#include "kernels/element.h"

namespace espy::cuda {

// The first residual stream of a picture: x[t] = embedded[t] + positions[t], where a class token,
// if there is one, stands before the patches.
struct AssembleArgs {
  std::int32_t pictures = 0;
  std::int32_t tokens = 0;  // of a picture, with the class token
  std::int32_t width = 0;
  const float* embedded = nullptr;     // [pictures * patches, width]
  const float* class_token = nullptr;  // [width], or null
  const float* positions = nullptr;    // [tokens, width]
  float* x = nullptr;                  // [pictures * tokens, width]
};
Status AssembleTokens(const AssembleArgs& args, void* stream);

// The same of texts: x[i] = table[ids[i]] + positions[places[i]].
struct EmbedArgs {
  kernels::ElementType type = kernels::ElementType::kFloat16;  // of table
  std::int32_t rows = 0;
  std::int32_t width = 0;
  const void* table = nullptr;           // [vocabulary, width]
  const float* positions = nullptr;      // [context, width]
  const std::int32_t* ids = nullptr;     // [rows], each in the table
  const std::int32_t* places = nullptr;  // [rows]: where in its text the token stands
  float* x = nullptr;                    // [rows, width]
};
Status EmbedTokens(const EmbedArgs& args, void* stream);

// out[i] = from[rows[i]].
struct GatherArgs {
  kernels::ElementType type = kernels::ElementType::kFloat32;  // of from and out
  std::int32_t count = 0;
  std::int32_t width = 0;
  const void* from = nullptr;          // [*, width]
  const std::int32_t* rows = nullptr;  // [count]
  void* out = nullptr;                 // [count, width]
};
Status GatherRows(const GatherArgs& args, void* stream);

// out[rows[i]] = from[i].
struct ScatterArgs {
  kernels::ElementType type = kernels::ElementType::kFloat32;  // of from and out
  std::int32_t count = 0;
  std::int32_t width = 0;
  const void* from = nullptr;  // [count, width], rows from_stride apart
  std::int64_t from_stride = 0;
  const std::int32_t* rows = nullptr;  // [count], no two alike
  void* out = nullptr;                 // [*, width]
};
Status ScatterRows(const ScatterArgs& args, void* stream);

// values = act(values + bias), for products whose own epilogue has no such function.
struct ActivateArgs {
  kernels::ElementType type = kernels::ElementType::kFloat16;
  std::int32_t rows = 0;
  std::int32_t width = 0;
  std::int64_t stride = 0;      // between rows
  const float* bias = nullptr;  // [width], or null
  kernels::Activation activation = kernels::Activation::kNone;
  void* values = nullptr;
};
Status Activate(const ActivateArgs& args, void* stream);

// Rows of x [rows, width] to unit length; a row of zeros stays.
Status L2Normalize(float* x, std::int32_t rows, std::int32_t width, void* stream);

}  // namespace espy::cuda

#endif  // ESPY_KERNELS_CUDA_ROWS_H_
