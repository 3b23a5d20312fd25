// Near copies in a ranking -> the best of each group.
#include <bit>

#include "base/status_macros.h"
#include "engine/search/stages.h"

namespace espy::search {
namespace {

float Cosine(const std::vector<float>& a, const std::vector<float>& b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size() && i < b.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

// One pass in the order of the ranking: a row joins the first group whose leader it looks like, or
// leads one. So which rows lead follows from the ranking alone, and a longer ranking leaves the
// groups of a shorter one as they were, but for who joins them.
Result<std::vector<Ranked>> GroupNear(Library::Impl* library, std::vector<Ranked> rows,
                                      const ReadState& state) {
  const DuplicateOptions near;
  std::vector<ItemId> ids;
  ids.reserve(rows.size());
  for (const Ranked& row : rows) ids.push_back(row.id);
  ESPY_ASSIGN_OR_RETURN(const std::vector<Record> records,
                        library->store->GetItems(ids, state.snapshot.get()));
  struct Leader {
    std::uint64_t hash;
    std::vector<float> vector;  // read when it is first compared
  };
  std::vector<Leader> leaders;
  std::vector<Ranked> grouped;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::uint64_t hash = records[i].perceptual_hash;
    std::vector<float> vector;
    bool joined = false;
    for (std::size_t g = 0; g < leaders.size() && !joined; ++g) {
      if (std::popcount(leaders[g].hash ^ hash) > near.max_hash_distance) continue;
      if (vector.empty()) {
        ESPY_ASSIGN_OR_RETURN(vector, library->ItemVector(rows[i].id, state));
      }
      if (leaders[g].vector.empty()) {
        ESPY_ASSIGN_OR_RETURN(leaders[g].vector, library->ItemVector(grouped[g].id, state));
      }
      if (Cosine(vector, leaders[g].vector) < near.min_cosine) continue;
      ++grouped[g].stands_for;
      joined = true;
    }
    if (joined) continue;
    leaders.push_back({hash, std::move(vector)});
    grouped.push_back(rows[i]);
  }
  return grouped;
}

}  // namespace espy::search
