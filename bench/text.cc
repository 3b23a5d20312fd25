// Words: how fast captions are indexed, and what questions cost, over made captions.
//   text [DOCUMENTS]...       (100000)
// Captions are 8 to 14 words drawn by Zipf's law from 20,000, with a file name and, for one in ten,
// a tag; about what a captioner gives.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <vector>

#include "text/text_index.h"

using namespace espy;  // NOLINT: one file, one measurement

namespace {

double Now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

void Check(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "text: %s\n", status.message().c_str());
  std::exit(1);
}

// Pronounceable, so that stems and slips have something to do.
std::string Word(std::size_t rank) {
  static const char* const kSyllables[] = {"ba", "con", "di", "fer", "gol", "hu",  "jam", "ki",
                                           "lo", "mar", "ne", "pol", "qui", "ras", "su",  "tim"};
  std::string word;
  for (std::size_t n = rank + 16; n > 0; n /= 16) word += kSyllables[n % 16];
  return word;
}

class Captions {
 public:
  Captions() {
    double sum = 0;
    for (std::size_t r = 0; r < 20'000; ++r) {
      words_.push_back(Word(r));
      sum += 1.0 / static_cast<double>(r + 1);
      total_.push_back(sum);
    }
  }
  const std::string& AWord(std::mt19937_64* random) {
    const double at = std::uniform_real_distribution<double>(0, total_.back())(*random);
    const auto place = std::lower_bound(total_.begin(), total_.end(), at);
    return words_[static_cast<std::size_t>(place - total_.begin())];
  }
  const std::string& OfRank(std::size_t rank) const { return words_[rank]; }
  text::Document Document(std::uint64_t number, std::mt19937_64* random) {
    text::Document document;
    document.id = (number * 0x9E3779B97F4A7C15ull) >> 1;  // as scattered as content hashes
    document.seq = number;
    std::string caption;
    for (std::size_t n = 8 + (*random)() % 7; n > 0; --n) {
      caption += (caption.empty() ? "" : " ") + AWord(random);
    }
    text::AppendValue(caption, &document.fields[text::kCaption]);
    if (number % 10 == 0) text::AppendValue(AWord(random), &document.fields[text::kTag]);
    text::AppendValue("IMG_" + std::to_string(number) + ".jpg", &document.fields[text::kName]);
    text::AppendValue("/home/me/pictures/" + std::to_string(2000 + number % 25),
                      &document.fields[text::kFolder]);
    return document;
  }

 private:
  std::vector<std::string> words_;
  std::vector<double> total_;
};

void Measure(std::uint64_t documents) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("espy_bench_text." + std::to_string(documents));
  std::filesystem::remove_all(folder);
  auto opened = text::TextIndex::Open(folder.string(), text::TextIndex::Mode::kWrite, "english");
  Check(opened.status());
  text::TextIndex& index = **opened;
  Captions captions;
  std::mt19937_64 random(1);
  double seconds = 0;
  for (std::uint64_t number = 1; number <= documents;) {
    text::Batch batch;
    for (int i = 0; i < 1000 && number <= documents; ++i, ++number) {
      batch.puts.push_back(captions.Document(number, &random));
    }
    batch.position.seq = number;
    const double start = Now();
    Check(index.Apply(batch));
    seconds += Now() - start;
  }
  const auto stats = index.stats();
  Check(stats.status());
  std::printf("{\"documents\":%llu,\"documents_per_second\":%.0f,\"bytes_per_document\":%.0f}\n",
              static_cast<unsigned long long>(documents), static_cast<double>(documents) / seconds,
              static_cast<double>(stats->bytes) / static_cast<double>(documents));
  const auto view = index.TakeView();
  Check(view.status());
  struct Kind {
    const char* name;
    std::string (*make)(Captions*, std::mt19937_64*);
  };
  const Kind kinds[] = {
      {"one word", [](Captions* c, std::mt19937_64* r) { return c->OfRank(20 + (*r)() % 2000); }},
      {"three words, by frequency",
       [](Captions* c, std::mt19937_64* r) {
         return c->AWord(r) + " " + c->AWord(r) + " " + c->AWord(r);
       }},
      {"two that must be there",
       [](Captions* c, std::mt19937_64* r) {
         return "+" + c->OfRank(5 + (*r)() % 200) + " +" + c->OfRank(5 + (*r)() % 200);
       }},
      {"a phrase of two",
       [](Captions* c, std::mt19937_64* r) {
         return "\"" + c->OfRank((*r)() % 100) + " " + c->OfRank((*r)() % 100) + "\"";
       }},
      {"four letters and *",
       [](Captions* c, std::mt19937_64* r) {
         return c->OfRank(500 + (*r)() % 15'000).substr(0, 4) + "*";
       }},
      {"a mistyped word",
       [](Captions* c, std::mt19937_64* r) {
         std::string word = c->OfRank(500 + (*r)() % 15'000);
         std::swap(word[2], word[3]);
         return word + "~";
       }},
  };
  for (const Kind& kind : kinds) {
    std::vector<double> ms;
    std::uint64_t found = 0;
    const double begin = Now();
    for (int i = 0; i < 205 && (i < 20 || Now() - begin < 4); ++i) {
      const auto query = text::ParseTextQuery(kind.make(&captions, &random));
      Check(query.status());
      const double start = Now();
      const auto matches = (*view)->Search(*query, {.k = 10});
      Check(matches.status());
      if (i < 5) continue;  // the first ones read the file
      ms.push_back((Now() - start) * 1e3);
      found += matches->found;
    }
    std::sort(ms.begin(), ms.end());
    std::printf(
        "{\"documents\":%llu,\"query\":\"%s\",\"queries\":%zu,\"ms_p50\":%.3f,"
        "\"ms_p95\":%.3f,\"found_mean\":%.0f}\n",
        static_cast<unsigned long long>(documents), kind.name, ms.size(), ms[ms.size() / 2],
        ms[ms.size() * 95 / 100], static_cast<double>(found) / static_cast<double>(ms.size()));
  }
  std::filesystem::remove_all(folder);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) Measure(100'000);
  for (int i = 1; i < argc; ++i) Measure(std::strtoull(argv[i], nullptr, 10));
  return 0;
}
