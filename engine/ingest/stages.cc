// What each of the pipeline's threads does; pipeline.cc starts and ends them.
#include <algorithm>

#include "base/sha256.h"
#include "base/status_macros.h"
#include "engine/ingest/fetch.h"
#include "engine/ingest/pipeline.h"
#include "engine/ingest/walk.h"
#include "imaging/image.h"

namespace espy::ingest {
namespace {

// One transaction: large enough to share a sync among many rows, small enough to be visible soon.
constexpr std::size_t kTransactionRows = 512;
constexpr std::size_t kTransactionBytes = 8 << 20;

class Stopwatch {
 public:
  Stopwatch(Env* env, std::atomic<std::int64_t>* total)
      : env_(env), total_(total), start_(env->MonotonicNs()) {}
  ~Stopwatch() { *total_ += env_->MonotonicNs() - start_; }
  Stopwatch(const Stopwatch&) = delete;
  Stopwatch& operator=(const Stopwatch&) = delete;

 private:
  Env* env_;
  std::atomic<std::int64_t>* total_;
  std::int64_t start_;
};

// Failures that lie in the file itself: while it is unchanged there is no sense in reading it
// again.
bool IsLasting(StatusCode code) {
  return code == StatusCode::kCorruption || code == StatusCode::kInvalidArgument ||
         code == StatusCode::kResourceExhausted || code == StatusCode::kUnsupported;
}

Status Named(const std::string& path, const Status& status) {
  if (status.message().starts_with(path)) return status;
  return Status(status.code(), path + ": " + status.message());
}

// The rows' vectors, [rows, dimension], in the order that they have when it returns: those that
// come as pixels first, as all do on a GPU that is not lost on the way.
Status EncodeRows(const encoders::Encoder& encoder, std::vector<Row>* rows, float* vectors) {
  const auto tensors = std::stable_partition(rows->begin(), rows->end(), [](const Row& row) {
    return !row.picture.pixels.pixels.empty();
  });
  std::vector<imaging::PixelView> pixels;
  for (auto row = rows->begin(); row != tensors; ++row) {
    pixels.push_back({&row->picture.pixels, row->picture.full});
  }
  std::vector<imaging::PictureView> pictures;
  for (auto row = tensors; row != rows->end(); ++row) {
    pictures.push_back(row->picture.tensor.view());
  }
  if (!pixels.empty()) ESPY_RETURN_IF_ERROR(encoder.EncodePixels(pixels, vectors));
  if (pictures.empty()) return Status::Ok();
  return encoder.EncodeImages(pictures, vectors + std::ssize(pixels) * encoder.info().dimension);
}

}  // namespace

void Pipeline::FailRow(const Source& source, Status status, bool remembered) {
  Row row;
  row.path = source.path;
  row.facts = source.facts;
  row.failure = Named(source.path, status);
  row.remembered = remembered;
  const std::size_t weight = row.weight();
  if (options_.dry_run) {
    ++failed_;
    ++done_;
    return;
  }
  rows_.Push(std::move(row), weight);
}

// Looks the source up by its path and facts; what is unchanged ends here.
bool Pipeline::OfferSource(Source source) {
  ++found_;
  if (!source.status.ok()) {
    const Status status = source.status;
    FailRow(source, status);
    return !stop_.stop_requested();
  }
  if (!source.bytes) {
    const auto row = library_->store->GetPath(source.path);
    if (row.ok() && row->size == source.facts.size &&
        row->modified_ns == source.facts.modified_ns &&
        (!row->from_thumbnail || options_.embedded_thumbnails)) {
      ++unchanged_;
      ++done_;
      return true;
    }
    const auto failed = failures_.find(source.path);
    if (failed != failures_.end() && !options_.retry_failures && IsLasting(failed->second.code) &&
        failed->second.size == source.facts.size &&
        failed->second.modified_ns == source.facts.modified_ns) {
      FailRow(source, Status(failed->second.code, failed->second.message),
              /*remembered=*/true);
      return !stop_.stop_requested();
    }
  }
  const std::size_t weight = 512 + source.path.size() + (source.bytes ? source.bytes->size() : 0);
  return sources_.Push(std::move(source), weight);
}

void Pipeline::WalkStage() {
  Walk walk(library_->env, library_->path, options_.exclude, stop_.get_token());
  const SourceFn offer = [this](Source source) { return OfferSource(std::move(source)); };
  for (const std::string& root : roots_) {
    if (stop_.stop_requested() || !walk.Visit(root, offer)) break;
  }
  for (const std::string& url : options_.urls) {
    if (stop_.stop_requested()) break;
    if (!offer(Fetch(url, stop_.get_token()))) break;
  }
  skipped_ = walk.skipped();
  walk_done_ = true;
  sources_.Close();
}

bool Pipeline::IsFromThumbnail(ItemId id) const {
  const auto record = library_->store->GetItem(id);
  return record.ok() && record->pixels_from == PixelSource::kThumbnail;
}

void Pipeline::ReadStage() {
  while (auto source = sources_.Pop()) {
    if (stop_.stop_requested()) continue;  // drained, not read: the next run takes it
    if (!source->bytes) {
      auto bytes = library_->env->ReadFile(source->path, imaging::ImageLimits{}.max_bytes);
      if (!bytes.ok()) {
        FailRow(*source, bytes.status());
        continue;
      }
      source->bytes = std::move(*bytes);
    }
    bytes_read_ += source->bytes->size();
    const ContentHash hash = Sha256(*source->bytes);
    const auto held = library_->store->FindHash(hash);
    if (!held.ok() && held.status().code() != StatusCode::kNotFound) {
      SetFatal(held.status());
      break;
    }
    const bool from_thumbnail = held.ok() && IsFromThumbnail(*held);
    const bool retake = held.ok() && ((from_thumbnail && !options_.embedded_thumbnails) ||
                                      !library_->HasVector(*held));
    if (options_.dry_run) {
      ++(retake ? retaken_dry_ : held.ok() ? known_dry_ : added_dry_);
      const auto before = library_->store->GetPath(source->path);
      if (before.ok() && (!held.ok() || before->item != *held)) ++replaced_dry_;
      ++done_;
      continue;
    }
    if (held.ok() && !retake) {
      Row row;
      row.path = source->path;
      row.facts = source->facts;
      row.hash = hash;
      row.from_thumbnail = from_thumbnail;
      const std::size_t weight = row.weight();
      rows_.Push(std::move(row), weight);
      continue;
    }
    const std::size_t weight = source->bytes->size();
    bytes_.Push(Bytes{std::move(*source), hash}, weight);
  }
  if (--readers_ == 0) bytes_.Close();
}

void Pipeline::DecodeStage() {
  while (auto item = bytes_.Pop()) {
    if (stop_.stop_requested()) continue;
    const Stopwatch watch(library_->env, &decode_ns_);
    const encoders::Encoder& encoder = *feeds_->all().front().encoder;
    auto picture = ReadPicture(*item->source.bytes, item->hash, encoder.info().preprocess,
                               options_.embedded_thumbnails, encoder.on_device(), other_specs_);
    if (!picture.ok()) {
      FailRow(item->source, picture.status());
      continue;
    }
    Row row;
    row.path = std::move(item->source.path);
    row.facts = item->source.facts;
    row.hash = item->hash;
    row.is_new = true;
    row.picture = std::move(*picture);
    row.from_thumbnail = row.picture.record.pixels_from == PixelSource::kThumbnail;
    const std::size_t weight = row.weight();
    pictures_.Push(std::move(row), weight);
  }
  if (--decoders_ == 0) pictures_.Close();
}

void Pipeline::EncodeStage() {
  const std::int64_t batch = feeds_ == nullptr ? 1
                             : options_.batch_size > 0
                                 ? options_.batch_size
                                 : feeds_->all()[0].encoder->preferred_batch();
  while (auto first = pictures_.Pop()) {
    std::vector<Row> rows;
    rows.push_back(std::move(*first));
    while (static_cast<std::int64_t>(rows.size()) < batch) {
      auto next = pictures_.TryPop();
      if (!next) break;
      rows.push_back(std::move(*next));
    }
    if (stop_.stop_requested()) continue;
    if (Status encoded = Encode(&rows); !encoded.ok()) {
      SetFatal(std::move(encoded));
      break;
    }
    for (Row& row : rows) {
      const std::size_t weight = row.weight();
      rows_.Push(std::move(row), weight);
    }
  }
  rows_.Close();
}

// By each model that is fed; a picture that another than the first cannot take has no vector there.
Status Pipeline::Encode(std::vector<Row>* rows) {
  const Stopwatch watch(library_->env, &encode_ns_);
  const encoders::Encoder& first = *feeds_->all().front().encoder;
  auto dimension = static_cast<std::size_t>(first.info().dimension);
  std::vector<float> vectors(rows->size() * dimension);
  ESPY_RETURN_IF_ERROR(EncodeRows(first, rows, vectors.data()));
  // The i-th of them is a vector of the given one of the spaces that are fed.
  const auto keep = [&](std::size_t i, std::size_t of, Row* row) {
    const auto vector = std::span(vectors).subspan(i * dimension, dimension);
    if (feeds_->all()[of].space->row.fp32) {
      row->fp32.resize(feeds_->all().size());
      row->fp32[of].assign(vector.begin(), vector.end());
    }
    return HalfFromUnit(vector);
  };
  for (std::size_t i = 0; i < rows->size(); ++i) {
    Row& row = (*rows)[i];
    row.picture.tensor = {};
    row.picture.pixels = {};
    row.half = keep(i, 0, &row);
    row.others.resize(feeds_->all().size() - 1);
  }
  for (std::size_t other = 0; other + 1 < feeds_->all().size(); ++other) {
    const encoders::Encoder& encoder = *feeds_->all()[other + 1].encoder;
    dimension = static_cast<std::size_t>(encoder.info().dimension);
    std::vector<imaging::PictureView> pictures;
    std::vector<Row*> taken;
    for (Row& row : *rows) {
      const imaging::PictureTensor& tensor = row.picture.others[other];
      if (tensor.values.empty()) continue;
      pictures.push_back(tensor.view());
      taken.push_back(&row);
    }
    if (pictures.empty()) continue;
    vectors.resize(pictures.size() * dimension);
    ESPY_RETURN_IF_ERROR(encoder.EncodeImages(pictures, vectors.data()));
    for (std::size_t i = 0; i < taken.size(); ++i) {
      taken[i]->others[other] = keep(i, other + 1, taken[i]);
    }
  }
  if (captions_ != nullptr) ESPY_RETURN_IF_ERROR(Caption(rows));
  for (Row& row : *rows) row.picture.others.clear();
  return Status::Ok();
}

// One that the captioner cannot take, such as a raw file's small preview, gets no caption here.
Status Pipeline::Caption(std::vector<Row>* rows) {
  std::vector<caption::RowCaptions::Wanted> wanted;
  for (Row& row : *rows) {
    const imaging::PictureTensor& tensor = row.picture.others.back();
    if (tensor.values.empty()) continue;
    wanted.push_back({tensor.view(), row.half, &row.picture.record.generated_caption});
  }
  return captions_->Caption(feeds_->all().front().space.get(), wanted);
}

void Pipeline::CommitStage() {
  while (auto first = rows_.Pop()) {
    std::vector<Row> rows;
    std::size_t bytes = first->weight();
    rows.push_back(std::move(*first));
    while (rows.size() < kTransactionRows && bytes < kTransactionBytes) {
      auto next = rows_.TryPop();
      if (!next) break;
      bytes += next->weight();
      rows.push_back(std::move(*next));
    }
    const std::size_t count = rows.size();
    const Stopwatch watch(library_->env, &commit_ns_);
    const Status applied = committer_.Apply(std::move(rows));
    if (!applied.ok()) {
      SetFatal(applied);
      break;
    }
    done_ += count;
    added_ = report_.added;
    failed_ = report_.failed;
  }
}

}  // namespace espy::ingest
