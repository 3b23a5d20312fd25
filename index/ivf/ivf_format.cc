// An inverted file as bytes; docs/FORMATS.md draws them. Every length follows from the header and
// the number of rows and is compared with the bytes there are before anything is allocated; every
// row number is checked, and every number that is to be finite.
#include "index/ivf/ivf_format.h"

#include <algorithm>
#include <cmath>

#include "base/status_macros.h"
#include "index/ivf/ivf_index.h"

namespace espy::index {
namespace {

struct IvfHeader {
  std::uint32_t dimensions;  // of projected rows
  std::uint32_t lists;
  std::uint32_t parts;
  float slack;
};
static_assert(sizeof(IvfHeader) == 16);

Status Bad(const std::string& what) { return Status::Corruption("its lists " + what); }

bool AllFinite(const std::vector<std::uint16_t>& halves) {
  return std::none_of(halves.begin(), halves.end(),
                      [](std::uint16_t half) { return (half & 0x7c00) == 0x7c00; });
}

template <class T>
Status Take(const ByteSource& source, std::size_t n, std::vector<T>* out) {
  out->resize(n);
  if (n == 0) return Status::Ok();
  return source(out->data(), n * sizeof(T));
}

template <class T>
Status Put(const ByteSink& sink, const std::vector<T>& values) {
  if (values.empty()) return Status::Ok();
  return sink(values.data(), values.size() * sizeof(T));
}

}  // namespace

std::uint64_t HeadBytes(const Coarse& coarse, const ListCodes& codes) {
  return sizeof(IvfHeader) + coarse.Bytes() + codes.pq.centres.size() * 4 +
         static_cast<std::uint64_t>(coarse.lists()) * 4;
}

Status EncodeHead(const Coarse& coarse, const ListCodes& codes,
                  const std::vector<std::uint32_t>& sizes, const ByteSink& sink) {
  const IvfHeader header{static_cast<std::uint32_t>(coarse.dimensions()),
                         static_cast<std::uint32_t>(coarse.lists()),
                         static_cast<std::uint32_t>(codes.parts), codes.slack};
  ESPY_RETURN_IF_ERROR(sink(&header, sizeof(header)));
  ESPY_RETURN_IF_ERROR(Put(sink, coarse.projection.mean));
  ESPY_RETURN_IF_ERROR(Put(sink, coarse.projection.matrix));
  ESPY_RETURN_IF_ERROR(Put(sink, coarse.centres));
  ESPY_RETURN_IF_ERROR(Put(sink, codes.pq.centres));
  return Put(sink, sizes);
}

Status ParseHead(CodeKind kind, const HalfRows& rows, std::uint64_t* bytes,
                 const ByteSource& source, Coarse* coarse, ListCodes* codes,
                 std::vector<std::uint32_t>* sizes) {
  IvfHeader header{};
  if (*bytes < sizeof(header)) return Bad("do not fit their length");
  ESPY_RETURN_IF_ERROR(source(&header, sizeof(header)));
  const auto n = static_cast<std::uint64_t>(rows.n), from = static_cast<std::uint64_t>(rows.padded);
  const std::uint64_t d = header.dimensions, lists = header.lists, parts = header.parts;
  const bool parts_fit = kind == CodeKind::kNone ? parts == 0
                         : kind == CodeKind::kRabitq
                             ? parts * 4 == d
                             : parts > 0 && parts % 4 == 0 && d % parts == 0;
  if (d == 0 || d % 32 != 0 || d > from || lists == 0 || lists > n || !parts_fit ||
      parts > static_cast<std::uint64_t>(kMaxParts) || !std::isfinite(header.slack)) {
    return Bad("begin with an impossible header");
  }
  // At most 2^31 rows and 2^16 dimensions: no sum here overflows.
  const std::uint64_t pq_numbers = kind == CodeKind::kPq4 ? d * 16 : 0;
  const std::uint64_t head =
      sizeof(header) + (from + d * from + lists * d) * 2 + pq_numbers * 4 + lists * 4;
  if (*bytes < head) return Bad("do not fit their length");
  *bytes -= head;
  coarse->projection.from = rows.padded;
  coarse->projection.to = static_cast<std::int64_t>(d);
  ESPY_RETURN_IF_ERROR(Take(source, from, &coarse->projection.mean));
  ESPY_RETURN_IF_ERROR(Take(source, d * from, &coarse->projection.matrix));
  ESPY_RETURN_IF_ERROR(Take(source, lists * d, &coarse->centres));
  ESPY_RETURN_IF_ERROR(Take(source, pq_numbers, &codes->pq.centres));
  if (!AllFinite(coarse->projection.mean) || !AllFinite(coarse->projection.matrix) ||
      !AllFinite(coarse->centres) ||
      !std::all_of(codes->pq.centres.begin(), codes->pq.centres.end(),
                   [](float x) { return std::isfinite(x); })) {
    return Bad("hold a centre that is no number");
  }
  codes->kind = kind;
  codes->parts = static_cast<std::int64_t>(parts);
  codes->slack = header.slack;
  if (kind == CodeKind::kPq4) {
    codes->pq.parts = codes->parts;
    codes->pq.width = static_cast<std::int64_t>(d / parts);
  }
  ESPY_RETURN_IF_ERROR(Take(source, lists, sizes));
  std::uint64_t sum = 0;
  for (const std::uint32_t size : *sizes) sum += size;
  return sum == n ? Status::Ok() : Bad("hold more or fewer rows than there are");
}

std::uint64_t IvfIndex::EncodedBytes() const {
  return HeadBytes(coarse_, codes_) + rows_.size() * 4 + bytes_.size();
}

Status IvfIndex::Encode(const ByteSink& sink) const {
  std::vector<std::uint32_t> sizes;
  for (std::int64_t list = 0; list < coarse_.lists(); ++list) {
    sizes.push_back(static_cast<std::uint32_t>(ListSize(list)));
  }
  ESPY_RETURN_IF_ERROR(EncodeHead(coarse_, codes_, sizes, sink));
  ESPY_RETURN_IF_ERROR(Put(sink, rows_));
  return Put(sink, bytes_);
}

Result<std::unique_ptr<RowIndex>> IvfIndex::Parse(CodeKind codes, const HalfRows& rows,
                                                  std::uint64_t bytes, const ByteSource& source) {
  std::unique_ptr<IvfIndex> index(new IvfIndex());
  std::vector<std::uint32_t> sizes;
  ESPY_RETURN_IF_ERROR(
      ParseHead(codes, rows, &bytes, source, &index->coarse_, &index->codes_, &sizes));
  index->list_begin_.assign(1, 0);
  for (const std::uint32_t size : sizes) {
    index->list_begin_.push_back(index->list_begin_.back() + size);
  }
  index->ComputeOffsets();
  const auto n = static_cast<std::uint64_t>(rows.n);
  const auto code_bytes = static_cast<std::uint64_t>(index->codes_begin_.back());
  if (bytes != n * 4 + code_bytes) return Bad("do not fit their length");
  ESPY_RETURN_IF_ERROR(Take(source, n, &index->rows_));
  std::vector<bool> seen(n, false);
  for (const std::int32_t row : index->rows_) {
    if (row < 0 || row >= rows.n || seen[row]) return Bad("hold a row twice or one not there");
    seen[row] = true;
  }
  ESPY_RETURN_IF_ERROR(Take(source, code_bytes, &index->bytes_));
  return std::unique_ptr<RowIndex>(std::move(index));
}

}  // namespace espy::index
