// Which ids a search may return: a set that whoever made the filter keeps in its own way.
#ifndef ESPY_INDEX_ID_SET_H_
#define ESPY_INDEX_ID_SET_H_

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace espy::index {

// Immutable; any thread. A graph walk asks Contains of the rows that it meets; an exact search of
// few ids goes through Sorted, which a set of many ids need never make.
class IdSet {
 public:
  virtual ~IdSet() = default;
  virtual std::int64_t size() const = 0;
  virtual bool Contains(std::uint64_t id) const = 0;
  virtual std::span<const std::uint64_t> Sorted() const = 0;  // ascending
};

// No restriction, ascending ids, or an IdSet, none of which it owns. Reads as an optional set.
class AllowedIds {
 public:
  AllowedIds() = default;
  AllowedIds(std::nullopt_t) {}                             // NOLINT: reads as an optional
  AllowedIds(const IdSet* set) : any_(false), set_(set) {}  // NOLINT: not null
  AllowedIds(std::span<const std::uint64_t> ids) : any_(false), ids_(ids) {}     // NOLINT
  AllowedIds(const std::vector<std::uint64_t>& ids) : any_(false), ids_(ids) {}  // NOLINT
  AllowedIds(std::optional<std::span<const std::uint64_t>> ids)                  // NOLINT
      : any_(!ids.has_value()), ids_(ids.value_or(std::span<const std::uint64_t>())) {}

  bool has_value() const { return !any_; }
  std::size_t size() const {
    return set_ != nullptr ? static_cast<std::size_t>(set_->size()) : ids_.size();
  }
  bool empty() const { return size() == 0; }
  bool Contains(std::uint64_t id) const {
    return set_ != nullptr ? set_->Contains(id) : std::binary_search(ids_.begin(), ids_.end(), id);
  }
  std::span<const std::uint64_t> operator*() const {
    return set_ != nullptr ? set_->Sorted() : ids_;
  }
  const AllowedIds* operator->() const { return this; }

 private:
  bool any_ = true;
  const IdSet* set_ = nullptr;
  std::span<const std::uint64_t> ids_;
};

}  // namespace espy::index

#endif  // ESPY_INDEX_ID_SET_H_
