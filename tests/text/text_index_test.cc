#include "text/text_index.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <thread>

#include "tests/support/temp_dir.h"

namespace espy::text {
namespace {

using Mode = TextIndex::Mode;

Document Doc(std::uint64_t id, const std::string& caption,
             const std::vector<std::string>& tags = {}, const std::string& name = "",
             const std::string& folder = "") {
  Document document;
  document.id = id;
  document.seq = id;
  AppendValue(caption, &document.fields[kCaption]);
  for (const std::string& tag : tags) AppendValue(tag, &document.fields[kTag]);
  document.fields[kName] = name;
  document.fields[kFolder] = folder;
  return document;
}

class TextIndexTest : public ::testing::Test {
 protected:
  std::shared_ptr<TextIndex> Open(const std::string& language = "english") {
    auto index = TextIndex::Open(directory(), Mode::kWrite, language);
    EXPECT_TRUE(index.ok()) << index.status().message();
    return index.ok() ? *index : nullptr;
  }
  std::string directory() const { return dir_ / "text"; }
  std::string file() const { return directory() + "/words.db"; }

  static void Put(TextIndex* index, const std::vector<Document>& documents, std::uint64_t seq) {
    Batch batch;
    batch.puts = documents;
    batch.position.seq = seq;
    ESPY_ASSERT_OK(index->Apply(batch));
  }

  static std::vector<std::uint64_t> Ask(TextIndex* index, const std::string& text,
                                        std::size_t k = 100) {
    auto view = index->TakeView();
    EXPECT_TRUE(view.ok()) << view.status().message();
    return Ask(**view, text, k);
  }
  static std::vector<std::uint64_t> Ask(const TextView& view, const std::string& text,
                                        std::size_t k = 100) {
    const auto matches = view.Search(*ParseTextQuery(text), {.k = k});
    EXPECT_TRUE(matches.ok()) << text << ": " << matches.status().message();
    std::vector<std::uint64_t> ids;
    if (!matches.ok()) return ids;
    for (const Match& match : matches->best) ids.push_back(match.id);
    return ids;
  }

