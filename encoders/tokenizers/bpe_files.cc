// tokenizer.json, vocab.json and merges.txt.
#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "encoders/json_fields.h"
#include "encoders/tokenizers/tokenizer_files.h"
#include "encoders/tokenizers/unicode.h"

namespace espy::encoders {
namespace {

// Gemma's tokenizer.json, the largest published for these models, holds 2.3 million values.
constexpr JsonLimits kLimits{16, 8 * 1024 * 1024};
constexpr std::size_t kMaxAddedTokens = 1 << 16;
constexpr std::size_t kMaxTemplate = 16;

Status BadMerge(const std::string& where, std::size_t number, const std::string& why) {
  return Status::Corruption(where + ": merge " + std::to_string(number) + " " + why +
                            "; the vocabulary and the merges must come from one model");
}

Status AddMerge(const std::string& left, const std::string& right, std::size_t number,
                const std::string& where, BpeModel* model) {
  const std::int32_t left_id = model->vocabulary.Find(left);
  const std::int32_t right_id = model->vocabulary.Find(right);
  const std::int32_t merged = model->vocabulary.Find(left + right);
  if (left_id < 0 || right_id < 0 || merged < 0) {
    return BadMerge(where, number,
                    "(\"" + Printable(left) + "\", \"" + Printable(right) +
                        "\") makes or takes a token that the vocabulary lacks");
  }
  model->merges.Add(left_id, right_id, merged);
  return Status::Ok();
}

Status AddMergeLine(std::string_view line, std::size_t number, const std::string& where,
                    BpeModel* model) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos || line.find(' ', space + 1) != std::string_view::npos) {
    return BadMerge(where, number, "\"" + Printable(line) + "\" is not two tokens");
  }
  return AddMerge(std::string(line.substr(0, space)), std::string(line.substr(space + 1)), number,
                  where, model);
}

// tokenizer.json writes a merge as "a b", newer files as ["a", "b"].
Status ReadMerges(const JsonValue& merges, const std::string& where, BpeModel* model) {
  const JsonValue::Array* items = merges.AsArray();
  if (items == nullptr) return Status::InvalidArgument(where + " is not a list");
  for (std::size_t i = 0; i < items->size(); ++i) {
    const JsonValue& item = (*items)[i];
    if (const std::string* line = item.AsString()) {
      ESPY_RETURN_IF_ERROR(AddMergeLine(*line, i, where, model));
      continue;
    }
    const JsonValue::Array* pair = item.AsArray();
    if (pair == nullptr || pair->size() != 2 || (*pair)[0].AsString() == nullptr ||
        (*pair)[1].AsString() == nullptr) {
      return BadMerge(where, i, "is not two tokens");
    }
    ESPY_RETURN_IF_ERROR(AddMerge(*(*pair)[0].AsString(), *(*pair)[1].AsString(), i, where, model));
  }
  model->merges.Finish();
  return Status::Ok();
}

Status ReadModel(const JsonValue& value, const std::string& where, BpeModel* model) {
  JsonFields fields(&value, where);
  const JsonValue* vocabulary = fields.Raw("vocab");
  const JsonValue* merges = fields.Raw("merges");
  if (vocabulary == nullptr) return Status::InvalidArgument(where + ": vocab is missing");
  if (merges == nullptr) return Status::InvalidArgument(where + ": merges is missing");
  ESPY_ASSIGN_OR_RETURN(model->vocabulary, Vocabulary::Parse(*vocabulary, where + ": vocab"));
  ESPY_RETURN_IF_ERROR(ReadMerges(*merges, where + ": merges", model));
  model->end_of_word_suffix = fields.Text("end_of_word_suffix", "");
  model->byte_fallback = fields.Flag("byte_fallback", false);
  if (!fields.Text("continuing_subword_prefix", "").empty()) {
    fields.Refuse("continuing_subword_prefix", "is not supported", StatusCode::kUnsupported);
  }
  if (fields.Flag("ignore_merges", false)) {
    fields.Refuse("ignore_merges", "is not supported", StatusCode::kUnsupported);
  }
  return fields.status();
}

