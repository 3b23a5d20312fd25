#include "captioning/drafts/medusa_heads.h"

#include <algorithm>
#include <set>

#include "base/status_macros.h"
#include "encoders/transformer.h"
#include "kernels/activation.h"

namespace espy::captioning {

void DraftAcceptance::SetPriors(int first, int last, AcceptanceTable* table) const {
  if (ranks == 0) return;
  const int depths = static_cast<int>(static_cast<std::int64_t>(chances.size()) / ranks);
  for (int depth = first; depth <= std::min(last, depths); ++depth) {
    for (int rank = 0; rank < AcceptanceTable::kMaxRanks; ++rank) {
      // A rank that the file says nothing of is not proposed until nothing else is left.
      const bool known = rank < ranks;
      const auto at = static_cast<std::size_t>((depth - 1) * ranks + rank);
      table->SetPrior(depth, rank, known ? static_cast<double>(chances[at]) : 1e-6);
    }
  }
}

Result<DraftAcceptance> ReadAcceptance(const encoders::Safetensors& file,
                                       const encoders::Weights& weights, std::int64_t least_depths,
                                       std::int64_t most_depths) {
  DraftAcceptance acceptance;
  const encoders::TensorView* found = file.Find("acceptance");
  if (found == nullptr) return acceptance;
  if (found->shape.size() != 2 || found->shape[0] < least_depths || found->shape[0] > most_depths ||
      found->shape[1] < 1 || found->shape[1] > AcceptanceTable::kMaxRanks) {
    return Status::Corruption(file.path() +
                              ": acceptance: not a table of depths by 1 to 16 ranks; train the "
                              "heads again, or remove the tensor");
  }
  acceptance.ranks = found->shape[1];
  ESPY_ASSIGN_OR_RETURN(acceptance.chances,
                        weights.Vector("acceptance", {found->shape[0], found->shape[1]}));
  for (const float chance : acceptance.chances) {
    if (!(chance >= 0 && chance <= 1)) {
      return Status::Corruption(file.path() +
                                ": acceptance: a share outside of 0 to 1; train the heads again, "
                                "or remove the tensor");
    }
  }
  return acceptance;
}

Result<std::unique_ptr<MedusaHeads>> MedusaHeads::Load(const encoders::Safetensors& file,
                                                       std::int64_t width,
                                                       const encoders::TowerOptions& options) {
  const encoders::Weights weights = encoders::Weights(&file, "", options).ForLayers();
  auto heads = std::make_unique<MedusaHeads>();
  heads->width_ = width;
  std::set<std::string> known = {"acceptance"};
  for (int head = 0; head < kMaxHeads; ++head) {
    std::vector<encoders::Linear> blocks;
    for (int block = 0; block < kMaxBlocks; ++block) {
      const std::string name = std::to_string(head) + "." + std::to_string(block) + ".linear";
      if (file.Find(name + ".weight") == nullptr) break;
      ESPY_ASSIGN_OR_RETURN(encoders::Linear linear, weights.ReadLinear(name, width, width));
      blocks.push_back(std::move(linear));
      known.insert(name + ".weight");
      known.insert(name + ".bias");
    }
    if (blocks.empty()) break;
    heads->heads_.push_back(std::move(blocks));
  }
  if (heads->heads_.empty()) {
    return Status::Corruption(file.path() +
                              ": 0.0.linear.weight: not there; this file holds no Medusa heads");
  }
  for (const std::string& name : file.Names()) {
    if (known.contains(name)) continue;
    return Status::Unsupported(
        file.path() + ": " + name +
        ": not a part of up to 16 heads of up to 4 residual blocks that share the decoder's "
        "vocabulary; train heads of that kind");
  }
  ESPY_ASSIGN_OR_RETURN(heads->acceptance_,
                        ReadAcceptance(file, weights, heads->count(), heads->count()));
  return heads;
}

void MedusaHeads::Run(const float* hidden, int heads, float* out, ThreadPool* pool) const {
  const auto width = static_cast<std::size_t>(width_);
  std::vector<float> linear(width);
  std::vector<float> decay(width);
  for (int head = 0; head < heads; ++head) {
    float* x = out + head * width_;
    std::copy(hidden, hidden + width_, x);
    for (const encoders::Linear& block : heads_[static_cast<std::size_t>(head)]) {
      encoders::Apply(block, x, 1, kernels::Activation::kNone, nullptr, linear.data(), pool);
      // x + silu(y), silu(y) = y / (1 + e^-y)
      for (std::size_t i = 0; i < width; ++i) decay[i] = -linear[i];
      kernels::Exp(decay.data(), width_, decay.data());
      for (std::size_t i = 0; i < width; ++i) x[i] += linear[i] / (1 + decay[i]);
    }
  }
}

}  // namespace espy::captioning
