// Captions on a GPU, or on the emulation of one: its towers beside the CPU's and transformers', and
// captions with drafts beside captions without.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "captioning/drafts/drafted_captioner.h"
#include "tests/captioning/device_fixture.h"

namespace espy::captioning {
namespace {

double Cosine(const float* a, const float* b, std::int64_t n) {
  double dot = 0, aa = 0, bb = 0;
  for (std::int64_t i = 0; i < n; ++i) {
    dot += static_cast<double>(a[i]) * b[i];
    aa += static_cast<double>(a[i]) * a[i];
    bb += static_cast<double>(b[i]) * b[i];
  }
  return dot / std::sqrt(aa * bb);
}

// What may be lost of a cosine: a few times what the CPU loses in BF16, which rounds what enters a
// product and not what leaves it; FP16 has three bits more, which count twice in a cosine.
double MostLoss(Precision precision, double by_cpu_in_bf16) {
  return precision == Precision::kFloat16 ? by_cpu_in_bf16 / 8 : 4 * by_cpu_in_bf16;
}

// Of the start that is asked about, of picture 0.
std::vector<float> Logits(const GoldenTowers& t, CrossCache* cross) {
  KvCache cache = t.decoder->NewCache();
  cache.Add(0);
  DecoderOutput out;
  const std::vector<std::vector<std::int32_t>> start{{t.config.text.bos_id, 5, 17, 9}};
  const Status read = ReadStarts(*t.decoder, start, &cache, cross, &out);
  EXPECT_TRUE(read.ok()) << read.message();
  return {out.logits, out.logits + t.config.text.vocabulary};
}

double LogitLoss(const json& golden, const std::vector<float>& logits) {
  const auto expected = golden["logits"].get<std::vector<float>>();
  return 1 - Cosine(logits.data(), expected.data(), std::ssize(expected));
}

// Of the row that suffered most.
double RowLoss(const GoldenTowers& t, const std::vector<float>& rows,
               const std::vector<float>& expected) {
  double loss = 0;
  for (std::int64_t r = 0; r < kGoldenPictures * t.vision.tokens(); ++r) {
    const std::int64_t at = r * t.vision.width();
    loss = std::max(loss, 1 - Cosine(rows.data() + at, expected.data() + at, t.vision.width()));
  }
  return loss;
}

// Emulated, those that do not take minutes.
std::vector<std::string> DeviceCases() {
  std::vector<std::string> names = CaseNames("captions");
#ifdef ESPY_CUDA_EMULATED
  std::erase(names, "many_patches");
#endif
  return names;
}

class DeviceCaptions : public DeviceCaptioning,
                       public ::testing::WithParamInterface<std::string> {};
INSTANTIATE_TEST_SUITE_P(Transformers, DeviceCaptions, ::testing::ValuesIn(DeviceCases()),
                         [](const auto& golden) { return golden.param; });

TEST_P(DeviceCaptions, TowersAreTransformersWithinSixteenBits) {
  const json& golden = GoldenNamed("captions", GetParam());
  const auto exact = OpenTowers(golden);
  ESPY_ASSERT_OK(exact);
  const auto cpu = OpenTowers(golden, kernels::Precision::kBfloat16);
  ESPY_ASSERT_OK(cpu);
  CrossCache cpu_cross = LookAt(**cpu);
  const double cpu_vision = RowLoss(**cpu, (*cpu)->image, (*exact)->image);
  const double cpu_logits = LogitLoss(golden, Logits(**cpu, &cpu_cross));
  for (const Precision precision : {Precision::kFloat16, Precision::kBfloat16}) {
    const std::string name(PrecisionName(precision));
    SCOPED_TRACE(name);
    const auto towers = OpenTowersOnDevice(golden, precision);
    ESPY_ASSERT_OK(towers);
    const GoldenPictures pictures((*towers)->config.vision);
    std::vector<float> rows;
    const auto looked = (*towers)->device.captioner()->Look(pictures.views, &rows);
    ESPY_ASSERT_OK(looked);
    ASSERT_EQ(rows.size(), (*exact)->image.size());
    CrossCache cross;
    for (const auto& picture : *looked) cross.Add(picture);
    const double vision = RowLoss(**towers, rows, (*exact)->image);
    const double logits = LogitLoss(golden, Logits(**towers, &cross));
    EXPECT_LE(vision, MostLoss(precision, cpu_vision));
    EXPECT_LE(logits, MostLoss(precision, cpu_logits));
    EXPECT_GT(logits, 0);  // it was rounded, on the way that was meant
    RecordProperty(name + "_vision_loss", std::to_string(vision));
    RecordProperty(name + "_logit_loss", std::to_string(logits));
    RecordProperty(name + "_logit_loss_of_the_cpu_in_bf16", std::to_string(cpu_logits));
  }
}

TEST_F(DeviceCaptioning, DraftsChangeNoToken) {
  const auto captioner = Load(Device::kCuda);
  ESPY_ASSERT_OK(captioner);
  const GoldenPictures pictures((*captioner)->config().vision);
  const auto plain = (*captioner)->CaptionPictures(pictures.views, Short());
  ESPY_ASSERT_OK(plain);
  // Drafts that are right, wrong from the middle on, and of another picture.
  std::vector<std::vector<std::string>> similar;
  for (std::size_t p = 0; p < plain->size(); ++p) {
    const std::string& text = (*plain)[p].text;
    similar.push_back({text.substr(0, text.size() / 2) + " cat the", text,
                       (*plain)[(p + 1) % plain->size()].text});
  }
  const auto drafted = DraftedCaptioner::Load(captioner->get(), {.always = true});
  ESPY_ASSERT_OK(drafted);
  const auto captions = (*drafted)->CaptionPictures(pictures.views, Short(), similar);
  ESPY_ASSERT_OK(captions);
  EXPECT_EQ(Tokens(*captions), Tokens(*plain));
  std::int64_t plain_steps = 0, drafted_steps = 0;
  for (std::size_t p = 0; p < plain->size(); ++p) {
    plain_steps += (*plain)[p].steps;
    drafted_steps += (*captions)[p].steps;
  }
  EXPECT_LT(drafted_steps, plain_steps);  // several were taken at once
}

}  // namespace
}  // namespace espy::captioning
