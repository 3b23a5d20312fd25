#include "cli/json.h"

#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdlib>

#include "cli/text.h"

namespace espy::cli {
namespace {

std::string FirstPath(const Record& record) {
  return record.paths.empty() ? std::string() : record.paths.front();
}

std::string HexDigits(std::uint64_t value) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out(16, '0');
  for (int i = 15; i >= 0; --i, value >>= 4) out[i] = kDigits[value & 15];
  return out;
}

std::chrono::year_month_day DateOf(const Record& record) {
  const std::chrono::seconds since_1970(record.taken_unix.value_or(record.modified_unix));
  return std::chrono::floor<std::chrono::days>(std::chrono::sys_seconds(since_1970));
}

// Dates as text, the other types as JSON has them.
Json FieldsToJson(const Record& record) {
  Json out = Json::object();
  for (const auto& [name, value] : record.fields) {
    std::visit(
        [&, &key = name](const auto& held) {
          if constexpr (std::is_same_v<std::decay_t<decltype(held)>, Date>) {
            out[key] = FormatFieldValue(held);
          } else {
            out[key] = held;
          }
        },
        value);
  }
  return out;
}

}  // namespace

std::string ToLine(const Json& json) {
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Json JsonNumber(float value) {
  if (!std::isfinite(value)) return nullptr;
  std::array<char, 64> buffer;
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size() - 1, value).ptr;
  *end = '\0';
  return std::strtod(buffer.data(), nullptr);
}

void SetPath(Json* object, const std::string& key, std::string_view path) {
  (*object)[key] = path;
  if (!IsValidUtf8(path)) (*object)[key + "_bytes"] = Base64(path);
}

void SetPaths(Json* object, const std::string& key, const std::vector<std::string>& paths) {
  Json names = Json::array(), bytes = Json::array();
  bool all_valid = true;
  for (const std::string& path : paths) {
    names.push_back(path);
    bytes.push_back(Base64(path));
    all_valid = all_valid && IsValidUtf8(path);
  }
  (*object)[key] = std::move(names);
  if (!all_valid) (*object)[key + "_bytes"] = std::move(bytes);
}

Json GeneratedToJson(const GeneratedCaption& caption) {
  Json out;
  out["text"] = caption.text;
  out["model"] = caption.model;
  out["model_id"] = caption.model_id;
  out["confidence"] = JsonNumber(caption.confidence);
  out["cosine"] = JsonNumber(caption.cosine);
  out["searched"] = caption.searched;
  return out;
}

Json RecordToJson(const Record& record) {
  Json out;
  out["id"] = FormatItemId(record.id);
  out["content_hash"] = FormatContentHash(record.content_hash);
  out["seq"] = record.seq;
  SetPath(&out, "path", FirstPath(record));
  SetPaths(&out, "paths", record.paths);
  const std::string path = FirstPath(record);
  const std::size_t slash = path.find_last_of('/');
  out["name"] = path.substr(slash + 1);
  out["folder"] = slash == std::string::npos ? std::string() : path.substr(0, slash);
  out["format"] = record.format;
  out["file_bytes"] = record.file_bytes;
  out["width"] = record.width;
  out["height"] = record.height;
  out["pixels"] = static_cast<std::int64_t>(record.width) * record.height;
  out["added"] = record.added_unix;
  out["modified"] = record.modified_unix;
  out["taken"] = record.taken_unix ? Json(*record.taken_unix) : Json(nullptr);
  const std::chrono::year_month_day date = DateOf(record);
  out["year"] = static_cast<int>(date.year());
  out["month"] = static_cast<unsigned>(date.month());
  out["day"] = static_cast<unsigned>(date.day());
  out["camera"] = record.camera;
  out["latitude"] = record.place ? Json(record.place->latitude) : Json(nullptr);
  out["longitude"] = record.place ? Json(record.place->longitude) : Json(nullptr);
  out["perceptual_hash"] = HexDigits(record.perceptual_hash);
  out["tags"] = record.tags;
  out["pixels_from"] = PixelSourceName(record.pixels_from);
  out["spaces_by_thumbnail"] = record.spaces_by_thumbnail;
  out["spaces_without"] = record.spaces_without;
  out["caption"] = record.caption;
  out["generated_caption"] =
      record.generated_caption ? GeneratedToJson(*record.generated_caption) : Json(nullptr);
  out["fields"] = FieldsToJson(record);
  return out;
}

Json HitToJson(const Hit& hit, const std::string& query_id) {
  Json out;
  out["rank"] = hit.rank;
  out["id"] = FormatItemId(hit.id);
  SetPath(&out, "path", FirstPath(hit.record));
  out["score"] = JsonNumber(hit.score);
  out["probability"] = hit.probability < 0 ? Json(nullptr) : JsonNumber(hit.probability);
  out["parts"] = {{"dense", JsonNumber(hit.parts.dense)},
                  {"text", JsonNumber(hit.parts.text)},
                  {"policy", JsonNumber(hit.parts.policy)},
                  {"dense_rank", hit.parts.dense_rank},
                  {"text_rank", hit.parts.text_rank},
                  {"match", hit.parts.match < 0 ? Json(nullptr) : JsonNumber(hit.parts.match)}};
  out["caption"] = SearchedCaption(hit.record);
  out["tags"] = hit.record.tags;
  out["width"] = hit.record.width;
  out["height"] = hit.record.height;
  out["query_id"] = query_id;
  out["stands_for"] = hit.stands_for;
  out["cursor"] = hit.cursor.empty() ? Json(nullptr) : Json(hit.cursor);
  return out;
}

