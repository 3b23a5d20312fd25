#include "engine/transfer/record_json.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/base64.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "encoders/json.h"
#include "engine/transfer/json_text.h"

namespace espy::transfer {
namespace {

using encoders::JsonValue;

constexpr std::size_t kMaxStoredKeys = 20;
constexpr std::size_t kMaxWords = 65'536;  // tags or paths of one item

// --- writing

void PutTextList(std::string* out, std::string_view key, const std::vector<std::string>& texts,
                 bool as_bytes) {
  PutKey(out, key);
  *out += '[';
  for (const std::string& text : texts) {
    if (out->back() != '[') *out += ',';
    PutQuoted(out, as_bytes ? EncodeBase64(text) : text);
  }
  *out += ']';
}

// A text that is not UTF-8 goes as the base64 of its bytes, under a key that says so.
void PutTexts(std::string* out, const std::string& key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  const bool as_bytes = !std::all_of(texts.begin(), texts.end(), IsUtf8);
  PutTextList(out, as_bytes ? key + "_bytes" : key, texts, as_bytes);
}

void PutFields(std::string* out, const std::map<std::string, FieldValue>& fields) {
  if (fields.empty()) return;
  PutKey(out, "fields");
  *out += '{';
  for (const auto& [name, value] : fields) {
    if (const auto* boolean = std::get_if<bool>(&value)) {
      PutKey(out, name);
      *out += *boolean ? "true" : "false";
    } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
      PutNumber(out, name, *integer);
    } else if (const auto* real = std::get_if<double>(&value)) {
      if (!std::isfinite(*real)) continue;
      const std::size_t start = out->size();
      PutNumber(out, name, *real);
      // A point or an exponent tells it from an integer.
      const bool whole = out->find_first_of(".e", start + name.size() + 3) == std::string::npos;
      if (whole) *out += ".0";
    } else if (const auto* date = std::get_if<Date>(&value)) {
      PutKey(out, name);
      *out += '{';
      PutNumber(out, "date", date->unix_seconds);
      *out += '}';
    } else {
      const auto& text = std::get<std::string>(value);
      if (!IsUtf8(text)) continue;  // the library takes none
      PutKey(out, name);
      PutQuoted(out, text);
    }
  }
  *out += '}';
}

void PutGenerated(std::string* out, const GeneratedCaption& caption) {
  if (!IsUtf8(caption.text)) return;
  PutKey(out, "generated_caption");
  *out += '{';
  PutKey(out, "text");
  PutQuoted(out, caption.text);
  PutText(out, "model", caption.model);
  PutText(out, "model_id", caption.model_id);
  PutNumber(out, "confidence", caption.confidence);
  PutNumber(out, "cosine", caption.cosine);
  PutKey(out, "searched");
  *out += caption.searched ? "true}" : "false}";
}

// --- reading

// As Library::SetFields has them: docs/WHERE.md.
bool IsFieldName(std::string_view name) {
  return !name.empty() && name.size() <= 64 && name[0] >= 'a' && name[0] <= 'z' &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") == std::string_view::npos;
}

class Reader {
 public:
  Reader(const JsonValue::Object& object, const std::string& name, std::set<std::string>* ignored)
      : object_(object), name_(name), ignored_(ignored) {}

  Status Read(Line* line) {
    for (const encoders::JsonMember& member : object_) {
      if (member.value.is_null()) continue;
      ESPY_RETURN_IF_ERROR(ReadMember(member.key, member.value, line));
    }
    Record& record = line->record;
    if (record.paths.empty() && !path_.empty()) record.paths = {path_};
    std::sort(record.paths.begin(), record.paths.end());
    record.paths.erase(std::unique(record.paths.begin(), record.paths.end()), record.paths.end());
    std::sort(record.tags.begin(), record.tags.end());
    record.tags.erase(std::unique(record.tags.begin(), record.tags.end()), record.tags.end());
    if (has_latitude_ != has_longitude_) return Bad("latitude", "and longitude stand together");
    if (has_latitude_) record.place = place_;
    return Status::Ok();
  }

 private:
  Status Bad(std::string_view key, const std::string& why) const {
    return Status::InvalidArgument(name_ + ": \"" + std::string(key) + "\" " + why +
                                   "; `espy help import` has the keys");
  }

