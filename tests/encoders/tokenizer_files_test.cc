// Tokenizer files that are wrong: each is refused with a message that names the file and the
// reason.
#include "encoders/tokenizers/tokenizer_files.h"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "encoders/tokenizers/sentencepiece_check.h"
#include "encoders/tokenizers/tokenizer.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

std::string Fixture(const std::string& name) {
  return std::string(ESPY_SOURCE_DIR) + "/tests/encoders/tokenizers/" + name;
}

struct Wrong {
  const char* title;
  const char* family;
  std::map<std::string, std::string> files;
  std::vector<std::string> says;
  StatusCode code;
};

void PrintTo(const Wrong& wrong, std::ostream* out) { *out << wrong.title; }

const std::string& Clip(const char* name) {
  static std::map<std::string, std::string> texts;
  std::string& text = texts[name];
  if (text.empty()) text = testing::ReadFileOrDie(Fixture("clip_old") + "/" + name);
  return text;
}

// A tokenizer.json of a few tokens.
std::string Json(const std::string& model, const std::string& rest = "") {
  return R"({"added_tokens":[],"model":{)" + model + "}" + rest + "}";
}

// Gemma's, with every byte.
std::string Unigram(const std::string& rest) {
  return Json(R"("type":"Unigram","vocab":[["</s>",0.0],["a",-1.0]],"unk_id":0)", rest);
}

std::string Gemma(const std::string& rest, const std::string& more_vocabulary = "",
                  int bytes = 256) {
  std::string vocabulary = R"("<pad>":0,"<eos>":1)";
  for (int byte = 0; byte < bytes; ++byte) {
    char name[16];
    std::snprintf(name, sizeof name, "<0x%02X>", byte);
    vocabulary += std::string(",\"") + name + "\":" + std::to_string(byte + 2);
  }
  return Json(R"("type":"BPE","byte_fallback":true,"merges":[],"vocab":{)" + vocabulary +
                  more_vocabulary + "}",
              R"(,"normalizer":{"type":"Replace","pattern":{"String":" "},"content":"▁"})" + rest);
}

