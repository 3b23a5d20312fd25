#include "index/ivf/list_codes.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "base/half.h"
#include "base/status_macros.h"
#include "index/dot.h"
#include "index/ivf/rabitq.h"

namespace espy::index {
namespace {

constexpr std::int64_t kCodeSample = 16'384;  // rows that codes are trained with
constexpr std::int64_t kSlackPairs = 4'096;   // pairs of rows that slack is measured on
constexpr float kDeviations = 3;              // a normal error exceeds it once in 740

// Rows of the sample as offsets from their centres.
std::vector<float> Offsets(const Coarse& coarse, const HalfRows& rows,
                           const std::vector<std::int32_t>& lists,
                           const std::vector<std::int32_t>& sample, ThreadPool* pool) {
  const std::int64_t d = coarse.dimensions();
  std::vector<float> x(sample.size() * static_cast<std::size_t>(d));
  coarse.projection.ApplyToRows(rows, sample.data(), static_cast<std::int64_t>(sample.size()), pool,
                                x.data());
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const std::uint16_t* centre = coarse.centres.data() + lists[sample[i]] * d;
    for (std::int64_t k = 0; k < d; ++k) x[i * d + k] -= HalfToFloat(centre[k]);
  }
  return x;
}

// How far scores are above estimates, of rows with queries near them: rows of the same list.
float MeasureSlack(const ListCodes& codes, const Coarse& coarse, const HalfRows& rows,
                   const std::vector<std::int32_t>& lists, std::vector<std::int32_t> sample,
                   ThreadPool* pool) {
  // Neighbours in this order share a list, nearly all.
  std::stable_sort(sample.begin(), sample.end(),
                   [&](std::int32_t a, std::int32_t b) { return lists[a] < lists[b]; });
  if (static_cast<std::int64_t>(sample.size()) > kSlackPairs + 1) sample.resize(kSlackPairs + 1);
  const std::int64_t d = coarse.dimensions();
  std::vector<float> offsets = Offsets(coarse, rows, lists, sample, pool);
  std::vector<float> query(static_cast<std::size_t>(rows.padded)), projected(d), decoded(d);
  std::vector<std::uint8_t> code(static_cast<std::size_t>(std::max<std::int64_t>(codes.parts, 1)));
  double sum = 0, squares = 0;
  std::int64_t pairs = 0;
  for (std::size_t i = 0; i + 1 < sample.size(); ++i) {
    const std::int32_t list = lists[sample[i + 1]];
    if (lists[sample[i]] != list) continue;
    HalfToFloat(rows.row(sample[i]), query.size(), query.data());
    coarse.projection.ApplyToQuery(query.data(), projected.data());
    const float* offset = offsets.data() + (i + 1) * d;
    if (codes.kind == CodeKind::kPq4) {
      codes.pq.Encode(offset, code.data());
      codes.pq.Decode(code.data(), decoded.data());
      offset = decoded.data();
    }
    double estimate = Dot(query.data(), coarse.projection.mean.data(), coarse.projection.from) +
                      Dot(projected.data(), coarse.centres.data() + list * d, d);
    for (std::int64_t k = 0; k < d; ++k) estimate += double{projected[k]} * offset[k];
    const double error = Dot(query.data(), rows.row(sample[i + 1]), rows.padded) - estimate;
    if (!std::isfinite(error)) continue;
    sum += error;
    squares += error * error;
    ++pairs;
  }
  if (pairs == 0) return 0;
  const double mean = sum / static_cast<double>(pairs);
  const double deviation =
      std::sqrt(std::max(0.0, squares / static_cast<double>(pairs) - mean * mean));
  return static_cast<float>(std::max(0.0, mean) + kDeviations * deviation);
}

}  // namespace

IvfProjectionOptions ProjectionFor(CodeKind kind) {
  switch (kind) {
    case CodeKind::kPq4:
      return {.kept = 0.93, .most = 256, .grouped = true};
    case CodeKind::kRabitq:
      // A bit a dimension is all there is, and its error falls with the number of dimensions.
      return {.kept = 0.98, .most = 512, .rotate = true};
    case CodeKind::kNone:
      break;
  }
  return {.kept = 0.93, .most = 128};  // only lists are chosen by it
}

