// The names of HTML 5's character references.
#ifndef ESPY_ENCODERS_OPENCLIP_HTML_ENTITIES_H_
#define ESPY_ENCODERS_OPENCLIP_HTML_ENTITIES_H_

#include <string>
#include <string_view>
#include <unordered_map>

namespace espy::encoders {

// Name without '&', with ';' but for the 106 that may stand without (both forms are there) -> text
// in UTF-8. Made at the first call; any thread.
const std::unordered_map<std::string_view, std::string>& HtmlEntities();

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_OPENCLIP_HTML_ENTITIES_H_