Status ReadAddedTokens(const JsonValue& value, const std::string& where,
                       std::vector<AddedToken>* tokens) {
  const JsonValue::Array* items = value.AsArray();
  if (items == nullptr) return Status::InvalidArgument(where + " is not a list");
  if (items->size() > kMaxAddedTokens) {
    return Status::ResourceExhausted(where + " holds more than " + std::to_string(kMaxAddedTokens) +
                                     " tokens");
  }
  for (const JsonValue& item : *items) {
    ESPY_ASSIGN_OR_RETURN(AddedToken token, ParseAddedToken(item, where));
    JsonFields fields(&item, where);
    token.id = static_cast<std::int32_t>(fields.Integer("id", -1, 0, Vocabulary::kMaxIds - 1));
    ESPY_RETURN_IF_ERROR(fields.status());
    tokens->push_back(std::move(token));
  }
  return Status::Ok();
}

Status AppendIds(const JsonValue& processor, const std::string& name, const std::string& where,
                 std::vector<std::int32_t>* out) {
  const JsonValue* special = processor.FindGiven("special_tokens");
  const JsonValue* entry = special == nullptr ? nullptr : special->FindGiven(name);
  const JsonValue* ids = entry == nullptr ? nullptr : entry->FindGiven("ids");
  if (ids == nullptr || ids->AsArray() == nullptr) {
    return Status::InvalidArgument(where + ": no ids for the special token \"" + Printable(name) +
                                   "\"");
  }
  for (const JsonValue& id : *ids->AsArray()) {
    const std::int64_t* number = id.AsInteger();
    if (number == nullptr || *number < 0 || *number >= Vocabulary::kMaxIds ||
        out->size() >= kMaxTemplate) {
      return Status::InvalidArgument(where + ": the ids of \"" + Printable(name) +
                                     "\" are not a few token ids");
    }
    out->push_back(static_cast<std::int32_t>(*number));
  }
  return Status::Ok();
}

// {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<bos>"}}, {"Sequence": {"id":
// "A"}}, ...], ...}
Status ReadTemplate(const JsonValue& processor, const std::string& where, TokenTemplate* out) {
  const JsonValue* single = processor.FindGiven("single");
  if (single == nullptr || single->AsArray() == nullptr) {
    return Status::InvalidArgument(where + ": single is not a list");
  }
  bool after = false;
  for (const JsonValue& part : *single->AsArray()) {
    if (part.FindGiven("Sequence") != nullptr) {
      after = true;
      continue;
    }
    const JsonValue* special = part.FindGiven("SpecialToken");
    const JsonValue* name = special == nullptr ? nullptr : special->FindGiven("id");
    if (name == nullptr || name->AsString() == nullptr) {
      return Status::InvalidArgument(where + ": single holds neither a sequence nor a token");
    }
    ESPY_RETURN_IF_ERROR(
        AppendIds(processor, *name->AsString(), where, after ? &out->suffix : &out->prefix));
  }
  return Status::Ok();
}

Status ReadPostProcessor(const JsonValue& processor, const std::string& where, bool nested,
                         TokenTemplate* out) {
  JsonFields fields(&processor, where);
  const std::string type = fields.Text("type", "");
  ESPY_RETURN_IF_ERROR(fields.status());
  if (type == "ByteLevel") return Status::Ok();  // moves offsets alone, which nothing here asks for
  if (type == "TemplateProcessing") return ReadTemplate(processor, where, out);
  if (type == "RobertaProcessing" || type == "BertProcessing") {
    for (const auto& [key, ids] :
         {std::pair("cls", &out->prefix), std::pair("sep", &out->suffix)}) {
      const JsonValue* pair = processor.FindGiven(key);
      const JsonValue::Array* items = pair == nullptr ? nullptr : pair->AsArray();
      const std::int64_t* id =
          items == nullptr || items->size() != 2 ? nullptr : (*items)[1].AsInteger();
      if (id == nullptr || *id < 0 || *id >= Vocabulary::kMaxIds) {
        return Status::InvalidArgument(where + ": " + key + " is not a token and its id");
      }
      ids->push_back(static_cast<std::int32_t>(*id));
    }
    return Status::Ok();
  }
  const JsonValue* parts = processor.FindGiven("processors");
  if (type == "Sequence" && !nested && parts != nullptr && parts->AsArray() != nullptr) {
    for (const JsonValue& part : *parts->AsArray()) {
      ESPY_RETURN_IF_ERROR(ReadPostProcessor(part, where, true, out));
    }
    return Status::Ok();
  }
  return Status::Unsupported(where + ": type \"" + Printable(type) + "\" is not supported");
}

}  // namespace

Vocabulary::Vocabulary(std::unordered_map<std::string, std::int32_t> ids) : ids_(std::move(ids)) {
  for (const auto& [token, id] : ids_) bound_ = std::max(bound_, id + 1);
}

