// tokenizer_config.json, special_tokens_map.json and the tokens they add.
#include <algorithm>
#include <charconv>

#include "base/status_macros.h"
#include "encoders/json_fields.h"
#include "encoders/tokenizers/tokenizer_files.h"

namespace espy::encoders {
namespace {

constexpr JsonLimits kLimits{12, 1024 * 1024};
constexpr std::size_t kMaxAddedTokens = 1 << 16;
constexpr std::size_t kMaxTokenBytes = 1024;

// A role's token is a string or an object with its content and flags.
Status ReadRole(const JsonValue& root, const std::string& where, const char* key,
                AddedToken* token) {
  const JsonValue* field = root.FindGiven(key);
  if (field == nullptr || !token->content.empty()) return Status::Ok();
  if (const std::string* content = field->AsString()) {
    token->content = *content;
    return Status::Ok();
  }
  ESPY_ASSIGN_OR_RETURN(*token, ParseAddedToken(*field, where + ": " + key));
  return Status::Ok();
}

Status ReadRoles(const JsonValue& root, const std::string& where, TokenizerSettings* settings) {
  ESPY_RETURN_IF_ERROR(ReadRole(root, where, "bos_token", &settings->bos));
  ESPY_RETURN_IF_ERROR(ReadRole(root, where, "eos_token", &settings->eos));
  ESPY_RETURN_IF_ERROR(ReadRole(root, where, "unk_token", &settings->unk));
  ESPY_RETURN_IF_ERROR(ReadRole(root, where, "cls_token", &settings->cls));
  ESPY_RETURN_IF_ERROR(ReadRole(root, where, "sep_token", &settings->sep));
  ESPY_RETURN_IF_ERROR(ReadRole(root, where, "mask_token", &settings->mask));
  return ReadRole(root, where, "pad_token", &settings->pad);
}

Result<JsonValue> ParseObject(std::string_view text, const std::string& where) {
  ESPY_ASSIGN_OR_RETURN(JsonValue root, ParseJson(text, where, kLimits));
  if (root.AsObject() == nullptr) return Status::InvalidArgument(where + ": not an object");
  return root;
}

// {"49406": {"content": ...}, ...}
Status ReadAddedTokensDecoder(const JsonValue& decoder, const std::string& where,
                              std::vector<AddedToken>* tokens) {
  const JsonValue::Object* members = decoder.AsObject();
  if (members == nullptr) return Status::InvalidArgument(where + " is not an object");
  if (members->size() > kMaxAddedTokens) {
    return Status::ResourceExhausted(where + " holds more than " + std::to_string(kMaxAddedTokens) +
                                     " tokens");
  }
  for (const auto& [key, value] : *members) {
    std::int32_t id = -1;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    if (error != std::errc() || end != key.data() + key.size() || id < 0 ||
        id >= Vocabulary::kMaxIds) {
      return Status::InvalidArgument(where + ": \"" + Printable(key) + "\" is not a token's id");
    }
    ESPY_ASSIGN_OR_RETURN(AddedToken token, ParseAddedToken(value, where + ": " + key));
    token.id = id;
    tokens->push_back(std::move(token));
  }
  return Status::Ok();
}

std::optional<bool> ReadFlag(JsonFields* fields, std::string_view key) {
  if (!fields->Has(key)) return std::nullopt;
  return fields->Flag(key, false);
}

Status ReadConfig(const std::string& text, const std::string& where, TokenizerSettings* settings) {
  ESPY_ASSIGN_OR_RETURN(const JsonValue root, ParseObject(text, where));
  ESPY_RETURN_IF_ERROR(ReadRoles(root, where, settings));
  if (const JsonValue* decoder = root.FindGiven("added_tokens_decoder")) {
    settings->has_added_tokens = true;
    ESPY_RETURN_IF_ERROR(ReadAddedTokensDecoder(*decoder, where + ": added_tokens_decoder",
                                                &settings->added_tokens));
  }
  JsonFields fields(&root, where);
  settings->add_bos = ReadFlag(&fields, "add_bos_token");
  settings->add_eos = ReadFlag(&fields, "add_eos_token");
  settings->lower_case = ReadFlag(&fields, "do_lower_case");
  settings->strip_accents = ReadFlag(&fields, "strip_accents");
  settings->cut_chinese = ReadFlag(&fields, "tokenize_chinese_chars");
  settings->cleans_up = ReadFlag(&fields, "clean_up_tokenization_spaces");
  if (fields.Has("padding_side")) {
    const std::string side = fields.Text("padding_side", "right");
    if (side != "left" && side != "right")
      fields.Refuse("padding_side", "is neither left nor right");
    settings->pads_left = side == "left";
  }
  return fields.status();
}

}  // namespace

Result<std::optional<std::string>> TokenizerDirectory::ReadIfThere(const std::string& name) const {
  Result<std::string> text = read(name);
  if (text.ok()) return std::optional<std::string>(std::move(text).value());
  if (text.status().code() == StatusCode::kNotFound) return std::optional<std::string>();
  return text.status();
}

Result<AddedToken> ParseAddedToken(const JsonValue& value, const std::string& where) {
  if (value.AsObject() == nullptr) return Status::InvalidArgument(where + " is not an object");
  JsonFields fields(&value, where);
  AddedToken token;
  token.content = fields.Text("content", "");
  token.single_word = fields.Flag("single_word", false);
  token.lstrip = fields.Flag("lstrip", false);
  token.rstrip = fields.Flag("rstrip", false);
  token.normalized = fields.Flag("normalized", false);
  token.special = fields.Flag("special", false);
  token.has_flags = true;
  if (token.content.size() > kMaxTokenBytes) fields.Refuse("content", "is over 1024 bytes long");
  ESPY_RETURN_IF_ERROR(fields.status());
  return token;
}

Result<TokenizerSettings> ReadTokenizerSettings(const TokenizerDirectory& directory) {
  TokenizerSettings settings;
  ESPY_ASSIGN_OR_RETURN(const auto config, directory.ReadIfThere("tokenizer_config.json"));
  if (config) {
    ESPY_RETURN_IF_ERROR(ReadConfig(*config, directory.Path("tokenizer_config.json"), &settings));
  }
  ESPY_ASSIGN_OR_RETURN(const auto map, directory.ReadIfThere("special_tokens_map.json"));
  if (map) {
    const std::string where = directory.Path("special_tokens_map.json");
    ESPY_ASSIGN_OR_RETURN(const JsonValue root, ParseObject(*map, where));
    ESPY_RETURN_IF_ERROR(ReadRoles(root, where, &settings));
  }
  return settings;
}

AddedTokenSets CollectAddedTokens(const std::vector<AddedToken>& declared,
                                  const std::vector<AddedToken>& special,
                                  const Vocabulary& vocabulary) {
  AddedTokenSets sets;
  std::unordered_map<std::string_view, bool> seen;
  for (const std::vector<AddedToken>* tokens : {&declared, &special}) {
    for (const AddedToken& given : *tokens) {
      AddedToken token = given;
      if (const std::int32_t id = vocabulary.Find(token.content); id >= 0) token.id = id;
      if (token.id < 0 || token.content.empty() || !seen.emplace(given.content, true).second) {
        continue;
      }
      sets.bound = std::max(sets.bound, token.id + 1);
      (token.normalized ? sets.normalized : sets.raw).push_back(std::move(token));
    }
  }
  return sets;
}

std::int32_t FindToken(const AddedTokenSets& added, const Vocabulary& vocabulary,
                       const std::string& content) {
  for (const std::vector<AddedToken>* tokens : {&added.raw, &added.normalized}) {
    for (const AddedToken& token : *tokens) {
      if (token.content == content) return token.id;
    }
  }
  return vocabulary.Find(content);
}

}  // namespace espy::encoders
