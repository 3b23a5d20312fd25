// JSON as the program prints it: one object a line, keys in a fixed order, always valid UTF-8.
#ifndef ESPY_CLI_JSON_H_
#define ESPY_CLI_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "espy/ingest.h"
#include "espy/library.h"
#include "espy/query.h"
#include "espy/record.h"

namespace espy::cli {

using Json = nlohmann::ordered_json;

// One line without its end. Bytes that are not UTF-8 become U+FFFD.
std::string ToLine(const Json& json);

// The number whose shortest decimal form is that of the float: 0.31f is written 0.31. null when it
// is not finite.
Json JsonNumber(float value);

// Sets object[key] to the path, and object[key + "_bytes"] to its bytes in base64 when it is not
// UTF-8.
void SetPath(Json* object, const std::string& key, std::string_view path);
// The same for several: key_bytes has an element for each path when any of them is not UTF-8.
void SetPaths(Json* object, const std::string& key, const std::vector<std::string>& paths);

// All that `espy get --json` shows; --where knows the same names.
Json GeneratedToJson(const GeneratedCaption& caption);
Json RecordToJson(const Record& record);
Json HitToJson(const Hit& hit, const std::string& query_id);
Json PolicyToJson(const PolicyInfo& policy);
Json FailuresToJson(const std::vector<IngestFailure>& failures);
Json IngestReportToJson(const IngestReport& report, const std::string& library, bool dry_run);
Json LibraryInfoToJson(const LibraryInfo& info);
// A space's measured recall and effort, under the keys that info and recall share.
void SetRecall(Json* out, const SpaceInfo& space);
Json FailureToJson(const Failure& failure);

}  // namespace espy::cli

#endif  // ESPY_CLI_JSON_H_
