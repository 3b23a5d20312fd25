#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>
#include <vector>

#include "encoders/tokenizers/added_tokens.h"
#include "encoders/tokenizers/bpe.h"
#include "encoders/tokenizers/tokenizer.h"
#include "encoders/tokenizers/tokenizer_files.h"
#include "encoders/tokenizers/unicode.h"
#include "tests/support/temp_dir.h"

namespace espy::encoders {
namespace {

using Ids = std::vector<std::int32_t>;

std::string Fixture(const std::string& name) {
  return std::string(ESPY_SOURCE_DIR) + "/tests/encoders/tokenizers/" + name;
}

struct Kind {
  const char* folder;
  const char* family;
  bool starts;  // with a start token
};
constexpr Kind kKinds[] = {{"clip", "clip", true},
                           {"clip_old", "clip", true},
                           {"siglip", "siglip", false},
                           {"siglip2", "siglip", false},
                           {"siglip2_spm", "siglip", false}};

TEST(Tokenizers, TakeAnyBytesWithinContextAndVocabulary) {
  constexpr std::uint32_t kSeed = 20240607;
  for (const Kind& kind : kKinds) {
    const auto tokenizer = LoadTokenizer(Fixture(kind.folder), kind.family);
    ESPY_ASSERT_OK(tokenizer);
    const std::int32_t end = (*tokenizer)->Encode("", 8).back();
    std::mt19937 random(kSeed);
    for (int round = 0; round < 400; ++round) {
      std::string text(random() % 200, '\0');
      for (char& c : text) c = static_cast<char>(random());
      const Ids ids = (*tokenizer)->Encode(text, 16);
      ASSERT_LE(ids.size(), 16u);
      ASSERT_GE(ids.size(), kind.starts ? 2u : 1u);
      EXPECT_EQ(ids.back(), end) << kind.folder;
      for (const std::int32_t id : ids) {
        ASSERT_GE(id, 0);
        ASSERT_LT(id, (*tokenizer)->vocabulary()) << kind.folder;
      }
      // Cutting off happens at the end alone.
      const Ids longer = (*tokenizer)->Encode(text, 600);
      for (std::size_t i = 0; i + 1 < ids.size(); ++i) ASSERT_EQ(ids[i], longer[i]);
    }
  }
}

TEST(Tokenizers, ReadBrokenUtf8AsReplacementCharacters) {
  for (const Kind& kind : kKinds) {
    const auto tokenizer = LoadTokenizer(Fixture(kind.folder), kind.family);
    ESPY_ASSERT_OK(tokenizer);
    for (const auto& [broken, read] :
         {std::pair("dog \xff cat", "dog \uFFFD cat"), std::pair("\xE2\x96", "\uFFFD"),
          std::pair("a\xC0\x80", "a\uFFFD\uFFFD"),
          std::pair("\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD")}) {
      EXPECT_EQ((*tokenizer)->Encode(broken, 64), (*tokenizer)->Encode(read, 64)) << kind.folder;
    }
  }
}

TEST(Tokenizers, KeepTheEndTokenInTheSmallestContexts) {
  for (const Kind& kind : kKinds) {
    const auto tokenizer = LoadTokenizer(Fixture(kind.folder), kind.family);
    ESPY_ASSERT_OK(tokenizer);
    const std::int32_t end = (*tokenizer)->Encode("", 8).back();
    for (const std::int64_t context : {1, 2, 3}) {
      const Ids ids = (*tokenizer)->Encode("a photo of a cat on the grass", context);
      EXPECT_EQ(ids.size(), static_cast<std::size_t>(context)) << kind.folder;
      EXPECT_EQ(ids.back(), end) << kind.folder;
    }
    EXPECT_TRUE((*tokenizer)->Encode("a", 0).empty());
  }
}

// With a loop that scans for the best pair after each merge these take hours, and the test's time
// limit says so.
TEST(Tokenizers, FinishOnAMegabyteWithoutASpace) {
  for (const Kind& kind : kKinds) {
    const auto tokenizer = LoadTokenizer(Fixture(kind.folder), kind.family);
    ESPY_ASSERT_OK(tokenizer);
    std::string mixed;
    std::mt19937 random(5);
    while (mixed.size() < (1 << 20)) mixed += static_cast<char>('a' + random() % 26);
    for (const std::string& text : {std::string(1 << 20, 'a'), mixed, std::string(1 << 20, '!'),
                                    std::string(1 << 20, ' '), std::string(1 << 20, '\xff')}) {
      const Ids ids = (*tokenizer)->Encode(text, 64);
      EXPECT_GE(ids.size(), 1u);
      EXPECT_LE(ids.size(), 64u);
    }
  }
}

TEST(Tokenizers, ReadTheSameFromFilesInMemory) {
  std::map<std::string, std::string> files;
  for (const char* name : {"vocab.json", "merges.txt", "special_tokens_map.json"}) {
    files[name] = testing::ReadFileOrDie(Fixture("clip_old") + "/" + name);
  }
  const TokenizerDirectory directory{[&](const std::string& name) -> Result<std::string> {
                                       const auto found = files.find(name);
                                       if (found == files.end()) return Status::NotFound(name);
                                       return found->second;
                                     },
                                     "memory"};
  const auto from_memory = LoadTokenizer(directory, "clip");
  ESPY_ASSERT_OK(from_memory);
  const auto from_disk = LoadTokenizer(Fixture("clip_old"), "clip");
  ESPY_ASSERT_OK(from_disk);
  EXPECT_EQ((*from_memory)->Encode("a small dog", 77), (*from_disk)->Encode("a small dog", 77));
}

// --- the parts ---

Ids MergeNaively(Ids word, const std::vector<std::array<std::int32_t, 3>>& rules) {
  for (;;) {
    std::size_t best_rule = rules.size();
    std::size_t best_at = 0;
    for (std::size_t at = 0; at + 1 < word.size(); ++at) {
      for (std::size_t r = 0; r < best_rule; ++r) {
        if (rules[r][0] == word[at] && rules[r][1] == word[at + 1]) {
          best_rule = r;
          best_at = at;
        }
      }
    }
    if (best_rule == rules.size()) return word;
    word[best_at] = rules[best_rule][2];
    word.erase(word.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

TEST(BpeMerges, GiveWhatTheNaiveLoopGives) {
  std::mt19937 random(11);
  for (int round = 0; round < 300; ++round) {
    std::vector<std::array<std::int32_t, 3>> rules;
    std::map<std::pair<std::int32_t, std::int32_t>, bool> seen;
    BpeMerges merges;
    std::int32_t next = 4;
    for (int r = 0; r < 12; ++r) {
      const auto left = static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(next));
      const auto right = static_cast<std::int32_t>(random() % static_cast<std::uint32_t>(next));
      if (!seen.emplace(std::pair(left, right), true).second) continue;
      rules.push_back({left, right, next});
      merges.Add(left, right, next++);
    }
    merges.Finish();
    EXPECT_EQ(merges.size(), rules.size());
    Ids word(random() % 40);
    for (std::int32_t& id : word) id = static_cast<std::int32_t>(random() % 4);
    Ids merged = word;
    merges.Apply(&merged);
    EXPECT_EQ(merged, MergeNaively(word, rules)) << "round " << round;
  }
}

// A loop that looks for the best pair anew after each merge takes days for this, and the test's
// time limit says so.
TEST(BpeMerges, FinishOnAMillionSymbols) {
  BpeMerges merges;
  for (std::int32_t id = 0; id < 12; ++id) merges.Add(id, id, id + 1);
  merges.Finish();
  Ids word(1 << 20, 0);
  merges.Apply(&word);
  EXPECT_EQ(word, Ids(1 << 8, 12));
}

TEST(BpeMerges, TheLastOfEqualPairsCounts) {
  BpeMerges merges;
  merges.Add(0, 1, 5);
  merges.Add(1, 0, 6);
  merges.Add(0, 1, 7);
  merges.Finish();
  Ids word{0, 1, 0};
  merges.Apply(&word);
  EXPECT_EQ(word, (Ids{0, 6}));  // (1, 0) now ranks before (0, 1)
}

std::string Spelled(const std::vector<TextPiece>& pieces) {
  std::string text;
  for (const TextPiece& piece : pieces) {
    text +=
        piece.id >= 0 ? "<" + std::to_string(piece.id) + ">" : "[" + std::string(piece.text) + "]";
  }
  return text;
}

TEST(AddedTokens, FindTheLeftmostAndLongest) {
  const AddedTokens tokens(
      {{.content = "ab", .id = 1}, {.content = "abc", .id = 2}, {.content = "bcd", .id = 3}},
      IsSpace);
  EXPECT_EQ(Spelled(tokens.Split("xabcdx")), "[x]<2>[dx]");
  EXPECT_EQ(Spelled(tokens.Split("abab")), "<1><1>");
  EXPECT_EQ(Spelled(tokens.Split("a")), "[a]");
  EXPECT_EQ(Spelled(tokens.Split("")), "");
  EXPECT_EQ(Spelled(AddedTokens().Split("ab")), "[ab]");
}

TEST(AddedTokens, HonourTheirFlags) {
  const AddedTokens tokens({{.content = "<a>", .id = 1, .lstrip = true},
                            {.content = "<b>", .id = 2, .rstrip = true},
                            {.content = "cat", .id = 3, .single_word = true},
                            {.content = "", .id = 4}},
                           IsSpace);
  EXPECT_EQ(Spelled(tokens.Split("x \u3000<a> y")), "[x]<1>[ y]");
  EXPECT_EQ(Spelled(tokens.Split("x <b> \n y")), "[x ]<2>[y]");
  EXPECT_EQ(Spelled(tokens.Split("cat cats a_cat \u00e9cat (cat)")),
            "<3>[ cats a_cat \u00e9cat (]<3>[)]");
}

TEST(Unicode, FollowsEachLanguagesRules) {
  EXPECT_EQ(LowerEach("ΑΣ İ ẞ"), "ασ i\u0307 ß");
  EXPECT_EQ(LowerText("ΑΣ İ ẞ"), "ας i\u0307 ß");
  EXPECT_EQ(Nfc("e\u0301\u212b"), "\u00e9\u00c5");
  EXPECT_TRUE(IsPythonSpace(0x1C));
  EXPECT_FALSE(IsSpace(0x1C));
  EXPECT_FALSE(IsSpace(0x180E));
  EXPECT_TRUE(IsSpace(0x85));
  EXPECT_EQ(CollapseSpaces(" a\u3000\n b ", IsSpace), " a b ");
  EXPECT_EQ(Strip("\u3000 a b \u2028", IsSpace), "a b");
  EXPECT_EQ(Strip(" \n ", IsSpace), "");
  EXPECT_EQ(ValidUtf8(std::string(kMaxTextBytes + 5, 'x')).size(), kMaxTextBytes);
}

}  // namespace
}  // namespace espy::encoders
