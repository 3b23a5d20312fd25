#include "encoders/tokenizers/sentencepiece_check.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <vector>

#include "base/coding.h"
#include "base/status_macros.h"

namespace espy::encoders {
namespace {

constexpr std::size_t kMaxPieces = 1 << 20;
constexpr std::size_t kMaxPieceBytes = 1024;
constexpr int kMaxMatches = 32;  // the library's array of trie results

// One field of a protocol buffer message: a number, or a stretch of bytes.
struct Field {
  std::uint64_t number = 0;
  std::uint64_t value = 0;  // of a varint or fixed field
  std::string_view bytes;   // of a length-delimited field
  bool delimited = false;
};

// Takes the next field off the message; false when it is malformed.
bool NextField(std::string_view* message, Field* field) {
  std::uint64_t tag = 0;
  if (!GetVarint(message, &tag)) return false;
  *field = {};
  field->number = tag >> 3;
  switch (tag & 7) {
    case 0:
      return GetVarint(message, &field->value);
    case 1:
      return GetFixed(message, &field->value);
    case 2: {
      std::uint64_t size = 0;
      if (!GetVarint(message, &size) || size > message->size()) return false;
      field->delimited = true;
      field->bytes = message->substr(0, size);
      message->remove_prefix(size);
      return true;
    }
    case 5: {
      std::uint32_t value = 0;
      if (!GetFixed(message, &value)) return false;
      field->value = value;
      return true;
    }
    default:
      return false;  // groups, which the format does not use
  }
}

// Calls `see` for each field; false when the message is malformed or `see` says so.
template <class See>
bool ForEachField(std::string_view message, See see) {
  Field field;
  while (!message.empty()) {
    if (!NextField(&message, &field) || !see(field)) return false;
  }
  return true;
}

// message SentencePiece { string piece = 1; float score = 2; Type type = 3; }
bool PieceIsSound(std::string_view piece) {
  return ForEachField(piece, [](const Field& field) {
    if (field.number == 1) return field.delimited && field.bytes.size() <= kMaxPieceBytes;
    if (field.number == 2) {
      return std::isfinite(std::bit_cast<float>(static_cast<std::uint32_t>(field.value)));
    }
    return true;
  });
}

// A unit of the double array, as the Darts library packs it: label in bits 0-7 and 31, "has a
// value" in bit 8, offset in bits 10-30, times 256 when bit 9 is set; a value unit has bit 31 set
// and the value below it.
std::uint32_t Label(std::uint32_t unit) { return unit & 0x800000FFu; }
bool HasValue(std::uint32_t unit) { return (unit >> 8 & 1) != 0; }
std::uint32_t Offset(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }
std::uint32_t Value(std::uint32_t unit) { return unit & 0x7FFFFFFFu; }

// Walks every path from the root. The array is a graph, not a tree: keys with the same ending share
// its units. So each unit is finished once, with the most values met on a path from it on; a unit
// met again while its own paths are being walked would let a text go round for ever.
class TrieWalk {
 public:
  TrieWalk(const std::vector<std::uint32_t>& units, std::size_t values_end)
      : units_(units), values_end_(values_end), matches_(units.size(), kUnseen) {}

  bool IsSound() {
    if (!Enter(0, false)) return false;
    while (!path_.empty()) {
      Step& step = path_.back();
      if (step.byte == 256) {
        const std::uint32_t done = step.unit;
        const int matches = step.matches;
        path_.pop_back();
        matches_[done] = matches;
        if (matches > kMaxMatches) return false;
        if (!path_.empty()) path_.back().matches = Most(path_.back(), matches);
        continue;
      }
      const std::uint32_t child = step.base ^ step.byte;
      if (Label(units_[child]) != step.byte++) continue;
      if (matches_[child] == kOnPath) return false;
      if (matches_[child] >= 0) {
        step.matches = Most(step, matches_[child]);
      } else if (!Enter(child, HasValue(units_[child]))) {
        return false;
      }
    }
    return true;
  }

 private:
  static constexpr int kUnseen = -1;
  static constexpr int kOnPath = -2;
  struct Step {
    std::uint32_t unit;
    std::uint32_t base;
    std::uint32_t byte;  // the next one to follow
    int own;             // 1 when the unit has a value
    int matches;         // the most values on any path from here, its own included
  };

  static int Most(const Step& step, int below) { return std::max(step.matches, step.own + below); }

  bool Enter(std::uint32_t unit, bool has_value) {
    const std::uint32_t base = unit ^ Offset(units_[unit]);
    if ((base | 0xFFu) >= units_.size()) return false;
    if (has_value && Value(units_[base]) >= values_end_) return false;
    matches_[unit] = kOnPath;
    const int own = has_value ? 1 : 0;
    path_.push_back({unit, base, 0, own, own});
    return true;
  }

  const std::vector<std::uint32_t>& units_;
  std::size_t values_end_;
  std::vector<int> matches_;  // of finished units
  std::vector<Step> path_;
};

// <trie's bytes, 32 bits> <trie> <replacements, each ended by NUL>
bool CharacterMapIsSound(std::string_view map) {
  if (map.empty()) return true;
  std::uint32_t trie_bytes = 0;
  if (!GetFixed(&map, &trie_bytes)) return false;
  if (trie_bytes == 0 || trie_bytes % sizeof(std::uint32_t) != 0 || trie_bytes >= map.size()) {
    return false;
  }
  std::vector<std::uint32_t> units(trie_bytes / sizeof(std::uint32_t));
  for (std::uint32_t& unit : units) GetFixed(&map, &unit);
  return map.back() == '\0' && TrieWalk(units, map.size()).IsSound();
}

// message NormalizerSpec { string name = 1; bytes precompiled_charsmap = 2; ... }
bool NormalizerIsSound(std::string_view spec) {
  return ForEachField(spec, [](const Field& field) {
    return field.number != 2 || (field.delimited && CharacterMapIsSound(field.bytes));
  });
}

}  // namespace

// message ModelProto { repeated SentencePiece pieces = 1; TrainerSpec trainer_spec = 2;
//                      NormalizerSpec normalizer_spec = 3; ...; NormalizerSpec denormalizer_spec =
//                      5; }
Status CheckSentencePieceModel(std::string_view model, const std::string& where) {
  std::size_t pieces = 0;
  std::string wrong = "not a SentencePiece model";
  const bool sound = ForEachField(model, [&](const Field& field) {
    if (field.number == 1) {
      wrong = "piece " + std::to_string(pieces) + " is malformed";
      if (++pieces > kMaxPieces) wrong = "more than " + std::to_string(kMaxPieces) + " pieces";
      if (pieces > kMaxPieces || !field.delimited || !PieceIsSound(field.bytes)) return false;
    } else if (field.number == 3 || field.number == 5) {
      wrong = "its character map points outside itself";
      if (!field.delimited || !NormalizerIsSound(field.bytes)) return false;
    }
    wrong = "it breaks off after " + std::to_string(pieces) + " pieces";
    return true;
  });
  if (sound && pieces > 0) return Status::Ok();
  if (sound) wrong = "it holds no pieces";
  return Status::Corruption(where + ": " + wrong + "; download the file again");
}

}  // namespace espy::encoders
