#include "index/ivf/faiss_lists.h"

#include <faiss/impl/FaissException.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/status_macros.h"
#include "index/ivf/stored_ivf.h"

namespace espy::index {

Status WriteFaissLists(const faiss::InvertedLists& lists, SegmentStore* store,
                       std::uint64_t segment) {
  std::string bytes;
  for (std::size_t list = 0; list < lists.nlist; ++list) {
    const std::size_t n = lists.list_size(list);
    if (n == 0) continue;
    faiss::InvertedLists::ScopedIds ids(&lists, list);
    faiss::InvertedLists::ScopedCodes codes(&lists, list);
    bytes.assign(reinterpret_cast<const char*>(ids.get()), n * sizeof(faiss::InvertedLists::idx_t));
    bytes.append(reinterpret_cast<const char*>(codes.get()), n * lists.code_size);
    std::uint32_t chunk = 0;
    for (std::size_t at = 0; at < bytes.size(); at += kListChunkBytes, ++chunk) {
      ESPY_RETURN_IF_ERROR(
          store->WriteListChunk(segment, static_cast<std::uint32_t>(list), chunk,
                                std::string_view(bytes).substr(at, kListChunkBytes)));
    }
  }
  return Status::Ok();
}

FaissLists::FaissLists(std::shared_ptr<const RowReader> reader, std::uint64_t segment,
                       std::vector<std::size_t> sizes, std::size_t bytes_of_a_code)
    : faiss::ReadOnlyInvertedLists(sizes.size(), bytes_of_a_code),
      reader_(std::move(reader)),
      segment_(segment),
      sizes_(std::move(sizes)) {}

std::uint8_t* FaissLists::Read(std::size_t list, std::size_t begin, std::size_t size) const {
  auto out = std::make_unique<std::uint8_t[]>(size + 1);  // never of no bytes
  const std::size_t whole = sizes_[list] * (sizeof(idx_t) + code_size);
  std::size_t at = 0;  // of the list
  const Status read =
      reader_->ReadList(segment_, static_cast<std::uint32_t>(list), [&](std::string_view chunk) {
        const std::size_t from = std::max(at, begin);
        const std::size_t to = std::min(at + chunk.size(), begin + size);
        if (from < to)
          std::memcpy(out.get() + (from - begin), chunk.data() + (from - at), to - from);
        at += chunk.size();
        return Status::Ok();
      });
  if (!read.ok() || at != whole) {
    throw faiss::FaissException("list " + std::to_string(list) + " of segment " +
                                std::to_string(segment_) + ": " +
                                (read.ok() ? "does not fit its length" : read.message()));
  }
  return out.release();
}

const std::uint8_t* FaissLists::get_codes(std::size_t list) const {
  return Read(list, sizes_[list] * sizeof(idx_t), sizes_[list] * code_size);
}

const faiss::InvertedLists::idx_t* FaissLists::get_ids(std::size_t list) const {
  return reinterpret_cast<const idx_t*>(Read(list, 0, sizes_[list] * sizeof(idx_t)));
}

void FaissLists::release_codes(std::size_t, const std::uint8_t* codes) const { delete[] codes; }

void FaissLists::release_ids(std::size_t, const idx_t* ids) const {
  delete[] reinterpret_cast<const std::uint8_t*>(ids);
}

}  // namespace espy::index
