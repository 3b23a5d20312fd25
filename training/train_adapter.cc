#include "training/train_adapter.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string_view>
#include <unordered_map>

#include "base/crc32c.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "training/ops/arithmetic.h"
#include "training/ops/cross_entropy.h"
#include "training/ops/linear.h"

namespace espy::training {
namespace {

using Pair = std::pair<std::int64_t, std::int64_t>;

constexpr float kInitialLogScale = 3.9f;  // 50: between CLIP's start, 14, and its end, 100
constexpr float kAnchorWeight = 1.0f;
constexpr float kMasked = -1e4f;  // e to this is 0, and FP16 holds it
constexpr double kOneSided95 = 1.645;

bool Together(const AdapterData& data, std::int64_t text, std::int64_t picture) {
  return std::binary_search(data.pairs.begin(), data.pairs.end(), Pair(text, picture));
}

const float* Row(const std::vector<float>& matrix, std::int64_t row, std::int64_t width) {
  return matrix.data() + row * width;
}

std::uint64_t FingerprintOf(const AdapterData& data, const AdapterTraining& options) {
  const auto bytes = [](const auto& v) {
    return std::string_view(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(v[0]));
  };
  std::uint32_t crc = Crc32c(bytes(data.texts));
  crc = Crc32c(bytes(data.pictures), crc);
  crc = Crc32c(bytes(data.anchors), crc);
  for (const auto& [text, picture] : data.pairs) {
    const std::int64_t both[] = {text, picture};
    crc = Crc32c({reinterpret_cast<const char*>(both), sizeof both}, crc);
  }
  return static_cast<std::uint64_t>(crc) << 16 ^ static_cast<std::uint64_t>(options.bottleneck);
}

// Rows gathered into a node.
Node* Gather(Tape& tape, const std::vector<float>& matrix, std::int64_t width,
             const std::vector<std::int64_t>& rows) {
  Node* node = tape.New(static_cast<std::int64_t>(rows.size()), width, false);
  float* out = node->mutable_value();
  for (const std::int64_t row : rows) out = std::copy_n(Row(matrix, row, width), width, out);
  return node;
}

// One direction: logits[r, c] of what `own` says belongs together is the target where r == c, and
// no negative elsewhere.
template <class Belongs>
Node* OneWay(Tape& tape, Node* from, Node* to, Node* log_scale, const Belongs& belongs) {
  Node* logits = TimesExp(tape, Linear(tape, from, to), log_scale);
  Node* mask = tape.New(logits->rows(), logits->columns(), false);
  std::vector<std::int64_t> targets;
  for (std::int64_t r = 0; r < logits->rows(); ++r) {
    targets.push_back(r);
    for (std::int64_t c = 0; c < logits->columns(); ++c) {
      if (r != c && belongs(r, c)) mask->mutable_value()[r * logits->columns() + c] = kMasked;
    }
  }
  return CrossEntropy(tape, Add(tape, logits, mask), targets);
}

Node* Loss(Tape& tape, const AdapterData& data, AdapterModel* model, Parameter* log_scale,
           const std::vector<Pair>& train, const std::vector<std::int64_t>& train_pictures,
           std::span<const std::int64_t> examples, Random* random) {
  std::vector<std::int64_t> texts, pictures;
  for (const std::int64_t example : examples) {
    texts.push_back(train[static_cast<std::size_t>(example)].first);
    pictures.push_back(train[static_cast<std::size_t>(example)].second);
  }
  for (std::size_t i = 0; i < examples.size(); ++i) {  // others, as in a search
    pictures.push_back(train_pictures[random->Below(train_pictures.size())]);
  }
  Node* scale = tape.Use(log_scale);
  Node* adapted = model->Apply(tape, Gather(tape, data.texts, data.width, texts));
  Node* all = Gather(tape, data.pictures, data.width, pictures);
  Node* own =
      Gather(tape, data.pictures, data.width,
             {pictures.begin(), pictures.begin() + static_cast<std::ptrdiff_t>(texts.size())});
  const auto belongs = [&](std::int64_t text, std::int64_t picture) {
    return Together(data, texts[static_cast<std::size_t>(text)],
                    pictures[static_cast<std::size_t>(picture)]);
  };
  std::vector<std::pair<Node*, float>> losses = {
      {OneWay(tape, adapted, all, scale, belongs), 0.5f},
      {OneWay(tape, own, adapted, scale,
              [&](std::int64_t r, std::int64_t c) { return belongs(c, r); }),
       0.5f}};
  if (!data.anchors.empty()) {
    const auto anchors = static_cast<std::int64_t>(data.anchors.size()) / data.width;
    Node* kept = model->Apply(tape, tape.Constant(data.anchors.data(), anchors, data.width));
    losses.emplace_back(Dot(tape, kept, data.anchors),
                        -kAnchorWeight / static_cast<float>(anchors));
  }
  return WeightedTotal(tape, losses);
}

double Cosine(const float* a, const float* b, std::int64_t width) {
  double dot = 0;
  for (std::int64_t i = 0; i < width; ++i) dot += static_cast<double>(a[i]) * b[i];
  return dot;
}

// For each pair, 1 / the picture's place among `gallery` without what else belongs to the text.
std::vector<double> ReciprocalRanks(const AdapterData& data, const std::vector<Pair>& pairs,
                                    const std::vector<std::int64_t>& gallery,
                                    const TextAdapter* adapter) {
  std::vector<double> ranks;
  std::vector<float> text;
  std::vector<double> others;  // cosines of the text with what does not belong to it
  std::int64_t last = -1;
  for (const auto& [t, picture] : pairs) {
    if (t != last) {  // pairs are sorted by text
      last = t;
      const float* row = Row(data.texts, t, data.width);
      text.assign(row, row + data.width);
      if (adapter != nullptr) adapter->Apply(text);
      others.clear();
      for (const std::int64_t other : gallery) {
        if (Together(data, t, other)) continue;
        others.push_back(Cosine(text.data(), Row(data.pictures, other, data.width), data.width));
      }
    }
    const double own = Cosine(text.data(), Row(data.pictures, picture, data.width), data.width);
    const auto better =
        std::count_if(others.begin(), others.end(), [&](double cosine) { return cosine >= own; });
    ranks.push_back(1.0 / static_cast<double>(1 + better));
  }
  return ranks;
}

void Judge(const AdapterData& data, const std::vector<Pair>& pairs,
           const std::vector<std::int64_t>& gallery, AdapterResult* result) {
  const std::vector<double> before = ReciprocalRanks(data, pairs, gallery, nullptr);
  const std::vector<double> after = ReciprocalRanks(data, pairs, gallery, result->adapter.get());
  const auto n = static_cast<double>(pairs.size());
  double gain = 0, squares = 0;
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    result->before += before[i] / n;
    result->after += after[i] / n;
    gain += (after[i] - before[i]) / n;
  }
  for (std::size_t i = 0; i < pairs.size(); ++i) {
    const double off = after[i] - before[i] - gain;
    squares += off * off;
  }
  result->gain_low = gain - kOneSided95 * std::sqrt(squares / (n - 1) / n);
  const auto anchors = static_cast<std::int64_t>(data.anchors.size()) / data.width;
  for (std::int64_t i = 0; i < anchors; ++i) {
    const float* row = Row(data.anchors, i, data.width);
    std::vector<float> moved(row, row + data.width);
    result->adapter->Apply(moved);
    result->drift += (1 - Cosine(moved.data(), row, data.width)) / static_cast<double>(anchors);
  }
}

}  // namespace

