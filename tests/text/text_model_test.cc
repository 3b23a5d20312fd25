// Random documents and questions against a plain model: every document that matches is found, and
// no other, after random changes and openings.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "tests/support/temp_dir.h"
#include "text/stemmer.h"
#include "text/text_index.h"

namespace espy::text {
namespace {

using Words = std::vector<std::string>;

struct ModelDocument {
  std::array<std::vector<Words>, kColumns> fields;  // values of words
};

// Slips by the definition, without a limit.
int Slips(const std::string& a, const std::string& b) {
  std::vector<std::vector<int>> d(a.size() + 1, std::vector<int>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = static_cast<int>(i + j);
        continue;
      }
      d[i][j] = std::min(
          {d[i - 1][j] + 1, d[i][j - 1] + 1, d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

class Model {
 public:
  explicit Model(const std::string& language) : stemmer_(*Stemmer::Create(language)) {}

  std::map<std::uint64_t, ModelDocument> documents;

  std::string Stem(const std::string& word) {
    return stemmer_.stems() ? std::string(stemmer_.Stem(word)) : word;
  }

  bool HoldsAnywhere(const std::string& stem) {
    for (const auto& [id, document] : documents) {
      if (Holds(document, kAnyColumn, [&](const std::string& w) { return Stem(w) == stem; })) {
        return true;
      }
    }
    return false;
  }

  bool Matches(const ModelDocument& document, const Clause& clause, bool word_is_nowhere) {
    Words words;
    std::string word;
    for (const char c : clause.text + " ") {
      if (c != ' ') {
        word += c;
      } else if (!word.empty()) {
        words.push_back(std::exchange(word, ""));
      }
    }
    if (clause.kind == Clause::Kind::kPhrase) {
      return HoldsRun(document, clause.column, words);
    }
    if (clause.kind == Clause::Kind::kPrefix) {
      return Holds(document, clause.column,
                   [&](const std::string& w) { return w.starts_with(words[0]); });
    }
    const std::string stem = Stem(words[0]);
    if (Holds(document, clause.column, [&](const std::string& w) { return Stem(w) == stem; })) {
      return true;
    }
    int edits = clause.edits;
    if (edits == Clause::kAutomatic) {
      const std::size_t n = words[0].size();
      edits = !word_is_nowhere || n < 5 ? 0 : n < 8 ? 1 : 2;
    }
    if (edits == 0) return false;
    return Holds(document, clause.column, [&](const std::string& w) {
      return (w[0] == words[0][0] || w[0] == words[0][1]) && Slips(w, words[0]) <= edits;
    });
  }

  std::set<std::uint64_t> Find(const TextQuery& query) {
    std::set<std::uint64_t> found;
    bool has_must = false;
    std::vector<bool> nowhere;
    for (const Clause& clause : query.clauses) {
      has_must |= clause.occur == Clause::Occur::kMust;
      nowhere.push_back(!HoldsAnywhere(Stem(clause.text)));
    }
    for (const auto& [id, document] : documents) {
      bool any = has_must, all = true;
      for (std::size_t c = 0; c < query.clauses.size(); ++c) {
        const Clause& clause = query.clauses[c];
        const bool matches = Matches(document, clause, nowhere[c]);
        if (clause.occur == Clause::Occur::kMust) all &= matches;
        if (clause.occur == Clause::Occur::kMustNot) all &= !matches;
        if (clause.occur == Clause::Occur::kShould) any |= matches;
      }
      if (any && all) found.insert(id);
    }
    return found;
  }

 private:
  template <class Test>
  static bool Holds(const ModelDocument& document, int column, const Test& test) {
    for (int c = 0; c < kColumns; ++c) {
      if (column != kAnyColumn && column != c) continue;
      for (const Words& value : document.fields[c]) {
        if (std::any_of(value.begin(), value.end(), test)) return true;
      }
    }
    return false;
  }
  static bool HoldsRun(const ModelDocument& document, int column, const Words& run) {
    for (int c = 0; c < kColumns; ++c) {
      if (column != kAnyColumn && column != c) continue;
      for (const Words& value : document.fields[c]) {
        if (std::search(value.begin(), value.end(), run.begin(), run.end()) != value.end()) {
          return true;
        }
      }
    }
    return false;
  }

  Stemmer stemmer_;
};

class RandomWorld {
 public:
  explicit RandomWorld(std::uint32_t seed) : random_(seed) {}
  std::size_t Below(std::size_t n) { return random_() % n; }

  // Few words, in several forms, of which some are a slip apart.
  std::string Word() {
    static const Words kStems = {"dog",   "dot",   "run",    "beach",    "bench",    "light",
                                 "night", "house", "horses", "mountain", "fountain", "car"};
    static const Words kEnds = {"", "", "", "s", "ing", "er"};
    return kStems[Below(kStems.size())] + kEnds[Below(kEnds.size())];
  }
  std::string Mistyped() {
    std::string word = Word();
    const std::size_t at = Below(word.size());
    switch (Below(3)) {
      case 0:
        word[at] = static_cast<char>('a' + Below(26));
        break;
      case 1:
        word.insert(at, 1, static_cast<char>('a' + Below(26)));
        break;
      default:
        if (word.size() > 2) word.erase(at, 1);
    }
    return word;
  }
  ModelDocument NextDocument() {
    ModelDocument document;
    for (int c = 0; c < kColumns; ++c) {
      for (std::size_t values = Below(3); values > 0; --values) {
        Words words;
        for (std::size_t n = 1 + Below(4); n > 0; --n) words.push_back(Word());
        document.fields[c].push_back(words);
      }
    }
    return document;
  }
  TextQuery NextQuery(std::string* typed) {
    for (std::size_t n = 1 + Below(3); n > 0; --n) {
      if (!typed->empty()) *typed += ' ';
      if (const std::size_t sign = Below(6); sign < 2) *typed += "+-"[sign];
      if (Below(4) == 0) *typed += std::string(kColumnNames[Below(kColumns)]) + ":";
      switch (Below(6)) {
        case 0:
          *typed += "\"" + Word() + " " + Word() + "\"";
          break;
        case 1:
          *typed += Word().substr(0, 1 + Below(3)) + "*";
          break;
        case 2:
          *typed += Mistyped();
          break;
        case 3:
          *typed += Mistyped() + (Below(2) == 0 ? "~1" : "~2");
          break;
        default:
          *typed += Word();
      }
    }
    return *ParseTextQuery(*typed);
  }

 private:
  std::mt19937 random_;
};

Document ToDocument(std::uint64_t id, std::uint64_t seq, const ModelDocument& model) {
  Document document;
  document.id = id;
  document.seq = seq;
  for (int c = 0; c < kColumns; ++c) {
    for (const Words& value : model.fields[c]) {
      std::string text;
      for (const std::string& word : value) text += (text.empty() ? "" : " ") + word;
      AppendValue(text, &document.fields[c]);
    }
  }
  return document;
}

using Answer = std::vector<Match>;
Answer Ask(TextIndex* index, const TextQuery& query) {
  auto view = index->TakeView();
  EXPECT_TRUE(view.ok());
  auto matches = (*view)->Search(query, {.k = 100'000});
  EXPECT_TRUE(matches.ok()) << matches.status().message();
  return matches.ok() ? matches->best : Answer();
}

class TextModelTest : public ::testing::TestWithParam<std::string> {};

TEST_P(TextModelTest, EveryMatchIsFoundAndNoOther) {
  const std::string language = GetParam();
  const auto seed = static_cast<std::uint32_t>(::testing::UnitTest::GetInstance()->random_seed());
  std::printf("seed %u\n", seed);
  RandomWorld world(seed);
  Model model(language);
  testing::TempDir dir;
  const auto open = [&] {
    auto index = TextIndex::Open(dir / "text", TextIndex::Mode::kWrite, language);
    EXPECT_TRUE(index.ok()) << index.status().message();
    return *index;
  };
  auto index = open();
  std::uint64_t seq = 0;
  std::size_t hits = 0;
  for (int round = 0; round < 40; ++round) {
    Batch batch;
    for (std::size_t n = world.Below(12); n > 0; --n) {
      const std::uint64_t id = 1 + world.Below(80) * 0x9E3779B97F4A7ull;
      ++seq;
      if (world.Below(4) == 0) {
        // A removal and a put of one item are never in one batch: the feeder reads its last state.
        if (std::any_of(batch.puts.begin(), batch.puts.end(),
                        [&](const Document& d) { return d.id == id; })) {
          continue;
        }
        model.documents.erase(id);
        batch.removes.push_back(id);
      } else {
        std::erase(batch.removes, id);
        model.documents[id] = world.NextDocument();
        batch.puts.push_back(ToDocument(id, seq, model.documents[id]));
      }
    }
    batch.position.seq = seq;
    ESPY_ASSERT_OK(index->Apply(batch));
    if (world.Below(5) == 0) {
      index.reset();
      index = open();
      ASSERT_EQ(index->position()->seq, seq);
    }
    for (int q = 0; q < 12; ++q) {
      std::string typed;
      const TextQuery query = world.NextQuery(&typed);
      const Answer answer = Ask(index.get(), query);
      std::set<std::uint64_t> found;
      for (const Match& match : answer) found.insert(match.id);
      ASSERT_EQ(found.size(), answer.size()) << typed;
      ASSERT_EQ(found, model.Find(query)) << typed << " in round " << round << ", seed " << seed;
      ASSERT_TRUE(std::is_sorted(answer.begin(), answer.end(), Before)) << typed;
      hits += answer.size();
    }
    if (round % 10 == 9) ESPY_ASSERT_OK(index->Check());
  }
  EXPECT_GT(hits, 500u);

  // Made again in another order, the index gives the same answers, score bits and all.
  auto fresh = TextIndex::OpenPrivate(nullptr, language);
  ESPY_ASSERT_OK(fresh);
  for (auto place = model.documents.rbegin(); place != model.documents.rend(); ++place) {
    Batch batch;
    batch.puts.push_back(ToDocument(place->first, 1, place->second));
    ESPY_ASSERT_OK((*fresh)->Apply(batch));
  }
  for (int q = 0; q < 200; ++q) {
    std::string typed;
    const TextQuery query = world.NextQuery(&typed);
    EXPECT_EQ(Ask(index.get(), query), Ask(fresh->get(), query)) << typed;
  }
}

INSTANTIATE_TEST_SUITE_P(Languages, TextModelTest, ::testing::Values("none", "english", "german"),
                         [](const auto& language) { return language.param; });

}  // namespace
}  // namespace espy::text
