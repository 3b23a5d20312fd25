// Terms -> one query vector.
#include <cmath>

#include "base/status_macros.h"
#include "engine/picture.h"
#include "engine/search/stages.h"
#include "imaging/image.h"

namespace espy {

Result<std::vector<float>> Library::Impl::EncodePicture(const std::string& picture_path,
                                                        OpenSpace* space) {
  ESPY_ASSIGN_OR_RETURN(const std::string bytes,
                        env->ReadFile(picture_path, imaging::ImageLimits{}.max_bytes));
  ESPY_ASSIGN_OR_RETURN(const encoders::Encoder* encoder, space->EncoderFor(true, false));
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
  const storage::SpaceRow& space = state.space->row;
  std::vector<float> vector;
  switch (term.kind) {
    case QueryTerm::Kind::kText:
      return state.space->EncodeText(term.text);
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
      return EncodePicture(term.text, state.space.get());
    }
    case QueryTerm::Kind::kItem:
      items->push_back(term.item);
      return ItemVector(term.item, state);
    case QueryTerm::Kind::kVector:
      if (!term.space.empty() && term.space != space.space_id) {
        return Status::InvalidArgument("query: a vector of space " + term.space +
                                       " cannot be compared with those of " + NameOf(space) +
                                       "; search its own space");
      }
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
  std::vector<std::uint16_t> half;
  std::vector<float> vector;
  const storage::SpaceRow& space = state.space->row;
  const Status read = space.fp32
                          ? store->GetFp32Vector(space.number, id, &vector, state.snapshot.get())
                          : store->GetVector(space.number, id, &half, state.snapshot.get());
  if (read.code() == StatusCode::kNotFound) {
    if (store->GetItem(id, state.snapshot.get()).ok()) {
      return Status::NotFound("item " + FormatItemId(id) + ": has no vector of " + NameOf(space) +
                              " yet; `espy model use " + space.model + "` makes it");
    }
    return Status::NotFound("item " + FormatItemId(id) + ": not in " + path +
                            "; `espy search --json` shows the ids there are");
  }
  ESPY_RETURN_IF_ERROR(read);
  return space.fp32 ? vector : UnitFromHalf(half);
}

namespace search {
namespace {

// Rocchio's weights of the examples' means, beside 1 for the query's own vector. The usual 0.75 for
// what is wanted; 0.5 for what is not, more than the usual 0.15, because here a person points at
// it.
constexpr float kLike = 0.75f, kUnlike = 0.5f;

Status CheckTerm(const QueryTerm& term) {
  if (term.kind == QueryTerm::Kind::kText &&
      term.text.find_first_not_of(" \t\r\n") == std::string::npos) {
    return Status::InvalidArgument("query: an empty phrase; say what to look for");
  }
  if (!std::isfinite(term.weight)) {
    return Status::InvalidArgument("query: a weight is not a finite number");
  }
  return Status::Ok();
}

void AddScaled(const std::vector<float>& vector, float scale, std::vector<float>* sum) {
  sum->resize(vector.size());
  for (std::size_t i = 0; i < vector.size(); ++i) (*sum)[i] += scale * vector[i];
}

Status AddExamples(Library::Impl* library, const std::vector<QueryTerm>& examples, float weight,
                   const ReadState& state, Asked* asked) {
  for (const QueryTerm& term : examples) {
    ESPY_ASSIGN_OR_RETURN(const std::vector<float> vector,
                          library->TermVector(term, state, &asked->examples));
    AddScaled(vector, weight / static_cast<float>(examples.size()), &asked->vector);
  }
  return Status::Ok();
}

}  // namespace

Status CheckQuery(const Query& query) {
  if (query.terms.empty() && query.like.empty()) {
    return Status::InvalidArgument(
        query.unlike.empty() ? "query: nothing to look for; give a phrase or a picture file"
                             : "query: only what it shall not be like; say also what to look for");
  }
  for (const auto* terms : {&query.terms, &query.like, &query.unlike}) {
    for (const QueryTerm& term : *terms) ESPY_RETURN_IF_ERROR(CheckTerm(term));
  }
  return Status::Ok();
}

Result<Asked> EncodeQuery(Library::Impl* library, const Query& query, bool adapter,
                          const ReadState& state) {
  Asked asked;
  std::shared_ptr<const training::TextAdapter> adapts;
  if (adapter) {
    ESPY_ASSIGN_OR_RETURN(adapts, state.space->Adapter());
  }
  for (const QueryTerm& term : query.terms) {
    ESPY_ASSIGN_OR_RETURN(std::vector<float> vector,
                          library->TermVector(term, state, &asked.items));
    if (adapts && term.kind == QueryTerm::Kind::kText) adapts->Apply(vector);
    AddScaled(vector, term.weight, &asked.vector);
  }
  const bool examples = !query.like.empty() || !query.unlike.empty();
  bool left = query.terms.empty() || Normalize(asked.vector);
  if (left && examples) {
    ESPY_RETURN_IF_ERROR(
        AddExamples(library, query.like, query.terms.empty() ? 1 : kLike, state, &asked));
    ESPY_RETURN_IF_ERROR(AddExamples(library, query.unlike, -kUnlike, state, &asked));
    left = Normalize(asked.vector);
  }
  if (!left) return Status::InvalidArgument("query: its terms cancel out; change a weight");
  asked.in_words = std::any_of(query.terms.begin(), query.terms.end(), [](const QueryTerm& term) {
    return term.kind == QueryTerm::Kind::kText;
  });
  asked.one_phrase = !examples && !adapts && query.terms.size() == 1 &&
                     query.terms[0].kind == QueryTerm::Kind::kText && query.terms[0].weight > 0;
  return asked;
}

}  // namespace search
}  // namespace espy
