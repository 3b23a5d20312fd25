// search: terms -> one query vector -> candidates -> records.
#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/picture.h"
#include "engine/where/where.h"
#include "imaging/image.h"

namespace espy {
namespace {

constexpr std::int64_t kMaxHits = 1'000'000;

double MillisecondsSince(std::int64_t start_ns) {
  return static_cast<double>(Env::Default()->MonotonicNs() - start_ns) * 1e-6;
}

Status CheckOptions(const Query& query, const SearchOptions& options) {
  if (query.terms.empty()) {
    return Status::InvalidArgument("query: nothing to look for; give a phrase or a picture file");
  }
  for (const QueryTerm& term : query.terms) {
    if (term.kind == QueryTerm::Kind::kText &&
        term.text.find_first_not_of(" \t\r\n") == std::string::npos) {
      return Status::InvalidArgument("query: an empty phrase; say what to look for");
    }
  }
  if (options.k < 1 || options.k > kMaxHits) {
    return Status::InvalidArgument("-k: " + std::to_string(options.k) +
                                   " is out of range; give 1 to 1000000");
  }
  return Status::Ok();
}

// The query as the model's calibrated probability can judge it: one phrase, no arithmetic.
bool IsOnePhrase(const Query& query) {
  return query.terms.size() == 1 && query.terms[0].kind == QueryTerm::Kind::kText &&
         query.terms[0].weight > 0;
}

}  // namespace

Result<std::vector<float>> Library::Impl::EncodePicture(const std::string& picture_path) {
  ESPY_ASSIGN_OR_RETURN(const std::string bytes,
                        env->ReadFile(picture_path, imaging::ImageLimits{}.max_bytes));
  ESPY_ASSIGN_OR_RETURN(const encoders::Encoder* encoder, EncoderFor(true, false));
  auto tensor = ReadTensor(bytes, encoder->info().preprocess);
  if (!tensor.ok()) {
    return Status(tensor.status().code(), picture_path + ": " + tensor.status().message());
  }
  std::vector<float> vector(static_cast<std::size_t>(encoder->info().dimension));
  ESPY_RETURN_IF_ERROR(encoder->EncodeImages({{tensor->view()}}, vector.data()));
  return vector;
}

Result<std::vector<float>> Library::Impl::TermVector(const QueryTerm& term, const ReadState& state,
                                                     std::vector<ItemId>* items) {
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, Space());
  std::vector<float> vector;
  switch (term.kind) {
    case QueryTerm::Kind::kText:
      return EncodeText(term.text);
    case QueryTerm::Kind::kPicture: {
      // A picture that the library holds unchanged has its vector already.
      const std::string absolute = AbsolutePath(term.text);
      const auto facts = env->Stat(absolute);
      if (const auto row = store->GetPath(absolute, state.snapshot.get()); row.ok()) {
        // One that is gone from the disk is still in the library.
        if (!facts.ok() || (facts->size == row->size && facts->modified_ns == row->modified_ns)) {
          items->push_back(row->item);
          return ItemVector(row->item, state);
        }
      }
      if (!facts.ok()) {
        return Status(facts.status().code(),
                      term.text + ": there is no such picture; give one that is there, or words");
      }
      return EncodePicture(term.text);
    }
    case QueryTerm::Kind::kItem:
      items->push_back(term.item);
      return ItemVector(term.item, state);
    case QueryTerm::Kind::kVector:
      vector = term.vector;
      if (static_cast<std::int64_t>(vector.size()) != space.dimension || !Normalize(vector)) {
        return Status::InvalidArgument("query: a vector must have " +
                                       std::to_string(space.dimension) +
                                       " finite values, not all zero");
      }
      return vector;
  }
  return Status::InvalidArgument("query: a term of an unknown kind");
}

Result<std::vector<float>> Library::Impl::ItemVector(ItemId id, const ReadState& state) {
  ESPY_ASSIGN_OR_RETURN(const storage::SpaceRow space, Space());
  std::vector<std::uint16_t> half;
  const Status read = store->GetVector(space.number, id, &half, state.snapshot.get());
  if (read.code() == StatusCode::kNotFound) {
    return Status::NotFound("item " + FormatItemId(id) + ": not in " + path +
                            "; `espy search --json` shows the ids there are");
  }
  ESPY_RETURN_IF_ERROR(read);
  return UnitFromHalf(half);
}