  testing::TempDir dir_;
};

using Ids = std::vector<std::uint64_t>;

TEST_F(TextIndexTest, FindsWordsInAnyFormPhrasesPrefixesAndFields) {
  auto index = Open();
  Put(index.get(),
      {Doc(1, "A red car parked beside a house", {"street"}, "IMG_1234.jpg", "holidays 2023"),
       Doc(2, "Two cars, one of them red", {"best of 2024", "beach"}, "red-car.png"),
       Doc(3, "Dogs running on the beach", {}, "dog.jpg"),
       Doc(4, "An underexposed photograph", {"run"}, "x.jpg")},
      9);
  EXPECT_EQ(Ask(index.get(), "car"), (Ids{2, 1}));  // 2 has it in its name, too
  EXPECT_EQ(Ask(index.get(), "run").size(), 2u);
  EXPECT_EQ(Ask(index.get(), "\"run\""), (Ids{4}));  // these very words
  EXPECT_EQ(Ask(index.get(), "caption:\"red car\""), (Ids{1}));
  EXPECT_EQ(Ask(index.get(), "\"red car\""), (Ids{2, 1}));  // red-car.png is two words in a row
  EXPECT_EQ(Ask(index.get(), "under*"), (Ids{4}));
  EXPECT_EQ(Ask(index.get(), "\"running on th\"*"), (Ids{3}));
  EXPECT_EQ(Ask(index.get(), "tag:beach"), (Ids{2}));
  EXPECT_EQ(Ask(index.get(), "name:1234"), (Ids{1}));
  EXPECT_EQ(Ask(index.get(), "folder:holiday"), (Ids{1}));
  EXPECT_EQ(Ask(index.get(), "beach"), (Ids{2, 3}));  // a person's own word counts most
  EXPECT_EQ(Ask(index.get(), "+beach -dogs"), (Ids{2}));
  EXPECT_EQ(Ask(index.get(), "+red +house"), (Ids{1}));
  EXPECT_EQ(Ask(index.get(), "-red"), Ids{});
  EXPECT_EQ(Ask(index.get(), "!!!"), Ids{});
  EXPECT_EQ(Ask(index.get(), ""), Ids{});
  EXPECT_EQ(Ask(index.get(), "car", 1), (Ids{2}));
}

TEST_F(TextIndexTest, APhraseDoesNotReachAcrossValues) {
  auto index = Open();
  Put(index.get(), {Doc(1, "", {"best of", "beach"}), Doc(2, "", {"best of beach"})}, 2);
  EXPECT_EQ(Ask(index.get(), "\"of beach\""), (Ids{2}));
}

TEST_F(TextIndexTest, MistypedWordsAreFoundWhereTheWordIsNowhere) {
  auto index = Open();
  Put(index.get(), {Doc(1, "a lighthouse"), Doc(2, "they receive a letter"), Doc(3, "a cart")}, 3);
  EXPECT_EQ(Ask(index.get(), "recieve"), (Ids{2}));    // swapped
  EXPECT_EQ(Ask(index.get(), "ihgtnhouse"), Ids{});    // the first two letters are another's
  EXPECT_EQ(Ask(index.get(), "lightouze"), (Ids{1}));  // two slips in a long word
  EXPECT_EQ(Ask(index.get(), "car"), Ids{});           // short words are taken as they are
  EXPECT_EQ(Ask(index.get(), "car~"), (Ids{3}));
  EXPECT_EQ(Ask(index.get(), "letters~"), (Ids{2}));
}

TEST_F(TextIndexTest, EveryScriptIsFoundAsItIsTyped) {
  auto index = Open("none");
  Put(index.get(),
      {Doc(1, "一辆红色汽车停在房子旁边"), Doc(2, "東京タワーの夜景"), Doc(3, "שָׁלוֹם לכל העולם"),
       Doc(4, "sunset 🏖️🐕", {"été"}), Doc(5, "ภาพถ่ายทะเล"), Doc(6, "كلب على الشاطئ"),
       Doc(7, "바다 사진을 찍다", {}, "caf\xe9 \xff.jpg")},
      7);
  EXPECT_EQ(Ask(index.get(), "红色"), (Ids{1}));
  EXPECT_EQ(Ask(index.get(), "色红"), Ids{});
  EXPECT_EQ(Ask(index.get(), "タワー"), (Ids{2}));
  EXPECT_EQ(Ask(index.get(), "שלום"), (Ids{3}));
  EXPECT_EQ(Ask(index.get(), "🐕"), (Ids{4}));
  EXPECT_EQ(Ask(index.get(), "ETE"), (Ids{4}));
  EXPECT_EQ(Ask(index.get(), "ทะเล"), (Ids{5}));
  EXPECT_EQ(Ask(index.get(), "كلب"), (Ids{6}));
  EXPECT_EQ(Ask(index.get(), "사진"), (Ids{7}));
  EXPECT_EQ(Ask(index.get(), "name:caf"), (Ids{7}));
  EXPECT_EQ(Ask(index.get(), "caf\xe9"), (Ids{7}));
}

TEST_F(TextIndexTest, VeryLongCaptionsAreHeldToALimit) {
  auto index = Open();
  std::string caption = "first";
  while (caption.size() < 2 * kMaxFieldBytes) caption += " filler";
  Put(index.get(), {Doc(1, caption + " last"), Doc(2, "first word")}, 1);
  EXPECT_EQ(Ask(index.get(), "first"), (Ids{2, 1}));  // the shorter one says it more
  EXPECT_EQ(Ask(index.get(), "last"), Ids{});
  ESPY_ASSERT_OK(index->Check());
}

TEST_F(TextIndexTest, CommonWordsOrderWhatRarerOnesFind) {
  auto index = Open("none");
  std::vector<Document> documents;
  for (std::uint64_t id = 1; id <= 3000; ++id) {
    documents.push_back(Doc(id, id % 2 == 0 ? "a thing" : "the thing"));
  }
  documents[10].fields[kCaption] = "a zebra";
  documents[20].fields[kCaption] = "the zebra";
  documents[30].fields[kCaption] = "one zebra";
  Put(index.get(), documents, 1);
  EXPECT_EQ(Ask(index.get(), "the zebra", 5000).front(), 21u);
  EXPECT_EQ(Ask(index.get(), "the zebra", 5000).size(), 3u);
  EXPECT_EQ(Ask(index.get(), "the", 5000).size(), 1498u);
  EXPECT_EQ(Ask(index.get(), "+the zebra", 5000).size(), 1498u);
  EXPECT_EQ(Ask(index.get(), "a the", 5000).size(), 2999u);  // neither is the rarer
}

TEST_F(TextIndexTest, ABatchIsThereWholeWithItsPosition) {
  auto index = Open();
  Put(index.get(), {Doc(1, "one"), Doc(2, "two"), Doc(3, "three")}, 3);
  Batch batch;
  batch.puts = {Doc(2, "second"), Doc(4, "four"), Doc(2, "zwei")};
  batch.removes = {1, 77};
  batch.position.seq = 8;
  batch.position.item = 4;
  ESPY_ASSERT_OK(index->Apply(batch));
  EXPECT_EQ(index->position()->seq, 8u);
  EXPECT_EQ(index->position()->item, 4u);
  EXPECT_EQ(Ask(index.get(), "one two second"), Ids{});
  EXPECT_EQ(Ask(index.get(), "zwei"), (Ids{2}));
  auto view = *index->TakeView();
  EXPECT_EQ(*view->Ids(), (Ids{2, 3, 4}));
  EXPECT_EQ(*view->Get(4), Doc(4, "four"));
  EXPECT_EQ(view->Get(1).status().code(), StatusCode::kNotFound);
  ESPY_ASSERT_OK(index->Check());
  EXPECT_EQ(index->stats()->documents, 3u);
}

TEST_F(TextIndexTest, AViewNeverChanges) {
  auto index = Open();
  Put(index.get(), {Doc(1, "red"), Doc(2, "red")}, 2);
  auto before = *index->TakeView();
  Put(index.get(), {Doc(1, "blue"), Doc(3, "red")}, 4);
  ESPY_ASSERT_OK(index->Rebuild([](const TextIndex::Add&) { return Status::Ok(); }));
  EXPECT_EQ(Ask(*before, "red"), (Ids{1, 2}));
  EXPECT_EQ(before->position().seq, 2u);
  // Searches of one view wait for each other when the index has moved on, and all are answered.
  std::vector<std::jthread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20; ++i) EXPECT_EQ(Ask(*before, "red"), (Ids{1, 2}));
    });
  }
  threads.clear();
  EXPECT_EQ(Ask(index.get(), "red"), Ids{});
}

