// The bytes of every row's value, to and from structs. Pure functions; docs/FORMATS.md draws the
// layouts.
//
// Parsers take bytes that may be damaged or hostile: they allocate no more than the value holds and
// answer Corruption with a sentence that the caller completes with the row's key. A version greater
// than this program's is Unsupported.
#ifndef ESPY_STORAGE_ROWS_H_
#define ESPY_STORAGE_ROWS_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/store.h"

namespace espy::storage {

// items: the sequence number lies at a fixed place, because it is known only when the commit's turn
// comes.
std::string EncodeRecord(const Record& record);
void SetRecordSeq(char* value, std::uint64_t seq);
Result<Record> ParseRecord(ItemId id, std::string_view value);

std::string EncodePathRow(const PathRow& row);
Result<PathRow> ParsePathRow(std::string_view value);

std::string EncodeItemRef(ItemId id);  // hashes
Result<ItemId> ParseItemRef(std::string_view value);

std::string EncodeVector(std::span<const std::uint16_t> half);
std::string EncodeFp32Vector(std::span<const float> vector);
// Of either kind; one in FP32 is rounded, one in FP16 widened. Any dimension from 1 to
// kMaxDimension.
Status ParseVector(std::string_view value, std::vector<std::uint16_t>* half);
Status ParseFp32Vector(std::string_view value, std::vector<float>* vector);
inline constexpr std::size_t kMaxDimension = 65'536;

std::string EncodeThumbnail(std::string_view jpeg);
Result<std::string_view> ParseThumbnail(std::string_view value);  // points into value

std::string EncodeFailure(const FailureRow& row);
Result<FailureRow> ParseFailure(std::string_view value);

std::string EncodeLogEntry(const LogEntry& entry);  // without seq, which is the key
Result<LogEntry> ParseLogEntry(std::uint64_t seq, std::string_view value);

std::string EncodeSpace(const SpaceRow& row);  // without number, which is the key
Result<SpaceRow> ParseSpace(SpaceNumber number, std::string_view value);

std::string EncodeAdapter(const AdapterRow& row);
Result<AdapterRow> ParseAdapter(std::string_view value);
std::string EncodeRecall(const RecallRow& row);
Result<RecallRow> ParseRecall(std::string_view value);

std::string EncodeNumber(std::uint64_t value);  // meta: last_seq, current_space
Result<std::uint64_t> ParseNumber(std::string_view value);

// Chunks and manifests: a header that is checked before the bytes go to anyone. The header is apart
// so that 4 MiB need not be copied to be written.
inline constexpr std::size_t kMaxChunkBytes = 4u << 20;
std::string EncodeSegmentHeader(std::string_view bytes);
Result<std::string_view> ParseSegmentValue(std::string_view value);  // points into value

}  // namespace espy::storage

#endif  // ESPY_STORAGE_ROWS_H_
