// What a library is told once: rows of `meta` that are neither spaces nor numbers.
#include <rocksdb/write_batch.h>

#include "base/status_macros.h"
#include "storage/keys.h"
#include "storage/rocks_store.h"

namespace espy::storage {
namespace {
constexpr std::size_t kMaxLanguageBytes = 64;
}

Result<std::string> RocksStore::TextLanguage() {
  const std::shared_ptr<RocksDb> db = Db();
  rocksdb::PinnableSlice value;
  const Status read = db->Get(kMeta, kTextLanguageKey, nullptr, "text language", &value);
  if (read.code() == StatusCode::kNotFound) return std::string(kDefaultTextLanguage);
  ESPY_RETURN_IF_ERROR(read);
  const std::string_view bytes = value.ToStringView();
  if (bytes.size() < 2 || bytes.size() > 1 + kMaxLanguageBytes) {
    return Status::Corruption(directory_ +
                              ": text language: its row is damaged; set it again with "
                              "`espy rebuild --language`");
  }
  if (bytes[0] != 1) {
    return Status::Unsupported(directory_ +
                               ": text language: written by a newer program; use that");
  }
  return std::string(bytes.substr(1));
}

Status RocksStore::SetTextLanguage(std::string_view language) {
  ESPY_RETURN_IF_ERROR(RequireWritable());
  if (language.empty() || language.size() > kMaxLanguageBytes) {
    return Status::InvalidArgument("text language: '" + std::string(language) +
                                   "' is no language's name");
  }
  std::string value(1, '\x01');
  value += language;
  rocksdb::WriteBatch batch;
  ESPY_RETURN_IF_ERROR(
      db_->ToStatus(batch.Put(db_->handle(kMeta), std::string(kTextLanguageKey), value)));
  return Write(&batch, options_.sync);
}

}  // namespace espy::storage
