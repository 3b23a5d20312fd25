// A listing, a NUL, then header lines -> what a pull makes of a hub's answer. No name, hash or
// commit that comes out can lead outside of the cache; messages name the source.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "encoders/hub_cache.h"
#include "engine/hub/choose.h"
#include "engine/hub/headers.h"
#include "engine/hub/listing.h"
#include "engine/hub/url.h"

namespace {

void Require(bool held) {
  if (!held) std::abort();
}

bool IsPlain(std::string_view name) {
  return !name.empty() && name != "." && name != ".." && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

void TryListing(std::string_view text) {
  using namespace espy::hub;
  auto listing = ParseListing(text, "fuzzed");
  if (!listing.ok()) {
    Require(listing.status().message().find("fuzzed") == 0);
    return;
  }
  Require(espy::encoders::IsCommit(listing->commit));
  for (const RemoteFile& file : listing->files) {
    Require(IsPlain(file.name) && listing->Find(file.name) == &file);
    Require(file.hash.empty() || IsHash(file.hash));
  }
  // The same text as the configuration and as the index of the weights.
  auto choice = ChooseFiles(*listing, "org/name", text);
  if (!choice.ok()) return;
  (void)AddShards(*listing, "org/name", text, &*choice).ok();
  for (const std::string& file : choice->files) Require(listing->Find(file) != nullptr);
}

void TryHeaders(std::string_view text) {
  using namespace espy::hub;
  Headers headers;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t end = rest.find('\n');
    const std::string_view line = rest.substr(0, end);
    rest = end == rest.npos ? std::string_view() : rest.substr(end + 1);
    if (!ParseStatusLine(line)) headers.AddLine(line);
    (void)ParseContentRange(line);
    const std::string name(line);
    const std::string next = ResolveUrl("https://hub.example/a/b", name);
    Require(next.empty() || next.starts_with("http://") || next.starts_with("https://"));
    const auto hub_name = espy::encoders::ParseHubName(line);
    if (hub_name.ok()) {
      Require(IsPlain(espy::encoders::HubFolder(hub_name->repository)));
      Require(("/" + hub_name->revision + "/").find("/../") == std::string::npos);
    }
  }
  const std::string etag = EtagOf(headers);
  Require(etag.empty() || IsPlain(etag));
  (void)SizeOf(headers);
  const auto wait = WaitAskedFor(headers, 1'700'000'000);
  Require(!wait || *wait >= 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all(reinterpret_cast<const char*>(data), size);
  const std::size_t nul = all.find('\0');
  TryListing(all.substr(0, nul));
  if (nul != all.npos) TryHeaders(all.substr(nul + 1));
  return 0;
}