Result<Vocabulary> Vocabulary::Parse(const JsonValue& object, const std::string& where) {
  const JsonValue::Object* members = object.AsObject();
  if (members == nullptr) return Status::InvalidArgument(where + " is not an object");
  if (members->empty()) return Status::InvalidArgument(where + " is empty");
  Vocabulary vocabulary;
  vocabulary.ids_.reserve(members->size());
  for (const auto& [token, value] : *members) {
    const std::int64_t* id = value.AsInteger();
    if (id == nullptr || *id < 0 || *id >= kMaxIds) {
      return Status::InvalidArgument(where + ": \"" + Printable(token) + "\" has no id from 0 to " +
                                     std::to_string(kMaxIds - 1));
    }
    vocabulary.ids_.emplace(token, static_cast<std::int32_t>(*id));
    vocabulary.bound_ = std::max(vocabulary.bound_, static_cast<std::int32_t>(*id) + 1);
  }
  return vocabulary;
}

std::int32_t Vocabulary::Find(const std::string& token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? -1 : found->second;
}

std::unordered_map<char32_t, std::int32_t> Vocabulary::Letters() const {
  std::unordered_map<char32_t, std::int32_t> letters;
  for (const auto& [token, id] : ids_) {
    if (token.empty()) continue;
    std::size_t end = 0;
    const char32_t letter = NextCodePoint(token, &end);
    if (end == token.size()) letters.emplace(letter, id);
  }
  return letters;
}

Result<TokenizerJson> ParseTokenizerJson(std::string_view text, const std::string& where) {
  ESPY_ASSIGN_OR_RETURN(JsonValue root, ParseJson(text, where, kLimits));
  JsonValue::Object* members = root.MutableObject();
  if (members == nullptr) return Status::InvalidArgument(where + ": not an object");
  TokenizerJson file;
  const JsonValue* model = root.FindGiven("model");
  if (model == nullptr) return Status::InvalidArgument(where + ": model is missing");
  JsonFields fields(model, where + ": model");
  // Old files leave the type of a byte-pair model out.
  file.model_type = fields.Text("type", fields.Has("merges") ? "BPE" : "");
  ESPY_RETURN_IF_ERROR(fields.status());
  if (file.model_type == "BPE") {
    ESPY_RETURN_IF_ERROR(ReadModel(*model, where + ": model", &file.model));
  }
  if (file.model_type == "Unigram") {
    ESPY_ASSIGN_OR_RETURN(file.unigram, UnigramModel::Parse(*model, where + ": model"));
  }
  if (const JsonValue* added = root.FindGiven("added_tokens")) {
    ESPY_RETURN_IF_ERROR(ReadAddedTokens(*added, where + ": added_tokens", &file.added_tokens));
  }
  if (const JsonValue* processor = root.FindGiven("post_processor")) {
    file.post_processor.emplace();
    ESPY_RETURN_IF_ERROR(
        ReadPostProcessor(*processor, where + ": post_processor", false, &*file.post_processor));
  }
  for (JsonMember& member : *members) {
    if (member.key == "normalizer") file.normalizer = std::move(member.value);
    if (member.key == "pre_tokenizer") file.pre_tokenizer = std::move(member.value);
    if (member.key == "decoder") file.decoder = std::move(member.value);
    if (member.key == "model" && file.model_type == "WordPiece") {
      file.word_piece = std::move(member.value);
    }
  }
  return file;
}

Result<BpeModel> ParseVocabularyAndMerges(std::string_view vocabulary_json,
                                          const std::string& vocabulary_where,
                                          std::string_view merges_txt,
                                          const std::string& merges_where) {
  BpeModel model;
  {
    ESPY_ASSIGN_OR_RETURN(const JsonValue root,
                          ParseJson(vocabulary_json, vocabulary_where, kLimits));
    ESPY_ASSIGN_OR_RETURN(model.vocabulary, Vocabulary::Parse(root, vocabulary_where));
  }
  for (std::size_t number = 1; !merges_txt.empty(); ++number) {
    const std::size_t end = std::min(merges_txt.find('\n'), merges_txt.size());
    std::string_view line = merges_txt.substr(0, end);
    merges_txt.remove_prefix(std::min(end + 1, merges_txt.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("#version")) continue;
    ESPY_RETURN_IF_ERROR(AddMergeLine(line, number, merges_where, &model));
  }
  model.merges.Finish();
  return model;
}

}  // namespace espy::encoders
