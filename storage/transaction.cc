#include "storage/transaction.h"

#include "storage/keys.h"
#include "storage/rows.h"

namespace espy::storage {

void Transaction::State::Put(Family family, std::string_view key, std::string_view value,
                             std::size_t numbered_by) {
  bytes += key.size() + value.size();
  rows.push_back({family, false, numbered_by, text.size(), key.size(), value.size()});
  text += key;
  text += value;
}

void Transaction::State::Remove(Family family, std::string_view key) {
  bytes += key.size();
  rows.push_back({family, true, 0, text.size(), key.size(), 0});
  text += key;
}

Transaction::Transaction() : state_(std::make_unique<State>()) {}
Transaction::~Transaction() = default;
Transaction::Transaction(Transaction&&) noexcept = default;
Transaction& Transaction::operator=(Transaction&&) noexcept = default;

void Transaction::PutItem(const Record& record) {
  state_->log.push_back({0, ChangeKind::kPutItem, record.id, 0});
  state_->Put(kItems, Key64(record.id), EncodeRecord(record), state_->log.size());
  state_->Put(kHashes, HashKey(record.content_hash), EncodeItemRef(record.id));
  for (const auto& [name, value] : record.fields) {
    std::string key = UserFieldKey(TypeOf(value), name);
    if (state_->user_fields.insert(key).second) state_->Put(kMeta, key, EncodeNumber(1));
  }
}

void Transaction::DropUserField(const UserFieldRow& row) {
  state_->user_fields.erase(UserFieldKey(row.type, row.name));
  state_->Remove(kMeta, UserFieldKey(row.type, row.name));
}

void Transaction::PutPath(std::string_view path, const PathRow& row) {
  state_->Put(kPaths, path, EncodePathRow(row));
}

void Transaction::DeletePath(std::string_view path) { state_->Remove(kPaths, path); }

void Transaction::PutVector(SpaceNumber space, ItemId item, std::span<const std::uint16_t> half) {
  state_->log.push_back({0, ChangeKind::kPutVector, item, space});
  state_->Put(kVectors, VectorKey(space, item), EncodeVector(half));
}

void Transaction::PutFp32Vector(SpaceNumber space, ItemId item, std::span<const float> vector) {
  state_->log.push_back({0, ChangeKind::kPutVector, item, space});
  state_->Put(kVectors, VectorKey(space, item), EncodeFp32Vector(vector));
}

void Transaction::DropVector(SpaceNumber space, ItemId item) {
  state_->Remove(kVectors, VectorKey(space, item));
}

void Transaction::PutThumbnail(ItemId item, std::string_view jpeg) {
  state_->Put(kThumbnails, Key64(item), EncodeThumbnail(jpeg));
}

void Transaction::Forget(const Record& record, std::span<const SpaceNumber> spaces) {
  state_->log.push_back({0, ChangeKind::kForget, record.id, 0});
  state_->Remove(kItems, Key64(record.id));
  state_->Remove(kHashes, HashKey(record.content_hash));
  for (const std::string& path : record.paths) state_->Remove(kPaths, path);
  state_->Remove(kThumbnails, Key64(record.id));
  for (const SpaceNumber space : spaces) state_->Remove(kVectors, VectorKey(space, record.id));
}

void Transaction::PutPage(const PageRow& row) {
  state_->Put(kClicks, PageKey(row.query), EncodePage(row));
}

void Transaction::PutFeedback(const FeedbackRow& row) {
  state_->log.push_back({0, ChangeKind::kFeedback, row.item, 0});
  state_->Put(kClicks, FeedbackKey(row.query, row.item), EncodeFeedback(row));
}

void Transaction::PutPolicy(std::uint64_t version, std::string_view bytes) {
  state_->Put(kClicks, PolicyKey(version), bytes);
}

void Transaction::UsePolicy(std::uint64_t version) {
  state_->log.push_back({0, ChangeKind::kPolicy, kNoItem, 0});
  state_->Put(kMeta, std::string(kSettingPrefix) + std::string(kPolicySetting),
              EncodeNumber(version));
}

void Transaction::PutFailure(std::string_view path, const FailureRow& row) {
  state_->Put(kJournal, path, EncodeFailure(row));
}

void Transaction::DeleteFailure(std::string_view path) { state_->Remove(kJournal, path); }

std::size_t Transaction::changes() const { return state_->log.size(); }
std::size_t Transaction::bytes() const { return state_->bytes; }
const std::vector<LogEntry>& Transaction::log() const { return state_->log; }

}  // namespace espy::storage
