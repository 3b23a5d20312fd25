#include "storage/generated_caption.h"

#include <cmath>

#include "base/coding.h"
#include "storage/fields.h"

namespace espy::storage {

std::string EncodeGeneratedCaption(const GeneratedCaption& caption) {
  std::string out;
  PutBytesField(&out, 1, caption.text);
  PutBytesField(&out, 2, caption.model);
  PutBytesField(&out, 3, caption.model_id);
  std::string numbers;
  PutFixed(&numbers, caption.confidence);
  PutFixed(&numbers, caption.cosine);
  PutBytesField(&out, 4, numbers);
  PutNumberField(&out, 5, caption.searched ? 1 : 0);
  return out;
}

Result<GeneratedCaption> ParseGeneratedCaption(std::string_view bytes) {
  const Status damaged = Status::Corruption("its generated caption is damaged");
  GeneratedCaption caption;
  for (Field field; !bytes.empty();) {
    if (!GetField(&bytes, &field)) return damaged;
    if (field.IsBytes(1)) {
      caption.text = field.bytes;
    } else if (field.IsBytes(2)) {
      caption.model = field.bytes;
    } else if (field.IsBytes(3)) {
      caption.model_id = field.bytes;
    } else if (field.IsBytes(4)) {
      std::string_view numbers = field.bytes;
      if (numbers.size() != 8 || !GetFixed(&numbers, &caption.confidence) ||
          !GetFixed(&numbers, &caption.cosine) || !std::isfinite(caption.confidence) ||
          !std::isfinite(caption.cosine)) {
        return damaged;
      }
    } else if (field.IsNumber(5)) {
      caption.searched = field.value == 1;
    }
  }
  return caption;
}

}  // namespace espy::storage
