// Libraries of made records and vectors, without a picture or a model: for filters and rankings
// over many items.
#ifndef ESPY_TESTS_ENGINE_MADE_LIBRARY_H_
#define ESPY_TESTS_ENGINE_MADE_LIBRARY_H_

#include <cmath>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "base/half.h"
#include "base/sha256.h"
#include "espy/library.h"
#include "storage/store.h"

namespace espy::testing {

// A record with a hash, an id and a path that follow from its number.
inline Record MadeRecord(std::uint64_t n) {
  Record record;
  record.content_hash = Sha256("made " + std::to_string(n));
  for (int i = 0; i < 8; ++i) record.id = record.id << 8 | record.content_hash[i];
  record.id >>= 1;
  record.paths = {"/made/" + std::to_string(n / 100) + "/" + std::to_string(n) + ".jpg"};
  record.format = "jpeg";
  record.width = record.height = 1;
  record.perceptual_hash = record.id * 0x9e3779b97f4a7c15ULL;
  return record;
}

// Unit vectors around `clusters` centres, as an encoder's are.
class MadeVectors {
 public:
  MadeVectors(std::uint32_t seed, std::size_t dimension, std::size_t clusters)
      : random_(seed), centres_(clusters, std::vector<float>(dimension)) {
    for (auto& centre : centres_) Draw(&centre, 1.0f);
  }
  std::vector<float> Near(std::size_t cluster) {
    std::vector<float> vector = centres_[cluster % centres_.size()];
    Draw(&vector, 0.7f);
    Normalize(&vector);
    return vector;
  }

 private:
  void Draw(std::vector<float>* vector, float scale) {
    for (float& x : *vector) x += scale * normal_(random_);
  }
  static void Normalize(std::vector<float>* vector) {
    double squares = 0;
    for (const float x : *vector) squares += static_cast<double>(x) * x;
    for (float& x : *vector) x = static_cast<float>(x / std::sqrt(squares));
  }
  std::mt19937 random_;
  std::normal_distribution<float> normal_;
  std::vector<std::vector<float>> centres_;
};

// Writes items 0 to n - 1 into the library at `path`, which is made when it is not there.
// `item(i, &record)` fills the record in and returns its vector.
inline Status MakeLibrary(const std::string& path, std::uint64_t n, std::int64_t dimension,
                          const std::function<std::vector<float>(std::uint64_t, Record*)>& item) {
  storage::StoreOptions options;
  options.create_if_missing = true;
  options.sync = false;
  auto store = storage::Store::Open(path, options);
  if (!store.ok()) return store.status();
  const auto space = (*store)->AddSpace({0, "made", "made-space", "/none", dimension});
  if (!space.ok()) return space.status();
  for (std::uint64_t i = 0; i < n;) {
    storage::Transaction transaction;
    for (; i < n && transaction.bytes() < (1u << 20); ++i) {
      Record record = MadeRecord(i);
      const std::vector<float> vector = item(i, &record);
      std::vector<std::uint16_t> half(vector.size());
      FloatToHalf(vector.data(), vector.size(), half.data());
      transaction.PutItem(record);
      transaction.PutPath(record.paths[0], {record.id, record.file_bytes, 1, i});
      transaction.PutVector(space->number, record.id, half);
    }
    const auto committed = (*store)->Commit(std::move(transaction));
    if (!committed.ok()) return committed.status();
  }
  return (*store)->Flush();
}

inline Query VectorQuery(std::vector<float> vector) {
  Query query;
  QueryTerm term;
  term.kind = QueryTerm::Kind::kVector;
  term.vector = std::move(vector);
  query.terms.push_back(std::move(term));
  return query;
}

}  // namespace espy::testing

#endif  // ESPY_TESTS_ENGINE_MADE_LIBRARY_H_
