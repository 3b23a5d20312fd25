// Addresses, by libcurl's parser.
#ifndef ESPY_ENGINE_HUB_URL_H_
#define ESPY_ENGINE_HUB_URL_H_

#include <string>
#include <string_view>

namespace espy::hub {

// "https://host:443", in lower case and with the port; "" for what is no http or https address.
std::string OriginOf(const std::string& url);
// Where a Location header leads from `base`; "" when that is no http or https address.
std::string ResolveUrl(const std::string& base, const std::string& location);
// Percent-encodes everything but letters, digits, "-._~" and what is in `keep`.
std::string EncodeForUrl(std::string_view text, std::string_view keep = "");

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_URL_H_
