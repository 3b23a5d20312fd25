// The filter language of --where: a small expression over a record's fields.
//
//   year >= 2020 and tag = "beach" and not path ~ "*/screens/*" and width > 1000
//   place near 52.52,13.40 10 and rating >= 4 and caption contains dog
//
// docs/WHERE.md is the users' page. Grammar (keywords in any case):
//   or    := and ("or" and)*
//   and   := unary ("and" unary)*
//   unary := "not" unary | "(" or ")" | "has" FIELD | FIELD OP VALUE
//          | "place" "near" LAT,LON KM | "place" "within" SOUTH,WEST,NORTH,EAST
//   OP    := = != < <= > >= ~ !~ contains        (~ matches a glob: * ? [a-z])
//   FIELD := a record's (fields.h), or a user's: field.NAME, or NAME where no other has it
//   VALUE := number with optional k/M/G, date YYYY[-MM[-DD[THH:MM[:SS]]]], true, false, "string",
//            'string', bare word
#ifndef ESPY_ENGINE_WHERE_WHERE_H_
#define ESPY_ENGINE_WHERE_WHERE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "engine/where/test.h"
#include "espy/record.h"
#include "espy/status.h"

namespace espy::where {

// A parsed expression: a tree of tests. Immutable, any thread.
struct Filter {
  enum class Kind { kAnd, kOr, kNot, kTest };
  Kind kind = Kind::kTest;
  std::vector<std::unique_ptr<const Filter>> parts;  // one of kNot, none of kTest
  Test test;

  bool Matches(const Record& record) const;
};

// The user fields that a library knows: a name's type, or nullopt when its items disagree.
using UserFields = std::map<std::string, std::optional<UserFieldType>, std::less<>>;

// An expression of at most 64 KiB and 200 levels. An unknown field or a value of the wrong type is
// InvalidArgument; the message says where it stands and names the fields that there are. Without
// `user_fields` (null), field.NAME takes any name, and its value whatever it can be read as.
Result<std::unique_ptr<const Filter>> Parse(std::string_view text,
                                            const UserFields* user_fields = nullptr);

}  // namespace espy::where

#endif  // ESPY_ENGINE_WHERE_WHERE_H_
