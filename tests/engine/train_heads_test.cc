// train heads: from a library's pictures to files that the drafters read, with the numbers that
// they were trained to give.
#include "espy/train_heads.h"

#include <algorithm>
#include <filesystem>

#include "captioning/drafts/medusa_heads.h"
#include "captioning/drafts/mtp_module.h"
#include "engine/said.h"
#include "kernels/element.h"
#include "tests/captioning/golden_model.h"
#include "tests/engine/fixture.h"
#include "training/heads/draft_model.h"

namespace espy::testing {
namespace {

class TrainHeadsTest : public LibraryTest {
 protected:
  void SetUp() override {
    LibraryTest::SetUp();
    captioning::WriteGoldenModel(captioning::GoldenNamed("captions", "base"), captioner_);
    captioning::WriteGoldenTokenizer(captioner_);
    MakePictures(60);
  }
  DraftHeadOptions Options() const {
    DraftHeadOptions options;
    options.model = captioner_.path();
    options.directory = dir_ / "heads";
    std::filesystem::create_directories(options.directory);
    options.heads = options.depths = 2;
    options.epochs = 12;
    options.batch = 8;
    options.learning_rate = 5e-3;
    options.threads = 2;
    return options;
  }

  TempDir captioner_;
};

// The published numbers of a file into a model that is trained.
void Read(const encoders::Safetensors& file, training::DraftModel* model) {
  for (training::Parameter& parameter : model->parameters().all()) {
    const encoders::TensorView* tensor = file.Find(parameter.name);
    ASSERT_NE(tensor, nullptr) << parameter.name;
    ASSERT_EQ(tensor->elements(), static_cast<std::int64_t>(parameter.value.size()));
    kernels::ToFloat(tensor->bytes.data(), kernels::ElementType::kFloat16, tensor->elements(),
                     parameter.value.data());
  }
}

void ExpectNear(const float* got, const float* expected, std::int64_t n) {
  for (std::int64_t i = 0; i < n; ++i) ASSERT_NEAR(got[i], expected[i], 2e-3) << i;
}

TEST_F(TrainHeadsTest, DraftersReadWhatALibrarysPicturesTaught) {
  auto library = Open();
  Ingest(library.get());
  const DraftHeadOptions options = Options();
  const auto reports = TrainDraftHeadsOn(library.get(), 50, options);
  ASSERT_TRUE(reports.ok()) << reports.status().message();
  ASSERT_EQ(reports->size(), 2u);
  for (const DraftHeadReport& report : *reports) {
    EXPECT_GE(report.texts + report.held_out, 40u);  // without those of two tokens
    EXPECT_LT(report.last_loss, report.first_loss);
    ASSERT_EQ(report.acceptance.size(), 2u);
    EXPECT_FALSE(std::filesystem::exists(report.file + ".checkpoint"));
  }

  const auto captioner =
      captioning::Captioner::Load(captioner_.path(), {.precision = Precision::kFloat32});
  ASSERT_TRUE(captioner.ok()) << captioner.status().message();
  const auto said = CaptionForTraining(**captioner, library.get(), 1, {}, {});
  ASSERT_TRUE(said.ok()) << said.status().message();
  ASSERT_GE(said->tokens.size(), 4u);
  const auto decoder = training::ReadFrozenDecoder(captioner_.path());
  ASSERT_TRUE(decoder.ok()) << decoder.status().message();
  const std::vector<std::int64_t> first = {0};
  const training::HeadBatch batch = training::GatherTexts(*said, first, first);
  const captioning::TextDecoder& text = (*captioner)->decoder();
  const std::int64_t width = said->width, n = decoder->vocabulary;
  const auto rows = static_cast<std::int64_t>(said->tokens.size()) - 2;  // with a token two ahead
  kernels::AlignedBuffer memory;
  std::vector<float> logits(static_cast<std::size_t>(rows * n));

  const auto heads_file = encoders::Safetensors::Open((*reports)[0].file);
  ASSERT_TRUE(heads_file.ok());
  const auto heads = captioning::MedusaHeads::Load(**heads_file, width, {nullptr});
  ASSERT_TRUE(heads.ok()) << heads.status().message();
  EXPECT_EQ((*heads)->count(), 2);
  const auto trained_heads = training::NewMedusaHeads(&*decoder, 2, 1);
  Read(**heads_file, trained_heads.get());
  training::Tape heads_tape({});
  const training::Guesses of_heads = trained_heads->Guess(heads_tape, batch);
  std::vector<float> states(static_cast<std::size_t>(2 * width));
  (*heads)->Run(said->hidden.data(), 2, states.data(), nullptr);
  text.Head(states.data(), 1, logits.data(), &memory);
  ExpectNear(logits.data(), of_heads.logits->value(), n);

  const auto mtp_file = encoders::Safetensors::Open((*reports)[1].file);
  ASSERT_TRUE(mtp_file.ok());
  const auto module =
      captioning::MtpModule::Load(**mtp_file, (*captioner)->config().text, {nullptr});
  ASSERT_TRUE(module.ok()) << module.status().message();
  const auto trained_module = training::NewMtpModule(&*decoder, said->image_tokens, 2, 0);
  Read(**mtp_file, trained_module.get());
  training::Tape module_tape({});
  const training::Guesses of_module = trained_module->Guess(module_tape, batch);
  captioning::MtpState state((*captioner)->config().text);
  ASSERT_TRUE((*module)->Begin(said->images.data(), said->image_tokens, &state).ok());
  std::vector<float> words(static_cast<std::size_t>(rows * width));
  std::vector<std::int32_t> parents;
  for (std::int64_t t = 0; t < rows; ++t) {
    text.WordEmbedding(static_cast<std::int32_t>(said->tokens[static_cast<std::size_t>(t + 1)]),
                       words.data() + t * width);
    parents.push_back(static_cast<std::int32_t>(t) - 1);
  }
  const float* out = nullptr;
  ASSERT_TRUE((*module)->Run(said->hidden.data(), words.data(), parents, &state, &out).ok());
  text.Head(out, rows, logits.data(), &memory);
  ExpectNear(logits.data(), of_module.logits->value(), rows * n);
}

TEST_F(TrainHeadsTest, StoppedItGoesOnFromItsCheckpoint) {
  auto library = Open();
  Ingest(library.get());
  DraftHeadOptions options = Options();
  options.mtp = false;
  std::stop_source source;
  const auto stopped = TrainDraftHeadsOn(
      library.get(), 50, options,
      [&](const Progress& p) {
        if (p.what == "medusa steps" && p.done == 10) source.request_stop();
      },
      source.get_token());
  EXPECT_EQ(stopped.status().code(), StatusCode::kCancelled);
  EXPECT_TRUE(std::filesystem::exists(options.directory + "/medusa_heads.safetensors.checkpoint"));
  EXPECT_FALSE(std::filesystem::exists(options.directory + "/medusa_heads.safetensors"));
  std::uint64_t first = 0;
  const auto resumed = TrainDraftHeadsOn(library.get(), 50, options, [&](const Progress& p) {
    if (p.what == "medusa steps" && first == 0) first = p.done;
  });
  ASSERT_TRUE(resumed.ok()) << resumed.status().message();
  EXPECT_EQ(first, 11u);
}

TEST_F(TrainHeadsTest, TooFewPicturesAreSaid) {
  auto library = Open();
  const auto report = TrainDraftHeadsOn(library.get(), 50, Options());
  EXPECT_EQ(report.status().code(), StatusCode::kInvalidArgument);
  EXPECT_NE(report.status().message().find("caption more pictures"), std::string::npos);
}

}  // namespace
}  // namespace espy::testing
