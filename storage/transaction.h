// What a Transaction holds before its sequence numbers are known.
#ifndef ESPY_STORAGE_TRANSACTION_H_
#define ESPY_STORAGE_TRANSACTION_H_

#include <set>
#include <string>
#include <vector>

#include "storage/rocks_db.h"
#include "storage/store.h"

namespace espy::storage {

struct Transaction::State {
  struct Row {
    Family family;
    bool remove = false;
    // The log entry whose number goes into the value (SetRecordSeq), plus 1; 0: none does.
    std::size_t numbered_by = 0;
    std::string key, value;
  };
  std::vector<Row> rows;  // in order: a later one wins over an earlier one of the same key
  std::vector<LogEntry> log;
  std::set<std::string> user_fields;  // keys that rows already holds
  std::size_t bytes = 0;

  void Put(Family family, std::string key, std::string value, std::size_t numbered_by = 0);
  void Remove(Family family, std::string key);
};

}  // namespace espy::storage

#endif  // ESPY_STORAGE_TRANSACTION_H_
