#include "index/ivf/stored_ivf.h"

#include <algorithm>
#include <cstring>
#include <numeric>

#include "base/status_macros.h"
#include "index/dot.h"
#include "index/ivf/ivf_format.h"
#include "index/row_reader.h"

namespace espy::index {
namespace {

// Beside a row in memory that is scored in turn: a list's chunks from the store's cache, a row by
// its key. Measured on rows of 512 dimensions.
constexpr double kListCost = 150;
constexpr double kFarRowCost = 100;

std::int64_t RowsBytes(std::int64_t rows) { return (rows * 4 + 63) / 64 * 64; }

}  // namespace

Result<std::unique_ptr<RowIndex>> StoredIvf::Build(const HalfRows& rows, int threads,
                                                   const std::stop_token& stop) {
  ESPY_ASSIGN_OR_RETURN(auto built, IvfIndex::BuildLists(CodeKind::kPq4, rows, threads, stop));
  std::unique_ptr<StoredIvf> index(new StoredIvf());
  index->coarse_ = built->coarse();
  index->codes_ = built->codes();
  index->n_ = rows.n;
  for (std::int64_t list = 0; list < index->coarse_.lists(); ++list) {
    index->sizes_.push_back(static_cast<std::uint32_t>(built->List(list).n));
  }
  index->built_ = std::move(built);
  return std::unique_ptr<RowIndex>(std::move(index));
}

std::int64_t StoredIvf::ListBytes(std::int64_t list) const {
  return RowsBytes(sizes_[list]) + codes_.ListBytes(sizes_[list]);
}

Status StoredIvf::Place(SegmentStore* store, std::uint64_t segment, const std::stop_token& stop) {
  if (built_ == nullptr) return Status::Ok();
  std::string bytes;
  for (std::int64_t list = 0; list < coarse_.lists(); ++list) {
    if (stop.stop_requested()) return Status::Cancelled("writing a segment: stopped");
    const IvfIndex::ListView view = built_->List(list);
    if (view.n == 0) continue;
    bytes.assign(static_cast<std::size_t>(ListBytes(list)), '\0');
    std::memcpy(bytes.data(), view.rows, static_cast<std::size_t>(view.n) * 4);
    std::memcpy(bytes.data() + RowsBytes(view.n), view.codes,
                static_cast<std::size_t>(codes_.ListBytes(view.n)));
    for (std::size_t at = 0, chunk = 0; at < bytes.size(); at += kListChunkBytes, ++chunk) {
      ESPY_RETURN_IF_ERROR(store->WriteListChunk(
          segment, static_cast<std::uint32_t>(list), static_cast<std::uint32_t>(chunk),
          std::string_view(bytes).substr(at, kListChunkBytes)));
    }
  }
  built_.reset();
  Attach(segment);
  return Status::Ok();
}

double StoredIvf::ExpectedCost(std::int64_t effort, double share) const {
  const auto probes = static_cast<double>(IvfIndex::Probes(effort, share, coarse_.lists()));
  // Half of what is looked for is read, about: the rest cannot reach the k-th score.
  return static_cast<double>(coarse_.lists() + coarse_.dimensions()) + probes * kListCost +
         static_cast<double>(effort) / 2 * kFarRowCost;
}

Status StoredIvf::SearchFar(const FarRows& rows, const RowQuery& query, bool* trusted,
                            std::vector<FoundRow>* found) const {
  thread_local Probe probe;
  thread_local ListQuery list_query;
  thread_local Shortlist shortlist;
  thread_local std::string bytes;
  found->clear();
  *trusted = false;
  if (built_ != nullptr) return Status::Ok();  // its lists are not written yet
  const std::int64_t lists = coarse_.lists();
  const std::int64_t probes = IvfIndex::Probes(query.effort, query.share, lists);
  probe.Begin(coarse_, query.vector, probes);
  list_query.Begin(codes_, probe.projected());
  shortlist.Begin(query.effort);
  double cost = static_cast<double>(lists);
  for (std::int64_t i = 0; i < lists; ++i) {
    if (i >= probes && shortlist.count() >= query.k) break;
    const std::int32_t list = probe.List(i);
    const auto n = static_cast<std::int64_t>(sizes_[list]);
    if (n == 0) continue;
    cost += kListCost;
    if (cost > query.max_cost) return Status::Ok();
    bytes.clear();
    const auto whole = static_cast<std::size_t>(ListBytes(list));
    ESPY_RETURN_IF_ERROR(rows.reader->ReadList(segment_, static_cast<std::uint32_t>(list),
                                               [&](std::string_view chunk) {
                                                 if (chunk.size() <= whole - bytes.size())
                                                   bytes.append(chunk);
                                                 return Status::Ok();
                                               }));
    const auto* list_rows = reinterpret_cast<const std::int32_t*>(bytes.data());
    if (bytes.size() != whole || !std::all_of(list_rows, list_rows + n, [&](std::int32_t row) {
          return row >= 0 && row < n_;
        })) {
      return Status::Corruption("list " + std::to_string(list) + " of segment " +
                                std::to_string(segment_) +
                                ": does not fit its length; run `espy rebuild`");
    }
    list_query.ScanList(codes_, reinterpret_cast<const std::uint8_t*>(bytes.data()) + RowsBytes(n),
                        list_rows, n, probe.Score(list), query.filter, &shortlist);
  }
  ESPY_RETURN_IF_ERROR(RerankFar(rows, query.vector, query.k, &shortlist, found));
  *trusted = true;
  return Status::Ok();
}

std::uint64_t StoredIvf::MemoryBytes() const {
  return coarse_.Bytes() + codes_.pq.centres.size() * 4 + sizes_.size() * 4 +
         (built_ == nullptr ? 0 : built_->MemoryBytes());
}

std::uint64_t StoredIvf::EncodedBytes() const { return HeadBytes(coarse_, codes_); }

Status StoredIvf::Encode(const ByteSink& sink) const {
  return EncodeHead(coarse_, codes_, sizes_, sink);
}

Result<std::unique_ptr<RowIndex>> StoredIvf::Parse(const HalfRows& rows, std::uint64_t bytes,
                                                   const ByteSource& source) {
  std::unique_ptr<StoredIvf> index(new StoredIvf());
  index->n_ = rows.n;
  ESPY_RETURN_IF_ERROR(ParseHead(CodeKind::kPq4, rows, &bytes, source, &index->coarse_,
                                 &index->codes_, &index->sizes_));
  if (bytes != 0) return Status::Corruption("its lists do not fit their length");
  return std::unique_ptr<RowIndex>(std::move(index));
}

// Rows are read a few at a time, best estimates first: after each few, those left that are not
// expected to reach the k-th score are given up.
Status RerankFar(const FarRows& rows, const float* query, std::int64_t k, Shortlist* shortlist,
                 std::vector<FoundRow>* found) {
  struct Wanted {
    std::uint64_t id;
    std::int32_t row;
  };
  const std::vector<Estimated>& sorted = shortlist->Sorted();
  BestScores best(k);
  std::vector<Wanted> wanted;
  std::vector<std::uint64_t> ids;
  std::vector<std::uint16_t> padded(static_cast<std::size_t>(rows.padded), 0);
  const auto step = static_cast<std::size_t>(std::max<std::int64_t>(k, 16));
  for (std::size_t begin = 0; begin < sorted.size(); begin += step) {
    wanted.clear();
    for (std::size_t i = begin; i < std::min(begin + step, sorted.size()); ++i) {
      if (best.full() && sorted[i].estimate + sorted[i].slack < best.least()) continue;
      wanted.push_back({rows.ids[sorted[i].row], sorted[i].row});
    }
    std::sort(wanted.begin(), wanted.end(),
              [](const Wanted& a, const Wanted& b) { return a.id < b.id; });
    ids.clear();
    for (const Wanted& row : wanted) ids.push_back(row.id);
    const std::size_t before = found->size();
    ESPY_RETURN_IF_ERROR(
        rows.reader->Read(ids, [&](std::size_t i, std::span<const std::uint16_t> half) {
          std::copy(half.begin(), half.end(), padded.begin());
          const float score = Dot(query, padded.data(), rows.padded);
          found->push_back({score, wanted[i].row});
          best.Add(score);
        }));
    if (found->size() - before != ids.size()) {
      return Status::Corruption(
          "a vector of the index is not among the stored ones; run `espy rebuild`");
    }
  }
  return Status::Ok();
}

}  // namespace espy::index
