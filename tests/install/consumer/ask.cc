// ask LIBRARY FOLDER WORDS...: the ten lines of README.md as a program.
#include <espy/library.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  auto library = espy::Library::Open(argv[1], {.create_if_missing = true});
  if (!library.ok()) return std::puts(library.status().message().c_str()), 1;
  auto report = (*library)->Ingest({.paths = {argv[2]}});
  if (!report.ok()) return std::puts(report.status().message().c_str()), 1;
  auto query = espy::ParseQuery({argv + 3, argv + argc});
  if (!query.ok()) return std::puts(query.status().message().c_str()), 1;
  auto result = (*library)->Search(*query, {.k = 5});
  if (!result.ok()) return std::puts(result.status().message().c_str()), 1;
  for (const auto& hit : result->hits) {
    std::printf("%.3f %s\n", hit.score, hit.record.paths[0].c_str());
  }
}
