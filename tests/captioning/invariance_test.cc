// A row of a pass has the same bits whatever is computed beside it: what drafts rest on, and what
// makes a caption independent of its batch.
#include <gtest/gtest.h>

#include <cstring>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "captioning/generate.h"
#include "tests/captioning/golden_model.h"

namespace espy::captioning {
namespace {

struct Rows {
  std::vector<float> hidden, logits;
  bool operator==(const Rows&) const = default;
};

Rows RowOf(const GoldenTowers& t, const DecoderOutput& out, std::size_t row) {
  const auto width = static_cast<std::size_t>(t.config.text.width);
  const auto vocabulary = static_cast<std::size_t>(t.config.text.vocabulary);
  return {{out.hidden + row * width, out.hidden + (row + 1) * width},
          {out.logits + row * vocabulary, out.logits + (row + 1) * vocabulary}};
}

struct Way {
  std::string name;
  std::function<Result<std::unique_ptr<GoldenTowers>>(bool threads)> open;
  int trials = 12;
  std::uint32_t most_rows = 40;  // of a pass
  std::int64_t max_length = 20;
};

Way OnCpu(kernels::Precision precision) {
  return {std::string(PrecisionName(precision)), [precision](bool threads) {
            return OpenTowers(GoldenNamed("captions", "base"), precision, threads);
          }};
}

std::vector<Way> Ways() {
  std::vector<Way> ways{OnCpu(kernels::Precision::kFloat32), OnCpu(kernels::Precision::kBfloat16),
                        OnCpu(kernels::Precision::kInt8)};
#ifdef ESPY_CUDA_EMULATED
  for (const Precision precision : {Precision::kFloat16, Precision::kBfloat16}) {
    ways.push_back({"device_" + std::string(PrecisionName(precision)),
                    [precision](bool) {
                      return OpenTowersOnDevice(GoldenNamed("captions", "base"), precision);
                    },
                    /*trials=*/1, /*most_rows=*/9, /*max_length=*/6});
  }
#endif
  return ways;
}

class Invariance : public ::testing::TestWithParam<Way> {
 protected:
  void SetUp() override {
    auto with = GetParam().open(/*threads=*/true);
    ESPY_ASSERT_OK(with);
    threaded_ = std::move(with).value();
    auto without = GetParam().open(/*threads=*/false);
    ESPY_ASSERT_OK(without);
    alone_ = std::move(without).value();
    ASSERT_EQ(threaded_->image, alone_->image);
  }

  // The rows of a text read one by one, without threads: what all else is compared with.
  std::vector<Rows> OneByOne(const std::vector<std::int32_t>& tokens, std::int32_t picture) {
    CrossCache cross = LookAt(*alone_);
    KvCache cache = alone_->decoder->NewCache();
    cache.Add(picture);
    std::vector<Rows> rows;
    DecoderOutput out;
    for (const std::int32_t token : tokens) {
      const std::int32_t parent = -1, kept = 0;
      EXPECT_TRUE(
          alone_->decoder
              ->Forward({.tokens = {&token, 1}, .parents = {&parent, 1}}, &cache, &cross, &out)
              .ok());
      cache.Keep(0, {&kept, 1});
      rows.push_back(RowOf(*alone_, out, 0));
    }
    return rows;
  }

