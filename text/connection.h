// SQLite, wrapped: connections, statements, and errors as Status. Named by no header outside text/.
#ifndef ESPY_TEXT_CONNECTION_H_
#define ESPY_TEXT_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "espy/status.h"

struct sqlite3;
struct sqlite3_stmt;

namespace espy::text {

// A prepared statement. One thread at a time; the connection must outlive it.
class Statement {
 public:
  Statement() = default;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement) {}
  Statement(Statement&& other) noexcept : statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept;
  ~Statement();

  // Parameters from 1. Text is copied.
  void Bind(int parameter, std::int64_t value);
  void Bind(int parameter, std::string_view text);
  void BindPointer(int parameter, void* pointer, const char* type);

  Result<bool> Step();  // whether there is a row
  Status Run();         // to its end, then ready for the next values
  void Reset();
  std::int64_t Number(int column);    // columns from 0
  std::string_view Text(int column);  // valid until the next step

 private:
  sqlite3_stmt* statement_ = nullptr;
};

// One thread at a time.
class Connection {
 public:
  enum class Access { kRead, kWrite, kCreate };
  // `path` is a file or one of SQLite's "file:" addresses.
  static Result<std::unique_ptr<Connection>> Open(const std::string& path, Access access);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Status Execute(const std::string& sql);
  Result<Statement> Prepare(std::string_view sql);
  Result<std::int64_t> Number(const std::string& sql);  // of the first row's first column
  // The whole database as `source` sees it, into this one, which is in memory and must be opened
  // afresh afterwards.
  Status CopyFrom(Connection* source);
  sqlite3* handle() { return db_; }

 private:
  Connection() = default;
  sqlite3* db_ = nullptr;
};

// What SQLite's result code means: Corruption for a damaged file, ResourceExhausted for a full disk
// or memory, Unavailable for one that is busy, IoError else.
Status SqliteStatus(int code, std::string_view message);

}  // namespace espy::text

#endif  // ESPY_TEXT_CONNECTION_H_
