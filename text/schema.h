// The tables of the index, and the facts about it that are read back.
#ifndef ESPY_TEXT_SCHEMA_H_
#define ESPY_TEXT_SCHEMA_H_

#include <string>

#include "espy/status.h"
#include "text/connection.h"
#include "text/text_index.h"

namespace espy::text {

inline constexpr char kFileName[] = "words.db";

// Makes or replaces every table.
Status CreateTables(Connection* connection, const std::string& language);

// Corruption, saying how, when the tables are of another version; otherwise their language.
Result<std::string> CheckTables(Connection* connection);

Result<Position> ReadPosition(Connection* connection);
Status WritePosition(Connection* connection, const Position& position);

}  // namespace espy::text

#endif  // ESPY_TEXT_SCHEMA_H_
