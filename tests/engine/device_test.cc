// A library whose model and index are on the emulated GPU, and one that asks for a GPU where there
// is none.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <string>
#include <vector>

#include "encoders/encoder.h"
#include "engine/search/from_pixels.h"
#include "espy/log.h"
#include "index/device_search.h"
#include "kernels/cuda/emulation/runtime.h"
#include "tests/captioning/tiny_captioner.h"
#include "tests/engine/fixture.h"
#include "tests/imaging/noise.h"
#include "tests/index/memory_store.h"
#include "tests/index/oracle.h"

namespace espy {
namespace {

namespace emulation = cuda::emulation;

class DeviceLibrary : public testing::LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    SetLogHook([this](LogLevel level, std::string_view message) {
      const std::lock_guard lock(mutex_);
      if (level == LogLevel::kWarning) warnings_.emplace_back(message);
    });
  }
  void TearDown() override {
    SetLogHook({});
    emulation::HideDevice(false);
    emulation::LoseDeviceAfter(-1);
  }

  std::unique_ptr<Library> OpenOn(Device device, const std::string& name = "library") const {
    auto library = Library::Open(
        dir_ / name, {.create_if_missing = true, .model = model(), .threads = 1, .device = device});
    EXPECT_TRUE(library.ok()) << library.status().message();
    return library.ok() ? std::move(*library) : nullptr;
  }
  // Ids and scores.
  static std::vector<std::pair<ItemId, float>> Ask(Library* library, const std::string& words) {
    Query query;
    query.terms.push_back({.text = words});
    const auto found = library->Search(query, {});
    EXPECT_TRUE(found.ok()) << found.status().message();
    std::vector<std::pair<ItemId, float>> hits;
    if (found.ok()) {
      for (const Hit& hit : found->hits) hits.emplace_back(hit.record.id, hit.score);
    }
    return hits;
  }
  std::vector<std::string> Warnings() {
    const std::lock_guard lock(mutex_);
    return warnings_;
  }

  std::mutex mutex_;
  std::vector<std::string> warnings_;  // guarded by mutex_
};

TEST_F(DeviceLibrary, PicturesGoToTheGpuAsBytesAndAreFoundAsOnTheCpu) {
  MakePictures(12);
  const auto cpu = OpenOn(Device::kCpu, "cpu");
  Ingest(cpu.get());
  EXPECT_EQ(cpu->Info()->search_device, "");

  emulation::ResetCounts();
  const auto gpu = OpenOn(Device::kCuda);
  EXPECT_EQ(Ingest(gpu.get()).added, 12u);
  const emulation::Counts counts = emulation::CurrentCounts();
  EXPECT_GT(counts.launches, 12u * 2);  // two passes of a resize each, and the tower
  EXPECT_EQ(gpu->Info()->search_device, "emulated");
  const auto expected = Ask(cpu.get(), "a dog"), found = Ask(gpu.get(), "a dog");
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_NEAR(found[i].second, expected[i].second, 0.01);
  }
  EXPECT_TRUE(Warnings().empty());
}

TEST_F(DeviceLibrary, WithoutAGpuAutoChangesNothing) {
  MakePictures(5);
  const auto cpu = OpenOn(Device::kCpu, "cpu");
  Ingest(cpu.get());
  emulation::HideDevice(true);
  const auto any = OpenOn(Device::kAuto);
  Ingest(any.get());
  EXPECT_EQ(any->Info()->search_device, "");
  EXPECT_EQ(Ask(any.get(), "a dog"), Ask(cpu.get(), "a dog"));
  EXPECT_TRUE(Warnings().empty());
}

TEST_F(DeviceLibrary, AGpuThatIsAskedForAndNotThereIsTold) {
  MakePictures(3);
  Ingest(OpenOn(Device::kCpu).get());
  emulation::HideDevice(true);
  const auto library = OpenOn(Device::kCuda);
  EXPECT_EQ(library->Info()->items, 3u);
  EXPECT_EQ(library->Info()->search_device, "");
  ASSERT_EQ(Warnings().size(), 1u);
  EXPECT_NE(Warnings()[0].find("searched on the CPU"), std::string::npos) << Warnings()[0];
}

