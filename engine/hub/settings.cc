#include "engine/hub/settings.h"

#include <stdlib.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <string_view>

#include "base/env.h"
#include "base/status_macros.h"
#include "encoders/hub_cache.h"

namespace espy::hub {
namespace {

constexpr std::uint64_t kMaxTokenBytes = 4096;

std::string Variable(const char* name) {
  const char* value = ::getenv(name);
  return value == nullptr ? "" : value;
}

// As huggingface_hub reads a switch: 1, on, yes or true, in any case.
bool IsOn(const char* name) {
  std::string value = Variable(name);
  std::transform(value.begin(), value.end(), value.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return value == "1" || value == "on" || value == "yes" || value == "true";
}

std::string Trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r\n";
  const std::size_t start = text.find_first_not_of(kBlank);
  if (start == text.npos) return "";
  return std::string(text.substr(start, text.find_last_not_of(kBlank) + 1 - start));
}

// A token goes into a header: nothing in it may end one.
Status TakeToken(const std::string& text, const std::string& source, Settings* settings) {
  settings->token = Trimmed(text);
  if (settings->token.empty()) return Status::Ok();
  settings->token_source = source;
  for (const char c : settings->token) {
    if (c <= ' ' || c >= 0x7f) {
      return Status::InvalidArgument(source +
                                     ": holds characters that no access token has; copy the token "
                                     "again, or log in with `hf auth login`");
    }
  }
  return Status::Ok();
}

Status ReadToken(Settings* settings) {
  if (IsOn("HF_HUB_DISABLE_IMPLICIT_TOKEN")) return Status::Ok();
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    ESPY_RETURN_IF_ERROR(TakeToken(Variable(name), name, settings));
    if (!settings->token.empty()) return Status::Ok();
  }
  std::string path = Variable("HF_TOKEN_PATH");
  if (path.empty()) {
    const std::string home = encoders::HubHome();
    if (home.empty()) return Status::Ok();
    path = home + "/token";
  }
  const Result<std::string> text = Env::Default()->ReadFile(path, kMaxTokenBytes);
  if (text.status().code() == StatusCode::kNotFound) return Status::Ok();
  if (!text.ok()) return text.status();
  return TakeToken(*text, path, settings);
}

Status ReadEndpoint(Settings* settings) {
  settings->endpoint = Variable("HF_ENDPOINT");
  if (settings->endpoint.empty()) settings->endpoint = "https://huggingface.co";
  while (settings->endpoint.ends_with('/')) settings->endpoint.pop_back();
  const std::string& url = settings->endpoint;
  if (!url.starts_with("https://") && !url.starts_with("http://")) {
    return Status::InvalidArgument("HF_ENDPOINT: " + url +
                                   ": is no http or https address; unset it for huggingface.co");
  }
  return Status::Ok();
}

Status ReadStall(Settings* settings) {
  const std::string text = Variable("HF_HUB_DOWNLOAD_TIMEOUT");
  if (text.empty()) return Status::Ok();
  int seconds = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seconds);
  if (error != std::errc() || end != text.data() + text.size() || seconds < 1 || seconds > 86400) {
    return Status::InvalidArgument("HF_HUB_DOWNLOAD_TIMEOUT: \"" + text +
                                   "\" is no number of seconds from 1 to 86400");
  }
  settings->stall_seconds = seconds;
  return Status::Ok();
}

}  // namespace

Result<Settings> ReadSettings() {
  Settings settings;
  ESPY_RETURN_IF_ERROR(ReadEndpoint(&settings));
  settings.cache = encoders::HubCacheDirectory();
  if (settings.cache.empty()) {
    return Status::InvalidArgument(
        "the hub's cache: there is no place for it; set HF_HOME or HOME");
  }
  settings.offline = IsOn("HF_HUB_OFFLINE") || IsOn("TRANSFORMERS_OFFLINE");
  ESPY_RETURN_IF_ERROR(ReadToken(&settings));
  ESPY_RETURN_IF_ERROR(ReadStall(&settings));
  return settings;
}

}  // namespace espy::hub
