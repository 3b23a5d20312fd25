#include "index/graph_index.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <new>

#include "base/status_macros.h"
#include "base/thread_pool.h"
#include "index/dot.h"
#include "index/row_reader.h"

namespace espy::index {
namespace {

// Costs in nanoseconds on the machine of bench/results, of which only ratios matter: a half of a
// row that is read in order; a code that is met, and each line of it; a row that is a jump away.
constexpr double kHalf = 0.05, kMet = 4, kLine = 4, kJump = 60;
// A walk scores about this many codes for each row of its beam.
constexpr double kScoredPerBeamRow = 16;

// Rows asked for from memory ahead of the one that is scored.
constexpr std::size_t kAhead = 4;
// Codes asked for from memory at once.
constexpr std::size_t kCodesAtOnce = 32;

struct Header {
  std::uint32_t dims;
  std::uint32_t has_basis;
  std::uint32_t link_lines;
  std::uint32_t entries;
};

Status Misfit() { return Status::Corruption("its graph does not fit its length"); }

void Prefetch(const HalfRows& rows, std::int32_t row) {
  const char* at = reinterpret_cast<const char*>(rows.row(row));
  for (std::int64_t i = 0; i < rows.padded * 2; i += kCodeLine) __builtin_prefetch(at + i);
}

struct Scratch {
  std::vector<float> z;
  CodeQuery query;
  std::vector<MetRow> met;
};

Scratch& ThreadScratch() {
  thread_local Scratch scratch;
  return scratch;
}

// What the rows themselves score.
void ScoreRows(const HalfRows& rows, const float* query, const std::vector<MetRow>& met,
               std::vector<FoundRow>* found) {
  found->resize(met.size());
  for (std::size_t i = 0; i < std::min(kAhead, met.size()); ++i) Prefetch(rows, met[i].row);
  for (std::size_t i = 0; i < met.size(); ++i) {
    if (i + kAhead < met.size()) Prefetch(rows, met[i + kAhead].row);
    (*found)[i] = {Dot(query, rows.row(met[i].row), rows.padded), met[i].row};
  }
}

bool BestFirst(const MetRow& a, const MetRow& b) {
  return a.score != b.score ? a.score > b.score : a.row < b.row;
}

// Leaves the `count` best, in no order.
void KeepBest(std::size_t count, std::vector<MetRow>* met) {
  if (met->size() <= count) return;
  std::nth_element(met->begin(), met->begin() + static_cast<std::ptrdiff_t>(count) - 1, met->end(),
                   BestFirst);
  met->resize(count);
}

}  // namespace

Result<std::unique_ptr<RowIndex>> GraphIndex::Build(const HalfRows& rows,
                                                    const CodeGraphOptions& options, int threads,
                                                    std::stop_token stop) {
  try {
    ThreadPool pool(threads);
    Projection projection = LearnProjection(rows, &pool);
    ESPY_ASSIGN_OR_RETURN(CodeMatrix codes, EncodeRows(projection, rows, &pool, stop));
    ESPY_ASSIGN_OR_RETURN(CodeGraph graph, BuildCodeGraph(codes, options, &pool, stop));
    return std::unique_ptr<RowIndex>(
        new GraphIndex(std::move(projection), std::move(codes), std::move(graph)));
  } catch (const std::bad_alloc&) {
    return Status::ResourceExhausted("building a segment: not enough memory");
  }
}

double GraphIndex::CostOfCode() const {
  return (kMet + kLine * static_cast<double>(codes_.stride() / kCodeLine)) /
         (kHalf * static_cast<double>(projection_.dimension));
}

double GraphIndex::ExpectedCost(std::int64_t effort, double share) const {
  const double beam = static_cast<double>(effort);
  // beam / share rows must be met to fill the beam.
  return (beam / std::max(share, 1e-9) * kScoredPerBeamRow +
          static_cast<double>(graph_.entries.size()) / 4) *
             CostOfCode() +
         beam * (1 + kJump / (kHalf * static_cast<double>(projection_.dimension)));
}

double GraphIndex::ExpectedCostAmong(std::int64_t effort, double rows) const {
  const double scored = std::min(static_cast<double>(effort), rows);
  return rows * CostOfCode() +
         scored * (1 + kJump / (kHalf * static_cast<double>(projection_.dimension)));
}

void GraphIndex::SetCodeQuery(const RowQuery& query) const {
  Scratch& scratch = ThreadScratch();
  scratch.z.resize(static_cast<std::size_t>(projection_.dims));
  projection_.Apply(query.vector, scratch.z.data());
  scratch.query.Set(scratch.z.data(), projection_.dims);
}

bool GraphIndex::Walk(const RowQuery& query) const {
  SetCodeQuery(query);
  Scratch& scratch = ThreadScratch();
  const std::int64_t ef = std::min(query.effort, codes_.n());
  const auto budget = static_cast<std::int64_t>(std::min(query.max_cost / CostOfCode(), 1e15));
  return query.filter.all() ? WalkCodes(graph_, codes_, scratch.query, ef, budget, &scratch.met)
                            : WalkCodesFiltered(graph_, codes_, scratch.query, ef, budget,
                                                query.filter, &scratch.met);
}

bool GraphIndex::Search(const HalfRows& rows, const RowQuery& query,
                        std::vector<FoundRow>* found) const {
  if (!Walk(query)) return false;
  ScoreRows(rows, query.vector, ThreadScratch().met, found);
  return true;
}

Status GraphIndex::SearchFar(const FarRows& rows, const RowQuery& query, bool* trusted,
                             std::vector<FoundRow>* found) const {
  found->clear();
  *trusted = Walk(query);
  if (!*trusted) return Status::Ok();
  std::vector<MetRow>& met = ThreadScratch().met;
  std::sort(met.begin(), met.end(), [](const MetRow& a, const MetRow& b) { return a.row < b.row; });
  std::vector<std::uint64_t> ids;
  for (const MetRow& row : met) ids.push_back(rows.ids[row.row]);
  std::vector<std::uint16_t> padded(static_cast<std::size_t>(rows.padded), 0);
  ESPY_RETURN_IF_ERROR(
      rows.reader->Read(ids, [&](std::size_t i, std::span<const std::uint16_t> half) {
        std::copy_n(half.begin(), std::min(half.size(), padded.size()), padded.begin());
        found->push_back({Dot(query.vector, padded.data(), rows.padded), met[i].row});
      }));
  if (found->size() == ids.size()) return Status::Ok();
  return Status::Corruption(
      "a vector of the index is not among the stored ones; run `espy rebuild`");
}

void GraphIndex::SearchAmong(const HalfRows& rows, const RowQuery& query,
                             std::span<const std::int32_t> among,
                             std::vector<FoundRow>* found) const {
  SetCodeQuery(query);
  Scratch& scratch = ThreadScratch();
  std::vector<MetRow>& met = scratch.met;
  met.clear();
  const auto kept = static_cast<std::size_t>(std::min(query.effort, rows.n));
  float least = -std::numeric_limits<float>::infinity();  // of the best so far
  const auto prefetch = [&](std::span<const std::int32_t> some) {
    for (const std::int32_t row : some) {
      for (std::int64_t line = 0; line < codes_.stride(); line += kCodeLine) {
        __builtin_prefetch(codes_.row(row) + line);
      }
    }
  };
  const auto slice = [&](std::size_t at) {
    return at < among.size() ? among.subspan(at, std::min(kCodesAtOnce, among.size() - at))
                             : std::span<const std::int32_t>();
  };
  float scores[kCodesAtOnce];
  prefetch(slice(0));
  for (std::size_t at = 0; at < among.size(); at += kCodesAtOnce) {
    const std::span<const std::int32_t> some = slice(at);
    prefetch(slice(at + kCodesAtOnce));
    ScoreCodes(codes_, scratch.query, some.data(), std::ssize(some), scores);
    for (std::size_t i = 0; i < some.size(); ++i) {
      if (scores[i] >= least) met.push_back({scores[i], some[i]});
    }
    if (met.size() < 2 * kept + kCodesAtOnce) continue;
    KeepBest(kept, &met);
    least = std::min_element(met.begin(), met.end(), [](const MetRow& a, const MetRow& b) {
              return a.score < b.score;
            })->score;
  }
  KeepBest(kept, &met);
  ScoreRows(rows, query.vector, met, found);
}

std::uint64_t GraphIndex::MemoryBytes() const {
  return projection_.MemoryBytes() + codes_.bytes() + graph_.MemoryBytes();
}

std::uint64_t GraphIndex::EncodedBytes() const {
  return sizeof(Header) + projection_.MemoryBytes() + codes_.bytes() + graph_.links.bytes() +
         graph_.entries.size() * sizeof(std::int32_t);
}

Status GraphIndex::Encode(const ByteSink& sink) const {
  Header header{};
  header.dims = static_cast<std::uint32_t>(projection_.dims);
  header.has_basis = projection_.basis.empty() ? 0 : 1;
  header.link_lines = static_cast<std::uint32_t>(graph_.links.lines());
  header.entries = static_cast<std::uint32_t>(graph_.entries.size());
  ESPY_RETURN_IF_ERROR(sink(&header, sizeof(header)));
  ESPY_RETURN_IF_ERROR(sink(projection_.mean.data(), projection_.mean.size() * sizeof(float)));
  ESPY_RETURN_IF_ERROR(sink(projection_.basis.data(), projection_.basis.size() * 2));
  ESPY_RETURN_IF_ERROR(sink(codes_.data(), codes_.bytes()));
  ESPY_RETURN_IF_ERROR(sink(graph_.links.data(), graph_.links.bytes()));
  return sink(graph_.entries.data(), graph_.entries.size() * sizeof(std::int32_t));
}

Result<std::unique_ptr<RowIndex>> GraphIndex::Parse(const HalfRows& rows, std::uint64_t bytes,
                                                    const ByteSource& source) {
  Header header{};
  if (bytes < sizeof(header)) return Misfit();
  ESPY_RETURN_IF_ERROR(source(&header, sizeof(header)));
  const auto n = static_cast<std::uint64_t>(rows.n);
  const auto dimension = static_cast<std::uint64_t>(rows.padded);
  if (header.dims < 1 || header.dims > dimension || header.has_basis > 1 ||
      (header.has_basis == 0 && header.dims != dimension) || header.link_lines < 1 ||
      header.link_lines > 16 || header.entries < 1 || header.entries > n) {
    return Status::Corruption("its graph has an impossible shape");
  }
  // At most 2^31 rows of at most 2^17 bytes: no overflow.
  const auto stride = static_cast<std::uint64_t>(CodeMatrix::Stride(header.dims));
  const std::uint64_t basis = header.has_basis * header.dims * dimension;
  if (bytes != sizeof(header) + dimension * sizeof(float) + basis * 2 + n * stride +
                   n * header.link_lines * kCodeLine + header.entries * sizeof(std::int32_t)) {
    return Misfit();
  }
  Projection projection;
  projection.dimension = rows.padded;
  projection.dims = header.dims;
  projection.mean.resize(dimension);
  ESPY_RETURN_IF_ERROR(source(projection.mean.data(), dimension * sizeof(float)));
  projection.basis.resize(basis);
  ESPY_RETURN_IF_ERROR(source(projection.basis.data(), basis * 2));
  CodeMatrix codes(rows.n, header.dims);
  ESPY_RETURN_IF_ERROR(source(codes.data(), codes.bytes()));
  if (!codes.Valid()) return Status::Corruption("its codes hold what is no number");
  CodeGraph graph;
  graph.links = LinkTable(rows.n, header.link_lines);
  ESPY_RETURN_IF_ERROR(source(graph.links.data(), graph.links.bytes()));
  graph.entries.resize(header.entries);
  ESPY_RETURN_IF_ERROR(source(graph.entries.data(), header.entries * sizeof(std::int32_t)));
  ESPY_RETURN_IF_ERROR(graph.Validate());
  graph.CopyEntryCodes(codes);
  return std::unique_ptr<RowIndex>(
      new GraphIndex(std::move(projection), std::move(codes), std::move(graph)));
}

}  // namespace espy::index
