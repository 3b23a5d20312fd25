#include "captioning/decoder_rows.h"

#include <algorithm>
#include <numeric>
#include <string>

namespace espy::captioning {
namespace {

Status Wrong(std::size_t row, const std::string& why) {
  return Status::InvalidArgument("decoder: row " + std::to_string(row) + " " + why);
}

std::int32_t SequenceOf(const DecoderInput& in, std::size_t row) {
  return in.sequences.empty() ? 0 : in.sequences[row];
}

// Everything that Place promises to look at before it changes anything; returns each row's depth,
// 1 for those that follow a sequence's end.
Result<std::vector<std::int64_t>> Depths(const DecoderInput& in, std::int64_t context,
                                         const CrossCache& cross, const KvCache& cache) {
  const std::size_t n = in.tokens.size();
  if (n == 0 || in.parents.size() != n || (!in.sequences.empty() && in.sequences.size() != n)) {
    return Status::InvalidArgument(
        "decoder: a pass has a row at least, and a token, a parent and a sequence for each");
  }
  std::vector<std::int64_t> depths;
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t sequence = SequenceOf(in, i);
    const std::int32_t parent = in.parents[i];
    if (sequence < 0 || sequence >= cache.sequences()) return Wrong(i, "is of no sequence");
    if (cache.picture(sequence) < 0 || cache.picture(sequence) >= cross.pictures()) {
      return Wrong(i, "looks at no picture");
    }
    if (parent < -1 || parent >= static_cast<std::int32_t>(i)) {
      return Wrong(i, "has a parent that does not come before it");
    }
    if (parent >= 0 && SequenceOf(in, static_cast<std::size_t>(parent)) != sequence) {
      return Wrong(i, "has a parent in another sequence");
    }
    depths.push_back(parent < 0 ? 1 : depths[static_cast<std::size_t>(parent)] + 1);
    if (cache.length(sequence) + depths.back() > context) {
      return Wrong(i, "is past the model's " + std::to_string(context) + " positions");
    }
  }
  for (const std::int32_t row : in.logit_rows) {
    if (row < 0 || static_cast<std::size_t>(row) >= n) {
      return Status::InvalidArgument("decoder: logits are wanted of a row that is not there");
    }
  }
  return depths;
}

}  // namespace

Result<DecoderRows> DecoderRows::Place(const DecoderInput& in, std::int64_t context,
                                       const CrossCache& cross, KvCache* cache) {
  Result<std::vector<std::int64_t>> depths = Depths(in, context, cross, *cache);
  if (!depths.ok()) return depths.status();
  const std::size_t n = in.tokens.size();
  std::vector<std::int64_t> counts(static_cast<std::size_t>(cache->sequences()), 0);
  for (std::size_t i = 0; i < n; ++i) ++counts[static_cast<std::size_t>(SequenceOf(in, i))];
  cache->BeginPass(counts);

  DecoderRows placed;
  for (std::size_t i = 0; i < n; ++i) {
    Row row;
    row.sequence = SequenceOf(in, i);
    row.kept = cache->length(row.sequence);
    row.path_length = (*depths)[i];
    row.position = row.kept + row.path_length - 1;
    row.slot = cache->AddPending(row.sequence, static_cast<std::int32_t>(i), in.parents[i]);
    row.path = static_cast<std::int64_t>(placed.paths_.size());
    if (const std::int32_t parent = in.parents[i]; parent >= 0) {
      const Row& above = placed.rows_[static_cast<std::size_t>(parent)];
      for (std::int64_t p = 0; p < above.path_length; ++p) {
        placed.paths_.push_back(placed.paths_[static_cast<std::size_t>(above.path + p)]);
      }
    }
    placed.paths_.push_back(row.slot);
    placed.rows_.push_back(row);
  }

  const auto picture = [&](std::int32_t row) {
    return cache->picture(placed.rows_[static_cast<std::size_t>(row)].sequence);
  };
  placed.order_.resize(n);
  std::iota(placed.order_.begin(), placed.order_.end(), 0);
  std::stable_sort(placed.order_.begin(), placed.order_.end(),
                   [&](std::int32_t a, std::int32_t b) { return picture(a) < picture(b); });
  for (std::size_t i = 0; i < n; ++i) {
    const std::int32_t of = picture(placed.order_[i]);
    if (placed.pictures_.empty() || placed.pictures_.back() != of) {
      placed.pictures_.push_back(of);
      placed.picture_offsets_.push_back(static_cast<std::int64_t>(i));
    }
  }
  placed.picture_offsets_.push_back(static_cast<std::int64_t>(n));
  return placed;
}

}  // namespace espy::captioning
