// Memory that runs out at one allocation, or from one on, in a run from decoding to searching and
// to another model. The allocations of Espy's own code are each an error, never a crash. Those of
// the libraries under it may end the program, which not all of them survive; what was acknowledged
// is there all the same.
#include <execinfo.h>
#include <link.h>
#include <sys/wait.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <new>

#include "tests/faults/child.h"
#include "tests/faults/drill.h"
#include "tests/faults/world.h"
#include "tests/support/pictures.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace {

// Which allocation fails; guarded by nothing but order: set before anything else runs.
std::atomic<bool> armed{false};
std::atomic<std::int64_t> counted{0};
std::int64_t fail_at = 0;
bool sticky = false, everyone = false;

struct Range {
  std::uintptr_t begin = 0, end = 0;
  bool Holds(const void* p) const {
    const auto at = reinterpret_cast<std::uintptr_t>(p);
    return at >= begin && at < end;
  }
};
Range ours[3];  // the program and the standard libraries

int FindRange(dl_phdr_info* info, std::size_t, void*) {
  Range range{~std::uintptr_t{0}, 0};
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const auto& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD) continue;
    range.begin = std::min(range.begin, info->dlpi_addr + header.p_vaddr);
    range.end = std::max(range.end, info->dlpi_addr + header.p_vaddr + header.p_memsz);
  }
  if (info->dlpi_name[0] == '\0' && ours[0].end == 0) ours[0] = range;
  if (std::strstr(info->dlpi_name, "/libstdc++.so") != nullptr) ours[1] = range;
  if (std::strstr(info->dlpi_name, "/libc.so") != nullptr) ours[2] = range;
  return 0;
}

// Whether Espy's code asked, with no other library between: the nearest frames do not tell, because
// a library's inline functions may be those that the program has too.
bool IsOurs() {
  void* frames[96];
  const int n = ::backtrace(frames, 96);
  return std::all_of(frames, frames + n, [](const void* frame) {
    return std::any_of(std::begin(ours), std::end(ours),
                       [&](const Range& r) { return r.Holds(frame); });
  });
}

bool MustFail() {
  if (!armed.load(std::memory_order_relaxed)) return false;
  thread_local bool inside = false;
  if (inside) return false;
  inside = true;
  const bool counts = everyone || IsOurs();
  inside = false;
  if (!counts) return false;
  const std::int64_t n = ++counted;
  return fail_at > 0 && (n == fail_at || (sticky && n > fail_at));
}

void* Allocate(std::size_t size, std::size_t alignment) {
  if (MustFail()) return nullptr;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(size == 0 ? 1 : size);
  return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

}  // namespace

