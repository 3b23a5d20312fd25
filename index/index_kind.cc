#include "index/index_kind.h"

#include <utility>

namespace espy::index {
namespace {

constexpr std::pair<IndexKind, std::string_view> kNames[] = {
    {IndexKind::kAuto, "auto"},        {IndexKind::kFlat, "flat"},
    {IndexKind::kGraph, "hnsw"},       {IndexKind::kHnsw, "hnsw-fp16"},
    {IndexKind::kIvfFlat, "ivf-flat"}, {IndexKind::kDisk, "disk"},
    {IndexKind::kIvfPq, "ivf-pq"},     {IndexKind::kIvfRabitq, "ivf-rabitq"},
};

}  // namespace

std::string_view IndexKindName(IndexKind kind) {
  for (const auto& [known, name] : kNames) {
    if (known == kind) return name;
  }
  return "unknown";
}

Result<IndexKind> ParseIndexKind(std::string_view name) {
  std::string names;
  for (const auto& [kind, known] : kNames) {
    if (known == name) return kind;
    names += (names.empty() ? "" : ", ") + std::string(known);
  }
  return Status::InvalidArgument("index: '" + std::string(name) +
                                 "' is no kind of index; give one of " + names);
}

bool IsIndexKind(std::uint8_t number) {
  for (const auto& [kind, name] : kNames) {
    if (static_cast<std::uint8_t>(kind) == number) return true;
  }
  return false;
}

}  // namespace espy::index
