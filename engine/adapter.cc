// train adapter: a library's tags and captions teach its phrases.
#include <algorithm>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"
#include "espy/train.h"
#include "training/loss_plot.h"
#include "training/train_adapter.h"

namespace espy {
namespace {

constexpr std::size_t kTextsACall = 256;
constexpr std::int64_t kPairsAStep = 64;
constexpr std::int64_t kStepsACheckpoint = 100;
// Beyond these the texts that most pictures have say all that can be learnt, and memory is bounded:
// 100,000 vectors of 1,152 numbers are 461 MB.
constexpr std::size_t kMaxPictures = 100'000;
constexpr std::size_t kMaxPairs = 400'000;

// Ordinary words, which mean what the model says unless a person tags otherwise.
constexpr const char* kOrdinary[] = {
    "a dog",      "a cat",   "a horse",   "a bird",         "a person",   "a child",
    "people",     "a car",   "a bicycle", "a train",        "a ship",     "an airplane",
    "a street",   "a house", "a church",  "a bridge",       "a mountain", "a lake",
    "the sea",    "a beach", "a forest",  "a tree",         "a flower",   "grass",
    "snow",       "rain",    "clouds",    "a sunset",       "the night",  "food",
    "a cake",     "fruit",   "a table",   "a chair",        "a book",     "a screen",
    "a document", "a map",   "a drawing", "a painting",     "a statue",   "a portrait",
    "a crowd",    "a party", "a wedding", "sport",          "football",   "swimming",
    "red",        "green",   "blue",      "black and white"};

struct Gathered {
  training::AdapterData data;
  std::uint64_t pictures = 0;
  std::uint64_t texts = 0;
};

Status Encode(const encoders::Encoder& encoder, const std::vector<std::string>& texts,
              const std::stop_token& stop, std::vector<float>* out) {
  const auto width = static_cast<std::size_t>(encoder.info().dimension);
  out->resize(texts.size() * width);
  for (std::size_t i = 0; i < texts.size(); i += kTextsACall) {
    if (stop.stop_requested()) return Status::Cancelled("train adapter: stopped before training");
    const std::size_t n = std::min(kTextsACall, texts.size() - i);
    ESPY_RETURN_IF_ERROR(
        encoder.EncodeTexts(std::span(texts).subspan(i, n), out->data() + i * width));
  }
  return Status::Ok();
}

bool IsZero(const std::vector<float>& matrix, std::size_t row, std::size_t width) {
  const auto begin = matrix.begin() + static_cast<std::ptrdiff_t>(row * width);
  return std::all_of(begin, begin + static_cast<std::ptrdiff_t>(width),
                     [](float x) { return x == 0; });
}

// Tags and captions with the vectors of their pictures. Items without a vector are passed over, as
// are texts that the model has no vector for.
Result<Gathered> Gather(Library::Impl* library, const ReadState& state,
                        const std::stop_token& stop) {
  ESPY_ASSIGN_OR_RETURN(const encoders::Encoder* encoder, state.space->EncoderFor(true, true));
  Gathered out;
  training::AdapterData& data = out.data;
  data.width = state.space->row.dimension;
  const auto width = static_cast<std::size_t>(data.width);
  std::map<std::string, std::int64_t> numbers;  // of texts
  std::vector<std::string> texts;
  std::vector<std::vector<std::string>> words;  // of each picture
  std::vector<ItemId> ids;
  ESPY_RETURN_IF_ERROR(library->store->ScanItems(
      [&](const Record& record) {
        std::vector<std::string> own = record.tags;
        if (!record.caption.empty()) own.push_back(record.caption);
        if (own.empty()) return true;
        std::sort(own.begin(), own.end());
        own.erase(std::unique(own.begin(), own.end()), own.end());
        ids.push_back(record.id);
        words.push_back(std::move(own));
        return ids.size() < kMaxPictures;
      },
      state.snapshot.get()));
  for (std::size_t i = 0; i < ids.size(); ++i) {
    if (stop.stop_requested()) return Status::Cancelled("train adapter: stopped before training");
    const Result<std::vector<float>> found = library->ItemVector(ids[i], state);
    if (found.status().code() == StatusCode::kNotFound) continue;
    if (!found.ok()) return found.status();
    const std::vector<float>& vector = *found;
    const auto picture = static_cast<std::int64_t>(data.pictures.size() / width);
    data.pictures.insert(data.pictures.end(), vector.begin(), vector.end());
    ++out.pictures;
    for (const std::string& word : words[i]) {
      const auto [place, fresh] = numbers.emplace(word, static_cast<std::int64_t>(numbers.size()));
      if (fresh) texts.push_back(word);
      data.pairs.emplace_back(place->second, picture);
    }
    if (data.pairs.size() >= kMaxPairs) break;
  }
  ESPY_RETURN_IF_ERROR(Encode(*encoder, texts, stop, &data.texts));
  std::erase_if(data.pairs, [&](const auto& pair) {
    return IsZero(data.texts, static_cast<std::size_t>(pair.first), width);
  });
  std::sort(data.pairs.begin(), data.pairs.end());
  out.texts = texts.size();
  std::vector<std::string> ordinary;
  for (const char* word : kOrdinary) {
    if (!numbers.contains(word)) ordinary.emplace_back(word);
  }
  ESPY_RETURN_IF_ERROR(Encode(*encoder, ordinary, stop, &data.anchors));
  return out;
}

Status CheckOptions(const AdapterOptions& options) {
  if (options.steps < 1 || options.steps > 1'000'000) {
    return Status::InvalidArgument("train adapter: --steps " + std::to_string(options.steps) +
                                   " is out of range; give 1 to 1000000");
  }
  if (options.bottleneck < 1 || options.bottleneck > 1024) {
    return Status::InvalidArgument("train adapter: --bottleneck " +
                                   std::to_string(options.bottleneck) +
                                   " is out of range; give 1 to 1024");
  }
  if (!(options.learning_rate > 0 && options.learning_rate <= 1)) {
    return Status::InvalidArgument(
        "train adapter: the learning rate is out of range; give one above 0, 1 at most");
  }
  return Status::Ok();
}

}  // namespace

Result<AdapterReport> Library::TrainAdapter(const AdapterOptions& options,
                                            const ProgressFn& progress, std::stop_token stop) try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ESPY_RETURN_IF_ERROR(CheckOptions(options));
  const std::int64_t start = impl_->env->MonotonicNs();
  ESPY_ASSIGN_OR_RETURN(const auto state, impl_->SearchState());
  ESPY_ASSIGN_OR_RETURN(const Gathered gathered, Gather(impl_.get(), *state, stop));