Json PolicyToJson(const PolicyInfo& policy) {
  const auto number = [](double x) { return JsonNumber(static_cast<float>(x)); };
  Json out;
  out["version"] = policy.version;
  out["in_use"] = policy.in_use;
  out["learned"] = policy.learned_unix;
  out["learned_on"] = policy.learned_on;
  out["judged_on"] = policy.judged_on;
  out["value"] = number(policy.value);
  out["value_before"] = number(policy.value_before);
  out["gain"] = number(policy.gain);
  out["gain_lower"] = number(policy.gain_lower);
  out["gain_upper"] = number(policy.gain_upper);
  out["weights"] = Json::object();
  for (const auto& [feature, weight] : policy.weights) out["weights"][feature] = number(weight);
  out["stops"] = Json::array();
  for (const StopInfo& stop : policy.stops) {
    out["stops"].push_back({{"of", stop.phrases ? "phrases" : "examples"},
                            {"f1", number(stop.f1)},
                            {"f1_fixed", number(stop.f1_fixed)},
                            {"f1_all", number(stop.f1_all)},
                            {"calibration", number(stop.calibration)}});
  }
  return out;
}

Json FailuresToJson(const std::vector<IngestFailure>& failures) {
  Json out = Json::array();
  for (const IngestFailure& failure : failures) {
    Json entry;
    SetPath(&entry, "path", failure.path);
    entry["code"] = StatusCodeName(failure.status.code());
    entry["message"] = failure.status.message();
    out.push_back(std::move(entry));
  }
  return out;
}

Json IngestReportToJson(const IngestReport& report, const std::string& library, bool dry_run) {
  Json out;
  SetPath(&out, "library", library);
  out["dry_run"] = dry_run;
  out["found"] = report.found;
  out["added"] = report.added;
  out["unchanged"] = report.unchanged;
  out["known"] = report.known;
  out["moved"] = report.moved;
  out["replaced"] = report.replaced;
  out["retaken"] = report.retaken;
  out["vanished"] = report.vanished;
  out["failed"] = report.failed;
  out["captioned"] = report.captioned;
  out["unsure"] = report.unsure;
  out["skipped"] = report.skipped;
  out["bytes_read"] = report.bytes_read;
  out["cancelled"] = report.cancelled;
  out["seconds"] = report.seconds;
  out["decode_seconds"] = report.decode_seconds;
  out["encode_seconds"] = report.encode_seconds;
  out["commit_seconds"] = report.commit_seconds;
  out["failures"] = FailuresToJson(report.failures);
  return out;
}

void SetRecall(Json* out, const SpaceInfo& space) {
  const bool live = space.recall_searches > 0;
  (*out)["recall_at_10"] = space.recall_at_10 < 0 ? Json(nullptr) : Json(space.recall_at_10);
  (*out)["recall_live"] = live ? Json(space.recall_live) : Json(nullptr);
  (*out)["recall_low"] = live ? Json(space.recall_low) : Json(nullptr);
  (*out)["recall_high"] = live ? Json(space.recall_high) : Json(nullptr);
  (*out)["recall_searches"] = space.recall_searches;
  (*out)["effort"] = space.effort;
}

Json AdapterToJson(const AdapterInfo& adapter) {
  if (adapter.trained_unix == 0) return Json(nullptr);
  return {{"trained", adapter.trained_unix},
          {"pairs", adapter.pairs},
          {"held_out", adapter.held_out},
          {"before", adapter.before},
          {"after", adapter.after}};
}

Json LibraryInfoToJson(const LibraryInfo& info) {
  Json out;
  SetPath(&out, "library", info.path);
  out["format_version"] = info.format_version;
  out["seq"] = info.seq;
  out["items"] = info.items;
  out["paths"] = info.paths;
  out["picture_bytes"] = info.picture_bytes;
  out["disk_bytes"] = info.disk_bytes;
  out["failures"] = info.failures;
  out["disk_quota"] = info.disk_quota;
  out["auto_compact"] = info.auto_compact;
  out["memory_budget"] = info.memory_budget;
  out["memory_bytes"] = info.memory_bytes;
  Json spaces = Json::array();
  for (const SpaceInfo& space : info.spaces) {
    Json entry;
    entry["number"] = space.number;
    entry["state"] = space.state;
    entry["model"] = space.model;
    entry["id"] = space.id;
    entry["dimension"] = space.dimension;
    entry["dtype"] = space.dtype;
    entry["vectors"] = space.vectors;
    entry["missing"] = space.missing;
    entry["by_thumbnail"] = space.by_thumbnail;
    entry["index"] = space.index.empty() ? Json(nullptr) : Json(space.index);
    entry["sealed_segments"] = space.sealed_segments;
    entry["growing"] = space.growing;
    entry["tombstones"] = space.tombstones;
    SetRecall(&entry, space);
    entry["adapter"] = AdapterToJson(space.adapter);
    spaces.push_back(std::move(entry));
  }
  out["spaces"] = std::move(spaces);
  out["text"] = {{"language", info.text.language},
                 {"items", info.text.items},
                 {"words", info.text.words},
                 {"bytes", info.text.bytes},
                 {"behind", info.text.behind}};
  out["recall_target"] = info.recall_target;
  out["device"] = info.device;
  out["search_device"] = info.search_device.empty() ? Json("cpu") : Json(info.search_device);
  return out;
}

Json FailureToJson(const Failure& failure) {
  Json out;
  SetPath(&out, "path", failure.path);
  out["code"] = failure.code;
  out["message"] = failure.message;
  out["when"] = failure.when_unix;
  out["attempts"] = failure.attempts;
  return out;
}

}  // namespace espy::cli