  Status Text(std::string_view key, const JsonValue& value, std::string* text, bool bytes) const {
    const std::string* given = value.AsString();
    if (given == nullptr) return Bad(key, "is not a text");
    if (!bytes) {
      *text = *given;
      return Status::Ok();
    }
    return DecodeBase64(*given, text) ? Status::Ok() : Bad(key, "is not base64");
  }

  Status Texts(std::string_view key, const JsonValue& value, std::vector<std::string>* texts,
               bool bytes) const {
    const JsonValue::Array* given = value.AsArray();
    if (given == nullptr || given->size() > kMaxWords) return Bad(key, "is not a list of texts");
    texts->clear();
    for (const JsonValue& element : *given) {
      ESPY_RETURN_IF_ERROR(Text(key, element, &texts->emplace_back(), bytes));
      if (texts->back().empty()) return Bad(key, "holds an empty text");
    }
    return Status::Ok();
  }

  template <class T>
  Status Integer(std::string_view key, const JsonValue& value, std::int64_t lowest,
                 std::int64_t highest, T* out) const {
    const std::int64_t* given = value.AsInteger();
    if (given == nullptr || *given < lowest || *given > highest) {
      return Bad(key, "is not a whole number from " + std::to_string(lowest) + " to " +
                          std::to_string(highest));
    }
    *out = static_cast<T>(*given);
    return Status::Ok();
  }

  Status Degrees(std::string_view key, const JsonValue& value, double limit, double* out,
                 bool* has) const {
    if (!value.is_number() || !(std::abs(value.AsNumber()) <= limit)) {
      return Bad(key, "is not in degrees");
    }
    *out = value.AsNumber();
    *has = true;
    return Status::Ok();
  }

  Status Hash(std::string_view key, const JsonValue& value, ContentHash* hash) const {
    const std::string* text = value.AsString();
    if (text == nullptr || text->size() != 2 * hash->size()) {
      return Bad(key, "is not 64 hexadecimal digits");
    }
    for (std::size_t i = 0; i < hash->size(); ++i) {
      const char* at = text->data() + 2 * i;
      const auto [end, error] = std::from_chars(at, at + 2, (*hash)[i], 16);
      if (error != std::errc() || end != at + 2) return Bad(key, "is not 64 hexadecimal digits");
    }
    return Status::Ok();
  }

  Status PerceptualHash(std::string_view key, const JsonValue& value, std::uint64_t* hash) const {
    const std::string* text = value.AsString();
    if (text == nullptr || text->size() != 16) return Bad(key, "is not 16 hexadecimal digits");
    const auto [end, error] = std::from_chars(text->data(), text->data() + 16, *hash, 16);
    const bool whole = error == std::errc() && end == text->data() + 16;
    return whole ? Status::Ok() : Bad(key, "is not 16 hexadecimal digits");
  }

  Status PixelsFrom(std::string_view key, const JsonValue& value, PixelSource* from) const {
    const std::string* text = value.AsString();
    for (const PixelSource source : {PixelSource::kPicture, PixelSource::kPreview,
                                     PixelSource::kThumbnail, PixelSource::kImported}) {
      if (text != nullptr && *text == PixelSourceName(source)) {
        *from = source;
        return Status::Ok();
      }
    }
    return Bad(key, "is not picture, preview, thumbnail or imported");
  }

  template <class T>
  Status Base64Vector(std::string_view key, const JsonValue& value, std::vector<T>* vector) {
    std::string bytes;
    ESPY_RETURN_IF_ERROR(Text(key, value, &bytes, true));
    if (bytes.empty() || bytes.size() % sizeof(T) != 0) {
      return Bad(key, "does not hold whole values");
    }
    vector->resize(bytes.size() / sizeof(T));
    std::memcpy(vector->data(), bytes.data(), bytes.size());
    return OnlyVector(key);
  }

  Status Vector(std::string_view key, const JsonValue& value, std::vector<float>* vector) {
    const JsonValue::Array* given = value.AsArray();
    if (given == nullptr) return Bad(key, "is not a list of numbers");
    vector->reserve(given->size());
    for (const JsonValue& element : *given) {
      if (!element.is_number()) return Bad(key, "is not a list of numbers");
      vector->push_back(static_cast<float>(element.AsNumber()));
    }
    return OnlyVector(key);
  }

