// A model's towers on the GPU behind C functions, for cuda_towers_peers.py to call on PyTorch's
// tensors.
#include <cstdint>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "encoders/config.h"
#include "encoders/device/device_encoder.h"
#include "encoders/model_files.h"

namespace espy::encoders {
namespace {

struct Subject {
  ModelConfig config;
  std::unique_ptr<Safetensors> weights;
  std::unique_ptr<DeviceEncoder> towers;  // reads the others
};

Result<std::unique_ptr<Subject>> Open(const char* directory, bool bfloat16) {
  auto subject = std::make_unique<Subject>();
  ESPY_ASSIGN_OR_RETURN(subject->config, ReadModelConfig(directory));
  ESPY_ASSIGN_OR_RETURN(subject->weights, OpenWeights(directory));
  const Precision precision = bfloat16 ? Precision::kBfloat16 : Precision::kFloat16;
  ESPY_ASSIGN_OR_RETURN(subject->towers, OpenDeviceEncoder(subject->config, *subject->weights,
                                                           {.precision = precision}));
  ESPY_RETURN_IF_ERROR(subject->towers->LoadImage());
  ESPY_RETURN_IF_ERROR(subject->towers->LoadText({.id = 1}));
  return Result<std::unique_ptr<Subject>>(std::move(subject));
}

int Report(const Status& status) {
  if (!status.ok()) std::fprintf(stderr, "%s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}

}  // namespace
}  // namespace espy::encoders

using espy::encoders::Subject;

#define ESPY_VISIBLE __attribute__((visibility("default")))

extern "C" {

// Null when it failed, and said so.
ESPY_VISIBLE void* espy_cuda_open(const char* directory, int bfloat16) {
  auto subject = espy::encoders::Open(directory, bfloat16 != 0);
  if (espy::encoders::Report(subject.status()) != 0) return nullptr;
  return std::move(subject).value().release();
}
ESPY_VISIBLE void espy_cuda_close(void* subject) { delete static_cast<Subject*>(subject); }

ESPY_VISIBLE std::int64_t espy_cuda_dimension(const void* subject) {
  return static_cast<const Subject*>(subject)->config.projection;
}

// tensors: FP32 [count, 3, size, size] on the device; out: [count, dimension] on the host, there
// when it returns 0.
ESPY_VISIBLE int espy_cuda_encode_images(void* subject, const float* tensors, std::int64_t count,
                                         float* out) {
  return espy::encoders::Report(
      static_cast<Subject*>(subject)->towers->EncodeTensors(tensors, count, out));
}

// ids: [count, length] on the host, which its texts are cut or padded to.
ESPY_VISIBLE int espy_cuda_encode_texts(void* subject, const std::int32_t* ids, std::int64_t count,
                                        std::int64_t length, float* out) {
  std::vector<std::vector<std::int32_t>> texts;
  for (std::int64_t i = 0; i < count; ++i) {
    texts.emplace_back(ids + i * length, ids + (i + 1) * length);
  }
  return espy::encoders::Report(static_cast<Subject*>(subject)->towers->EncodeTexts(texts, out));
}
}
