#include "encoders/optional_file.h"

#include "base/env.h"

namespace espy::encoders {

Result<std::string> ReadIfThere(const std::string& path, std::uint64_t max_bytes) {
  Result<std::string> text = Env::Default()->ReadFile(path, max_bytes);
  if (!text.ok() && text.status().code() == StatusCode::kNotFound) return std::string();
  if (text.ok() && text->empty()) {
    return Status::Corruption(path + ": empty; download the file again");
  }
  return text;
}

}  // namespace espy::encoders