  Status Generated(std::string_view key, const JsonValue& value,
                   std::optional<GeneratedCaption>* caption) const {
    if (value.AsObject() == nullptr) return Bad(key, "is not an object");
    GeneratedCaption& to = caption->emplace();
    const auto text = [&](std::string_view name, std::string* into) {
      const JsonValue* given = value.Find(name);
      return given == nullptr || given->is_null() ? Status::Ok() : Text(name, *given, into, false);
    };
    ESPY_RETURN_IF_ERROR(text("text", &to.text));
    ESPY_RETURN_IF_ERROR(text("model", &to.model));
    ESPY_RETURN_IF_ERROR(text("model_id", &to.model_id));
    for (const auto& [name, into] :
         {std::pair("confidence", &to.confidence), std::pair("cosine", &to.cosine)}) {
      const JsonValue* given = value.Find(name);
      if (given == nullptr || given->is_null()) continue;
      if (!given->is_number() || !(std::abs(given->AsNumber()) <= 1.001)) {
        return Bad(name, "is not a number from -1 to 1");
      }
      *into = static_cast<float>(given->AsNumber());
    }
    if (const JsonValue* searched = value.Find("searched"); searched != nullptr) {
      if (searched->AsBool() == nullptr) return Bad("searched", "is not true or false");
      to.searched = *searched->AsBool();
    }
    if (to.text.empty()) return Bad(key, "has no text");
    return Status::Ok();
  }

  Status Fields(std::string_view key, const JsonValue& value,
                std::map<std::string, FieldValue>* fields) const {
    constexpr std::size_t kMaxFields = 64, kMaxTextBytes = 4096;
    const JsonValue::Object* given = value.AsObject();
    if (given == nullptr || given->size() > kMaxFields) {
      return Bad(key, "is not an object of at most 64 values");
    }
    for (const auto& [name, field] : *given) {
      if (field.is_null()) continue;
      if (!IsFieldName(name)) return Bad(name, "is no name of a field: a to z, 0 to 9 and _");
      FieldValue& to = (*fields)[name];
      if (const bool* boolean = field.AsBool()) {
        to = *boolean;
      } else if (const std::int64_t* integer = field.AsInteger()) {
        to = *integer;
      } else if (field.is_number() && std::isfinite(field.AsNumber())) {
        to = field.AsNumber();
      } else if (const std::string* text = field.AsString();
                 text != nullptr && text->size() <= kMaxTextBytes &&
                 text->find('\0') == std::string::npos) {
        to = *text;
      } else if (const JsonValue* date = field.Find("date");
                 date != nullptr && date->AsInteger() != nullptr) {
        to = Date{*date->AsInteger()};
      } else {
        return Bad(name, "is no value of a field: true, 42, 0.5, a text, {\"date\": seconds}");
      }
    }
    return Status::Ok();
  }

  Status OnlyVector(std::string_view key) {
    if (has_vector_) return Bad(key, "is a second vector");
    has_vector_ = true;
    return Status::Ok();
  }

  Status ReadMember(const std::string& key, const JsonValue& value, Line* line) {
    constexpr std::int64_t kLeast = INT64_MIN, kMost = INT64_MAX;
    Record& record = line->record;
    if (key == "vector") return Vector(key, value, &line->vector);
    if (key == "vector_f32") return Base64Vector(key, value, &line->vector);
    if (key == "vector_f16") return Base64Vector(key, value, &line->half);
    if (key == "content_hash") return Hash(key, value, &record.content_hash);
    if (key == "path") return path_.empty() ? Text(key, value, &path_, false) : Status::Ok();
    if (key == "path_bytes") return Text(key, value, &path_, true);
    if (key == "paths") {
      return has_path_bytes_ ? Status::Ok() : Texts(key, value, &record.paths, false);
    }
    if (key == "paths_bytes") {
      has_path_bytes_ = true;
      return Texts(key, value, &record.paths, true);
    }
    if (key == "format") return Text(key, value, &record.format, false);
    if (key == "format_bytes") return Text(key, value, &record.format, true);
    if (key == "file_bytes") return Integer(key, value, 0, kMost, &record.file_bytes);
    if (key == "width") return Integer(key, value, 0, INT32_MAX, &record.width);
    if (key == "height") return Integer(key, value, 0, INT32_MAX, &record.height);
    if (key == "added") return Integer(key, value, kLeast, kMost, &record.added_unix);
    if (key == "modified") return Integer(key, value, kLeast, kMost, &record.modified_unix);
    if (key == "taken") return Integer(key, value, kLeast, kMost, &record.taken_unix.emplace());
    if (key == "camera") return Text(key, value, &record.camera, false);
    if (key == "camera_bytes") return Text(key, value, &record.camera, true);
    if (key == "latitude") return Degrees(key, value, 90, &place_.latitude, &has_latitude_);
    if (key == "longitude") return Degrees(key, value, 180, &place_.longitude, &has_longitude_);
    if (key == "perceptual_hash") return PerceptualHash(key, value, &record.perceptual_hash);
    if (key == "pixels_from") return PixelsFrom(key, value, &record.pixels_from);
    if (key == "tags") return Texts(key, value, &record.tags, false);
    if (key == "tags_bytes") return Texts(key, value, &record.tags, true);
    if (key == "caption") return Text(key, value, &record.caption, false);
    if (key == "caption_bytes") return Text(key, value, &record.caption, true);
    if (key == "generated_caption") return Generated(key, value, &record.generated_caption);
    if (key == "fields") return Fields(key, value, &record.fields);
    // What the library gives, and what follows from other keys.
    static constexpr std::string_view kDerived[] = {"id",     "seq",  "name",  "folder",
                                                    "pixels", "year", "month", "day"};
    const bool derived =
        std::find(std::begin(kDerived), std::end(kDerived), key) != std::end(kDerived);
    if (!derived && ignored_ != nullptr && ignored_->size() < kMaxStoredKeys) ignored_->insert(key);
    return Status::Ok();
  }

