#include "training/checkpoint.h"

#include <bit>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "base/coding.h"
#include "base/crc32c.h"
#include "base/status_macros.h"
#include "encoders/safetensors.h"
#include "training/tensor_file.h"

namespace espy::training {
namespace {

constexpr std::int64_t kVersion = 1;
// Weights and moments of the largest heads that are trained here are some 150 MB.
constexpr std::uint64_t kMaxBytes = std::uint64_t{4} << 30;
// The file ends in the CRC-32C of all that is before: the last tensor, of one number.
constexpr char kChecksum[] = "zz.checksum";
constexpr std::size_t kChecksumBytes = 8;

std::vector<std::int64_t> Numbers(const RunState& state, const AdamW& optimiser,
                                  const GradScaler& scaler) {
  return {kVersion,
          state.step,
          state.epoch,
          state.position,
          static_cast<std::int64_t>(state.random),
          static_cast<std::int64_t>(state.fingerprint),
          optimiser.steps(),
          static_cast<std::int64_t>(std::bit_cast<std::uint32_t>(scaler.scale())),
          scaler.steps_without_overflow()};
}

Status Other(const std::string& path, const std::string& what) {
  return Status::InvalidArgument(path + ": a checkpoint of another run (" + what +
                                 "); remove it to start anew");
}

}  // namespace

Status WriteCheckpoint(Env* env, const std::string& path, const RunState& state,
                       const ParameterSet& parameters, AdamW* optimiser, const GradScaler& scaler) {
  TensorFile file;
  file.Note("format", "espy-checkpoint");
  file.AddInt64("state", Numbers(state, *optimiser, scaler));
  std::size_t at = 0;
  for (const Parameter& parameter : parameters.all()) {
    const std::vector<std::int64_t> shape = {parameter.rows, parameter.columns};
    file.AddFloat32("weight." + parameter.name, shape, parameter.value.data());
    file.AddFloat32("moment1." + parameter.name, shape, optimiser->first_moments()[at].data());
    file.AddFloat32("moment2." + parameter.name, shape, optimiser->second_moments()[at].data());
    ++at;
  }
  file.AddInt64(kChecksum, {0});
  std::string bytes = file.Bytes();
  const auto crc = static_cast<std::uint64_t>(
      Crc32c(std::string_view(bytes).substr(0, bytes.size() - kChecksumBytes)));
  std::memcpy(bytes.data() + bytes.size() - kChecksumBytes, &crc, kChecksumBytes);
  return env->WriteFileAtomically(path, bytes);
}

Status ReadCheckpoint(Env* env, const std::string& path, RunState* state, ParameterSet* parameters,
                      AdamW* optimiser, GradScaler* scaler) {
  ESPY_ASSIGN_OR_RETURN(const std::string bytes, env->ReadFile(path, kMaxBytes));
  const auto damaged = [&] {
    return Status::Corruption(path + ": the checkpoint is damaged; remove it to start anew");
  };
  std::uint64_t crc = 0;
  if (bytes.size() < kChecksumBytes) return damaged();
  std::memcpy(&crc, bytes.data() + bytes.size() - kChecksumBytes, kChecksumBytes);
  if (crc != Crc32c(std::string_view(bytes).substr(0, bytes.size() - kChecksumBytes))) {
    return damaged();
  }
  ESPY_ASSIGN_OR_RETURN(
      const auto tensors,
      encoders::Safetensors::Parse(
          {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, path));

  const encoders::TensorView* numbers = tensors->Find("state");
  const std::size_t expected = Numbers({}, *optimiser, *scaler).size();
  if (numbers == nullptr || numbers->dtype != encoders::DType::kI64) return damaged();
  std::vector<std::int64_t> n(numbers->bytes.size() / 8);
  if (n.empty()) return damaged();
  std::memcpy(n.data(), numbers->bytes.data(), n.size() * 8);
  if (n[0] != kVersion) return Other(path, "of another version of this program");
  if (n.size() != expected) return damaged();
  if (static_cast<std::uint64_t>(n[5]) != state->fingerprint) {
    return Other(path, "its data or its settings differ");
  }

  // All tensors are looked at before the first is taken.
  std::vector<std::pair<const encoders::TensorView*, std::vector<float>*>> taken;
  std::size_t at = 0;
  for (Parameter& parameter : parameters->all()) {
    const std::pair<const char*, std::vector<float>*> parts[] = {
        {"weight.", &parameter.value},
        {"moment1.", &optimiser->first_moments()[at]},
        {"moment2.", &optimiser->second_moments()[at]}};
    ++at;
    for (const auto& [prefix, values] : parts) {
      const encoders::TensorView* tensor = tensors->Find(prefix + parameter.name);
      if (tensor == nullptr || tensor->dtype != encoders::DType::kF32 ||
          tensor->bytes.size() != values->size() * sizeof(float)) {
        return Other(path, "its " + parameter.name + " has another shape");
      }
      taken.emplace_back(tensor, values);
    }
  }
  for (const auto& [tensor, values] : taken) {
    std::memcpy(values->data(), tensor->bytes.data(), tensor->bytes.size());
  }
  state->step = n[1];
  state->epoch = n[2];
  state->position = n[3];
  state->random = static_cast<std::uint64_t>(n[4]);
  optimiser->set_steps(n[6]);
  scaler->Restore(std::bit_cast<float>(static_cast<std::uint32_t>(n[7])),
                  static_cast<std::int32_t>(n[8]));
  return Status::Ok();
}

}  // namespace espy::training