Result<SearchResult> Library::Search(const Query& query, const SearchOptions& options) {
  ESPY_RETURN_IF_ERROR(CheckOptions(query, options));
  std::unique_ptr<const where::Filter> filter;
  if (!options.where.empty()) {
    ESPY_ASSIGN_OR_RETURN(filter, where::Parse(options.where));
  }
  SearchResult result;
  const std::int64_t start = impl_->env->MonotonicNs();
  ESPY_ASSIGN_OR_RETURN(const auto state, impl_->SearchState());

  std::vector<ItemId> query_items;
  std::vector<float> sum;
  for (const QueryTerm& term : query.terms) {
    if (!std::isfinite(term.weight)) {
      return Status::InvalidArgument("query: a weight is not a finite number");
    }
    ESPY_ASSIGN_OR_RETURN(const std::vector<float> vector,
                          impl_->TermVector(term, *state, &query_items));
    sum.resize(vector.size());
    for (std::size_t i = 0; i < vector.size(); ++i) sum[i] += term.weight * vector[i];
  }
  if (!Normalize(sum)) {
    return Status::InvalidArgument("query: its terms cancel out; change a weight");
  }
  result.timings.encode_ms = MillisecondsSince(start);

  const std::int64_t search_start = impl_->env->MonotonicNs();
  index::SearchParams params;
  params.exact = options.exact;
  params.k = options.k;
  if (options.exclude_query_items) params.k += static_cast<std::int64_t>(query_items.size());
  result.searched = state->view->live_rows();
  std::vector<std::uint64_t> allowed;
  if (filter) {
    ESPY_RETURN_IF_ERROR(impl_->store->ScanItems(
        [&](const Record& record) {
          if (filter->Matches(record)) allowed.push_back(record.id);
          return true;
        },
        state->snapshot.get()));
    params.allowed = std::span<const std::uint64_t>(allowed);
    result.searched = static_cast<std::int64_t>(allowed.size());
  }
  params.ef_search = static_cast<int>(std::clamp<std::int64_t>(2 * params.k, 128, 100'000));
  result.plan = state->view->Plan(params);
  ESPY_ASSIGN_OR_RETURN(std::vector<index::Candidate> candidates, state->view->Search(sum, params));
  std::erase_if(candidates, [&](const index::Candidate& c) {
    return (options.exclude_query_items &&
            std::find(query_items.begin(), query_items.end(), c.id) != query_items.end()) ||
           (options.has_min_score && c.score < options.min_score);
  });
  if (static_cast<std::int64_t>(candidates.size()) > options.k) candidates.resize(options.k);
  result.timings.search_ms = MillisecondsSince(search_start);

  const std::int64_t records_start = impl_->env->MonotonicNs();
  std::vector<ItemId> ids;
  ids.reserve(candidates.size());
  for (const index::Candidate& c : candidates) ids.push_back(c.id);
  ESPY_ASSIGN_OR_RETURN(std::vector<Record> records,
                        impl_->store->GetItems(ids, state->snapshot.get()));
  const bool calibrated = IsOnePhrase(query);
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    Hit hit;
    hit.rank = static_cast<std::int64_t>(i) + 1;
    hit.id = candidates[i].id;
    hit.score = hit.parts.dense = candidates[i].score;
    if (calibrated) hit.probability = impl_->Probability(candidates[i].score);
    hit.record = std::move(records[i]);
    result.hits.push_back(std::move(hit));
  }
  result.query_id = FormatItemId((impl_->env->RandomSeed() | 1) >> 1);
  result.timings.records_ms = MillisecondsSince(records_start);
  return result;
}

// SigLIP's own reading of a cosine: sigmoid(scale * cosine + bias). A model trained with softmax
// compares texts with each other and says nothing of one pair alone.
float Library::Impl::Probability(float cosine) {
  std::lock_guard lock(space_mutex_);
  if (!encoder_ || !encoder_->info().sigmoid) return -1;
  const float logit = encoder_->info().logit_scale * cosine + encoder_->info().logit_bias;
  return 1.0f / (1.0f + std::exp(-logit));
}

}  // namespace espy
