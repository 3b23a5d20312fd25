// BLIP directories among the models of this computer.
#ifndef ESPY_CAPTIONING_CAPTIONER_STORE_H_
#define ESPY_CAPTIONING_CAPTIONER_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "espy/status.h"

namespace espy::captioning {

struct CaptionerInfo {
  std::string name, directory;
  std::string id;               // as BlipModel::id
  std::int64_t image_size = 0;  // pixels a side
  std::int64_t context = 0;     // tokens
  std::int64_t projection = 0;  // of its matching's cosine; 0: it matches nothing
  std::uint64_t image_parameters = 0, text_parameters = 0;
  std::uint64_t bytes = 0;  // of its weight files
  bool captions = false;    // it has a decoder
};

// Whether config.json says so.
bool IsCaptioner(const std::string& directory);

// What its files' headers say; with 256 KiB of the weights read for the id.
Result<CaptionerInfo> DescribeCaptioner(const std::string& directory);

// Those of encoders::FindModels(). What cannot be described is left out and logged.
std::vector<CaptionerInfo> ListCaptioners();

// Loads all that it has (decoder and draft heads, matching) to prove it, then as
// encoders::InstallFiles.
Result<CaptionerInfo> InstallCaptioner(const std::string& directory, const std::string& name);

}  // namespace espy::captioning

#endif  // ESPY_CAPTIONING_CAPTIONER_STORE_H_
