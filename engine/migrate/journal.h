// Failures of items that the library holds, in the journal.
#ifndef ESPY_ENGINE_MIGRATE_JOURNAL_H_
#define ESPY_ENGINE_MIGRATE_JOURNAL_H_

#include <string>

#include "base/env.h"
#include "espy/record.h"
#include "storage/store.h"
#include "storage/transaction.h"

namespace espy::migrate {

// Where an item's failure stands: its first path, or "item " and its number.
std::string JournalKey(const Record& record);

// Puts the failure into the transaction. Returns it as it is told: "PATH: DOING: WHY".
Status Journal(Env* env, storage::Store* store, const Record& record, const std::string& doing,
               const Status& why, storage::Transaction* transaction);

}  // namespace espy::migrate

#endif  // ESPY_ENGINE_MIGRATE_JOURNAL_H_
