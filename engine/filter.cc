#include "engine/filter.h"

#include "base/status_macros.h"

namespace espy {

Result<where::UserFields> KnownUserFields(storage::Store* store) {
  ESPY_ASSIGN_OR_RETURN(const std::vector<storage::UserFieldRow> rows, store->UserFields());
  where::UserFields fields;
  for (const storage::UserFieldRow& row : rows) {
    const auto [entry, fresh] = fields.try_emplace(row.name, row.type);
    if (!fresh) entry->second = std::nullopt;
  }
  return fields;
}

Result<std::unique_ptr<const where::Filter>> ParseFilter(storage::Store* store,
                                                         const std::string& expression) {
  ESPY_ASSIGN_OR_RETURN(const where::UserFields fields, KnownUserFields(store));
  return where::Parse(expression, &fields);
}

Result<std::shared_ptr<const index::IdSet>> SelectItems(storage::Store* store,
                                                        const where::Filter& filter,
                                                        const ReadState& state) {
  if (fields::Block::Answers(filter)) {
    return std::shared_ptr<const index::IdSet>(state.fields->Select(filter));
  }
  std::vector<ItemId> ids;
  ESPY_RETURN_IF_ERROR(store->ScanItems(
      [&](const Record& record) {
        if (filter.Matches(record)) ids.push_back(record.id);
        return true;
      },
      state.snapshot.get()));
  return std::shared_ptr<const index::IdSet>(std::make_shared<const fields::Selection>(
      std::vector<fields::Selection::Rows>(), std::move(ids)));
}

}  // namespace espy
