#include "engine/hub/url.h"

#include <curl/curl.h>

#include <cstdio>
#include <memory>

namespace espy::hub {
namespace {

using Url = std::unique_ptr<CURLU, decltype(&curl_url_cleanup)>;

std::string Part(CURLU* url, CURLUPart part, unsigned flags) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK || text == nullptr) return "";
  std::string copy = text;
  curl_free(text);
  return copy;
}

bool IsWeb(CURLU* url) {
  const std::string scheme = Part(url, CURLUPART_SCHEME, 0);
  return scheme == "http" || scheme == "https";
}

}  // namespace

std::string OriginOf(const std::string& url) {
  const Url parsed(curl_url(), &curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, url.c_str(), 0) != CURLUE_OK ||
      !IsWeb(parsed.get())) {
    return "";
  }
  std::string host = Part(parsed.get(), CURLUPART_HOST, 0);
  for (char& c : host) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return Part(parsed.get(), CURLUPART_SCHEME, 0) + "://" + host + ":" +
         Part(parsed.get(), CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

std::string ResolveUrl(const std::string& base, const std::string& location) {
  const Url parsed(curl_url(), &curl_url_cleanup);
  if (!parsed || curl_url_set(parsed.get(), CURLUPART_URL, base.c_str(), 0) != CURLUE_OK ||
      curl_url_set(parsed.get(), CURLUPART_URL, location.c_str(), 0) != CURLUE_OK ||
      !IsWeb(parsed.get())) {
    return "";
  }
  return Part(parsed.get(), CURLUPART_URL, 0);
}

std::string EncodeForUrl(std::string_view text, std::string_view keep) {
  std::string encoded;
  for (const char c : text) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~' || keep.find(c) != keep.npos;
    if (plain) {
      encoded += c;
      continue;
    }
    char hex[4];
    std::snprintf(hex, sizeof hex, "%%%02X", static_cast<unsigned char>(c));
    encoded += hex;
  }
  return encoded;
}

}  // namespace espy::hub
