// A block's columns as sections of bytes, and a block made of them again (docs/FORMATS.md).
#ifndef ESPY_ENGINE_FIELDS_BLOCK_FORMAT_H_
#define ESPY_ENGINE_FIELDS_BLOCK_FORMAT_H_

#include <memory>
#include <string>
#include <string_view>

#include "engine/fields/block.h"
#include "engine/fields/packed.h"

namespace espy::fields {

class BlockFormat {
 public:
  // What the writer's chunks take is the only error.
  static Status Write(const Block& block, SectionWriter* out);
  // Corruption for what no Write wrote. Every range is checked, so that a block which comes back
  // can be asked anything; whether it says the truth is for checksums.
  static Result<std::shared_ptr<const Block>> Read(SectionReader* in);

 private:
  static std::string Numbers(const NumberColumn& column);
  static bool Numbers(std::string_view in, std::uint32_t rows, NumberColumn* column);
  static void PutTexts(std::string* out, const TextArena& texts);
  static bool TakeTexts(std::string_view* in, std::uint64_t count, TextArena* texts);
  static std::string Words(const WordColumn& column);
  static bool Words(std::string_view in, std::uint32_t rows, WordColumn* column);
  static std::string User(const std::string& name, const UserColumn& column);
  static bool User(std::string_view in, std::uint32_t rows, std::string* name, UserColumn* column);
};

}  // namespace espy::fields

#endif  // ESPY_ENGINE_FIELDS_BLOCK_FORMAT_H_
