// A tokenizer's files -> LoadTokenizer -> Encode, by transformers' rules and by open_clip's, whose
// cleaning of texts is in this way looked at too. The first byte chooses which files the rest is,
// with a NUL between them where they are texts; the last part is a text to encode beside a few
// fixed ones.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

#include "encoders/tokenizers/tokenizer.h"
#include "encoders/tokenizers/tokenizer_files.h"

namespace {

using namespace espy;
using namespace espy::encoders;

void Require(bool held) {
  if (!held) std::abort();
}

std::string NextPart(std::string_view* rest) {
  const std::size_t end = std::min(rest->find('\0'), rest->size());
  std::string part(rest->substr(0, end));
  rest->remove_prefix(std::min(end + 1, rest->size()));
  return part;
}

void RequireSound(const Tokenizer& tokenizer, std::string_view text) {
  for (const std::int64_t context : {0, 1, 2, 16}) {
    const auto ids = tokenizer.Encode(text, context);
    Require(static_cast<std::int64_t>(ids.size()) <= context);
    for (const std::int32_t id : ids) Require(id >= 0 && id < tokenizer.vocabulary());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::map<std::string, std::string> files;
  const char* family = data[0] % 2 == 0 ? "clip" : "siglip";
  switch (data[0] % 5) {
    case 0:
    case 1:
      files["tokenizer.json"] = NextPart(&rest);
      break;
    case 2:
      files["vocab.json"] = NextPart(&rest);
      files["merges.txt"] = NextPart(&rest);
      files["special_tokens_map.json"] = NextPart(&rest);
      family = "clip";
      break;
    case 3:
      files["spiece.model"] = std::string(rest);
      family = "siglip";
      break;
    default:
      files["tokenizer.model"] = std::string(rest);
      family = "siglip";
      break;
  }
  if (data[0] % 5 < 2) files["tokenizer_config.json"] = NextPart(&rest);
  for (const char* optional : {"tokenizer_config.json", "special_tokens_map.json"}) {
    if (files.contains(optional) && files[optional].empty()) files.erase(optional);
  }
  const auto read = [&](const std::string& name) -> Result<std::string> {
    const auto found = files.find(name);
    if (found == files.end()) return Status::NotFound(name);
    return found->second;
  };
  const auto tokenizer = LoadTokenizer(TokenizerDirectory{read, "fuzzed"}, family);
  if (!tokenizer.ok()) {
    Require(tokenizer.status().message().find("fuzzed") == 0);
    return 0;
  }
  Require((*tokenizer)->pad_id() >= 0 && (*tokenizer)->pad_id() < (*tokenizer)->vocabulary());
  constexpr TextCleaning kCleanings[] = {TextCleaning::kWhitespace, TextCleaning::kLower,
                                         TextCleaning::kCanonicalize};
  const auto open_clip = LoadTokenizer(
      TokenizerDirectory{read, "fuzzed"},
      TokenizerKind{
          .family = family, .cleaning = kCleanings[data[0] / 16 % 3], .simple = data[0] >= 128});
  Require(open_clip.ok());
  RequireSound(**open_clip, rest.substr(0, 4096));
  RequireSound(**tokenizer, rest.substr(0, 4096));
  RequireSound(**tokenizer,
               "A photo of 2 dogs' toys \xe2\x80\x94 na\xc3\xafve <eos></s><|endoftext|> \xff\xfe");
  RequireSound(**tokenizer, std::string(2000, 'a'));
  return 0;
}
