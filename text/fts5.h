// Where FTS5's functions for tokenizers and ranking are got from.
#ifndef ESPY_TEXT_FTS5_H_
#define ESPY_TEXT_FTS5_H_

#include <sqlite3.h>

#include "espy/status.h"
#include "text/connection.h"

namespace espy::text {

// Unsupported when the SQLite in use has no FTS5.
Result<fts5_api*> Fts5Of(Connection* connection);

}  // namespace espy::text

#endif  // ESPY_TEXT_FTS5_H_
