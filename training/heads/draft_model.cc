#include "training/heads/draft_model.h"

#include "training/ops/cross_entropy.h"
#include "training/tensor_file.h"

namespace espy::training {

Node* DraftModel::Loss(Tape& tape, const HeadBatch& batch) const {
  const Guesses guesses = Guess(tape, batch);
  if (guesses.logits == nullptr) return tape.New(1, 1, false);
  std::vector<std::int64_t> counts(static_cast<std::size_t>(depths()));
  for (const std::int64_t depth : guesses.depths) ++counts[static_cast<std::size_t>(depth)];
  std::vector<float> weights;
  for (const std::int64_t depth : guesses.depths) {
    weights.push_back(LossWeight(depth) /
                      static_cast<float>(counts[static_cast<std::size_t>(depth)]));
  }
  return CrossEntropy(tape, guesses.logits, guesses.targets, {.row_weights = weights});
}

Status DraftModel::Write(Env* env, const std::string& directory,
                         const std::vector<std::vector<float>>& acceptance) const {
  TensorFile file;
  file.Note("format", "pt");
  for (const Parameter& parameter : parameters_.all()) {
    std::vector<std::int64_t> shape = {parameter.rows, parameter.columns};
    if (parameter.rows == 1) shape = {parameter.columns};
    file.AddFloat16(parameter.name, shape, parameter.value.data());
  }
  if (!acceptance.empty()) {
    std::vector<float> flat;
    for (const auto& row : acceptance) flat.insert(flat.end(), row.begin(), row.end());
    file.AddFloat32("acceptance",
                    {static_cast<std::int64_t>(acceptance.size()),
                     static_cast<std::int64_t>(acceptance[0].size())},
                    flat.data());
  }
  return file.Write(env, directory + "/" + file_name());
}

}  // namespace espy::training
