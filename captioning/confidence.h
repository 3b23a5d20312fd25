// How sure a caption is, of what the model's matcher says of it and the picture.
#ifndef ESPY_CAPTIONING_CONFIDENCE_H_
#define ESPY_CAPTIONING_CONFIDENCE_H_

#include <string>
#include <string_view>

#include "espy/status.h"

namespace espy::captioning {

// sigmoid(matching * logit(p) + cosine * c + bias), of the matching head's probability p and the
// cosine c of the matcher's two sides. What a model's confidence.json says, fitted on its own
// held-out captions (models/recipe/captioner/confidence.py); these defaults are the sum by which
// BLIP itself ranks pairs (Li et al. 2022), and promise no calibration.
struct Confidence {
  double matching = 1, cosine = 1, bias = 0;
  double threshold = 0.5;  // captions below it are not searched, unless the caller says otherwise

  // In [0, 1]; p in [0, 1], c in [-1, 1].
  double Of(double p, double c) const;
};

// confidence.json of a model directory; the defaults where there is none. Errors name the file and
// the key.
Result<Confidence> ReadConfidence(const std::string& directory);

// The same of its text; `name` stands in messages.
Result<Confidence> ParseConfidence(std::string_view json, const std::string& name);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_CONFIDENCE_H_
