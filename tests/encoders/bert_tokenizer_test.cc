// BERT's tokenizer against transformers' and the tokenizers library's
// (tests/encoders/tokenizers/make_bert_goldens.py).
#include "encoders/tokenizers/bert_tokenizer.h"

#include <gtest/gtest.h>

#include <map>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "encoders/json.h"
#include "encoders/tokenizers/bert_text.h"
#include "encoders/tokenizers/unicode.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

const std::string kFolder = std::string(ESPY_SOURCE_DIR) + "/tests/encoders/tokenizers/";

std::vector<std::int32_t> Ids(const JsonValue& row, const char* key) {
  std::vector<std::int32_t> ids;
  for (const JsonValue& id : *row.Find(key)->AsArray()) {
    ids.push_back(static_cast<std::int32_t>(*id.AsInteger()));
  }
  return ids;
}

class BertParity : public ::testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Transformers, BertParity, ::testing::Values("bert", "bert_lines"),
                         [](const auto& folder) { return std::string(folder.param); });

TEST_P(BertParity, GivesTransformersIdsAndTexts) {
  const std::string folder = kFolder + GetParam();
  const auto tokenizer = LoadBertTokenizer(folder);
  ESPY_ASSERT_OK(tokenizer);
  EXPECT_EQ((*tokenizer)->pad_id(), 0);
  EXPECT_FALSE((*tokenizer)->pads_left());
  std::istringstream lines(testing::ReadFileOrDie(folder + "/goldens.jsonl"));
  std::size_t checked = 0;
  for (std::string line; std::getline(lines, line); ++checked) {
    const auto row = ParseJson(line, folder);
    ESPY_ASSERT_OK(row);
    const std::string& text = *row->Find("text")->AsString();
    for (const auto& [key, context] : {std::pair("ids64", 64), std::pair("ids8", 8)}) {
      const std::vector<std::int32_t> ids = (*tokenizer)->Encode(text, context);
      EXPECT_EQ(ids, Ids(*row, key)) << line.substr(0, 200);
      for (const std::int32_t id : ids) EXPECT_LT(id, (*tokenizer)->vocabulary());
    }
    EXPECT_EQ((*tokenizer)->Decode(Ids(*row, "ids64")), *row->Find("decoded")->AsString());
    EXPECT_EQ((*tokenizer)->Decode(Ids(*row, "said")), *row->Find("said_text")->AsString());
  }
  EXPECT_GT(checked, 300u);
}

// Every code point between two letters, against the library's tables.
TEST(BertText, TakesEveryCharacterForWhatTheLibraryTakesItFor) {
  const auto table =
      ParseJson(testing::ReadFileOrDie(kFolder + "bert_characters.json"), "bert_characters.json");
  ESPY_ASSERT_OK(table);
  const BertTextRules none{
      .clean = false, .cut_chinese = false, .strip_accents = false, .lower_case = false};
  BertTextRules cleans = none, cuts = none, strips = none;
  cleans.clean = true;
  cuts.cut_chinese = true;
  strips.strip_accents = true;
  std::map<std::string, std::pair<const JsonValue::Array*, std::size_t>> lists;
  for (const char* name : {"removed", "white", "ideographs", "marks", "punctuation", "spaces"}) {
    lists[name] = {table->Find(name)->AsArray(), 0};
  }
  int wrong = 0;
  for (std::int64_t c = 1; c < 0x110000; ++c) {
    if (c >= 0xd800 && c < 0xe000) continue;
    std::string text = "a";
    AppendUtf8(static_cast<char32_t>(c), &text);
    const std::string letter = text.substr(1);
    text += "b";
    const auto listed = [&](const char* name) {
      auto& [ranges, at] = lists[name];
      while (at < ranges->size() && *(*(*ranges)[at].AsArray())[1].AsInteger() < c) ++at;
      return at < ranges->size() && *(*(*ranges)[at].AsArray())[0].AsInteger() <= c;
    };
    const std::string cleaned = NormalizeBertText(cleans, text);
    const std::size_t words = BertWords(text).size();
    const bool same =
        (cleaned == "ab") == listed("removed") && (cleaned == "a b") == listed("white") &&
        (NormalizeBertText(cuts, text) == "a " + letter + " b") == listed("ideographs") &&
        (NormalizeBertText(strips, text) == "ab") == listed("marks") &&
        (words == 3) == listed("punctuation") && (words == 2) == listed("spaces");
    if (!same && ++wrong < 20) ADD_FAILURE() << std::hex << c;
  }
  EXPECT_EQ(wrong, 0);
}

TEST(BertFiles, AreRefusedByNameWhenTheyAreNoTokenizer) {
  const auto refused = [](std::map<std::string, std::string> files, const std::string& why) {
    const auto read = [files = std::move(files)](const std::string& name) -> Result<std::string> {
      const auto found = files.find(name);
      if (found == files.end()) return Status::NotFound(name);
      return found->second;
    };
    const auto tokenizer = LoadBertTokenizer(TokenizerDirectory{read, "model"});
    ASSERT_FALSE(tokenizer.ok()) << why;
    EXPECT_EQ(tokenizer.status().message().find("model"), 0u) << tokenizer.status().message();
    EXPECT_NE(tokenizer.status().message().find(why), std::string::npos)
        << tokenizer.status().message();
  };
  refused({}, "needs tokenizer.json or vocab.txt");
  refused({{"vocab.txt", ""}}, "empty");
  refused({{"vocab.txt", "[PAD]\n[CLS]\n[SEP]\n"}}, "unk_token \"[UNK]\" is not in the vocabulary");
  refused({{"vocab.txt", std::string(2000, 'a')}}, "over 1024 bytes");
  refused({{"tokenizer.json", R"({"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})"}},
          "use WordPiece");
  refused({{"tokenizer.json", R"({"model": {"type": "WordPiece"}})"}}, "vocab is missing");
  refused({{"tokenizer.json", R"({"model": {"type": "WordPiece", "vocab": {"a": -1}}})"}},
          "has no id");
  refused({{"tokenizer.json", R"({"model": {"type": "WordPiece", "vocab": {"a": 0}},
                                  "normalizer": {"type": "NFC"}})"}},
          "BLIP's is BertNormalizer");
  refused({{"tokenizer.json", R"({"model": {"type": "WordPiece", "vocab": {"a": 0}}})"}},
          "BLIP's is BertPreTokenizer");
  refused({{"tokenizer.json",
            R"({"model": {"type": "WordPiece", "vocab": {"a": 0}, "max_input_chars_per_word": 1e9},
                "pre_tokenizer": {"type": "BertPreTokenizer"}})"}},
          "max_input_chars_per_word");
}

}  // namespace
}  // namespace espy::encoders
