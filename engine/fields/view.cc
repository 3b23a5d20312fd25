// A filter over all parts of a view.
#include <algorithm>

#include "engine/fields/table.h"

namespace espy::fields {

Selection::Selection(std::vector<Rows> parts, std::vector<std::uint64_t> tail)
    : parts_(std::move(parts)), tail_(std::move(tail)) {
  size_ = static_cast<std::int64_t>(tail_.size());
  for (const Rows& part : parts_) size_ += static_cast<std::int64_t>(part.rows->cardinality());
}

bool Selection::Contains(std::uint64_t id) const {
  for (const Rows& part : parts_) {
    const std::int64_t row = part.block->Find(id);
    if (row >= 0 && part.rows->contains(static_cast<std::uint32_t>(row))) return true;
  }
  return std::binary_search(tail_.begin(), tail_.end(), id);
}

std::span<const std::uint64_t> Selection::Sorted() const {
  std::call_once(sorted_once_, [this] {
    std::vector<std::uint64_t> ids;
    ids.reserve(static_cast<std::size_t>(size_));
    struct Gather {
      const Block* block;
      std::vector<std::uint64_t>* ids;
    };
    for (const Rows& part : parts_) {
      const std::size_t before = ids.size();
      Gather gather{part.block.get(), &ids};
      part.rows->iterate(
          [](std::uint32_t row, void* to) {
            auto* into = static_cast<Gather*>(to);
            into->ids->push_back(into->block->id(row));
            return true;
          },
          &gather);
      std::inplace_merge(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end());
    }
    const std::size_t before = ids.size();
    ids.insert(ids.end(), tail_.begin(), tail_.end());
    std::inplace_merge(ids.begin(), ids.begin() + static_cast<std::ptrdiff_t>(before), ids.end());
    sorted_ = std::move(ids);
  });
  return sorted_;
}

std::shared_ptr<const Selection> View::Select(const where::Filter& filter) const {
  std::vector<Selection::Rows> parts;
  for (const Part& part : parts_) {
    std::shared_ptr<const Bitmap> rows = part.block->Rows(filter);
    if (!part.dead->isEmpty()) rows = std::make_shared<const Bitmap>(*rows - *part.dead);
    if (!rows->isEmpty()) parts.push_back({part.block, std::move(rows)});
  }
  std::vector<std::uint64_t> tail;
  for (const auto& record : tail_) {
    if (filter.Matches(*record)) tail.push_back(record->id);
  }
  return std::make_shared<const Selection>(std::move(parts), std::move(tail));
}

std::optional<std::uint64_t> View::PerceptualHash(std::uint64_t id) const {
  const auto in_tail = std::lower_bound(
      tail_.begin(), tail_.end(), id,
      [](const auto& record, std::uint64_t wanted) { return record->id < wanted; });
  if (in_tail != tail_.end() && (*in_tail)->id == id) return (*in_tail)->perceptual_hash;
  for (const Part& part : parts_) {
    const std::int64_t row = part.block->Find(id);
    if (row >= 0 && !part.dead->contains(static_cast<std::uint32_t>(row))) {
      return part.block->perceptual_hash(static_cast<std::uint32_t>(row));
    }
  }
  return std::nullopt;
}

std::optional<Record> View::Find(std::uint64_t id) const {
  const auto in_tail = std::lower_bound(
      tail_.begin(), tail_.end(), id,
      [](const auto& record, std::uint64_t wanted) { return record->id < wanted; });
  if (in_tail != tail_.end() && (*in_tail)->id == id) return Block::Held(**in_tail);
  for (const Part& part : parts_) {
    const std::int64_t row = part.block->Find(id);
    if (row >= 0 && !part.dead->contains(static_cast<std::uint32_t>(row))) {
      return part.block->Restore(static_cast<std::uint32_t>(row));
    }
  }
  return std::nullopt;
}

std::uint64_t View::items() const {
  std::uint64_t items = tail_.size();
  for (const Part& part : parts_) items += part.block->rows() - part.dead->cardinality();
  return items;
}

std::uint64_t View::bytes() const {
  std::uint64_t bytes = 0;
  for (const Part& part : parts_) bytes += part.block->bytes() + part.dead->getSizeInBytes();
  return bytes;
}

}  // namespace espy::fields
