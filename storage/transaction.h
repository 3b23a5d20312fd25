// What a Transaction holds before its sequence numbers are known.
#ifndef ESPY_STORAGE_TRANSACTION_H_
#define ESPY_STORAGE_TRANSACTION_H_

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "storage/rocks_db.h"
#include "storage/store.h"

namespace espy::storage {

struct Transaction::State {
  // Keys and values lie one after the other in `text`: a large batch is a few allocations.
  struct Row {
    Family family;
    bool remove = false;
    // The log entry whose number goes into the value (SetRecordSeq), plus 1; 0: none does.
    std::size_t numbered_by = 0;
    std::size_t key_at = 0, key_bytes = 0, value_bytes = 0;  // the value follows its key
  };
  std::string text;
  std::vector<Row> rows;  // in order: a later one wins over an earlier one of the same key
  std::vector<LogEntry> log;
  std::set<std::string> user_fields;  // keys that rows already holds
  std::size_t bytes = 0;

  void Put(Family family, std::string_view key, std::string_view value,
           std::size_t numbered_by = 0);
  void Remove(Family family, std::string_view key);
  std::string_view KeyOf(const Row& row) const {
    return std::string_view(text).substr(row.key_at, row.key_bytes);
  }
  std::string_view ValueOf(const Row& row) const {
    return std::string_view(text).substr(row.key_at + row.key_bytes, row.value_bytes);
  }
};

}  // namespace espy::storage

#endif  // ESPY_STORAGE_TRANSACTION_H_