TEST_F(TextIndexTest, SearchesRunBesideChanges) {
  auto index = Open();
  Put(index.get(), {Doc(1, "start")}, 1);
  std::jthread writer([&](const std::stop_token& stop) {
    for (std::uint64_t id = 2; !stop.stop_requested() && id < 2000; ++id) {
      Put(index.get(), {Doc(id, "start again")}, id);
    }
  });
  for (int i = 0; i < 200; ++i) {
    auto view = *index->TakeView();
    EXPECT_EQ(Ask(*view, "start", 5000).size(), view->position().seq);
  }
}

TEST_F(TextIndexTest, FiltersHoldAndKIsFilled) {
  auto index = Open();
  std::vector<Document> documents;
  for (std::uint64_t id = 1; id <= 300; ++id) documents.push_back(Doc(id, "dog"));
  Put(index.get(), documents, 1);
  auto view = *index->TakeView();
  TextSearchParams params;
  params.k = 10;
  params.allowed = [](std::uint64_t id) { return id % 29 == 0; };
  const auto matches = view->Search(*ParseTextQuery("dog"), params);
  ESPY_ASSERT_OK(matches);
  EXPECT_EQ(matches->best.size(), 10u);
  EXPECT_EQ(matches->found, 10u);
  EXPECT_EQ(matches->best.front().id, 29u);  // equal scores in order of id
  EXPECT_EQ(matches->best.back().id, 290u);
}