std::vector<Wrong> WrongFiles() {
  const auto bad = StatusCode::kInvalidArgument;
  const auto torn = StatusCode::kCorruption;
  const auto other = StatusCode::kUnsupported;
  const std::string& vocabulary = Clip("vocab.json");
  const std::string& merges = Clip("merges.txt");
  const std::string spiece = testing::ReadFileOrDie(Fixture("siglip") + "/spiece.model");
  const std::string bpe = R"("type":"BPE","end_of_word_suffix":"</w>",)";
  return {
      {"NoFiles",
       "clip",
       {},
       {"dir: no tokenizer", "vocab.json and merges.txt"},
       StatusCode::kNotFound},
      {"NoMerges", "clip", {{"vocab.json", vocabulary}}, {"no tokenizer"}, StatusCode::kNotFound},
      {"NoFilesSiglip", "siglip", {}, {"spiece.model"}, StatusCode::kNotFound},
      {"UnknownFamily", "bert", {}, {"bert"}, other},
      {"VocabularyNotJson",
       "clip",
       {{"vocab.json", "{"}, {"merges.txt", merges}},
       {"dir/vocab.json", "not JSON"},
       torn},
      {"VocabularyAList",
       "clip",
       {{"vocab.json", "[]"}, {"merges.txt", ""}},
       {"vocab.json", "not an object"},
       bad},
      {"VocabularyEmpty",
       "clip",
       {{"vocab.json", "{}"}, {"merges.txt", ""}},
       {"vocab.json", "empty"},
       bad},
      {"IdNegative",
       "clip",
       {{"vocab.json", R"({"a":-1})"}, {"merges.txt", ""}},
       {"vocab.json", "\"a\""},
       bad},
      {"IdHuge",
       "clip",
       {{"vocab.json", R"({"a":2097152})"}, {"merges.txt", ""}},
       {"vocab.json", "\"a\""},
       bad},
      {"IdAString",
       "clip",
       {{"vocab.json", R"({"a":"1"})"}, {"merges.txt", ""}},
       {"vocab.json", "\"a\""},
       bad},
      {"TokenTwice",
       "clip",
       {{"vocab.json", R"({"a":1,"a":2})"}, {"merges.txt", ""}},
       {"vocab.json", "twice"},
       torn},
      {"MergeOfOne",
       "clip",
       {{"vocab.json", vocabulary}, {"merges.txt", "#version: 0.2\nab\n"}},
       {"merges.txt", "merge 2", "\"ab\""},
       torn},
      {"MergeOfThree",
       "clip",
       {{"vocab.json", vocabulary}, {"merges.txt", "a b c\n"}},
       {"merges.txt", "merge 1"},
       torn},
      {"MergeEmptyLine",
       "clip",
       {{"vocab.json", vocabulary}, {"merges.txt", "\n" + merges}},
       {"merges.txt", "merge 1"},
       torn},
      {"MergeOfStrangers",
       "clip",
       {{"vocab.json", vocabulary}, {"merges.txt", "dog cat\n"}},
       {"merges.txt", "vocabulary lacks", "one model"},
       torn},
      {"MergesOfBinary",
       "clip",
       {{"vocab.json", vocabulary}, {"merges.txt", std::string("\0\xff\x1b[31m", 7)}},
       {"merges.txt"},
       torn},
      {"NoEndToken",
       "clip",
       {{"vocab.json", R"({"<|startoftext|>":0})"}, {"merges.txt", ""}},
       {"end token", "<|endoftext|>"},
       bad},
      {"NoStartToken",
       "clip",
       {{"vocab.json", R"({"<|endoftext|>":0})"}, {"merges.txt", ""}},
       {"start token"},
       bad},
      {"PadUnknown",
       "clip",
       {{"vocab.json", vocabulary},
        {"merges.txt", merges},
        {"tokenizer_config.json", R"({"pad_token":"[PAD]"})"}},
       {"padding token", "[PAD]"},
       bad},
      {"ConfigNotJson",
       "clip",
       {{"vocab.json", vocabulary}, {"merges.txt", merges}, {"tokenizer_config.json", "x"}},
       {"dir/tokenizer_config.json", "not JSON"},
       torn},
      {"ConfigAList",
       "clip",
       {{"tokenizer_config.json", "[]"}},
       {"tokenizer_config.json", "not an object"},
       bad},
      {"MapAList",
       "clip",
       {{"special_tokens_map.json", "[]"}},
       {"special_tokens_map.json", "not an object"},
       bad},
      {"RoleANumber",
       "clip",
       {{"tokenizer_config.json", R"({"bos_token":1})"}},
       {"bos_token"},
       bad},
      {"RoleFlagAString",
       "clip",
       {{"special_tokens_map.json", R"({"eos_token":{"content":"x","lstrip":"no"}})"}},
       {"eos_token", "lstrip"},
       bad},
      {"PaddingSideOdd",
       "clip",
       {{"tokenizer_config.json", R"({"padding_side":"middle"})"}},
       {"padding_side"},
       bad},
      {"DecoderAList",
       "clip",
       {{"tokenizer_config.json", R"({"added_tokens_decoder":[]})"}},
       {"added_tokens_decoder"},
       bad},
      {"DecoderIdAWord",
       "clip",
       {{"tokenizer_config.json", R"({"added_tokens_decoder":{"x":{}}})"}},
       {"added_tokens_decoder", "\"x\""},
       bad},
      {"DecoderIdHuge",
       "clip",
       {{"tokenizer_config.json", R"({"added_tokens_decoder":{"99999999999":{}}})"}},
       {"99999999999"},
       bad},
      {"DecoderIdNegative",
       "clip",
       {{"tokenizer_config.json", R"({"added_tokens_decoder":{"-1":{}}})"}},
       {"-1"},
       bad},
      {"DecoderTokenAString",
       "clip",
       {{"tokenizer_config.json", R"({"added_tokens_decoder":{"1":"x"}})"}},
       {"added_tokens_decoder: 1"},
       bad},
      {"TokenTooLong",
       "clip",
       {{"tokenizer_config.json",
         R"({"bos_token":{"content":")" + std::string(2000, 'x') + "\"}}"}},
       {"bos_token", "1024"},
       bad},
      {"JsonWithoutModel",
       "clip",
       {{"tokenizer.json", "{}"}},
       {"dir/tokenizer.json", "model is missing"},
       bad},
      {"JsonAList", "clip", {{"tokenizer.json", "[]"}}, {"tokenizer.json", "not an object"}, bad},
      {"JsonNests",
       "clip",
       {{"tokenizer.json", std::string(5000, '[')}},
       {"tokenizer.json", "nested"},
       StatusCode::kResourceExhausted},
      {"JsonOtherModel",
       "clip",
       {{"tokenizer.json", Json(R"("type":"WordPiece","vocab":{})")}},
       {"byte-pair"},
       other},
      {"JsonOtherSuffix",
       "clip",
       {{"tokenizer.json", Json(R"("type":"BPE","vocab":{"a":0},"merges":[])")}},
       {"</w>"},
       other},
      {"JsonWithoutVocabulary",
       "clip",
       {{"tokenizer.json", Json(bpe + R"("merges":[])")}},
       {"vocab is missing"},
       bad},
      {"JsonWithoutMerges",
       "clip",
       {{"tokenizer.json", Json(bpe + R"("vocab":{"a":0})")}},
       {"merges is missing"},
       bad},
      {"JsonMergesAnObject",
       "clip",
       {{"tokenizer.json", Json(bpe + R"("vocab":{"a":0},"merges":{})")}},
       {"merges is not a list"},
       bad},
      {"JsonMergeOfOne",
       "clip",
       {{"tokenizer.json", Json(bpe + R"("vocab":{"a":0},"merges":[["a"]])")}},
       {"merge 0"},
       torn},
      {"JsonMergeOfNumbers",
       "clip",
       {{"tokenizer.json", Json(bpe + R"("vocab":{"a":0},"merges":[[1,2]])")}},
       {"merge 0"},
       torn},
      {"JsonMergeString",
       "clip",
       {{"tokenizer.json", Json(bpe + R"("vocab":{"a":0},"merges":["a a"])")}},
       {"merge 0", "vocabulary lacks"},
       torn},
      {"JsonPrefix",
       "clip",
       {{"tokenizer.json",
         Json(bpe + R"("continuing_subword_prefix":"##","vocab":{"a":0},"merges":[])")}},
       {"continuing_subword_prefix"},
       other},
      {"JsonIgnoreMerges",
       "clip",
       {{"tokenizer.json", Json(bpe + R"("ignore_merges":true,"vocab":{"a":0},"merges":[])")}},
       {"ignore_merges"},
       other},
      {"JsonAddedAnObject",
       "clip",
       {{"tokenizer.json", R"({"added_tokens":{},"model":{"vocab":{"a":0},"merges":[]}})"}},
       {"added_tokens"},
       bad},
      {"JsonAddedIdNegative",
       "clip",
       {{"tokenizer.json",
         R"({"added_tokens":[{"id":-5,"content":"x"}],"model":{"vocab":{"a":0},"merges":[]}})"}},
       {"added_tokens: id"},
       bad},
      {"JsonProcessorUnknown",
       "siglip",
       {{"tokenizer.json", Gemma(R"(,"post_processor":{"type":"Magic"})")}},
       {"post_processor", "Magic"},
       other},
      {"JsonProcessorNests",
       "siglip",
       {{"tokenizer.json",
         Gemma(
             R"(,"post_processor":{"type":"Sequence","processors":[{"type":"Sequence","processors":[]}]})")}},
       {"post_processor"},
       other},
      {"JsonTemplateWithoutIds",
       "siglip",
       {{"tokenizer.json",
         Gemma(
             R"(,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"<eos>"}}]})")}},
       {"post_processor", "<eos>"},
       bad},
      {"JsonTemplateANumber",
       "siglip",
       {{"tokenizer.json", Gemma(R"(,"post_processor":{"type":"TemplateProcessing","single":3})")}},
       {"single"},
       bad},
      {"JsonTemplateIdOutside",
       "siglip",
       {{"tokenizer.json",
         Gemma(
             R"(,"post_processor":{"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"x"}}],"special_tokens":{"x":{"ids":[9999]}}})")}},
       {"9999"},
       bad},
      {"JsonRobertaIdNegative",
       "siglip",
       {{"tokenizer.json",
         Gemma(R"(,"post_processor":{"type":"RobertaProcessing","cls":["a",-1],"sep":["b",1]})")}},
       {"cls"},
       bad},
      {"GemmaWithoutAByte", "siglip", {{"tokenizer.json", Gemma("", "", 255)}}, {"<0xFF>"}, bad},
      {"GemmaWithoutPad",
       "siglip",
       {{"tokenizer.json", Gemma("")}, {"tokenizer_config.json", R"({"pad_token":"<none>"})"}},
       {"<none>"},
       bad},
      {"GemmaOtherNormalizer",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"BPE","byte_fallback":true,"vocab":{"a":0},"merges":[])",
                                R"(,"normalizer":{"type":"NFKC"})")}},
       {"not Gemma's"},
       other},
      {"GemmaOtherCutting",
       "siglip",
       {{"tokenizer.json", Gemma(R"(,"pre_tokenizer":{"type":"Whitespace"})")}},
       {"not Gemma's"},
       other},
      {"GemmaWithoutFallback",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"BPE","vocab":{"a":0},"merges":[])")}},
       {"byte_fallback"},
       other},
      {"UnigramWithoutUnknown",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"Unigram","vocab":[["a",0.0]])")}},
       {"unk_id is missing"},
       other},
      {"UnigramUnknownOutside",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"Unigram","vocab":[["a",0.0]],"unk_id":1)")}},
       {"unk_id is 1"},
       StatusCode::kInvalidArgument},
      {"UnigramEmpty",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"Unigram","vocab":[],"unk_id":0)")}},
       {"vocab is not a list"},
       StatusCode::kInvalidArgument},
      {"UnigramVocabularyOfIds",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"Unigram","vocab":{"a":0},"unk_id":0)")}},
       {"vocab is not a list"},
       StatusCode::kInvalidArgument},
      {"UnigramPieceWithoutScore",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"Unigram","vocab":[["a",0],["b"]],"unk_id":0)")}},
       {"entry 1"},
       StatusCode::kInvalidArgument},
      {"UnigramEmptyPiece",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"Unigram","vocab":[["",0]],"unk_id":0)")}},
       {"entry 0"},
       StatusCode::kInvalidArgument},
      {"UnigramScoreOutside",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"Unigram","vocab":[["a",1e300]],"unk_id":0)")}},
       {"entry 0"},
       StatusCode::kInvalidArgument},
      {"UnigramNormalizer",
       "siglip",
       {{"tokenizer.json", Unigram(R"(,"normalizer":{"type":"BertNormalizer"})")}},
       {"normalizer", "BertNormalizer"},
       other},
      {"UnigramPattern",
       "siglip",
       {{"tokenizer.json",
         Unigram(R"(,"normalizer":{"type":"Replace","pattern":{"Regex":"(a+)+$"},"content":""})")}},
       {"(a+)+$"},
       other},
      {"UnigramNoPattern",
       "siglip",
       {{"tokenizer.json", Unigram(R"(,"normalizer":{"type":"Replace","content":""})")}},
       {"pattern is neither"},
       StatusCode::kInvalidArgument},
      {"UnigramCharsMap",
       "siglip",
       {{"tokenizer.json",
         Unigram(R"(,"normalizer":{"type":"Precompiled","precompiled_charsmap":"AAAA"})")}},
       {"precompiled_charsmap"},
       torn},
      {"UnigramCharsMapNotBase64",
       "siglip",
       {{"tokenizer.json",
         Unigram(R"(,"normalizer":{"type":"Precompiled","precompiled_charsmap":"%%%="})")}},
       {"precompiled_charsmap"},
       torn},
      {"UnigramPreTokenizer",
       "siglip",
       {{"tokenizer.json", Unigram(R"(,"pre_tokenizer":{"type":"ByteLevel"})")}},
       {"pre_tokenizer", "ByteLevel"},
       other},
      {"UnigramTwoMetaspaces",
       "siglip",
       {{"tokenizer.json",
         Unigram(
             R"(,"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"Metaspace"},{"type":"Metaspace"}]})")}},
       {"Metaspace"},
       other},
      {"UnigramScheme",
       "siglip",
       {{"tokenizer.json",
         Unigram(R"(,"pre_tokenizer":{"type":"Metaspace","prepend_scheme":"last"})")}},
       {"prepend_scheme"},
       StatusCode::kInvalidArgument},
      {"UnigramWithoutPadding",
       "siglip",
       {{"tokenizer.json", Json(R"("type":"Unigram","vocab":[["a",0.0]],"unk_id":0)")}},
       {"padding token"},
       StatusCode::kInvalidArgument},
      {"UnigramTemplateOutside",
       "siglip",
       {{"tokenizer.json",
         Unigram(
             R"(,"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"x"}}],"special_tokens":{"x":{"ids":[99]}}})")}},
       {"post_processor adds id 99"},
       StatusCode::kInvalidArgument},
      {"SpieceEmpty", "siglip", {{"spiece.model", ""}}, {"dir/spiece.model", "no pieces"}, torn},
      {"SpieceGarbage",
       "siglip",
       {{"spiece.model", "version https://git-lfs.github.com/spec/v1\n"}},
       {"spiece.model"},
       torn},
      {"SpieceCutShort",
       "siglip",
       {{"spiece.model", spiece.substr(0, spiece.size() / 2)}},
       {"spiece.model"},
       torn},
      {"SpieceEosUnknown",
       "siglip",
       {{"spiece.model", spiece}, {"tokenizer_config.json", R"({"eos_token":"<end>"})"}},
       {"spiece.model", "<end>"},
       bad},
      {"SpiecePieceTooLong",
       "siglip",
       {{"spiece.model",
         std::string("\x0a\x84\x10\x0a\x81\x10", 6) + std::string(2049, 'x') + "\x18\x01"}},
       {"piece 0"},
       torn},
  };
}