  std::unique_ptr<GoldenTowers> threaded_, alone_;
};
INSTANTIATE_TEST_SUITE_P(Ways, Invariance, ::testing::ValuesIn(Ways()),
                         [](const auto& way) { return way.param.name; });

TEST_P(Invariance, RowsOfRandomTreesAndBatchesHaveTheBitsOfSingleSteps) {
  std::mt19937 random(17);
  const GoldenTowers& t = *threaded_;
  const auto any = [&](std::uint32_t n) { return static_cast<std::int32_t>(random() % n); };
  const auto vocabulary = static_cast<std::uint32_t>(t.config.text.vocabulary);
  for (int trial = 0; trial < GetParam().trials; ++trial) {
    CrossCache cross = LookAt(t);
    KvCache cache = t.decoder->NewCache();
    const std::int32_t sequences = 1 + any(5);
    std::vector<std::vector<std::int32_t>> kept(static_cast<std::size_t>(sequences));
    for (std::int32_t s = 0; s < sequences; ++s) cache.Add(any(kGoldenPictures));
    DecoderOutput out;
    for (int pass = 0; pass < 3; ++pass) {
      // Rows of all sequences mixed, each below the end of its sequence or below an earlier row.
      const std::size_t n = 1 + static_cast<std::size_t>(any(pass == 0 ? GetParam().most_rows
                                                                       : GetParam().most_rows / 3));
      std::vector<std::int32_t> tokens, parents, of;
      for (std::size_t i = 0; i < n; ++i) {
        of.push_back(any(static_cast<std::uint32_t>(sequences)));
        tokens.push_back(any(vocabulary));
        std::int32_t parent = -1;
        for (int tries = 0; tries < 4 && i > 0 && parent < 0; ++tries) {
          const std::int32_t candidate = any(static_cast<std::uint32_t>(i));
          if (of[static_cast<std::size_t>(candidate)] == of[i]) parent = candidate;
        }
        parents.push_back(parent);
      }
      const auto text_of = [&](std::size_t row) {
        std::vector<std::int32_t> path;
        for (auto at = static_cast<std::int32_t>(row); at >= 0;
             at = parents[static_cast<std::size_t>(at)]) {
          path.insert(path.begin(), at);
        }
        return path;
      };
      ESPY_ASSERT_OK(t.decoder->Forward({.tokens = tokens, .parents = parents, .sequences = of},
                                        &cache, &cross, &out));
      for (std::size_t row = 0; row < n; ++row) {
        std::vector<std::int32_t> text = kept[static_cast<std::size_t>(of[row])];
        for (const std::int32_t at : text_of(row)) {
          text.push_back(tokens[static_cast<std::size_t>(at)]);
        }
        ASSERT_EQ(RowOf(t, out, row), OneByOne(text, cache.picture(of[row])).back())
            << "trial " << trial << ", pass " << pass << ", row " << row << " of " << n;
      }
      // A path of each sequence is kept; the others' next pass sees only what they kept before.
      for (std::int32_t s = 0; s < sequences; ++s) {
        std::vector<std::int32_t> path;
        for (std::size_t row = 0; row < n; ++row) {
          if (of[row] == s && any(2) == 0) path = text_of(row);
        }
        cache.Keep(s, path);
        for (const std::int32_t at : path) {
          kept[static_cast<std::size_t>(s)].push_back(tokens[static_cast<std::size_t>(at)]);
        }
      }
    }
  }
}

TEST_P(Invariance, LogitsOfChosenRowsAreTheSame) {
  const GoldenTowers& t = *threaded_;
  CrossCache cross = LookAt(t);
  KvCache cache = t.decoder->NewCache();
  cache.Add(1);
  const std::vector<std::int32_t> tokens{5, 9, 11, 4}, parents{-1, 0, 0, 2}, chosen{3, 1};
  DecoderOutput all, some;
  ESPY_ASSERT_OK(t.decoder->Forward({.tokens = tokens, .parents = parents}, &cache, &cross, &all));
  ESPY_ASSERT_OK(t.decoder->Forward({.tokens = tokens, .parents = parents, .logit_rows = chosen},
                                    &cache, &cross, &some));
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    EXPECT_EQ(RowOf(t, some, i).logits, RowOf(t, all, static_cast<std::size_t>(chosen[i])).logits);
  }
  std::vector<float> logits(static_cast<std::size_t>(t.config.text.vocabulary));
  kernels::AlignedBuffer memory;
  t.decoder->Head(all.hidden + 3 * t.config.text.width, 1, logits.data(), &memory);
  EXPECT_EQ(logits, RowOf(t, all, 3).logits);
}

// A caption does not depend on the others of its call, whichever way it is decoded.
TEST_P(Invariance, CaptionsOfABatchAreThoseOfEachPictureAlone) {
  const GoldenTowers& t = *threaded_;
  const std::vector<std::vector<std::int32_t>> starts{
      {t.config.text.bos_id}, {t.config.text.bos_id, 5, 17}, {t.config.text.bos_id, 9}};
  for (const std::int64_t beams : {1, 3}) {
    GenerateOptions options;
    options.beams = beams;
    options.max_length = GetParam().max_length;
    options.repetition_penalty = 1.1f;
    CrossCache cross = LookAt(t);
    const auto together = Generate(*t.decoder, &cross, starts, options);
    ESPY_ASSERT_OK(together);
    for (std::size_t p = 0; p < starts.size(); ++p) {
      const CrossCache all = LookAt(*alone_);
      CrossCache one;
      one.Add(all.Picture(static_cast<std::int32_t>(p)));
      const auto single = Generate(*alone_->decoder, &one, {&starts[p], 1}, options);
      ESPY_ASSERT_OK(single);
      EXPECT_EQ((*single)[0].tokens, (*together)[p].tokens);
      EXPECT_EQ((*single)[0].log_probability, (*together)[p].log_probability);
      EXPECT_EQ((*single)[0].score, (*together)[p].score);
    }
  }
}

TEST(Forward, RefusesRowsThatMakeNoSense) {
  auto opened = OpenTowers(GoldenNamed("captions", "base"));
  ESPY_ASSERT_OK(opened);
  const GoldenTowers& t = **opened;
  CrossCache cross = LookAt(t);
  KvCache cache = t.decoder->NewCache();
  cache.Add(0);
  cache.Add(7);  // of no picture
  DecoderOutput out;
  using Ids = std::vector<std::int32_t>;
  const auto refused = [&](const Ids& tokens, const Ids& parents, const Ids& sequences,
                           const std::string& why) {
    const Status status = t.decoder->Forward(
        {.tokens = tokens, .parents = parents, .sequences = sequences}, &cache, &cross, &out);
    EXPECT_EQ(status.code(), StatusCode::kInvalidArgument);
    EXPECT_NE(status.message().find(why), std::string::npos) << status.message();
  };
  refused({}, {}, {}, "a row at least");
  refused({1, 2}, {-1}, {}, "a row at least");
  refused({-1}, {-1}, {}, "outside of the vocabulary");
  refused({240}, {-1}, {}, "outside of the vocabulary of 240");
  refused({1}, {0}, {}, "does not come before it");
  refused({1}, {-2}, {}, "does not come before it");
  refused({1}, {-1}, {2}, "of no sequence");
  refused({1}, {-1}, {1}, "no picture");
  refused({1, 1}, {-1, 0}, {1, 0}, "no picture");
  const Ids chain(41, 1);
  Ids parents(41);
  for (std::int32_t i = 0; i < 41; ++i) parents[static_cast<std::size_t>(i)] = i - 1;
  refused(chain, parents, {}, "past the model's 40 positions");
  EXPECT_EQ(cache.length(0), 0);
}

TEST(Generate, RefusesOptionsOutsideOfTheirLimits) {
  auto opened = OpenTowers(GoldenNamed("captions", "base"));
  ESPY_ASSERT_OK(opened);
  const GoldenTowers& t = **opened;
  CrossCache cross = LookAt(t);
  const std::vector<std::vector<std::int32_t>> starts{{1, 2, 3}};
  const auto refused = [&](const auto& change, const std::string& option) {
    GenerateOptions options;
    change(&options);
    const auto captions = Generate(*t.decoder, &cross, starts, options);
    ASSERT_FALSE(captions.ok());
    EXPECT_NE(captions.status().message().find(option + " is"), std::string::npos)
        << captions.status().message();
  };
  refused([](GenerateOptions* o) { o->max_length = 3; }, "max_length");
  refused([](GenerateOptions* o) { o->max_length = 41; }, "max_length");
  refused([](GenerateOptions* o) { o->min_length = 21; }, "min_length");
  refused([](GenerateOptions* o) { o->beams = 0; }, "beams");
  refused([](GenerateOptions* o) { o->beams = 65; }, "beams");
  refused([](GenerateOptions* o) { o->length_penalty = std::nanf(""); }, "length_penalty");
  refused([](GenerateOptions* o) { o->repetition_penalty = 0; }, "repetition_penalty");
  refused([](GenerateOptions* o) { o->temperature = 0; }, "temperature");
  refused([](GenerateOptions* o) { o->top_k = -1; }, "top_k");
  refused([](GenerateOptions* o) { o->top_p = 0; }, "top_p");
  refused([](GenerateOptions* o) { o->sample = true, o->beams = 2; }, "sample");
}

}  // namespace
}  // namespace espy::captioning