void ListCodes::EncodeList(const float* offsets, std::int64_t rows, std::uint8_t* out) const {
  if (kind == CodeKind::kNone) return;
  std::vector<std::uint8_t> code(static_cast<std::size_t>(parts));
  std::uint8_t* factors = out + BlocksBytes(rows);
  for (std::int64_t i = 0; i < rows; ++i) {
    if (kind == CodeKind::kPq4) {
      pq.Encode(offsets + i * parts * pq.width, code.data());
    } else {
      const RabitqFactors f = EncodeRabitq(offsets + i * parts * 4, parts * 4, code.data());
      std::memcpy(factors + i * sizeof(f), &f, sizeof(f));
    }
    std::uint8_t* block = out + i / kScanRows * BlockBytes(parts);
    for (std::int64_t m = 0; m < parts; ++m) SetPart(block, m, i % kScanRows, code[m]);
  }
}

Result<ListCodes> TrainListCodes(CodeKind kind, const Coarse& coarse, const HalfRows& rows,
                                 const std::vector<std::int32_t>& lists, ThreadPool* pool,
                                 const std::stop_token& stop) {
  ListCodes codes;
  codes.kind = kind;
  if (kind == CodeKind::kNone) return codes;
  const std::int64_t d = coarse.dimensions();
  const std::vector<std::int32_t> sample = SampleRows(rows.n, kCodeSample, 3);
  if (kind == CodeKind::kPq4) {
    codes.parts = Pq4Parts(d);
    const std::vector<float> offsets = Offsets(coarse, rows, lists, sample, pool);
    ESPY_ASSIGN_OR_RETURN(
        codes.pq, TrainPq4(offsets.data(), static_cast<std::int64_t>(sample.size()), codes.parts,
                           d / codes.parts, pool, stop));
  } else {
    codes.parts = d / 4;
  }
  codes.slack = MeasureSlack(codes, coarse, rows, lists, sample, pool);
  return codes;
}

void ListQuery::Begin(const ListCodes& codes, const float* projected) {
  if (codes.kind == CodeKind::kNone) return;
  floats_.resize(static_cast<std::size_t>(codes.parts * 16));
  slack_ = codes.slack;
  if (codes.kind == CodeKind::kPq4) {
    codes.pq.Table(projected, floats_.data());
  } else {
    RabitqTable(projected, codes.parts * 4, floats_.data());
    float squares = 0;
    for (std::int64_t k = 0; k < codes.parts * 4; ++k) squares += projected[k] * projected[k];
    length_ = std::sqrt(squares);
  }
  MakeByteTable(floats_.data(), codes.parts, &table_);
  // Roundings to a step are even over it: each adds a deviation of step / sqrt(12).
  if (codes.kind == CodeKind::kPq4) {
    slack_ += kDeviations * table_.step * std::sqrt(static_cast<float>(codes.parts) / 12);
  }
}

void ListQuery::ScanList(const ListCodes& codes, const std::uint8_t* bytes,
                         const std::int32_t* rows, std::int64_t n, float score,
                         const RowFilter& filter, Shortlist* shortlist) {
  const std::int64_t blocks = (n + kScanRows - 1) / kScanRows;
  sums_.resize(static_cast<std::size_t>(blocks * kScanRows));
  Scan4(bytes, blocks, codes.parts, table_.bytes.data(), sums_.data());
  const bool all = filter.all();
  if (codes.kind == CodeKind::kPq4) {
    const float base = score + table_.base;
    for (std::int64_t b = 0; b < blocks; ++b) {
      const std::uint16_t* sums = sums_.data() + b * kScanRows;
      // The least sum that is not below the threshold, less one for the rounding of this division.
      const float bound = table_.step > 0 ? (shortlist->threshold() - base) / table_.step - 1 : 0;
      if (bound > 65'535) continue;
      std::uint32_t mask =
          bound > 0 ? AtLeast(sums, static_cast<std::uint16_t>(bound)) : 0xffff'ffffu;
      if (n - b * kScanRows < kScanRows) mask &= (1u << (n - b * kScanRows)) - 1;
      for (; mask != 0; mask &= mask - 1) {
        const int r = std::countr_zero(mask);
        const std::int32_t row = rows[b * kScanRows + r];
        const float estimate = base + table_.step * static_cast<float>(sums[r]);
        if (!(estimate >= shortlist->threshold()) || (!all && !filter(row))) continue;
        shortlist->Add({estimate, slack_, row});
      }
    }
    return;
  }
  const std::uint8_t* factors = bytes + codes.BlocksBytes(n);
  for (std::int64_t i = 0; i < n; ++i) {
    RabitqFactors f;
    std::memcpy(&f, factors + i * sizeof(f), sizeof(f));
    const float product = table_.base + table_.step * static_cast<float>(sums_[i]);
    const float estimate = score + f.scale * product;
    if (!(estimate >= shortlist->threshold()) || (!all && !filter(rows[i]))) continue;
    shortlist->Add({estimate, slack_ + kRabitqSpreads * f.spread * length_, rows[i]});
  }
}

}  // namespace espy::index