std::string TitleOf(const ::testing::TestParamInfo<Wrong>& test) { return test.param.title; }

class WrongTokenizer : public ::testing::TestWithParam<Wrong> {};

TEST_P(WrongTokenizer, IsRefusedByFileAndReason) {
  const Wrong& wrong = GetParam();
  const TokenizerDirectory directory{[&](const std::string& name) -> Result<std::string> {
                                       const auto found = wrong.files.find(name);
                                       if (found == wrong.files.end())
                                         return Status::NotFound(name);
                                       return found->second;
                                     },
                                     "dir"};
  const auto tokenizer = LoadTokenizer(directory, wrong.family);
  ASSERT_FALSE(tokenizer.ok());
  const std::string& message = tokenizer.status().message();
  EXPECT_EQ(tokenizer.status().code(), wrong.code) << message;
  EXPECT_EQ(message.substr(0, 3), "dir") << message;
  for (const std::string& part : wrong.says) {
    EXPECT_NE(message.find(part), std::string::npos) << message << " lacks " << part;
  }
}

INSTANTIATE_TEST_SUITE_P(HandMade, WrongTokenizer, ::testing::ValuesIn(WrongFiles()), TitleOf);

// --- the character map, which the library follows blindly ---

// A model of two pieces whose normalizer has this character map: sizes below 128 bytes are one byte
// of length.
std::string ModelWithMap(const std::string& map) {
  std::string spec;
  std::string length;
  const auto varint = [](std::size_t n) {
    std::string bytes;
    for (; n >= 128; n >>= 7) bytes += static_cast<char>(n | 128);
    return bytes + static_cast<char>(n);
  };
  spec = "\x12" + varint(map.size()) + map;
  return std::string("\x0a\x03\x0a\x01") + "a" + "\x1a" + varint(spec.size()) + spec;
}

