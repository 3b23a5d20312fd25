#include "text/schema.h"

#include "base/status_macros.h"
#include "text/analyzer.h"

namespace espy::text {
namespace {

constexpr std::int64_t kVersion = 1;  // of the tables; another one is made again
// "Espy" in bytes: what `file` shows of a database.
constexpr std::int64_t kApplicationId = 0x45737079;
// FTS5 gathers so much in memory before it writes a run of its index.
constexpr int kFtsMemoryBytes = 8 << 20;

Result<std::string> Fact(Connection* connection, std::string_view name) {
  ESPY_ASSIGN_OR_RETURN(Statement find,
                        connection->Prepare("SELECT value FROM meta WHERE name = ?1"));
  find.Bind(1, name);
  ESPY_ASSIGN_OR_RETURN(const bool row, find.Step());
  if (!row) return Status::Corruption("text index: its " + std::string(name) + " is missing");
  return std::string(find.Text(0));
}

Status SetFact(Connection* connection, std::string_view name, std::string_view value) {
  ESPY_ASSIGN_OR_RETURN(Statement set,
                        connection->Prepare("INSERT OR REPLACE INTO meta VALUES(?1, ?2)"));
  set.Bind(1, name);
  set.Bind(2, value);
  return set.Run();
}

}  // namespace

Status CreateTables(Connection* connection, const std::string& language) {
  std::string columns;
  for (const std::string_view name : kColumnNames) columns += std::string(name) + ", ";
  const std::string sql =
      "PRAGMA application_id = " + std::to_string(kApplicationId) +
      ";"
      "PRAGMA user_version = " +
      std::to_string(kVersion) +
      ";"
      "DROP TABLE IF EXISTS docs; DROP TABLE IF EXISTS items; DROP TABLE IF EXISTS terms;"
      "DROP TABLE IF EXISTS meta;"
      "CREATE TABLE meta(name TEXT PRIMARY KEY, value) WITHOUT ROWID;"
      // Documents are numbered as they come: FTS5 writes lists of small rising numbers, and ids are
      // neither.
      "CREATE TABLE items(document INTEGER PRIMARY KEY, item INTEGER NOT NULL UNIQUE,"
      " seq INTEGER NOT NULL);"
      "CREATE TABLE terms(term TEXT PRIMARY KEY, documents INTEGER NOT NULL) WITHOUT ROWID;"
      "CREATE VIRTUAL TABLE docs USING fts5(" +
      columns + "tokenize='espy " + language +
      "');"
      "INSERT INTO docs(docs, rank) VALUES('hashsize', " +
      std::to_string(kFtsMemoryBytes) + ");";
  ESPY_RETURN_IF_ERROR(connection->Execute(sql));
  ESPY_RETURN_IF_ERROR(SetFact(connection, "analysis", Analyzer::Version()));
  ESPY_RETURN_IF_ERROR(SetFact(connection, "language", language));
  return WritePosition(connection, Position());
}

Result<std::string> CheckTables(Connection* connection) {
  ESPY_ASSIGN_OR_RETURN(const std::int64_t version, connection->Number("PRAGMA user_version"));
  if (version != kVersion) {
    return Status::Corruption("text index: of version " + std::to_string(version) +
                              ", and this program's is " + std::to_string(kVersion));
  }
  ESPY_ASSIGN_OR_RETURN(const std::string analysis, Fact(connection, "analysis"));
  if (analysis != Analyzer::Version()) {
    return Status::Corruption("text index: made by " + analysis + ", and this program's is " +
                              Analyzer::Version());
  }
  return Fact(connection, "language");
}

Result<Position> ReadPosition(Connection* connection) {
  ESPY_ASSIGN_OR_RETURN(Statement find,
                        connection->Prepare("SELECT (SELECT value FROM meta WHERE name = 'seq'),"
                                            "(SELECT value FROM meta WHERE name = 'item'),"
                                            "(SELECT value FROM meta WHERE name = 'building')"));
  ESPY_RETURN_IF_ERROR(find.Step().status());
  Position position;
  position.seq = static_cast<std::uint64_t>(find.Number(0));
  position.item = static_cast<std::uint64_t>(find.Number(1));
  if (const std::string_view building = find.Text(2); !building.empty()) {
    position.building = static_cast<std::uint64_t>(find.Number(2));
  }
  return position;
}

Status WritePosition(Connection* connection, const Position& position) {
  ESPY_ASSIGN_OR_RETURN(
      Statement set,
      connection->Prepare("INSERT OR REPLACE INTO meta VALUES('seq', ?1), ('item', ?2),"
                          " ('building', ?3)"));
  set.Bind(1, static_cast<std::int64_t>(position.seq));
  set.Bind(2, static_cast<std::int64_t>(position.item));
  if (position.building) {
    set.Bind(3, static_cast<std::int64_t>(*position.building));
  } else {
    set.Bind(3, std::string_view());
  }
  return set.Run();
}

}  // namespace espy::text