void* operator new(std::size_t size) {
  void* p = Allocate(size, 1);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void* operator new[](std::size_t size) {
  void* p = Allocate(size, 1);
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void* operator new(std::size_t size, std::align_val_t alignment) {
  void* p = Allocate(size, static_cast<std::size_t>(alignment));
  if (p == nullptr) throw std::bad_alloc();
  return p;
}
void operator delete(void* p) noexcept { std::free(p); }
void operator delete[](void* p) noexcept { std::free(p); }
void operator delete(void* p, std::size_t) noexcept { std::free(p); }
void operator delete[](void* p, std::size_t) noexcept { std::free(p); }
void operator delete(void* p, std::align_val_t) noexcept { std::free(p); }
void operator delete(void* p, std::size_t, std::align_val_t) noexcept { std::free(p); }

namespace espy::testing {
namespace {

namespace fs = std::filesystem;

constexpr std::uint64_t kStepsBefore = 8;
constexpr int kPictures = 4;

// What Espy does while memory is short; the drill's own vectors and strings are made before.
template <class Call>
auto Starved(const Call& call) {
  armed = true;
  auto result = call();
  armed = false;
  return result;
}

// The script, each part on its own: what fails does not keep the others from being tried.
void RunScript(const std::string& path, const std::string& model, const std::string& pictures,
               const std::string& other_model) {
  int errors = 0;
  const auto note = [&](const Status& status) {
    errors += status.ok() ? 0 : 1;
    return status.ok();
  };
  const OpenOptions options = DrillOptions(model);
  const LibraryHooks hooks = SmallHooks();
  IngestOptions ingest;
  ingest.paths = {pictures};
  ingest.jobs = 1;
  MigrationOptions migration;
  migration.jobs = 1;
  Query query;
  query.terms.emplace_back();
  query.terms[0].text = "a word";
  const std::string where = "width > 0";
  const std::vector<std::string> tags = {"starved"}, none;
  const auto search = [&](Library& library) {
    return [&] { return library.Search(query).status(); };
  };

  auto library = Starved([&] { return OpenWithHooks(path, options, hooks); });
  if (note(library.status())) {
    const auto report = Starved([&] { return (*library)->Ingest(ingest); });
    if (note(report.status())) std::printf("added %d\n", static_cast<int>(report->added));
    note(Starved(search(**library)));
    const auto records = Starved([&] { return (*library)->List(where); });
    if (note(records.status()) && !records->empty()) {
      note(Starved([&] { return (*library)->Tag(records->front().id, tags, none).status(); }));
    }
    note(Starved([&] { return (*library)->Compact().status(); }));
    note(Starved(search(**library)));
    note(Starved([&] { return (*library)->UseModel(other_model, migration).status(); }));
    // With memory again it goes on.
    const Status again = search(**library)();
    if (!again.ok()) std::printf("afterwards: %s\n", again.message().c_str());
    const auto verified = (*library)->Verify();
    if (!verified.ok()) std::printf("afterwards: %s\n", verified.status().message().c_str());
    for (std::size_t i = 0; verified.ok() && i < verified->problems.size(); ++i) {
      std::printf("afterwards: %s\n", verified->problems[i].c_str());
    }
    library->reset();
  }
  std::printf("errors %d\nallocations %lld\n", errors, static_cast<long long>(counted.load()));
}

}  // namespace

// starve LIBRARY MODEL PICTURES NTH once|sticky ours|everyone OTHER-MODEL
int LiveOutOfMemory(const std::vector<std::string>& arguments) {
  if (arguments.size() != 7) return 2;
  ::dl_iterate_phdr(FindRange, nullptr);
  void* first[2];
  ::backtrace(first, 2);  // loads what it needs while there is memory
  fail_at = std::stoll(arguments[3]);
  sticky = arguments[4] == "sticky";
  everyone = arguments[5] == "everyone";
  RunScript(arguments[0], arguments[1], arguments[2], arguments[6]);
  std::fflush(stdout);
  return 0;
}

DrillReport Memory(const DrillSettings& settings) {
  DrillReport report;
  const std::string base = settings.scratch + "/base", path = settings.scratch + "/lib";
  const std::string pictures = settings.scratch + "/pictures", other = settings.scratch + "/other";
  fs::create_directories(pictures);
  WriteTinyModel(other, 2);
  for (int i = 0; i < kPictures; ++i) {
    const std::string bytes = MakeBmp(static_cast<std::uint32_t>(i));
    std::FILE* file = std::fopen((pictures + "/" + std::to_string(i) + ".bmp").c_str(), "wb");
    if (file == nullptr || std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) {
      report.Fail("the pictures could not be written");
    }
    if (file != nullptr) std::fclose(file);
  }
  World world;
  {
    auto library = OpenWithHooks(base, DrillOptions(settings.model), SmallHooks());
    for (std::uint64_t n = 0; library.ok() && n < kStepsBefore; ++n) {
      const Step step = DrawStep(settings.seed, n, world, 0);
      if (!ApplyStep(step, world, **library).ok()) report.Fail("the library could not be made");
      ApplyStep(step, &world);
    }
  }
  std::uint64_t errors = 0, died = 0, hung = 0;
  std::int64_t total[2] = {0, 0};
  const auto run = [&](std::int64_t nth, bool stays, bool all) {
    fs::remove_all(path);
    fs::copy(base, path, fs::copy_options::recursive);
    Child child(settings.program, {"starve", path, settings.model, pictures, std::to_string(nth),
                                   stays ? "sticky" : "once", all ? "everyone" : "ours", other});
    const bool killed = child.KillAfter(60);
    const std::string where = std::string(all ? "anyone's" : "own") + " allocation " +
                              std::to_string(nth) + (stays ? " and all after it" : "");
    const auto number = [&](const char* word) {
      const std::size_t at = child.said().find(word);
      return at == std::string::npos ? 0
                                     : std::atoll(child.said().c_str() + at + std::strlen(word));
    };
    if (nth == 0) total[all ? 1 : 0] = number("allocations ");
    const bool ended = !killed && WIFEXITED(child.status()) && WEXITSTATUS(child.status()) == 0;
    errors += number("errors ") > 0 ? 1 : 0;
    hung += killed ? 1 : 0;
    died += !killed && !ended ? 1 : 0;
    if (!all && killed) report.Fail(where + ": hangs");
    if (!all && !killed && !ended) report.Fail(where + ": the program died: " + child.said());
    const std::size_t after = child.said().find("afterwards: ");
    if (!all && after != std::string::npos) report.Fail(where + ": " + child.said().substr(after));
    // Whatever became of the program.
    auto library = OpenWithHooks(path, DrillOptions(settings.model), SmallHooks());
    if (!library.ok()) return report.Fail(where + ": " + library.status().message());
    const auto verified = (*library)->Verify();
    if (!verified.ok()) return report.Fail(where + ": " + verified.status().message());
    for (const std::string& problem : verified->problems) report.Fail(where + ": " + problem);
    std::uint64_t lost = 0;
    for (const auto& [id, item] : world.items) lost += (*library)->Get(id).ok() ? 0 : 1;
    const std::uint64_t wanted = world.items.size() + static_cast<std::uint64_t>(number("added "));
    if (lost > 0 || verified->items < wanted) {
      report.Add(where, {"lost: " + std::to_string(wanted - verified->items) + " items"});
    }
    report.acknowledged += wanted;
    if (nth > 0) ++report.runs;
  };
  for (const bool all : {false, true}) {
    run(0, false, all);
    if (total[all ? 1 : 0] == 0) report.Fail("the script does not run to its end");
    const std::uint64_t points =
        std::max<std::uint64_t>(1, settings.runs / (all ? 4 : 1));  // our own ones above all
    for (std::uint64_t i = 0; i < points && report.problems.empty(); ++i) {
      const auto span = static_cast<std::uint64_t>(total[all ? 1 : 0]);
      const std::uint64_t low = i * span / points,
                          high = std::max(low + 1, (i + 1) * span / points);
      run(static_cast<std::int64_t>(1 + low + Mix(settings.seed, i) % (high - low)), i % 4 == 3,
          all);
    }
  }
  report.note = "of " + std::to_string(total[0]) + " allocations of its own and " +
                std::to_string(total[1]) + " in all; " + std::to_string(errors) +
                " runs had errors, " + std::to_string(died) + " ended and " + std::to_string(hung) +
                " stopped inside a library below";
  return report;
}

}  // namespace espy::testing
