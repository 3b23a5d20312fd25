// How long does a step of training take, and what does it end with, in FP32, BF16 and FP16? Medusa
// heads and an MTP module of a made captioner: texts that count by a step that the picture shows.
//
//   bench_train [WIDTH] [VOCABULARY] [TEXTS] [EPOCHS]
//
// Prints a JSON line a kind and precision.
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "base/cpu_features.h"
#include "base/random.h"
#include "training/heads/train_heads.h"

namespace {

using namespace espy;            // NOLINT(google-build-using-namespace)
using namespace espy::training;  // NOLINT(google-build-using-namespace)

constexpr std::int64_t kImageTokens = 16;

std::vector<float> Draw(Random* random, std::int64_t n, double deviation) {
  std::vector<float> v(static_cast<std::size_t>(n));
  for (float& x : v) x = static_cast<float>(deviation * random->Normal());
  return v;
}

void Make(std::int64_t width, std::int64_t vocabulary, std::int64_t texts, FrozenDecoder* decoder,
          HeadData* data) {
  Random random(5);
  decoder->width = decoder->vision_width = data->width = data->vision_width = width;
  decoder->vocabulary = vocabulary;
  decoder->heads = width / 32;
  decoder->inner = 4 * width;
  const double deviation = 1 / std::sqrt(static_cast<double>(width));
  decoder->words = Draw(&random, vocabulary * width, 1);
  decoder->transform_weight = Draw(&random, width * width, deviation);
  decoder->transform_bias = Draw(&random, width, 0.1);
  decoder->norm_weight.assign(static_cast<std::size_t>(width), 1.0f);
  decoder->norm_bias.assign(static_cast<std::size_t>(width), 0.0f);
  decoder->output_bias.assign(static_cast<std::size_t>(vocabulary), 0.0f);
  constexpr std::int64_t kSteps = 7;
  const std::vector<float> steps = Draw(&random, kSteps * width, 1);
  data->image_tokens = kImageTokens;
  for (std::int64_t text = 0; text < texts; ++text) {
    const auto step = static_cast<std::int64_t>(random.Below(kSteps));
    const float* shown = steps.data() + step * width;
    data->pictures.push_back(text);
    for (std::int64_t i = 0; i < kImageTokens * width; ++i) {
      data->images.push_back(shown[i % width] + static_cast<float>(0.5 * random.Normal()));
    }
    auto token = static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(vocabulary)));
    const auto length = static_cast<std::int64_t>(8 + random.Below(9));
    data->lengths.push_back(length);
    for (std::int64_t t = 0; t < length; ++t) {
      data->tokens.push_back(token);
      for (std::int64_t i = 0; i < width; ++i) {
        data->hidden.push_back(decoder->words[static_cast<std::size_t>(token * width + i)] +
                               0.5f * shown[i] + static_cast<float>(0.5 * random.Normal()));
      }
      // One token in ten is another one: a loss that does not vanish.
      token = random.Below(10) == 0
                  ? static_cast<std::int64_t>(random.Below(static_cast<std::uint64_t>(vocabulary)))
                  : (token + step + 1) % vocabulary;
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto argument = [&](int i, std::int64_t otherwise) {
    return argc > i ? std::atoll(argv[i]) : otherwise;
  };
  const std::int64_t width = argument(1, 128);
  const std::int64_t vocabulary = argument(2, 500);
  FrozenDecoder decoder;
  HeadData data;
  Make(width, vocabulary, argument(3, 1000), &decoder, &data);
  ThreadPool pool(CoreCount());
  for (const bool mtp : {false, true}) {
    double fp32 = 0;
    for (const Compute compute : {Compute::kFloat32, Compute::kBfloat16, Compute::kFloat16}) {
      const auto model =
          mtp ? NewMtpModule(&decoder, kImageTokens, 3, 1) : NewMedusaHeads(&decoder, 3, 1);
      HeadTrainingOptions options;
      options.epochs = argument(4, 10);
      options.trainer.compute = compute;
      options.trainer.schedule.peak = 3e-3;
      options.trainer.pool = &pool;
      options.trainer.checkpoint_every = 0;
      std::int64_t steps = 0, skipped = 0;
      const auto start = std::chrono::steady_clock::now();
      double trained = 0;
      const auto report =
          TrainHeads(data, model.get(), options, [&](const StepReport& done, std::int64_t) {
            ++steps;
            skipped += done.skipped ? 1 : 0;
            trained =
                std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
          });
      if (!report.ok()) {
        std::fprintf(stderr, "bench_train: %s\n", report.status().message().c_str());
        return 2;
      }
      if (compute == Compute::kFloat32) fp32 = report->last_loss;
      std::printf(
          "{\"kind\":\"%s\",\"precision\":\"%s\",\"width\":%lld,\"vocabulary\":%lld,\"texts\":%lld,"
          "\"steps\":%lld,\"skipped\":%lld,\"ms_a_step\":%.2f,\"first_loss\":%.4f,"
          "\"last_loss\":%.4f,\"of_fp32\":%.4f,\"held_out_loss\":%.4f,\"right_at_first\":%.3f,"
          "\"threads\":%d,\"cpu\":\"%s\"}\n",
          mtp ? "mtp" : "medusa", std::string(ComputeName(compute)).c_str(),
          static_cast<long long>(width), static_cast<long long>(vocabulary),
          static_cast<long long>(report->texts), static_cast<long long>(steps),
          static_cast<long long>(skipped), 1e3 * trained / static_cast<double>(steps),
          report->first_loss, report->last_loss, report->last_loss / fp32, report->held_out_loss,
          report->acceptance[0][0], pool.threads(), CpuDescription().c_str());
      std::fflush(stdout);
    }
  }
  return 0;
}