  ThreadPool pool(impl_->options.threads > 0 ? impl_->options.threads : CoreCount());
  const std::string checkpoint = impl_->path + "/adapter.checkpoint";
  training::AdapterTraining training;
  training.bottleneck = options.bottleneck;
  training.trainer.schedule = {.peak = options.learning_rate,
                               .warmup_steps = options.steps / 20,
                               .total_steps = options.steps};
  training.trainer.batch = kPairsAStep;
  training.trainer.seed = options.seed;
  training.trainer.checkpoint = checkpoint;
  training.trainer.checkpoint_every = kStepsACheckpoint;
  training.trainer.pool = &pool;
  training.trainer.env = impl_->env;
  ESPY_ASSIGN_OR_RETURN(const training::AdapterResult result,
                        training::TrainAdapter(
                            gathered.data, training,
                            [&](const training::StepReport& done) {
                              if (!progress) return;
                              progress({.what = "steps",
                                        .done = static_cast<std::uint64_t>(done.step),
                                        .total = static_cast<std::uint64_t>(options.steps)});
                            },
                            stop));

  AdapterReport report;
  report.pictures = gathered.pictures;
  report.texts = gathered.texts;
  report.pairs = static_cast<std::uint64_t>(result.train_pairs);
  report.held_out = static_cast<std::uint64_t>(result.held_out_pairs);
  report.before = result.before;
  report.after = result.after;
  report.gain_low = result.gain_low;
  report.drift = result.drift;
  report.steps = options.steps;
  report.resumed_from = result.resumed_from;
  report.better = result.gain_low > 0;
  if (!options.plot.empty()) {
    ESPY_RETURN_IF_ERROR(impl_->env->WriteFileAtomically(
        options.plot, training::LossPlot("adapter of " + state->space->row.model + ": loss by step",
                                         result.resumed_from + 1, result.losses)));
  }
  if (report.better && !options.dry_run) {
    storage::AdapterRow row;
    row.info = {.trained_unix = impl_->env->NowUnixNs() / 1'000'000'000,
                .pairs = report.pairs,
                .held_out = report.held_out,
                .before = report.before,
                .after = report.after};
    row.weights = result.adapter->Bytes();
    ESPY_RETURN_IF_ERROR(impl_->store->PutAdapter(state->space->row.number, row));
    state->space->ForgetAdapter();
    report.kept = true;
  }
  std::remove(checkpoint.c_str());  // the run is over, whatever came of it
  report.seconds = static_cast<double>(impl_->env->MonotonicNs() - start) * 1e-9;
  return report;
} catch (const std::bad_alloc&) {
  return OutOfMemory("train adapter");
}

Status Library::RemoveAdapter() try {
  ESPY_RETURN_IF_ERROR(impl_->RequireWritable());
  ESPY_ASSIGN_OR_RETURN(const std::shared_ptr<OpenSpace> space, impl_->Current());
  const auto row = impl_->store->GetAdapter(space->row.number);
  if (row.status().code() == StatusCode::kNotFound) {
    return Status::NotFound(impl_->path + ": has no adapter for " + NameOf(space->row) +
                            "; `espy train adapter` makes one");
  }
  ESPY_RETURN_IF_ERROR(impl_->store->DeleteAdapter(space->row.number));  // a damaged one too
  space->ForgetAdapter();
  return Status::Ok();
} catch (const std::bad_alloc&) {
  return OutOfMemory("train adapter");
}

}  // namespace espy
