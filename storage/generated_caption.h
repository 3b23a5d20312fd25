// A model's caption as bytes of a record's field (docs/FORMATS.md).
#ifndef ESPY_STORAGE_GENERATED_CAPTION_H_
#define ESPY_STORAGE_GENERATED_CAPTION_H_

#include <string>
#include <string_view>

#include "espy/record.h"
#include "espy/status.h"

namespace espy::storage {

std::string EncodeGeneratedCaption(const GeneratedCaption& caption);
Result<GeneratedCaption> ParseGeneratedCaption(std::string_view bytes);

}  // namespace espy::storage

#endif  // ESPY_STORAGE_GENERATED_CAPTION_H_
