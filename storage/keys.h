// The key of every row. Numbers are big-endian, so that a scan in byte order is one in number
// order; docs/FORMATS.md.
#ifndef ESPY_STORAGE_KEYS_H_
#define ESPY_STORAGE_KEYS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "base/coding.h"
#include "storage/store.h"

namespace espy::storage {

inline std::string Key64(
    std::uint64_t number) {  // items, thumbnails: the item; log: the sequence number
  std::string key;
  PutKey64(&key, number);
  return key;
}

inline bool ParseKey64(std::string_view key, std::uint64_t* number) {
  return key.size() == 8 && GetKey64(&key, number);
}

inline std::string HashKey(const ContentHash& hash) {
  return std::string(reinterpret_cast<const char*>(hash.data()), hash.size());
}

inline std::string SpacePrefix(SpaceNumber space) {
  std::string key;
  PutKey32(&key, space);
  return key;
}

inline std::string VectorKey(SpaceNumber space, ItemId item) {
  std::string key = SpacePrefix(space);
  PutKey64(&key, item);
  return key;
}

inline bool ParseVectorKey(std::string_view key, SpaceNumber* space, ItemId* item) {
  return key.size() == 12 && GetKey32(&key, space) && GetKey64(&key, item);
}

// segments: space, then 'm' for the manifest, 's' for the mark that a segment has chunks, or 'c'
// for a chunk with its segment and number. The marks are what is listed: walking the chunks
// themselves would read them.
inline std::string ManifestKey(SpaceNumber space) { return SpacePrefix(space) + 'm'; }

inline std::string MarkPrefix(SpaceNumber space) { return SpacePrefix(space) + 's'; }

inline std::string MarkKey(SpaceNumber space, std::uint64_t segment) {
  std::string key = MarkPrefix(space);
  PutKey64(&key, segment);
  return key;
}

inline bool ParseMarkKey(std::string_view key, SpaceNumber* space, std::uint64_t* segment) {
  if (key.size() != 13 || !GetKey32(&key, space) || key.front() != 's') return false;
  key.remove_prefix(1);
  return GetKey64(&key, segment);
}

inline std::string SegmentPrefix(SpaceNumber space, std::uint64_t segment) {
  std::string key = SpacePrefix(space) + 'c';
  PutKey64(&key, segment);
  return key;
}

inline std::string ChunkKey(SpaceNumber space, std::uint64_t segment, std::uint32_t chunk) {
  std::string key = SegmentPrefix(space, segment);
  PutKey32(&key, chunk);
  return key;
}

inline bool ParseChunkKey(std::string_view key, SpaceNumber* space, std::uint64_t* segment,
                          std::uint32_t* chunk) {
  if (key.size() != 17 || !GetKey32(&key, space) || key.front() != 'c') return false;
  key.remove_prefix(1);
  return GetKey64(&key, segment) && GetKey32(&key, chunk);
}

// segments, of an index that is read while searching: 'l' with a segment, a list and a chunk.
inline std::string ListsPrefix(SpaceNumber space, std::uint64_t segment) {
  std::string key = SpacePrefix(space) + 'l';
  PutKey64(&key, segment);
  return key;
}

inline std::string ListPrefix(SpaceNumber space, std::uint64_t segment, std::uint32_t list) {
  std::string key = ListsPrefix(space, segment);
  PutKey32(&key, list);
  return key;
}

inline std::string ListChunkKey(SpaceNumber space, std::uint64_t segment, std::uint32_t list,
                                std::uint32_t chunk) {
  std::string key = ListPrefix(space, segment, list);
  PutKey32(&key, chunk);
  return key;
}

// clicks: 'p' with a query, 'f' with a query and an item, 'r' with a policy's version.
inline constexpr std::string_view kPagePrefix = "p";
inline constexpr std::string_view kFeedbackPrefix = "f";
inline constexpr std::string_view kPolicyPrefix = "r";

inline std::string PageKey(QueryId query) { return std::string(kPagePrefix) + Key64(query); }

inline bool ParsePageKey(std::string_view key, QueryId* query) {
  return key.starts_with(kPagePrefix) && ParseKey64(key.substr(1), query);
}

inline std::string FeedbackKey(QueryId query, ItemId item) {
  return std::string(kFeedbackPrefix) + Key64(query) + Key64(item);
}

inline bool ParseFeedbackKey(std::string_view key, QueryId* query, ItemId* item) {
  if (key.size() != 17 || !key.starts_with(kFeedbackPrefix)) return false;
  key.remove_prefix(1);
  return GetKey64(&key, query) && GetKey64(&key, item);
}

inline std::string PolicyKey(std::uint64_t version) {
  return std::string(kPolicyPrefix) + Key64(version);
}

// meta
inline constexpr std::string_view kAdapterPrefix = "adapter/";
inline constexpr std::string_view kLastSeqKey = "last_seq";
inline constexpr std::string_view kLogBeginKey = "log_begin";
inline constexpr std::string_view kCurrentSpaceKey = "current_space";
inline constexpr std::string_view kSettingPrefix = "setting/";
inline constexpr std::string_view kTextLanguageKey = "text_language";
inline constexpr std::string_view kPreviousSpaceKey = "previous_space";
inline constexpr std::string_view kNextSpaceKey = "next_space";
inline constexpr std::string_view kRecallPrefix = "recall/";
inline constexpr std::string_view kRecallTargetKey = "recall_target";
inline constexpr std::string_view kSpacePrefix = "space/";
inline constexpr std::string_view kUserFieldPrefix = "field/";

inline std::string UserFieldKey(UserFieldType type, std::string_view name) {
  std::string key(kUserFieldPrefix);
  key += static_cast<char>(type);
  key += name;
  return key;
}

inline std::string SpaceKey(SpaceNumber space) {
  std::string key(kSpacePrefix);
  PutKey32(&key, space);
  return key;
}

inline std::string AdapterKey(SpaceNumber space) {
  std::string key(kAdapterPrefix);
  PutKey32(&key, space);
  return key;
}

inline std::string RecallKey(SpaceNumber space) {
  std::string key(kRecallPrefix);
  PutKey32(&key, space);
  return key;
}

// The least key greater than every key with this prefix; "" when there is none (a prefix of 0xff
// bytes).
inline std::string PrefixEnd(std::string prefix) {
  while (!prefix.empty() && static_cast<std::uint8_t>(prefix.back()) == 0xff) prefix.pop_back();
  if (!prefix.empty())
    prefix.back() = static_cast<char>(static_cast<std::uint8_t>(prefix.back()) + 1);
  return prefix;
}

}  // namespace espy::storage

#endif  // ESPY_STORAGE_KEYS_H_
