// The filter language of --where: a small expression over a record's fields.
//
//   year >= 2020 and tag = "beach" and not path ~ "*/screens/*" and width > 1000
//
// docs/WHERE.md is the users' page. Grammar (keywords in any case):
//   or    := and ("or" and)*
//   and   := unary ("and" unary)*
//   unary := "not" unary | "(" or ")" | FIELD OP VALUE
//   OP    := = != < <= > >= ~ !~          (~ matches a glob: * ? [a-z])
//   VALUE := number with optional k/M/G, date YYYY[-MM[-DD]], "string", 'string', bare word
#ifndef ESPY_ENGINE_WHERE_WHERE_H_
#define ESPY_ENGINE_WHERE_WHERE_H_

#include <memory>
#include <string_view>

#include "espy/record.h"
#include "espy/status.h"

namespace espy::where {

// A parsed expression; immutable, any thread.
class Filter {
 public:
  virtual ~Filter() = default;
  virtual bool Matches(const Record& record) const = 0;
};

// An expression of at most 64 KiB and 200 levels. An unknown field or a value of the wrong type is
// InvalidArgument; the message says where it stands and names the fields that there are.
Result<std::unique_ptr<const Filter>> Parse(std::string_view text);

}  // namespace espy::where

#endif  // ESPY_ENGINE_WHERE_WHERE_H_
