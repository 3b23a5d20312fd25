// What a library holds, against the model of it.
#include <algorithm>
#include <bit>

#include "base/half.h"
#include "engine/library_impl.h"
#include "index/dot.h"
#include "tests/faults/world.h"

namespace espy::testing {
namespace {

constexpr std::size_t kMostProblems = 20;
constexpr std::int64_t kHits = 10;
constexpr std::uint64_t kQueries = 3;

class Comparison {
 public:
  Comparison(Library& library, const World& world) : library_(library), world_(world) {}

  void Records() {
    const auto records = library_.List("");
    if (!records.ok()) return Say("listing: " + records.status().message());
    std::uint64_t paths = 0;
    for (Record record : *records) {
      record.seq = 0;
      const auto expected = world_.items.find(record.id);
      if (expected == world_.items.end()) {
        Say("half: item " + FormatItemId(record.id) + " should not be there");
      } else if (record != expected->second.record) {
        Say("half: item " + FormatItemId(record.id) + " has another record");
      }
      paths += record.paths.size();
    }
    if (records->size() < world_.items.size()) {
      Say("lost: " + std::to_string(world_.items.size() - records->size()) + " items");
    }
    const auto info = library_.Info();
    if (!info.ok()) return Say("info: " + info.status().message());
    if (info->items != records->size() || info->paths != paths) {
      Say("half: info counts " + std::to_string(info->items) + " items and " +
          std::to_string(info->paths) + " paths");
    }
  }

  void Parts() {
    storage::Store& store = *ImplOf(library_).store;
    std::vector<std::uint16_t> half;
    for (const auto& [id, item] : world_.items) {
      const std::string name = "item " + FormatItemId(id);
      if (const Status got = store.GetVector(1, id, &half); !got.ok()) {
        Say("half: " + name + ": its vector: " + got.message());
      } else if (half != item.half) {
        Say("half: " + name + " has another vector");
      }
      const auto thumbnail = library_.Thumbnail(id);
      if (!thumbnail.ok()) {
        Say("half: " + name + ": its thumbnail: " + thumbnail.status().message());
      } else if (*thumbnail != item.thumbnail) {
        Say("half: " + name + " has another thumbnail");
      }
      const auto hash = store.FindHash(item.record.content_hash);
      if (!hash.ok() || *hash != id) Say("half: " + name + ": its hash does not lead to it");
      for (const std::string& path : item.record.paths) {
        const auto found = library_.Find(path);
        if (!found.ok() || found->id != id) Say("half: " + name + ": " + path + " is not its");
      }
    }
  }

  void Answers(std::uint64_t seed) {
    if (world_.items.empty()) return;
    for (std::uint64_t n = 0; n < kQueries; ++n) {
      const std::vector<float> query = QueryVector(seed, n);
      const auto best = BestOf(world_, query);
      for (const bool exact : {true, false}) Answer(query, best, exact);
    }
  }

  void Verify() {
    const auto report = library_.Verify();
    if (!report.ok()) return Say("verify: " + report.status().message());
    for (const std::string& problem : report->problems) Say("verify: " + problem);
    if (report->items != world_.items.size() || report->vectors != world_.items.size()) {
      Say("verify counts " + std::to_string(report->items) + " items and " +
          std::to_string(report->vectors) + " vectors of " + std::to_string(world_.items.size()));
    }
  }

  std::vector<std::string> Take() { return std::move(problems_); }

 private:
  void Say(std::string problem) {
    if (problems_.size() < kMostProblems) problems_.push_back(std::move(problem));
  }

  void Answer(const std::vector<float>& vector, const std::vector<std::pair<ItemId, float>>& best,
              bool exact) {
    Query query;
    query.terms.emplace_back();
    query.terms[0].kind = QueryTerm::Kind::kVector;
    query.terms[0].vector = vector;
    SearchOptions options;
    options.k = kHits;
    options.exact = exact;
    const auto found = library_.Search(query, options);
    if (!found.ok()) return Say("search: " + found.status().message());
    const std::size_t wanted = std::min<std::size_t>(kHits, best.size());
    if (found->hits.size() != wanted) {
      return Say("search: " + std::to_string(found->hits.size()) + " hits of " +
                 std::to_string(wanted));
    }
    for (std::size_t i = 0; i < wanted; ++i) {
      const Hit& hit = found->hits[i];
      // By a graph some of the best may be missed, but what is found has its true score.
      const auto truth = exact ? best.begin() + static_cast<std::ptrdiff_t>(i)
                               : std::find_if(best.begin(), best.end(),
                                              [&](auto& b) { return b.first == hit.id; });
      if (truth == best.end() || truth->first != hit.id ||
          std::bit_cast<std::uint32_t>(truth->second) != std::bit_cast<std::uint32_t>(hit.score)) {
        return Say(std::string("search: a wrong answer") + (exact ? ", exactly" : "") + ", hit " +
                   std::to_string(i + 1) + ": " + FormatItemId(hit.id));
      }
    }
  }

  Library& library_;
  const World& world_;
  std::vector<std::string> problems_;
};

}  // namespace

std::vector<std::pair<ItemId, float>> BestOf(const World& world, const std::vector<float>& query) {
  const auto padded = static_cast<std::size_t>(index::PaddedDimension(kWorldDimension));
  std::vector<float> unit = query;
  Normalize(unit);  // once by the term, once by the sum of terms
  Normalize(unit);
  unit.resize(padded);
  std::vector<std::pair<ItemId, float>> best;
  for (const auto& [id, item] : world.items) {
    std::vector<std::uint16_t> row = item.half;
    row.resize(padded);
    best.emplace_back(
        id, index::internal::DotPlain(unit.data(), row.data(), static_cast<std::int64_t>(padded)));
  }
  std::sort(best.begin(), best.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  return best;
}

std::vector<std::string> Compare(Library& library, const World& world, std::uint64_t seed) {
  Comparison comparison(library, world);
  comparison.Records();
  comparison.Parts();
  comparison.Answers(seed);
  comparison.Verify();
  return comparison.Take();
}

int Recognise(Library& library, const std::vector<World>& states) {
  const auto records = library.List("");
  if (!records.ok()) return -1;
  for (std::size_t i = 0; i < states.size(); ++i) {
    const bool same =
        records->size() == states[i].items.size() &&
        std::all_of(records->begin(), records->end(), [&](Record record) {
          record.seq = 0;
          const auto expected = states[i].items.find(record.id);
          return expected != states[i].items.end() && expected->second.record == record;
        });
    if (same) return static_cast<int>(i);
  }
  return -1;
}

}  // namespace espy::testing
