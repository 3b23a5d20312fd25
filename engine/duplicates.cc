// duplicates: items under several paths, and items that look the same.
//
// Near copies are found by their perceptual hashes and confirmed by their vectors. Two hashes that
// differ in at most d of 64 bits agree wholly in at least one of d + 1 pieces (the pigeonhole
// principle), so only items that share a piece are compared: the same pairs as comparing all with
// all, without its cost.
#include <algorithm>
#include <bit>
#include <functional>
#include <numeric>
#include <unordered_map>

#include "base/status_macros.h"
#include "engine/library_impl.h"
#include "engine/out_of_memory.h"

namespace espy {
namespace {

// What is kept of each item while comparing; records are read again for those in a group.
struct Look {
  ItemId id;
  std::uint64_t hash;
};

class Groups {  // union-find
 public:
  explicit Groups(std::size_t n) : parent_(n) { std::iota(parent_.begin(), parent_.end(), 0); }
  std::size_t Root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void Join(std::size_t a, std::size_t b) { parent_[Root(a)] = Root(b); }

 private:
  std::vector<std::size_t> parent_;
};

std::uint64_t Piece(std::uint64_t hash, int piece, int pieces) {
  const int begin = 64 * piece / pieces, end = 64 * (piece + 1) / pieces;
  const std::uint64_t mask = end - begin == 64 ? ~0ull : (1ull << (end - begin)) - 1;
  return hash >> begin & mask;
}

using Order = std::function<bool(const Record&, const Record&)>;

Result<Order> OrderFor(const std::string& keep) {
  const auto pixels = [](const Record& r) { return std::int64_t{r.width} * r.height; };
  const auto shortest = [](const Record& r) {
    std::size_t least = ~std::size_t{0};
    for (const std::string& path : r.paths) least = std::min(least, path.size());
    return least;
  };
  const auto age = [](const Record& r) { return r.taken_unix.value_or(r.modified_unix); };
  if (keep == "largest") {
    return Order([=](const Record& a, const Record& b) {
      return std::make_tuple(-pixels(a), -std::int64_t(a.file_bytes), a.id) <
             std::make_tuple(-pixels(b), -std::int64_t(b.file_bytes), b.id);
    });
  }
  if (keep == "oldest" || keep == "newest") {
    const std::int64_t sign = keep == "oldest" ? 1 : -1;
    return Order([=](const Record& a, const Record& b) {
      return std::make_pair(sign * age(a), a.id) < std::make_pair(sign * age(b), b.id);
    });
  }
  if (keep == "shortest-path") {
    return Order([=](const Record& a, const Record& b) {
      return std::make_pair(shortest(a), a.id) < std::make_pair(shortest(b), b.id);
    });
  }
  return Status::InvalidArgument("--keep: '" + keep +
                                 "' is none of largest, oldest, newest, shortest-path");
}

float Cosine(std::span<const float> a, std::span<const float> b) {
  float sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += a[i] * b[i];
  return sum;
}

}  // namespace

Result<std::vector<DuplicateGroup>> Library::Duplicates(const DuplicateOptions& options) try {
  if (options.max_hash_distance < 0 || options.max_hash_distance > 32) {
    return Status::InvalidArgument("duplicates: the hash distance must be 0 to 32 bits");
  }
  ESPY_ASSIGN_OR_RETURN(const Order better, OrderFor(options.keep));
  const auto snapshot = impl_->RecordSnapshot();
  std::vector<DuplicateGroup> groups;
  std::vector<Look> looks;
  ESPY_RETURN_IF_ERROR(impl_->store->ScanItems(
      [&](const Record& record) {
        if (record.paths.size() > 1) groups.push_back({.exact = true, .records = {record}});
        looks.push_back({record.id, record.perceptual_hash});
        return true;
      },
      snapshot.get()));
  if (!options.near || looks.empty()) return groups;

  ReadState state;
  state.snapshot = snapshot;
  ESPY_ASSIGN_OR_RETURN(state.space, impl_->Current());
  std::unordered_map<ItemId, std::vector<float>> vectors;  // of the items that were compared
  const auto vector_of = [&](ItemId id) -> const std::vector<float>& {
    auto [entry, fresh] = vectors.try_emplace(id);
    if (fresh) {
      if (auto read = impl_->ItemVector(id, state); read.ok()) entry->second = std::move(*read);
    }
    return entry->second;
  };
  Groups joined(looks.size());
  const int pieces = options.max_hash_distance + 1;
  for (int piece = 0; piece < pieces; ++piece) {
    std::unordered_map<std::uint64_t, std::vector<std::size_t>> buckets;
    for (std::size_t i = 0; i < looks.size(); ++i) {
      buckets[Piece(looks[i].hash, piece, pieces)].push_back(i);
    }
    for (const auto& [key, members] : buckets) {
      for (std::size_t a = 0; a < members.size(); ++a) {
        for (std::size_t b = a + 1; b < members.size(); ++b) {
          const Look &x = looks[members[a]], &y = looks[members[b]];
          if (std::popcount(x.hash ^ y.hash) > options.max_hash_distance) continue;
          if (joined.Root(members[a]) == joined.Root(members[b])) continue;
          const std::vector<float>& u = vector_of(x.id);
          const std::vector<float>& v = vector_of(y.id);
          if (u.size() != v.size() || u.empty() || Cosine(u, v) < options.min_cosine) continue;
          joined.Join(members[a], members[b]);
        }
      }
    }
  }
  std::unordered_map<std::size_t, std::vector<ItemId>> near;
  for (std::size_t i = 0; i < looks.size(); ++i) near[joined.Root(i)].push_back(looks[i].id);
  for (const auto& [root, ids] : near) {
    if (ids.size() < 2) continue;
    ESPY_ASSIGN_OR_RETURN(std::vector<Record> records, impl_->store->GetItems(ids, snapshot.get()));
    std::sort(records.begin(), records.end(), better);
    groups.push_back({.exact = false, .records = std::move(records)});
  }
  std::sort(groups.begin(), groups.end(), [](const DuplicateGroup& a, const DuplicateGroup& b) {
    return std::make_pair(!a.exact, a.records[0].id) < std::make_pair(!b.exact, b.records[0].id);
  });
  return groups;
} catch (const std::bad_alloc&) {
  return OutOfMemory("duplicates");
}

}  // namespace espy
