// FAISS's own search over lists that lie in a store.
#include "index/ivf/faiss_lists.h"

#include <faiss/IndexFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/impl/FaissException.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/index/oracle.h"
#include "tests/index/store_with_rows.h"
#include "tests/support/temp_dir.h"

namespace espy::index {
namespace {

using espy::testing::ClusteredData;
using espy::testing::StoreWithRows;

constexpr int kDimension = 32, kLists = 40, kRows = 3'000, kQueries = 20, kK = 10;

TEST(FaissLists, AnIndexOfFaissAnswersAsItDoesFromMemory) {
  ClusteredData data(61, kDimension, 30);
  std::vector<float> rows, queries;
  for (int i = 0; i < kRows + kQueries; ++i) {
    const std::vector<float> x = data.Next();
    std::vector<float>& to = i < kRows ? rows : queries;
    to.insert(to.end(), x.begin(), x.end());
  }
  faiss::IndexFlatIP quantizer(kDimension);
  faiss::IndexIVFPQ index(&quantizer, kDimension, kLists, 8, 8, faiss::METRIC_INNER_PRODUCT);
  index.train(kRows, rows.data());
  index.add(kRows, rows.data());
  index.nprobe = 6;
  std::vector<float> expected_scores(kQueries * kK), scores(kQueries * kK);
  std::vector<std::int64_t> expected(kQueries * kK), found(kQueries * kK);
  index.search(kQueries, queries.data(), kK, expected_scores.data(), expected.data());

  StoreWithRows store;
  constexpr std::uint64_t kSegment = 7;
  ESPY_ASSERT_OK(WriteFaissLists(*index.invlists, &store, kSegment));
  std::vector<std::size_t> sizes;
  for (std::size_t list = 0; list < kLists; ++list)
    sizes.push_back(index.invlists->list_size(list));
  const std::size_t code_size = index.code_size;
  FaissLists lists(store.Rows(), kSegment, sizes, code_size);
  EXPECT_EQ(lists.compute_ntotal(), static_cast<std::size_t>(kRows));
  index.replace_invlists(&lists, false);
  index.search(kQueries, queries.data(), kK, scores.data(), found.data());
  EXPECT_EQ(found, expected);
  EXPECT_EQ(scores, expected_scores);

  // A list that lost its end is an error, not an answer.
  for (auto& [key, bytes] : store.lists) bytes.pop_back();
  FaissLists damaged(store.Rows(), kSegment, sizes, code_size);
  index.replace_invlists(&damaged, false);
  EXPECT_THROW(index.search(1, queries.data(), kK, scores.data(), found.data()),
               faiss::FaissException);
  index.replace_invlists(nullptr, false);
}

}  // namespace
}  // namespace espy::index
