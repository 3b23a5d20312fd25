#include "text/score.h"

#include <algorithm>
#include <exception>

#include "base/status_macros.h"
#include "text/fts5.h"

namespace espy::text {
namespace {

constexpr float kSaturation = 1.2f;   // k1
constexpr float kLengthShare = 0.4f;  // b, of captions; other fields are lists, not prose
constexpr float kWeights[kColumns] = {1.0f, 2.0f, 1.0f, 0.5f,
                                      1.0f};  // a tag is a person's own word

int CountPhrase(const Fts5ExtensionApi* api, Fts5Context* row, int phrase, float weight,
                FieldCounts* counts) {
  Fts5PhraseIter place;
  int column = 0, offset = 0;
  const int code = api->xPhraseFirst(row, phrase, &place, &column, &offset);
  if (code != SQLITE_OK) return code;
  for (; column >= 0; api->xPhraseNext(row, &place, &column, &offset)) {
    if (column < kColumns) (*counts)[static_cast<std::size_t>(column)] += weight;
  }
  return SQLITE_OK;
}

void KeepGreater(const FieldCounts& counts, FieldCounts* held) {
  for (int c = 0; c < kColumns; ++c) (*held)[c] = std::max((*held)[c], counts[c]);
}

bool IsThere(const FieldCounts& counts) {
  return std::any_of(counts.begin(), counts.end(), [](float n) { return n > 0; });
}

// Fills `counts` for the row that FTS5 stands on.
int CountGroups(const Fts5ExtensionApi* api, Fts5Context* row, Collector* collector) {
  const Plan& plan = *collector->plan;
  std::fill(collector->counts.begin(), collector->counts.end(), FieldCounts{});
  for (int p = 0; p < static_cast<int>(plan.phrases.size()); ++p) {
    FieldCounts counts{};
    if (const int code = CountPhrase(api, row, p, plan.phrases[p].weight, &counts);
        code != SQLITE_OK) {
      return code;
    }
    KeepGreater(counts, &collector->counts[static_cast<std::size_t>(plan.phrases[p].group)]);
  }
  // Documents come in order of their number, here and there.
  const std::int64_t document = api->xRowid(row);
  for (Collector::LookedUp& looked_up : collector->looked_up) {
    std::size_t& next = looked_up.next;
    while (next < looked_up.places.size() && looked_up.places[next].document < document) ++next;
    if (next < looked_up.places.size() && looked_up.places[next].document == document) {
      KeepGreater(looked_up.places[next].counts,
                  &collector->counts[static_cast<std::size_t>(looked_up.group)]);
    }
  }
  return SQLITE_OK;
}

bool HasWhatItMust(const Collector& collector) {
  for (std::size_t g = 0; g < collector.counts.size(); ++g) {
    const Clause::Occur occur = collector.plan->groups[g].occur;
    if (occur == Clause::Occur::kShould) continue;
    if (IsThere(collector.counts[g]) != (occur == Clause::Occur::kMust)) return false;
  }
  return true;
}

// Of the caption against the mean, softened.
int CaptionLength(const Fts5ExtensionApi* api, Fts5Context* row, Collector* collector,
                  float* length) {
  int tokens = 0;
  if (const int code = api->xColumnSize(row, kCaption, &tokens); code != SQLITE_OK) return code;
  if (collector->mean_caption <= 0) {
    sqlite3_int64 all = 0, rows = 0;
    if (const int code = api->xColumnTotalSize(row, kCaption, &all); code != SQLITE_OK) return code;
    if (const int code = api->xRowCount(row, &rows); code != SQLITE_OK) return code;
    collector->mean_caption = std::max(
        1.0, static_cast<double>(all) / static_cast<double>(std::max<sqlite3_int64>(1, rows)));
  }
  *length = 1 - kLengthShare + kLengthShare * static_cast<float>(tokens / collector->mean_caption);
  return SQLITE_OK;
}

int Score(const Fts5ExtensionApi* api, Fts5Context* row, Collector* collector, float* score) {
  float length = 1;
  if (std::any_of(collector->counts.begin(), collector->counts.end(),
                  [](const FieldCounts& counts) { return counts[kCaption] > 0; })) {
    if (const int code = CaptionLength(api, row, collector, &length); code != SQLITE_OK) {
      return code;
    }
  }
  *score = 0;
  for (std::size_t g = 0; g < collector->counts.size(); ++g) {
    float weighted = 0;
    for (int c = 0; c < kColumns; ++c) {
      const float count = collector->counts[g][c];
      weighted += kWeights[c] * (c == kCaption ? count / length : count);
    }
    if (weighted > 0)
      *score += collector->plan->groups[g].idf * weighted / (kSaturation + weighted);
  }
  return SQLITE_OK;
}

Status Collect(const Fts5ExtensionApi* api, Fts5Context* row, Collector* collector) {
  const auto sqlite = [](int code) {
    return code == SQLITE_OK ? Status::Ok() : SqliteStatus(code, sqlite3_errstr(code));
  };
  if (collector->looking != nullptr) {
    Collector::Place place;
    place.document = api->xRowid(row);
    collector->looked_up.back().places.push_back(place);
    return sqlite(CountPhrase(api, row, static_cast<int>(collector->plan->phrases.size()),
                              collector->looking->phrase.weight,
                              &collector->looked_up.back().places.back().counts));
  }
  std::uint64_t id = 0;
  const auto look_up = [&]() -> Status {
    collector->item_of->Bind(1, static_cast<std::int64_t>(api->xRowid(row)));
    ESPY_ASSIGN_OR_RETURN(const bool there, collector->item_of->Step());
    if (!there) return Status::Corruption("text index: a document without an item");
    id = static_cast<std::uint64_t>(collector->item_of->Number(0));
    collector->item_of->Reset();
    return Status::Ok();
  };
  if (collector->allowed != nullptr) {
    ESPY_RETURN_IF_ERROR(look_up());
    if (!(*collector->allowed)(id)) return Status::Ok();
  }
  ESPY_RETURN_IF_ERROR(sqlite(CountGroups(api, row, collector)));
  if (!HasWhatItMust(*collector)) return Status::Ok();
  ++collector->found;
  float score = 0;
  ESPY_RETURN_IF_ERROR(sqlite(Score(api, row, collector, &score)));
  std::vector<Match>& best = collector->best;
  // Most rows of a long list score less than all that are kept, whatever their id.
  if (best.size() == collector->k && score < best.front().score) return Status::Ok();
  if (collector->allowed == nullptr) ESPY_RETURN_IF_ERROR(look_up());
  const Match match{id, score};
  if (best.size() < collector->k) {
    best.push_back(match);
    std::push_heap(best.begin(), best.end(), Before);
  } else if (Before(match, best.front())) {
    std::pop_heap(best.begin(), best.end(), Before);
    best.back() = match;
    std::push_heap(best.begin(), best.end(), Before);
  }
  return Status::Ok();
}

void CollectRow(const Fts5ExtensionApi* api, Fts5Context* row, sqlite3_context* context, int count,
                sqlite3_value** values) {
  auto* collector = count == 1
                        ? static_cast<Collector*>(sqlite3_value_pointer(values[0], kCollectorType))
                        : nullptr;
  if (collector == nullptr) {
    sqlite3_result_error(context, "espy_collect is called by Espy alone", -1);
    return;
  }
  try {
    collector->status = Collect(api, row, collector);
  } catch (const std::exception&) {  // SQLite is C: no exception may pass through it
    collector->status = Status::ResourceExhausted("text search: out of memory; ask for fewer hits");
  }
  if (!collector->status.ok()) sqlite3_result_error(context, "stopped", -1);
}

}  // namespace

Status RegisterScore(Connection* connection) {
  ESPY_ASSIGN_OR_RETURN(fts5_api * api, Fts5Of(connection));
  const int code = api->xCreateFunction(api, "espy_collect", nullptr, &CollectRow, nullptr);
  return code == SQLITE_OK ? Status::Ok() : SqliteStatus(code, sqlite3_errstr(code));
}

}  // namespace espy::text