TEST_F(TextIndexTest, ReopeningKeepsWhatIsThereAndAnotherLanguageIsRefused) {
  {
    auto index = Open();
    Put(index.get(), {Doc(1, "dogs")}, 5);
  }
  {
    auto index = Open();
    EXPECT_EQ(index->position()->seq, 5u);
    EXPECT_EQ(Ask(index.get(), "dog"), (Ids{1}));
  }
  EXPECT_EQ(TextIndex::Open(directory(), Mode::kWrite, "german").status().code(),
            StatusCode::kCorruption);
  EXPECT_EQ(TextIndex::Open(directory(), Mode::kWrite, "klingon").status().code(),
            StatusCode::kInvalidArgument);
  ESPY_ASSERT_OK(TextIndex::Destroy(directory()));
  auto index = Open("german");
  EXPECT_EQ(index->position()->seq, 0u);
}

TEST_F(TextIndexTest, AReaderSeesAWritersChangesAndAPrivateCopyGoesItsOwnWay) {
  EXPECT_EQ(TextIndex::Open(directory(), Mode::kRead, "").status().code(), StatusCode::kNotFound);
  auto writer = Open();
  Put(writer.get(), {Doc(1, "dogs")}, 1);
  auto reader = TextIndex::Open(directory(), Mode::kRead, "");
  ESPY_ASSERT_OK(reader);
  EXPECT_EQ((*reader)->language(), "english");
  auto before = *(*reader)->TakeView();
  Put(writer.get(), {Doc(2, "dogs")}, 2);
  EXPECT_EQ(Ask(*before, "dog"), (Ids{1}));
  EXPECT_EQ(Ask(reader->get(), "dog"), (Ids{1, 2}));
  EXPECT_EQ((*reader)->Apply({}).code(), StatusCode::kInvalidArgument);

  auto copy = TextIndex::OpenPrivate(before.get(), "english");
  ESPY_ASSERT_OK(copy);
  Put(copy->get(), {Doc(3, "dogs")}, 3);
  EXPECT_EQ(Ask(copy->get(), "dog"), (Ids{1, 3}));
  ESPY_ASSERT_OK((*copy)->Check());
  EXPECT_EQ(Ask(writer.get(), "dog"), (Ids{1, 2}));
  auto none = TextIndex::OpenPrivate(nullptr, "english");
  ESPY_ASSERT_OK(none);
  EXPECT_EQ(Ask(none->get(), "dog"), Ids{});
}

TEST_F(TextIndexTest, ARebuildThatStopsLeavesTheOldIndex) {
  auto index = Open();
  Put(index.get(), {Doc(1, "old dog")}, 1);
  const Status stopped = index->Rebuild([](const TextIndex::Add& add) -> Status {
    Batch batch;
    batch.puts = {Doc(2, "new dog")};
    EXPECT_TRUE(add(batch).ok());
    return Status::Cancelled("stopped");
  });
  EXPECT_EQ(stopped.code(), StatusCode::kCancelled);
  EXPECT_EQ(Ask(index.get(), "dog"), (Ids{1}));
  ESPY_ASSERT_OK(index->Rebuild([](const TextIndex::Add& add) -> Status {
    Batch batch;
    batch.puts = {Doc(2, "new dog")};
    batch.position.seq = 7;
    return add(batch);
  }));
  EXPECT_EQ(Ask(index.get(), "dog"), (Ids{2}));
  EXPECT_EQ(index->position()->seq, 7u);
  ESPY_ASSERT_OK(index->Check());
  Put(index.get(), {Doc(1, "old dog"), Doc(2, "newer dog")}, 9);
  EXPECT_EQ(Ask(index.get(), "dog"), (Ids{1, 2}));
  ESPY_ASSERT_OK(index->Check());
}