Result<AdapterResult> TrainAdapter(const AdapterData& data, const AdapterTraining& options,
                                   const std::function<void(const StepReport&)>& progress,
                                   std::stop_token stop) {
  // Whole pictures are held out: what is measured is whether a word finds new pictures.
  std::unordered_map<std::int64_t, bool> is_held_out;
  std::vector<Pair> train, held_out;
  std::vector<std::int64_t> train_pictures, gallery;
  for (const Pair& pair : data.pairs) {
    const auto [place, fresh] = is_held_out.emplace(pair.second, false);
    if (fresh) {
      Random random(options.trainer.seed ^
                    static_cast<std::uint64_t>(pair.second + 1) * 0x9e3779b97f4a7c15u);
      place->second = random.Uniform() < options.held_out;
      (place->second ? gallery : train_pictures).push_back(pair.second);
    }
    (place->second ? held_out : train).push_back(pair);
  }
  if (static_cast<std::int64_t>(held_out.size()) < kMinHeldOutPairs || train.size() < 2) {
    return Status::InvalidArgument(
        "train adapter: " + std::to_string(data.pairs.size()) +
        " tags and captions of pictures are too few to learn from and to judge by; tag some 50 "
        "pictures or more");
  }
  TrainerOptions trainer_options = options.trainer;
  trainer_options.batch = std::min(trainer_options.batch, static_cast<std::int64_t>(train.size()));
  AdapterModel model(data.width, options.bottleneck, options.trainer.seed);
  Parameter* log_scale = model.parameters.Add("log_scale", 1, 1, false);
  log_scale->value[0] = kInitialLogScale;
  Trainer trainer(&model.parameters, static_cast<std::int64_t>(train.size()),
                  FingerprintOf(data, options), trainer_options);
  const Result<bool> resumed = trainer.Resume();
  if (resumed.status().code() == StatusCode::kInvalidArgument ||
      resumed.status().code() == StatusCode::kCorruption) {
    std::remove(trainer_options.checkpoint.c_str());
  } else if (!resumed.ok()) {
    return resumed.status();
  }
  AdapterResult result;
  result.resumed_from = trainer.step();
  result.train_pairs = static_cast<std::int64_t>(train.size());
  result.held_out_pairs = static_cast<std::int64_t>(held_out.size());
  ESPY_RETURN_IF_ERROR(trainer.Run(
      [&](Tape& tape, std::span<const std::int64_t> examples, Random* random) {
        return Loss(tape, data, &model, log_scale, train, train_pictures, examples, random);
      },
      [&](const StepReport& done) {
        result.losses.push_back(done.loss);
        if (progress) progress(done);
      },
      stop));
  result.adapter = std::make_shared<const TextAdapter>(model);
  Judge(data, held_out, gallery, &result);
  return result;
}

}  // namespace espy::training