std::string Map(const std::vector<std::uint32_t>& units, const std::string& values) {
  std::string map;
  const auto put = [&](std::uint32_t n) {
    for (int i = 0; i < 4; ++i) map += static_cast<char>(n >> (8 * i));
  };
  put(static_cast<std::uint32_t>(units.size() * 4));
  for (const std::uint32_t unit : units) put(unit);
  return map + values;
}

constexpr std::uint32_t Unit(std::uint32_t label, std::uint32_t offset, bool has_value) {
  return label | offset << 10 | (has_value ? 256u : 0u);
}
constexpr std::uint32_t kLeaf = 1u << 31;

TEST(SentencePieceCheck, RefusesACharacterMapThatLeadsOutside) {
  const std::string values("x\0", 2);
  // An unused unit carries a label that makes it no child of the bases used here.
  std::vector<std::uint32_t> empty(256);
  for (std::uint32_t i = 0; i < 256; ++i) empty[i] = (i ^ 0x81) & 0xFF;
  empty[0] = Unit(0, 1, false);  // the root: children at 1 ^ byte
  EXPECT_TRUE(CheckSentencePieceModel(ModelWithMap(Map(empty, values)), "m").ok());
  const auto with = [&](std::initializer_list<std::pair<std::uint32_t, std::uint32_t>> changes) {
    std::vector<std::uint32_t> units = empty;
    for (const auto& [place, unit] : changes) units[place] = unit;
    return CheckSentencePieceModel(ModelWithMap(Map(units, values)), "m").ok();
  };
  // 'a' (0x61) is at 0x60; its value lies at 0x60 ^ 3 = 0x63.
  EXPECT_TRUE(with({{0x60, Unit('a', 3, true)}, {0x63, kLeaf | 1}}));
  EXPECT_FALSE(with({{0x60, Unit('a', 3, true)}, {0x63, kLeaf | 2}}));  // past the replacements
  EXPECT_FALSE(with({{0x60, Unit('a', 3, true)}, {0x63, 0x7FFFFFFFu}}));
  EXPECT_FALSE(with({{0x60, Unit('a', 256, false)}}));  // past the units
  EXPECT_FALSE(with({{0x60, Unit('a', 1u << 20, false)}}));
  EXPECT_FALSE(with({{0, Unit(0, 256, false)}}));        // the root itself
  EXPECT_FALSE(with({{0x60, Unit('a', 0x61, false)}}));  // 'a' leads to 'a' again: 0x60^0x61^'a'
  EXPECT_FALSE(
      CheckSentencePieceModel(ModelWithMap(Map(empty, "x")), "m").ok());  // no NUL at the end
  EXPECT_FALSE(CheckSentencePieceModel(ModelWithMap(Map(empty, "")), "m").ok());
  EXPECT_FALSE(CheckSentencePieceModel(ModelWithMap(Map({0}, values)), "m").ok());
  EXPECT_FALSE(CheckSentencePieceModel(ModelWithMap("abc"), "m").ok());
  EXPECT_FALSE(
      CheckSentencePieceModel(ModelWithMap(std::string("\xff\xff\xff\xff....")), "m").ok());
}

TEST(SentencePieceCheck, RefusesMoreMatchesThanTheLibraryHoldsOnItsStack) {
  const auto chain = [](std::uint32_t length) {
    // 'a' repeated: the root's children have base 256, those of the k-th 'a' base 256 (k + 2),
    // where its value lies too.
    std::vector<std::uint32_t> units(256 * (length + 2));
    for (std::uint32_t i = 0; i < units.size(); ++i) units[i] = (i ^ 0x81) & 0xFF;
    units[0] = Unit(0, 256, false);
    for (std::uint32_t k = 0; k < length; ++k) {
      const std::uint32_t place = 256 * (k + 1) + 'a';
      units[place] = Unit('a', place ^ (256 * (k + 2)), true);
      units[256 * (k + 2)] = kLeaf;
    }
    return CheckSentencePieceModel(ModelWithMap(Map(units, std::string("x\0", 2))), "m").ok();
  };
  EXPECT_TRUE(chain(32));
  EXPECT_FALSE(chain(33));
}

}  // namespace
}  // namespace espy::encoders
