// A folder of made pictures, a tiny model and a library, for tests of the verbs.
#ifndef ESPY_TESTS_ENGINE_FIXTURE_H_
#define ESPY_TESTS_ENGINE_FIXTURE_H_

#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "espy/library.h"
#include "tests/support/pictures.h"
#include "tests/support/temp_dir.h"
#include "tests/support/tiny_model.h"

namespace espy::testing {

class LibraryTest : public ::testing::Test {
 protected:
  void SetUp() override { WriteTinyModel(model()); }

  std::string model() const { return dir_ / "model"; }
  std::string pictures() const { return dir_ / "pictures"; }
  std::string library_path() const { return dir_ / "library"; }
  std::string Picture(const std::string& name, std::uint32_t seed) const {
    return dir_.Write("pictures/" + name, MakeBmp(seed));
  }
  static std::string Name(int i) { return "p" + std::to_string(i) + ".bmp"; }
  void MakePictures(int n) const {
    for (int i = 0; i < n; ++i) Picture(Name(i), static_cast<std::uint32_t>(i));
  }

  std::unique_ptr<Library> Open(bool read_only = false) const {
    OpenOptions options;
    options.create_if_missing = !read_only;
    options.read_only = read_only;
    options.model = model();
    options.threads = 1;
    auto library = Library::Open(library_path(), options);
    EXPECT_TRUE(library.ok()) << library.status().message();
    return library.ok() ? std::move(*library) : nullptr;
  }

  IngestReport Ingest(Library* library) const {
    IngestOptions options;
    options.paths = {pictures()};
    auto report = library->Ingest(options);
    EXPECT_TRUE(report.ok()) << report.status().message();
    return report.ok() ? *report : IngestReport{};
  }

  static std::uint64_t Items(Library* library) {
    auto info = library->Info();
    EXPECT_TRUE(info.ok()) << info.status().message();
    return info.ok() ? info->items : 0;
  }

  static void ExpectSound(Library* library) {
    auto report = library->Verify();
    ASSERT_TRUE(report.ok()) << report.status().message();
    for (const std::string& problem : report->problems) ADD_FAILURE() << problem;
  }

  testing::TempDir dir_;
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_ENGINE_FIXTURE_H_
