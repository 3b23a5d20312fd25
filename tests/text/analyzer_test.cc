#include "text/analyzer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "text/edit_distance.h"

namespace espy::text {
namespace {

std::string Show(std::string_view text, std::string_view language = "none") {
  auto analyzer = Analyzer::Create(language);
  EXPECT_TRUE(analyzer.ok());
  std::string shown;
  analyzer->Analyze(text, [&](const Token& token) {
    if (!shown.empty()) shown += ' ';
    shown += token.word == kBreakToken ? "|" : token.word;
    if (!token.stem.empty()) shown += "/" + std::string(token.stem.substr(1));
    if (!token.plain_stem.empty()) shown += "/" + std::string(token.plain_stem.substr(1));
    return true;
  });
  return shown;
}

TEST(AnalyzerTest, WordsAreRunsOfLettersAndDigitsInOneCase) {
  EXPECT_EQ(Show("The RED car, IMG_1234.JPG"), "the red car img 1234 jpg");
  EXPECT_EQ(Show("it's e-mail; 50%"), "it s e mail 50");
  EXPECT_EQ(Show(" \t\n.,;--"), "");
  EXPECT_EQ(Show(""), "");
}

TEST(AnalyzerTest, UnicodeIsFoldedAndAccentsAreDropped) {
  EXPECT_EQ(Show("Ünïcödé ÉTÉ Straße"), "unicode ete strasse");
  EXPECT_EQ(Show("Ｆｕｌｌ ﬁne"), "full fine");  // width and ligatures
  EXPECT_EQ(Show("e\xCC\x81te"), "ete");         // an accent on its own
  EXPECT_EQ(Show("Łódź Ørsted İzmir"), "lodz orsted izmir");
  EXPECT_EQ(Show("Άνθρωπος"), "ανθρωποσ");
  EXPECT_EQ(Show("Йод"), "йод");  // a letter of its own, not an и with an accent
}

TEST(AnalyzerTest, RightToLeftWordsAreWords) {
  EXPECT_EQ(Show("שָׁלוֹם עולם"), "שלום עולם");
  EXPECT_EQ(Show("كِتَاب جميـــل"), "كتاب جميل");
}

TEST(AnalyzerTest, ScriptsWithoutSpacesGiveATokenForEachCharacter) {
  EXPECT_EQ(Show("红色汽车"), "红 色 汽 车");
  EXPECT_EQ(Show("東京タワー2023年"), "東 京 タ ワ ー 2023 年");
  EXPECT_EQ(Show("사진을 찍다"), "사 진 을 찍 다");
  EXPECT_EQ(Show("ภาพถ่าย"), "ภ า พ ถ่ า ย");
  EXPECT_EQ(Show("ｶﾞ"), "ガ");  // half-width kana with its mark
}

TEST(AnalyzerTest, PictographsAreTokens) {
  EXPECT_EQ(Show("🏖️beach🐕"), "🏖 beach 🐕");
  EXPECT_EQ(Show("👍🏽"), "👍");  // whatever the skin's colour
  EXPECT_EQ(Show("👨‍👩‍👧"), "👨 👩 👧");
  EXPECT_EQ(Show("🇩🇪"), "🇩 🇪");
}

TEST(AnalyzerTest, HindiKeepsItsVowels) { EXPECT_EQ(Show("हिन्दी"), "हिन्दी"); }

TEST(AnalyzerTest, StemsFollowTheLanguage) {
  EXPECT_EQ(Show("running dogs", "english"), "running/run dogs/dog");
  EXPECT_EQ(Show("Häuser", "german"), "hauser/haus");
  // With and without its accents the word meets itself.
  EXPECT_EQ(Show("jardinière", "french"), "jardiniere/jardini/jardinier");
  EXPECT_EQ(Show("jardiniere", "french"), "jardiniere/jardinier");
  EXPECT_EQ(Show("собаки", "russian"), "собаки/собак");
  // Numbers, names with digits and characters that stand alone have no stem.
  EXPECT_EQ(Show("img1234 2023 犬", "english"), "img1234 2023 犬");
}

TEST(AnalyzerTest, ValuesAreKeptApart) {
  EXPECT_EQ(Show("red\x1f"
                 "car"),
            "red | car");
}

TEST(AnalyzerTest, BytesThatAreNotUtf8SeparateWords) {
  EXPECT_EQ(Show("caf\xe9 bar\xff\xfe"
                 "baz"),
            "caf bar baz");
  EXPECT_EQ(Show("\xc3"), "");
  EXPECT_EQ(Show("\xed\xa0\x80"
                 "a"),
            "a");  // half of a surrogate pair
}

TEST(AnalyzerTest, LongWordsAreCutBetweenCharacters) {
  EXPECT_EQ(Show(std::string(1000, 'a')).size(), kMaxWordBytes);
  std::string accents;
  for (int i = 0; i < 1000; ++i) accents += "щ";
  const std::string cut = Show(accents);
  EXPECT_LE(cut.size(), kMaxWordBytes);
  EXPECT_EQ(cut.size() % 2, 0u);
}

TEST(AnalyzerTest, AnUnknownLanguageNamesThoseThatThereAre) {
  const auto analyzer = Analyzer::Create("klingon");
  ASSERT_FALSE(analyzer.ok());
  EXPECT_EQ(analyzer.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(analyzer.status().message().find("none, "), std::string::npos);
  EXPECT_NE(analyzer.status().message().find("german"), std::string::npos);
}

// The definition, without the band.
int Slow(const std::u32string& a, const std::u32string& b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int>(i + j);
        continue;
      }
      d[i][j] =
          std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

TEST(EditDistanceTest, AgreesWithTheDefinition) {
  std::uint32_t state = 7;
  const auto random = [&state](std::uint32_t n) {
    return (state = state * 1664525u + 1013904223u) / 65536 % n;
  };
  int within = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string a, b;
    for (std::uint32_t n = random(9); n > 0; --n) a += static_cast<char>('a' + random(3));
    for (std::uint32_t n = random(9); n > 0; --n) b += static_cast<char>('a' + random(3));
    const int exact = Slow({a.begin(), a.end()}, {b.begin(), b.end()});
    EditDistance distance(a);
    for (int limit = 0; limit <= kMaxEdits; ++limit) {
      ASSERT_EQ(distance.To(b, limit), std::min(exact, limit + 1)) << a << " " << b << " " << limit;
    }
    within += exact <= kMaxEdits;
  }
  EXPECT_GT(within, 1000);
}

TEST(EditDistanceTest, CountsCharactersAndNotBytes) {
  EXPECT_EQ(EditDistance("größe").To("grösse", 2), 2);
  EXPECT_EQ(EditDistance("größe").To("grüße", 2), 1);
  EXPECT_EQ(EditDistance("recieve").To("receive", 2), 1);
}

}  // namespace
}  // namespace espy::text
