// FAISS's inverted lists, kept in a store: any of its IVF indexes can search lists that are read
// when they are asked for.
//
// Espy's own kind disk reads its lists by stored_ivf.h, which honours deaths and filters inside a
// list and scores by `dot`. This is the door for indexes that FAISS built: measuring one beside the
// other, or codes that only FAISS has.
//
// A list in the store: its ids (8 bytes each), then its codes, cut into chunks.
#ifndef ESPY_INDEX_IVF_FAISS_LISTS_H_
#define ESPY_INDEX_IVF_FAISS_LISTS_H_

#include <faiss/invlists/InvertedLists.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "espy/status.h"
#include "index/row_reader.h"
#include "index/vector_index.h"

namespace espy::index {

// Writes every list of `lists` as a list of `segment`.
Status WriteFaissLists(const faiss::InvertedLists& lists, SegmentStore* store,
                       std::uint64_t segment);

// Read-only, and of one moment: the reader's. Any thread. A list that cannot be read, or is not as
// long as it was, throws faiss::FaissException out of FAISS's search, as FAISS's own lists on disk
// do: whoever calls that search catches it.
class FaissLists final : public faiss::ReadOnlyInvertedLists {
 public:
  // `sizes`: rows in each list.
  FaissLists(std::shared_ptr<const RowReader> reader, std::uint64_t segment,
             std::vector<std::size_t> sizes, std::size_t bytes_of_a_code);

  std::size_t list_size(std::size_t list) const override { return sizes_[list]; }
  const std::uint8_t* get_codes(std::size_t list) const override;
  const idx_t* get_ids(std::size_t list) const override;
  void release_codes(std::size_t list, const std::uint8_t* codes) const override;
  void release_ids(std::size_t list, const idx_t* ids) const override;

 private:
  // Bytes [begin, begin + size) of a list, in memory of its own.
  std::uint8_t* Read(std::size_t list, std::size_t begin, std::size_t size) const;

  const std::shared_ptr<const RowReader> reader_;
  const std::uint64_t segment_;
  const std::vector<std::size_t> sizes_;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_IVF_FAISS_LISTS_H_
