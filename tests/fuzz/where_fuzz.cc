// Any bytes as a filter expression: parsed or refused, and what was parsed can be asked.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "engine/where/where.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  espy::Record record;
  record.paths = {"/pics/a.jpg"};
  record.tags = {"beach"};
  record.caption = "a dog";
  record.place = espy::Place{52.5, 13.4};
  record.fields = {{"rating", std::int64_t{4}},
                   {"sharp", true},
                   {"weight", 0.5},
                   {"due", espy::Date{1}},
                   {"client", "Zoo"}};
  const espy::where::UserFields known = {{"rating", espy::UserFieldType::kInteger},
                                         {"sharp", espy::UserFieldType::kBoolean},
                                         {"weight", espy::UserFieldType::kReal},
                                         {"due", espy::UserFieldType::kDate},
                                         {"client", std::nullopt}};
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const espy::where::UserFields* fields :
       {static_cast<const espy::where::UserFields*>(nullptr), &known}) {
    auto filter = espy::where::Parse(text, fields);
    if (filter.ok()) (void)(*filter)->Matches(record);
  }
  return 0;
}
