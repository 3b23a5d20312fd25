// Token ids against transformers' own and the tokenizers library's, over the tokenizers and texts
// that tests/encoders/tokenizers/make_goldens.py and make_unigram_goldens.py made.
#include <gtest/gtest.h>

#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "encoders/json.h"
#include "encoders/openclip/clean_text.h"
#include "encoders/tokenizers/tokenizer.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

struct Golden {
  const char* folder;
  const char* family;
  std::int32_t pad;
  bool pads_left;
};

void PrintTo(const Golden& golden, std::ostream* out) { *out << golden.folder; }

std::vector<std::int32_t> Ids(const JsonValue& row, const char* key) {
  std::vector<std::int32_t> ids;
  for (const JsonValue& id : *row.Find(key)->AsArray()) {
    ids.push_back(static_cast<std::int32_t>(*id.AsInteger()));
  }
  return ids;
}

class TokenizerParity : public ::testing::TestWithParam<Golden> {};

TEST_P(TokenizerParity, GivesTransformersIdsForEveryText) {
  const std::string folder =
      std::string(ESPY_SOURCE_DIR) + "/tests/encoders/tokenizers/" + GetParam().folder;
  const auto tokenizer = LoadTokenizer(folder, GetParam().family);
  ESPY_ASSERT_OK(tokenizer);
  EXPECT_EQ((*tokenizer)->pad_id(), GetParam().pad);
  EXPECT_EQ((*tokenizer)->pads_left(), GetParam().pads_left);
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
  }
  EXPECT_GT(checked, 300u);
}

// open_clip's own tokenizer reads the vocabulary of clip_old/; its files are that folder's.
TEST(OpenClip, GivesItsTokenizersIdsAndItsCleanedTexts) {
  const std::string folder = std::string(ESPY_SOURCE_DIR) + "/tests/encoders/tokenizers/";
  const auto tokenizer = LoadTokenizer(
      folder + "clip_old",
      TokenizerKind{.family = "clip", .cleaning = TextCleaning::kLower, .simple = true});
  ESPY_ASSERT_OK(tokenizer);
  EXPECT_EQ((*tokenizer)->pad_id(), 0);
  EXPECT_FALSE((*tokenizer)->pads_left());
  std::istringstream lines(testing::ReadFileOrDie(folder + "openclip/goldens.jsonl"));
  std::size_t checked = 0;
  for (std::string line; std::getline(lines, line); ++checked) {
    const auto row = ParseJson(line, folder);
    ESPY_ASSERT_OK(row);
    const std::string& text = *row->Find("text")->AsString();
    for (const auto& [key, cleaning] : {std::pair("whitespace", TextCleaning::kWhitespace),
                                        std::pair("lower", TextCleaning::kLower),
                                        std::pair("canonicalize", TextCleaning::kCanonicalize)}) {
      EXPECT_EQ(CleanForOpenClip(text, cleaning), *row->Find(key)->AsString())
          << key << ": " << line.substr(0, 200);
    }
    for (const auto& [key, context] : {std::pair("ids64", 64), std::pair("ids8", 8)}) {
      EXPECT_EQ((*tokenizer)->Encode(text, context), Ids(*row, key)) << line.substr(0, 200);
    }
  }
  EXPECT_GT(checked, 300u);
}

std::string FolderOf(const ::testing::TestParamInfo<Golden>& test) { return test.param.folder; }

std::vector<Golden> Goldens() {
  std::vector<Golden> goldens = {
      {"clip", "clip", 1093, false},      {"clip_old", "clip", 0, false},
      {"siglip", "siglip", 1, false},     {"siglip2", "siglip", 0, false},
      {"siglip2_spm", "siglip", 0, true}, {"siglip_unigram", "siglip", 1, false},
      {"siglip_fast", "siglip", 0, true}, {"siglip_first", "siglip", 1, false},
  };
  // Made on request, from a vocabulary that is not ours to ship (make_goldens.py --published).
  if (std::filesystem::exists(std::string(ESPY_SOURCE_DIR) +
                              "/tests/encoders/tokenizers/clip_published")) {
    goldens.push_back({"clip_published", "clip", 49407, false});
  }
  return goldens;
}

INSTANTIATE_TEST_SUITE_P(Published, TokenizerParity, ::testing::ValuesIn(Goldens()), FolderOf);

}  // namespace
}  // namespace espy::encoders