// From pixels to ids: what comes back from the device is the answer and nothing else.
TEST_F(DeviceLibrary, ThePicturesVectorStaysOnTheGpu) {
  constexpr std::int64_t kDimension = 16, kK = 5;
  auto encoder = encoders::Encoder::Load(model(), {.threads = 1, .device = Device::kCuda});
  ESPY_ASSERT_OK(encoder);
  auto device = index::OpenDeviceSearch({.least_rows = 1, .least_allowed = 1});
  ESPY_ASSERT_OK(device);
  testing::MemoryStore store;
  const auto index =
      index::VectorIndex::Empty({.dimension = kDimension, .threads = 1, .device = *device}, &store);
  testing::ClusteredData data(3, kDimension, 4);
  for (std::uint64_t id = 1; id <= 300; ++id) index->Add(id, id * 7, data.NextHalf());
  index->Publish(300);
  const auto view = index->TakeView();
  const imaging::Image image = imaging::Noise(1, 90, 70);
  const imaging::PixelView picture{&image, {90, 70}};
  const auto same = [](const std::vector<index::Candidate>& a,
                       const std::vector<index::Candidate>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const auto& x, const auto& y) {
      return x.id == y.id && x.score == y.score;
    });
  };

  std::vector<float> vector(kDimension);
  ESPY_ASSERT_OK((*encoder)->EncodePixels({{picture}}, vector.data()));
  const auto expected = view->Search(vector, {.k = kK});
  ESPY_ASSERT_OK(expected);
  ASSERT_EQ(std::ssize(*expected), kK);

  emulation::ResetCounts();
  const auto found = search::FromPixels(**encoder, *view, picture, {.k = kK});
  ESPY_ASSERT_OK(found);
  EXPECT_TRUE(same(*found, *expected));
  EXPECT_EQ(emulation::CurrentCounts().downloaded_bytes, kK * (4u + 4u));  // scores and rows

  // Rows that the device has no room for are searched here, with the vector brought over.
  auto small = index::OpenDeviceSearch({.memory_bytes = 1, .least_rows = 1, .least_allowed = 1});
  ESPY_ASSERT_OK(small);
  const auto crowded =
      index::VectorIndex::Empty({.dimension = kDimension, .threads = 1, .device = *small}, &store);
  testing::ClusteredData again(3, kDimension, 4);
  for (std::uint64_t id = 1; id <= 300; ++id) crowded->Add(id, id * 7, again.NextHalf());
  crowded->Publish(300);
  const auto here = search::FromPixels(**encoder, *crowded->TakeView(), picture, {.k = kK});
  ESPY_ASSERT_OK(here);
  EXPECT_TRUE(same(*here, *expected));

  // A device that goes at any moment costs nothing but the last bits of the vector.
  for (const int after : {0, 1, 4, 8, 12, 100}) {
    emulation::LoseDeviceAfter(after);
    auto fresh = encoders::Encoder::Load(model(), {.threads = 1, .device = Device::kAuto});
    ESPY_ASSERT_OK(fresh);
    const auto late = search::FromPixels(**fresh, *view, picture, {.k = kK});
    ESPY_ASSERT_OK(late);
    ASSERT_EQ(std::ssize(*late), kK);
    EXPECT_NEAR(late->front().score, expected->front().score, 0.01);
    emulation::LoseDeviceAfter(-1);
  }
}

TEST_F(DeviceLibrary, CaptionsAreMadeOnTheDevice) {
  testing::WriteTinyCaptioner(dir_ / "captioner", /*matches=*/false);
  MakePictures(2);
  auto library = OpenOn(Device::kCuda);
  Ingest(library.get());
  CaptionOptions options;
  options.model = dir_ / "captioner";
  options.max_length = 6;
  emulation::ResetCounts();
  const auto report = library->Caption(options);
  ESPY_ASSERT_OK(report);
  EXPECT_EQ(report->captioned, 2u);
  EXPECT_GT(emulation::CurrentCounts().launches, 0u);
  EXPECT_TRUE(Warnings().empty());
  const auto records = library->List("");
  ESPY_ASSERT_OK(records);
  for (const Record& record : *records) {
    ASSERT_TRUE(record.generated_caption);
    EXPECT_FALSE(record.generated_caption->text.empty());
  }
}

}  // namespace
}  // namespace espy