  const JsonValue::Object& object_;
  const std::string& name_;
  std::set<std::string>* const ignored_;
  std::string path_;
  Place place_;
  bool has_latitude_ = false, has_longitude_ = false, has_vector_ = false, has_path_bytes_ = false;
};

}  // namespace

std::string RecordToLine(const Record& record, std::span<const std::uint16_t> half,
                         std::span<const float> fp32) {
  std::string out = "{";
  PutKey(&out, "id");
  PutQuoted(&out, FormatItemId(record.id));
  PutKey(&out, "content_hash");
  PutQuoted(&out, FormatContentHash(record.content_hash));
  PutTexts(&out, "paths", record.paths);
  PutText(&out, "format", record.format);
  if (record.file_bytes != 0) PutNumber(&out, "file_bytes", record.file_bytes);
  if (record.width != 0) PutNumber(&out, "width", record.width);
  if (record.height != 0) PutNumber(&out, "height", record.height);
  if (record.added_unix != 0) PutNumber(&out, "added", record.added_unix);
  if (record.modified_unix != 0) PutNumber(&out, "modified", record.modified_unix);
  if (record.taken_unix) PutNumber(&out, "taken", *record.taken_unix);
  PutText(&out, "camera", record.camera);
  if (record.place && std::isfinite(record.place->latitude) &&
      std::isfinite(record.place->longitude)) {
    PutNumber(&out, "latitude", record.place->latitude);
    PutNumber(&out, "longitude", record.place->longitude);
  }
  if (record.perceptual_hash != 0) {
    PutKey(&out, "perceptual_hash");
    PutQuoted(&out, FormatItemId(record.perceptual_hash));
  }
  if (record.pixels_from != PixelSource::kPicture) {
    PutKey(&out, "pixels_from");
    PutQuoted(&out, PixelSourceName(record.pixels_from));
  }
  PutTexts(&out, "tags", record.tags);
  PutText(&out, "caption", record.caption);
  if (record.generated_caption) PutGenerated(&out, *record.generated_caption);
  PutFields(&out, record.fields);
  if (!fp32.empty()) {
    PutKey(&out, "vector_f32");
    PutQuoted(&out, EncodeBase64({reinterpret_cast<const char*>(fp32.data()), fp32.size_bytes()}));
  } else if (!half.empty()) {
    PutKey(&out, "vector_f16");
    PutQuoted(&out, EncodeBase64({reinterpret_cast<const char*>(half.data()), half.size_bytes()}));
  }
  return out + '}';
}

Result<Line> ParseLine(std::string_view text, const std::string& name,
                       std::set<std::string>* ignored) {
  encoders::JsonLimits limits;
  limits.max_depth = 4;
  limits.max_values = 200'000;
  ESPY_ASSIGN_OR_RETURN(const JsonValue value, encoders::ParseJson(text, name, limits));
  if (value.AsObject() == nullptr) {
    return Status::InvalidArgument(name + ": is not an object; give one JSON object a line");
  }
  Line line;
  ESPY_RETURN_IF_ERROR(Reader(*value.AsObject(), name, ignored).Read(&line));
  return line;
}

}  // namespace espy::transfer