// Killed between making the file and its tables.
TEST_F(TextIndexTest, AFileWithoutTablesIsNoIndexYetAndAWriterMakesIt) {
  std::filesystem::create_directories(directory());
  std::ofstream(directory() + "/words.db").close();
  EXPECT_EQ(TextIndex::Open(directory(), Mode::kRead, "").status().code(), StatusCode::kNotFound);
  ESPY_ASSERT_OK(TextIndex::Open(directory(), Mode::kWrite, "english"));
  ESPY_ASSERT_OK(TextIndex::Open(directory(), Mode::kRead, ""));
}

TEST_F(TextIndexTest, DamageIsCorruptionAndNothingElse) {
  {
    auto index = Open();
    std::vector<Document> documents;
    for (std::uint64_t id = 1; id <= 500; ++id) {
      documents.push_back(Doc(id, "word" + std::to_string(id) + " and a dog"));
    }
    Put(index.get(), documents, 1);
  }
  const std::string whole = testing::ReadFileOrDie(file());
  const auto write = [&](const std::string& bytes) {
    std::ofstream(file(), std::ios::binary) << bytes;
    std::filesystem::remove(file() + "-wal");
    std::filesystem::remove(file() + "-shm");
  };
  // Opened, asked and checked, damage shows somewhere, as Corruption, and never as a crash.
  const auto trouble = [&]() -> Status {
    auto index = TextIndex::Open(directory(), Mode::kWrite, "english");
    if (!index.ok()) return index.status();
    auto view = (*index)->TakeView();
    if (!view.ok()) return view.status();
    const auto found = (*view)->Search(*ParseTextQuery("dog word7 wrod9x*"), {.k = 10});
    if (!found.ok()) return found.status();
    view = Status::Cancelled("");
    return (*index)->Check();
  };
  write(whole);
  ESPY_ASSERT_OK(trouble());
  write("this is no database, but it is long enough to be looked at as one ...................");
  EXPECT_EQ(trouble().code(), StatusCode::kCorruption);
  write(whole.substr(0, whole.size() / 2));
  EXPECT_EQ(trouble().code(), StatusCode::kCorruption);
  int noticed = 0, tried = 0;
  for (std::size_t at = 100; at < whole.size(); at += whole.size() / 60) {
    std::string bytes = whole;
    for (std::size_t i = at; i < std::min(at + 64, bytes.size()); ++i) bytes[i] ^= 0x5a;
    if (bytes == whole) continue;
    write(bytes);
    ++tried;
    const Status status = trouble();
    if (!status.ok()) {
      ++noticed;
      EXPECT_EQ(status.code(), StatusCode::kCorruption) << at << ": " << status.message();
    }
  }
  // Free space within pages is checked by nobody.
  EXPECT_GT(noticed, tried / 3);
}

// Killed at any moment, the index opens, and holds exactly the documents of the position it names.
TEST_F(TextIndexTest, AKilledWriterLeavesWhatItsPositionSays) {
  std::uint64_t reached = 0;
  for (int round = 0; round < 12; ++round) {
    const pid_t child = fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      auto index = TextIndex::Open(directory(), Mode::kWrite, "english");
      if (!index.ok()) _exit(3);
      for (std::uint64_t seq = (*index)->position()->seq + 1;; ++seq) {
        Batch batch;
        for (std::uint64_t i = 0; i < 20; ++i) batch.puts.push_back(Doc(seq * 100 + i, "dog"));
        batch.position.seq = seq;
        if (!(*index)->Apply(batch).ok()) _exit(4);
      }
    }
    usleep(20'000 + 17'000 * round);
    kill(child, SIGKILL);
    int state = 0;
    waitpid(child, &state, 0);
    ASSERT_TRUE(WIFSIGNALED(state)) << WEXITSTATUS(state);
    auto index = Open();
    ASSERT_NE(index, nullptr);
    const std::uint64_t seq = index->position()->seq;
    EXPECT_GE(seq, reached);
    reached = seq;
    EXPECT_EQ(index->stats()->documents, 20 * seq);
    EXPECT_EQ(Ask(index.get(), "dog", 1'000'000).size(), 20 * seq);
    ESPY_ASSERT_OK(index->Check());
  }
  EXPECT_GT(reached, 0u);
}

}  // namespace
}  // namespace espy::text
