// Bits that flip and files that end early, anywhere in a library: the right answer, or a refusal
// that names the file and the remedy; and the remedy works.
#include <algorithm>
#include <bit>
#include <filesystem>
#include <fstream>
#include <map>
#include <random>

#include "engine/library_impl.h"
#include "tests/faults/drill.h"
#include "tests/faults/fault_fs.h"
#include "tests/faults/world.h"

namespace espy::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kSteps = 50;
constexpr const char* kKinds[] = {".log",    ".sst",  ".blob", "MANIFEST",
                                  "CURRENT", "ACKED", "GROWN", "FORMAT"};

struct Seen {
  std::uint64_t refused = 0, found = 0, harmless = 0;
};

// Where the record begins that holds byte `at`: 4 bytes of checksum, 2 of length, 1 of type, then
// as many bytes; none crosses a block of 32 KiB.
std::uint64_t RecordStart(const std::string& path, std::uint64_t at) {
  std::ifstream file(path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  std::uint64_t start = 0;
  while (start + 7 <= bytes.size()) {
    const std::uint64_t length =
        static_cast<unsigned char>(bytes[start + 4]) |
        static_cast<std::uint64_t>(static_cast<unsigned char>(bytes[start + 5])) << 8;
    std::uint64_t next = start + 7 + length;
    constexpr std::uint64_t kBlock = 32768;
    if (kBlock - next % kBlock < 7) next += kBlock - next % kBlock;
    if (next > at) break;
    start = next;
  }
  return start;
}

class Patient {
 public:
  Patient(const DrillSettings& settings, DrillReport* report)
      : settings_(settings),
        random_(settings.seed),
        whole_(settings.scratch + "/whole"),
        copy_(settings.scratch + "/copy"),
        report_(report) {}

  // A library with rows in files and in the log, segments with graphs, forgotten items.
  void Prepare() {
    const auto disk = std::make_shared<FaultFs>();
    LibraryHooks hooks = SmallHooks(disk);
    hooks.storage.write_buffer_bytes = 0;
    auto library = OpenWithHooks(whole_, DrillOptions(settings_.model), hooks);
    if (!library.ok()) return report_->Fail(library.status().message());
    states_.push_back(world_);
    std::uint64_t n = 0;
    const auto live = [&](int maintenance) {
      const Step step = DrawStep(settings_.seed, n++, world_, maintenance);
      if (const Status done = ApplyStep(step, world_, **library); !done.ok()) {
        report_->Fail(done.message());
      }
      if (step.edits.empty()) return;
      ApplyStep(step, &world_);
      states_.push_back(world_);
      ++report_->acknowledged;
      if (states_.size() == kSteps / 2 && !ImplOf(**library).store->Flush().ok()) {
        report_->Fail("flush failed");
      }
    };
    // The later half stays in the log, unless the builder flushes it: the last steps do.
    while ((n < kSteps || world_.items.size() < 150) && report_->problems.empty()) {
      live(states_.size() < kSteps / 2 ? 8 : 0);
    }
    if (!(*library)->WaitForBackground().ok()) report_->Fail("the builder failed");
    for (int i = 0; i < 4; ++i) live(0);
    disk->Cut();  // so that closing leaves the log as it is
  }

  void Damage(const std::string& kind) {
    fs::remove_all(copy_);
    fs::copy(whole_, copy_, fs::copy_options::recursive);
    std::vector<std::string> files;
    for (const auto& file : fs::recursive_directory_iterator(copy_)) {
      const std::string name = file.path().filename().string();
      const bool matches = kind.starts_with('.') ? name.ends_with(kind) : name.starts_with(kind);
      if (matches && file.is_regular_file() && file.file_size() > 0) files.push_back(file.path());
    }
    std::sort(files.begin(), files.end());
    if (files.empty()) return report_->Fail("there is no file of kind " + kind);
    const std::string& file = files[random_() % files.size()];
    const std::uint64_t size = fs::file_size(file);
    where_ = fs::path(file).filename().string();
    if (random_() % 4 == 0) {
      std::uint64_t keep = random_() % size;
      // A cut that no checksum shows: between two records of the form that logs and MANIFEST share.
      if ((kind == ".log" || kind == "MANIFEST") && random_() % 2 == 0)
        keep = RecordStart(file, keep);
      fs::resize_file(file, keep);
      where_ += " cut to " + std::to_string(keep) + " of " + std::to_string(size) + " bytes";
      return;
    }
    // The ends of files hold what finds the rest: every other flip is near the end.
    const std::uint64_t bits = size * 8;
    const std::uint64_t bit = random_() % 2 == 0
                                  ? random_() % bits
                                  : bits - 1 - random_() % std::min(bits, std::uint64_t{1600});
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(bit / 8));
    const int byte = stream.get() ^ (1 << bit % 8);
    stream.seekp(static_cast<std::streamoff>(bit / 8));
    stream.put(static_cast<char>(byte));
    where_ += " with bit " + std::to_string(bit) + " of " + std::to_string(bits) + " flipped";
  }

  void Judge(Seen* seen) {
    auto library = Open(false);
    if (!library.ok()) {
      ++seen->refused;
      ++report_->refused;
      Refusal(library.status());
      return Mend(library.status().message());
    }
    errors_ = 0;
    rebuilt_ = false;
    Read(**library);
    const auto verified = (*library)->Verify();
    // A rebuild that replaced what was damaged leaves nothing to be found.
    const bool noticed = !verified.ok() || !verified->problems.empty() || rebuilt_;
    if (errors_ > 0 && !noticed) Say("verify does not find what reading does");
    if (verified.ok()) {
      // One says what to do; the others say what follows from the damage.
      const bool remedy =
          std::any_of(verified->problems.begin(), verified->problems.end(),
                      [&](const std::string& problem) { return NamesRemedy(problem, copy_); });
      if (!verified->problems.empty() && !remedy) {
        Say("findings without a remedy: " + verified->problems.front());
      }
    } else {
      Refusal(verified.status());
    }
    ++(noticed ? seen->found : seen->harmless);
    if (noticed) ++report_->refused;
  }

 private:
  void Say(const std::string& what) { report_->Add(where_, {what}); }

  void Refusal(const Status& status) {
    ++errors_;
    if (!NamesRemedy(status.message(), copy_)) {
      Say("a refusal without file or remedy: " + status.message());
    }
  }

  Result<std::unique_ptr<Library>> Open(bool recover) {
    OpenOptions options = DrillOptions(settings_.model);
    options.create_if_missing = false;
    options.recover_tail = recover;
    options.background_build = false;
    return OpenWithHooks(copy_, options, SmallHooks());
  }

  // Every record, vector, thumbnail and answer is right, or an error.
  void Read(Library& library) {
    storage::Store& store = *ImplOf(library).store;
    std::vector<std::uint16_t> half;
    for (const auto& [id, item] : world_.items) {
      auto record = library.Get(id);
      if (record.ok()) record->seq = 0;
      if (!record.ok()) {
        Refusal(record.status());
      } else if (*record != item.record) {
        Say("half: a wrong record was served");
      }
      const Status vector = store.GetVector(1, id, &half);
      if (!vector.ok()) {
        Refusal(vector);
      } else if (half != item.half) {
        Say("half: a wrong vector was served");
      }
      const auto thumbnail = library.Thumbnail(id);
      if (!thumbnail.ok()) {
        Refusal(thumbnail.status());
      } else if (*thumbnail != item.thumbnail) {
        Say("half: a wrong thumbnail was served");
      }
    }
    const auto records = library.List("");
    if (!records.ok()) {
      Refusal(records.status());
    } else if (Recognise(library, {world_}) != 0) {
      Say("lost: a listing differs");
    }
    if (!Answers(library)) return;
    Rebuilt(library);
  }

  // False when there were none to be had.
  bool Answers(Library& library) {
    for (std::uint64_t n = 0; n < 4; ++n) {
      Query query;
      query.terms.emplace_back();
      query.terms[0].kind = QueryTerm::Kind::kVector;
      query.terms[0].vector = QueryVector(settings_.seed, n);
      SearchOptions options;
      options.exact = n % 2 == 0;
      const auto best = BestOf(world_, query.terms[0].vector);
      const auto found = library.Search(query, options);
      if (!found.ok()) {
        Refusal(found.status());
        needs_rebuild_ = found.status().message().find("espy rebuild") != std::string::npos;
        return needs_rebuild_;
      }
      const std::map<ItemId, float> scores(best.begin(), best.end());
      for (std::size_t i = 0; i < found->hits.size(); ++i) {
        const Hit& hit = found->hits[i];
        const auto score = scores.find(hit.id);
        if (score == scores.end() || score->second != hit.score ||
            (options.exact && hit.id != best[i].first)) {
          Say("half: a wrong answer was served");
        }
      }
      if (found->hits.size() != std::min<std::size_t>(10, best.size()))
        Say("lost: hits are missing");
    }
    return false;
  }

  void Rebuilt(Library& library) {
    needs_rebuild_ = false;
    const auto verified = library.Verify();
    if (verified.ok() && verified->problems.empty())
      Say("verify does not find what searching does");
    if (const Status rebuilt = library.Rebuild(); !rebuilt.ok()) return Refusal(rebuilt);
    Answers(library);
    if (needs_rebuild_) return Say("a rebuild did not bring the answers back");
    rebuilt_ = true;
  }

  // `espy verify --repair`, where that is the remedy: a state that was, and nothing wrong in it.
  void Mend(const std::string& message) {
    if (message.find("espy verify --repair") == std::string::npos) return;
    auto library = Open(true);
    if (!library.ok()) return Say("the repair was refused: " + library.status().message());
    const int state = Recognise(**library, states_);
    if (state < 0) return Say("half: the repair left a state that never was");
    report_->Add(where_ + ", repaired",
                 Compare(**library, states_[static_cast<std::size_t>(state)], settings_.seed));
  }

  const DrillSettings& settings_;
  std::mt19937_64 random_;
  const std::string whole_, copy_;
  DrillReport* const report_;
  World world_;
  std::vector<World> states_;  // after each change
  std::string where_;
  std::uint64_t errors_ = 0;
  bool needs_rebuild_ = false, rebuilt_ = false;
};

}  // namespace

DrillReport Rot(const DrillSettings& settings) {
  DrillReport report;
  Patient patient(settings, &report);
  patient.Prepare();
  std::map<std::string, Seen> seen;
  while (report.runs < settings.runs && report.problems.empty()) {
    const char* kind = kKinds[report.runs % std::size(kKinds)];
    patient.Damage(kind);
    patient.Judge(&seen[kind]);
    ++report.runs;
  }
  for (const auto& [kind, s] : seen) {
    report.note += (report.note.empty() ? "" : "; ") + kind + " " + std::to_string(s.refused) +
                   " refused, " + std::to_string(s.found) + " found, " +
                   std::to_string(s.harmless) + " harmless";
  }
  return report;
}

}  // namespace espy::testing
