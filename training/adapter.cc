#include "training/adapter.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/random.h"
#include "base/status_macros.h"
#include "encoders/safetensors.h"
#include "training/ops/activation.h"
#include "training/ops/arithmetic.h"
#include "training/ops/linear.h"
#include "training/ops/norm.h"
#include "training/tensor_file.h"

namespace espy::training {
namespace {
constexpr std::int64_t kMaxBottleneck = 4096;
}

AdapterModel::AdapterModel(std::int64_t width, std::int64_t bottleneck, std::uint64_t seed)
    : down(parameters.Add("down.weight", bottleneck, width, true)),
      down_bias(parameters.Add("down.bias", 1, bottleneck, false)),
      up(parameters.Add("up.weight", width, bottleneck, true)),
      up_bias(parameters.Add("up.bias", 1, width, false)) {
  Random random(seed);
  const double deviation = 1 / std::sqrt(static_cast<double>(width));
  for (float& x : down->value) x = static_cast<float>(deviation * random.Normal());
}

Node* AdapterModel::Apply(Tape& tape, Node* x) {
  Node* inner =
      Activate(tape, Pointwise::kGelu, Linear(tape, x, tape.Use(down), tape.Use(down_bias)));
  return L2Normalize(tape, Add(tape, x, Linear(tape, inner, tape.Use(up), tape.Use(up_bias))));
}

TextAdapter::TextAdapter(const AdapterModel& model)
    : width_(model.down->columns),
      bottleneck_(model.down->rows),
      down_(model.down->value),
      down_bias_(model.down_bias->value),
      up_(model.up->value),
      up_bias_(model.up_bias->value) {}

std::string TextAdapter::Bytes() const {
  TensorFile file;
  file.Note("format", "espy-text-adapter");
  file.AddFloat32("down.weight", {bottleneck_, width_}, down_.data());
  file.AddFloat32("down.bias", {bottleneck_}, down_bias_.data());
  file.AddFloat32("up.weight", {width_, bottleneck_}, up_.data());
  file.AddFloat32("up.bias", {width_}, up_bias_.data());
  return file.Bytes();
}

Result<std::shared_ptr<const TextAdapter>> TextAdapter::Parse(std::string_view bytes,
                                                              std::int64_t width,
                                                              const std::string& name) {
  ESPY_ASSIGN_OR_RETURN(
      const auto file,
      encoders::Safetensors::Parse(
          {reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()}, name));
  const encoders::TensorView* first = file->Find("down.weight");
  if (first == nullptr || first->shape.size() != 2 || first->shape[0] < 1 ||
      first->shape[0] > kMaxBottleneck || first->shape[1] != width) {
    return Status::Corruption(name + ": is no adapter of vectors of " + std::to_string(width) +
                              " numbers");
  }
  std::shared_ptr<TextAdapter> adapter(new TextAdapter);
  adapter->width_ = width;
  adapter->bottleneck_ = first->shape[0];
  const std::int64_t n = adapter->bottleneck_;
  using Shape = std::vector<std::int64_t>;
  struct Part {
    const char* tensor;
    Shape shape;
    std::vector<float>* values;
  };
  const Part parts[] = {{"down.weight", {n, width}, &adapter->down_},
                        {"down.bias", {n}, &adapter->down_bias_},
                        {"up.weight", {width, n}, &adapter->up_},
                        {"up.bias", {width}, &adapter->up_bias_}};
  for (const auto& [tensor_name, shape, values] : parts) {
    const encoders::TensorView* tensor = file->Find(tensor_name);
    if (tensor == nullptr || tensor->dtype != encoders::DType::kF32 || tensor->shape != shape) {
      return Status::Corruption(name + ": its " + tensor_name + " is missing or of another shape");
    }
    values->resize(tensor->bytes.size() / sizeof(float));
    std::memcpy(values->data(), tensor->bytes.data(), tensor->bytes.size());
    if (!std::all_of(values->begin(), values->end(), [](float x) { return std::isfinite(x); })) {
      return Status::Corruption(name + ": its " + tensor_name + " holds what is no number");
    }
  }
  return std::shared_ptr<const TextAdapter>(std::move(adapter));
}

void TextAdapter::Apply(std::span<float> x) const {
  Tape tape({});
  const auto constant = [&](const std::vector<float>& v, std::int64_t rows, std::int64_t columns) {
    return tape.Constant(v.data(), rows, columns);
  };
  Node* in = tape.Constant(x.data(), 1, width_);
  Node* inner =
      Linear(tape, in, constant(down_, bottleneck_, width_), constant(down_bias_, 1, bottleneck_));
  Node* change = Linear(tape, Activate(tape, Pointwise::kGelu, inner),
                        constant(up_, width_, bottleneck_), constant(up_bias_, 1, width_));
  const Node* out = L2Normalize(tape, Add(tape, in, change));
  // What would be no direction any more stays as it was.
  double squares = 0;
  for (std::int64_t i = 0; i < width_; ++i) {
    squares += static_cast<double>(out->value()[i]) * out->value()[i];
  }
  if (std::abs(squares - 1) < 1e-3) std::copy_n(out->value(), width_, x.data());
}

}  // namespace espy::training
