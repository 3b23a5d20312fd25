// What open_clip does to a text before a tokenizer sees it.
#ifndef ESPY_ENCODERS_OPENCLIP_CLEAN_TEXT_H_
#define ESPY_ENCODERS_OPENCLIP_CLEAN_TEXT_H_

#include <string>
#include <string_view>

#include "encoders/tokenizers/tokenizer.h"

namespace espy::encoders {

// open_clip's get_clean_fn: basic_clean (ftfy.fix_text, html.unescape twice, strip), then
//   kWhitespace    runs of space become one ' '
//   kLower         the same, lower case
//   kCanonicalize  '_' becomes ' ', ASCII punctuation goes, lower case, runs of space become one '
//   ' kNone          the text as it is, not even basic_clean
// `text` is valid UTF-8. O(n) for n bytes.
//
// ftfy's steps but one: text that was decoded by the wrong character set is not repaired (its
// detector is a statistical table of its own). References in capitals that HTML does not have
// ("&EACUTE;") stay, and of references within references ("&amp;amp;lt;") eight levels are
// resolved.
std::string CleanForOpenClip(std::string_view text, TextCleaning cleaning);

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_OPENCLIP_CLEAN_TEXT_H_
