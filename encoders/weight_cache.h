// Whether packed weights are kept in files for the next start (docs/MODELS.md says where).
#ifndef ESPY_ENCODERS_WEIGHT_CACHE_H_
#define ESPY_ENCODERS_WEIGHT_CACHE_H_

#include <cstdint>

#include "base/env.h"

namespace espy::encoders {

enum class WeightCache {
  kByEnvironment,  // $ESPY_WEIGHT_CACHE: on, verify or off; else on
  kOn,             // a file's header is checked whole, and a sample of each matrix
  kVerify,         // every byte is checked before it is used
  kOff,            // none is read or written
};

struct WeightCacheOptions {
  WeightCache use = WeightCache::kByEnvironment;
  // Packed bytes of a tower from which on a file is written. To pack less takes a few milliseconds,
  // which a file would not pay back.
  std::uint64_t worth_keeping = std::uint64_t{32} << 20;
  Env* env = Env::Default();  // of the files that are written
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_WEIGHT_CACHE_H_
