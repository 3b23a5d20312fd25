// A library whose model takes pictures of any shape: SigLIP2's NaFlex variant.
#include "encoders/encoder.h"
#include "engine/picture.h"
#include "tests/engine/fixture.h"

namespace espy {
namespace {

class NaflexTest : public testing::LibraryTest {
 protected:
  void SetUp() override { testing::WriteTinyNaflexModel(model()); }

  // Wide, tall, square, larger and smaller than the model's own size.
  static constexpr std::pair<int, int> kShapes[] = {{48, 40},  {40, 48}, {64, 8},   {8, 64},
                                                    {200, 90}, {33, 33}, {300, 11}, {5, 7}};
  std::string Shaped(int i) const {
    const auto [width, height] = kShapes[i % 8];
    return dir_.Write("pictures/" + Name(i),
                      testing::MakeBmp(static_cast<std::uint32_t>(i), width, height));
  }
};

TEST_F(NaflexTest, PicturesOfEveryShapeAreIngestedAndFound) {
  for (int i = 0; i < 40; ++i) Shaped(i);
  auto library = Open();
  const IngestReport report = Ingest(library.get());
  EXPECT_EQ(report.added, 40u);
  EXPECT_EQ(report.failed, 0u);
  for (int i = 0; i < 8; ++i) {
    // The same bytes elsewhere, so that the query is encoded afresh, by itself.
    const auto [width, height] = kShapes[i];
    const std::string outside =
        dir_.Write("elsewhere.bmp", testing::MakeBmp(static_cast<std::uint32_t>(i), width, height));
    auto result = library->Search(*ParseQuery({outside}), {.k = 1});
    ESPY_ASSERT_OK(result);
    ASSERT_EQ(result->hits.size(), 1u);
    EXPECT_EQ(result->hits[0].record.paths[0], pictures() + "/" + Name(i));
    EXPECT_NEAR(result->hits[0].score, 1.0, 1e-3);
  }
  ESPY_ASSERT_OK(library->Search(*ParseQuery({"a dog"}), {.k = 3}));
  ExpectSound(library.get());
}

TEST_F(NaflexTest, APictureHasTheSameVectorAloneAndAmongOthers) {
  const auto encoder = encoders::Encoder::Load(model(), {.threads = 2});
  ESPY_ASSERT_OK(encoder);
  const imaging::PreprocessSpec& spec = (*encoder)->info().preprocess;
  std::vector<imaging::PictureTensor> tensors;
  std::vector<imaging::PictureView> views;
  for (int i = 0; i < 8; ++i) {
    const auto [width, height] = kShapes[i];
    auto tensor = ReadTensor(testing::MakeBmp(static_cast<std::uint32_t>(i), width, height), spec);
    ESPY_ASSERT_OK(tensor);
    tensors.push_back(std::move(*tensor));
  }
  for (const imaging::PictureTensor& tensor : tensors) views.push_back(tensor.view());
  EXPECT_EQ(tensors[0].size, (imaging::Size{32, 32}));
  EXPECT_EQ(tensors[2].size, (imaging::Size{64, 8}));
  const auto dimension = static_cast<std::size_t>((*encoder)->info().dimension);
  std::vector<float> together(views.size() * dimension), alone(dimension);
  ESPY_ASSERT_OK((*encoder)->EncodeImages(views, together.data()));
  for (std::size_t i = 0; i < views.size(); ++i) {
    ESPY_ASSERT_OK((*encoder)->EncodeImages(std::span(views).subspan(i, 1), alone.data()));
    EXPECT_EQ(alone, std::vector<float>(
                         together.begin() + static_cast<std::ptrdiff_t>(i * dimension),
                         together.begin() + static_cast<std::ptrdiff_t>((i + 1) * dimension)));
  }
}

TEST_F(NaflexTest, AShapeThatIsNotOfWholePatchesIsRefused) {
  const auto encoder = encoders::Encoder::Load(model(), {.threads = 1});
  ESPY_ASSERT_OK(encoder);
  const std::vector<float> values(3 * 24 * 20);
  float out[32];
  for (const imaging::Size size : {imaging::Size{24, 20}, {0, 8}, {-8, 8}}) {
    const imaging::PictureView view{values.data(), size};
    EXPECT_EQ((*encoder)->EncodeImages({&view, 1}, out).code(), StatusCode::kInvalidArgument);
  }
}

}  // namespace
}  // namespace espy
