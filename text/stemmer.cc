#include "text/stemmer.h"

#include <libstemmer.h>

#include <algorithm>

namespace espy::text {

std::vector<std::string> Languages() {
  std::vector<std::string> languages;
  for (const char** name = sb_stemmer_list(); *name != nullptr; ++name) {
    // An older rule for English, kept by Snowball for those who compare.
    if (std::string_view(*name) != "porter") languages.emplace_back(*name);
  }
  std::sort(languages.begin(), languages.end());
  languages.insert(languages.begin(), std::string(kNoLanguage));
  return languages;
}

void Stemmer::Delete::operator()(sb_stemmer* stemmer) const { sb_stemmer_delete(stemmer); }

Result<Stemmer> Stemmer::Create(std::string_view language) {
  const std::vector<std::string> languages = Languages();
  if (std::find(languages.begin(), languages.end(), language) == languages.end()) {
    std::string names;
    for (const std::string& name : languages) names += (names.empty() ? "" : ", ") + name;
    return Status::InvalidArgument("language '" + std::string(language) +
                                   "': there is no stemmer for it; give one of " + names);
  }
  Stemmer stemmer;
  if (language == kNoLanguage) return stemmer;
  stemmer.stemmer_.reset(sb_stemmer_new(std::string(language).c_str(), "UTF_8"));
  if (!stemmer.stemmer_) {
    return Status::ResourceExhausted("language '" + std::string(language) +
                                     "': no memory for its stemmer");
  }
  return stemmer;
}

std::string_view Stemmer::Stem(std::string_view word) {
  const sb_symbol* stem =
      sb_stemmer_stem(stemmer_.get(), reinterpret_cast<const sb_symbol*>(word.data()),
                      static_cast<int>(word.size()));
  if (stem == nullptr) return word;  // out of memory: the word itself is a worse stem, and one
  return {reinterpret_cast<const char*>(stem),
          static_cast<std::size_t>(sb_stemmer_length(stemmer_.get()))};
}

}  // namespace espy::text
