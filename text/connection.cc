#include "text/connection.h"

#include <sqlite3.h>

#include "base/status_macros.h"

namespace espy::text {
namespace {

constexpr int kBusyTimeoutMs = 10'000;  // another process opens, recovers or checkpoints

Status Failure(sqlite3* db, int code) {
  return SqliteStatus(code, db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code));
}

}  // namespace

Status SqliteStatus(int code, std::string_view message) {
  std::string text = "text index: " + std::string(message);
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_FORMAT:
    case SQLITE_SCHEMA:
    case SQLITE_ERROR:  // our statements are right: a table is missing or is not what it was
      return Status::Corruption(std::move(text));
    case SQLITE_IOERR:
      // A file that ends before its pages do was cut short.
      if (code == SQLITE_IOERR_SHORT_READ) return Status::Corruption(std::move(text));
      return Status::IoError(std::move(text));
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_TOOBIG:
      return Status::ResourceExhausted(std::move(text));
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Status::Unavailable(std::move(text));
    case SQLITE_INTERRUPT:
      return Status::Cancelled(std::move(text));
    default:
      return Status::IoError(std::move(text));
  }
}

Statement& Statement::operator=(Statement&& other) noexcept {
  std::swap(statement_, other.statement_);
  return *this;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

void Statement::Bind(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_, parameter, value);
}

void Statement::Bind(int parameter, std::string_view text) {
  // A null pointer would bind NULL.
  sqlite3_bind_text64(statement_, parameter, text.empty() ? "" : text.data(), text.size(),
                      SQLITE_TRANSIENT, SQLITE_UTF8);
}

void Statement::BindPointer(int parameter, void* pointer, const char* type) {
  sqlite3_bind_pointer(statement_, parameter, pointer, type, nullptr);
}

Result<bool> Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  sqlite3* db = sqlite3_db_handle(statement_);
  Status failed = Failure(db, sqlite3_extended_errcode(db));
  sqlite3_reset(statement_);
  return failed;
}

Status Statement::Run() {
  for (;;) {
    ESPY_ASSIGN_OR_RETURN(const bool row, Step());
    if (!row) break;
  }
  Reset();
  return Status::Ok();
}

void Statement::Reset() { sqlite3_reset(statement_); }

std::int64_t Statement::Number(int column) { return sqlite3_column_int64(statement_, column); }

std::string_view Statement::Text(int column) {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

Result<std::unique_ptr<Connection>> Connection::Open(const std::string& path, Access access) {
  std::unique_ptr<Connection> connection(new Connection());
  int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI;
  flags |= access == Access::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
  if (access == Access::kCreate) flags |= SQLITE_OPEN_CREATE;
  const int code = sqlite3_open_v2(path.c_str(), &connection->db_, flags, nullptr);
  if (code != SQLITE_OK) return Failure(connection->db_, code);
  sqlite3_extended_result_codes(connection->db_, 1);
  sqlite3_busy_timeout(connection->db_, kBusyTimeoutMs);
  // The file may be hostile: no SQL of its schema may call what is not harmless, and limits hold.
  sqlite3_db_config(connection->db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(connection->db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_limit(connection->db_, SQLITE_LIMIT_LENGTH, 64 << 20);
  return connection;
}

Connection::~Connection() { sqlite3_close_v2(db_); }

Status Connection::Execute(const std::string& sql) {
  if (sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return Status::Ok();
  return Failure(db_, sqlite3_extended_errcode(db_));
}

Result<Statement> Connection::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_, sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  if (code != SQLITE_OK) return Failure(db_, sqlite3_extended_errcode(db_));
  return Statement(statement);
}

Result<std::int64_t> Connection::Number(const std::string& sql) {
  ESPY_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
  ESPY_ASSIGN_OR_RETURN(const bool row, statement.Step());
  if (!row) return Status::Corruption("text index: a row is missing");
  return statement.Number(0);
}

Status Connection::CopyFrom(Connection* source) {
  sqlite3_backup* backup = sqlite3_backup_init(db_, "main", source->db_, "main");
  if (backup == nullptr) return Failure(db_, sqlite3_extended_errcode(db_));
  const int stepped = sqlite3_backup_step(backup, -1);
  const int finished = sqlite3_backup_finish(backup);
  if (stepped != SQLITE_DONE || finished != SQLITE_OK) {
    return Failure(db_, finished != SQLITE_OK ? finished : stepped);
  }
  // The header (https://sqlite.org/fileformat.html, offsets 18 and 19) says that the file has a
  // write-ahead log, which memory cannot have.
  sqlite3_file* file = nullptr;
  int code = sqlite3_file_control(db_, "main", SQLITE_FCNTL_FILE_POINTER, &file);
  if (code == SQLITE_OK) code = file->pMethods->xWrite(file, "\x01\x01", 2, 18);
  return code == SQLITE_OK ? Status::Ok() : Failure(db_, code);
}

}  // namespace espy::text
