#include "engine/migrate/journal.h"

namespace espy::migrate {

std::string JournalKey(const Record& record) {
  return record.paths.empty() ? "item " + FormatItemId(record.id) : record.paths.front();
}

Status Journal(Env* env, storage::Store* store, const Record& record, const std::string& doing,
               const Status& why, storage::Transaction* transaction) {
  const std::string key = JournalKey(record);
  const std::string reason =
      why.message().starts_with(key) ? why.message().substr(key.size()) : ": " + why.message();
  Status status(why.code(), key + ": " + doing + reason);
  storage::FailureRow failure;
  failure.code = status.code();
  failure.message = status.message();
  failure.when_unix = env->NowUnixNs() / 1'000'000'000;
  failure.size = record.file_bytes;
  failure.attempts = 1;
  if (const auto before = store->GetFailure(key); before.ok()) {
    failure.attempts = before->attempts + 1;
  }
  transaction->PutFailure(key, failure);
  return status;
}

}  // namespace espy::migrate
