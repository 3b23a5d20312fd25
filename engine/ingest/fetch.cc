#include "engine/ingest/fetch.h"

#include <curl/curl.h>

#include <memory>

#include "imaging/image.h"

namespace espy::ingest {
namespace {

struct Transfer {
  std::string bytes;
  std::uint64_t limit = 0;
  bool too_long = false;
  std::stop_token stop;
};

std::size_t Receive(char* data, std::size_t size, std::size_t count, void* context) {
  auto* transfer = static_cast<Transfer*>(context);
  const std::size_t n = size * count;
  if (transfer->bytes.size() + n > transfer->limit) {
    transfer->too_long = true;
    return 0;  // ends the transfer
  }
  transfer->bytes.append(data, n);
  return n;
}

int OnProgress(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Transfer*>(context)->stop.stop_requested() ? 1 : 0;
}

Status FetchInto(const std::string& url, Transfer* transfer) {
  static const CURLcode kGlobal = curl_global_init(CURL_GLOBAL_DEFAULT);
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(
      kGlobal == CURLE_OK ? curl_easy_init() : nullptr, &curl_easy_cleanup);
  if (!curl) return Status::Unavailable(url + ": libcurl did not start");
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl.get(), CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_MAXREDIRS, 5L);
  curl_easy_setopt(curl.get(), CURLOPT_CONNECTTIMEOUT, 10L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_LIMIT, 1024L);
  curl_easy_setopt(curl.get(), CURLOPT_LOW_SPEED_TIME, 30L);
  curl_easy_setopt(curl.get(), CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl.get(), CURLOPT_USERAGENT, "espy");
  curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, &Receive);
  curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, transfer);
  curl_easy_setopt(curl.get(), CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(curl.get(), CURLOPT_XFERINFODATA, transfer);
  const CURLcode code = curl_easy_perform(curl.get());
  if (transfer->too_long) {
    return Status::ResourceExhausted(url + ": more than the limit of " +
                                     std::to_string(transfer->limit) + " bytes");
  }
  if (code == CURLE_ABORTED_BY_CALLBACK) return Status::Cancelled(url + ": stopped");
  if (code != CURLE_OK) {
    return Status::IoError(url + ": " + curl_easy_strerror(code) + "; check the address");
  }
  return Status::Ok();
}

}  // namespace

Source Fetch(const std::string& url, const std::stop_token& stop) {
  Source source;
  source.path = url;
  Transfer transfer;
  transfer.limit = imaging::ImageLimits{}.max_bytes;
  transfer.stop = stop;
  if (!url.starts_with("http://") && !url.starts_with("https://")) {
    source.status =
        Status::InvalidArgument(url + ": not an http or https address; give files as paths");
    return source;
  }
  source.status = FetchInto(url, &transfer);
  source.facts.kind = FileFacts::Kind::kFile;
  source.facts.size = transfer.bytes.size();
  if (source.status.ok()) source.bytes = std::move(transfer.bytes);
  return source;
}

}  // namespace espy::ingest
