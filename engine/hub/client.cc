#include "engine/hub/client.h"

#include <curl/curl.h>
#include <stdlib.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "base/env.h"
#include "base/status_macros.h"
#include "engine/hub/url.h"

namespace espy::hub {
namespace {

constexpr int kMostRedirects = 10;
constexpr std::size_t kMostErrorText = 4096;
// Told on the answer that redirects to the bytes, not on the bytes' own.
constexpr const char* kOfTheHub[] = {"X-Repo-Commit", "X-Linked-Etag", "X-Linked-Size"};

bool IsRedirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool MayPass(int status) {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 ||
         status == 504;
}

// A connection that broke, as against one that was never there.
bool IsBroken(CURLcode code) {
  switch (code) {
    case CURLE_PARTIAL_FILE:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
      return true;
    default:
      return false;
  }
}

bool IsUnreachable(CURLcode code) {
  return code == CURLE_COULDNT_CONNECT || code == CURLE_COULDNT_RESOLVE_HOST ||
         code == CURLE_COULDNT_RESOLVE_PROXY || code == CURLE_SSL_CONNECT_ERROR;
}

// Companies' own certificates: libcurl as a library reads none of these variables itself.
const char* CertificateFile() {
  for (const char* name : {"CURL_CA_BUNDLE", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"}) {
    const char* value = ::getenv(name);
    if (value != nullptr && *value != '\0') return value;
  }
  return nullptr;
}

}  // namespace

struct Client::Handle {
  CURL* curl = nullptr;
  Handle() {
    static const CURLcode kGlobal = curl_global_init(CURL_GLOBAL_DEFAULT);
    if (kGlobal == CURLE_OK) curl = curl_easy_init();
  }
  ~Handle() { curl_easy_cleanup(curl); }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
};

// One request and its answer, redirects not followed.
class Client::Exchange {
 public:
  Exchange(CURL* curl, const std::string& url, const Receiver& receiver, std::stop_token stop)
      : curl_(curl), receiver_(receiver), stop_(std::move(stop)) {
    reply_.url = url;
    curl_easy_reset(curl_);  // connections stay
  }
  ~Exchange() { curl_slist_free_all(lines_); }
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  void AddHeader(const std::string& line) { lines_ = curl_slist_append(lines_, line.c_str()); }
  CURLcode Run(bool head, int stall_seconds);

  Reply& reply() { return reply_; }
  const Status& refused() const { return refused_; }
  const char* error() const { return error_; }

 private:
  static std::size_t OnHeader(char* data, std::size_t size, std::size_t count, void* self);
  static std::size_t OnBody(char* data, std::size_t size, std::size_t count, void* self);
  static int OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
  bool Begin();
  bool Take(std::string_view bytes);

  CURL* const curl_;
  const Receiver& receiver_;
  const std::stop_token stop_;
  curl_slist* lines_ = nullptr;
  Reply reply_;
  Status refused_;  // what the receiver said
  bool began_ = false;
  char error_[CURL_ERROR_SIZE] = "";
};

std::size_t Client::Exchange::OnHeader(char* data, std::size_t size, std::size_t count,
                                       void* self) {
  auto* exchange = static_cast<Exchange*>(self);
  const std::string_view line(data, size * count);
  if (const std::optional<int> status = ParseStatusLine(line)) {
    exchange->reply_.status = *status;  // after a 1xx or a proxy's answer, the real one follows
    exchange->reply_.headers.Clear();
  } else {
    exchange->reply_.headers.AddLine(line);
  }
  return line.size();
}

bool Client::Exchange::Begin() {
  if (began_) return true;
  began_ = true;
  refused_ = receiver_.begin(reply_);
  return refused_.ok();
}

bool Client::Exchange::Take(std::string_view bytes) {
  if (reply_.status < 200 || reply_.status >= 300) {
    reply_.text += bytes.substr(0, kMostErrorText - std::min(kMostErrorText, reply_.text.size()));
    return true;
  }
  if (!Begin()) return false;
  refused_ = receiver_.take(bytes);
  return refused_.ok();
}

std::size_t Client::Exchange::OnBody(char* data, std::size_t size, std::size_t count, void* self) {
  const std::string_view bytes(data, size * count);
  return static_cast<Exchange*>(self)->Take(bytes) ? bytes.size() : 0;  // 0 ends the transfer
}

int Client::Exchange::OnProgress(void* self, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(self)->stop_.stop_requested() ? 1 : 0;
}

CURLcode Client::Exchange::Run(bool head, int stall_seconds) {
  curl_easy_setopt(curl_, CURLOPT_URL, reply_.url.c_str());
  curl_easy_setopt(curl_, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl_, CURLOPT_HTTPHEADER, lines_);
  curl_easy_setopt(curl_, CURLOPT_NOBODY, head ? 1L : 0L);
  curl_easy_setopt(curl_, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl_, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  curl_easy_setopt(curl_, CURLOPT_CONNECTTIMEOUT, 10L);
  curl_easy_setopt(curl_, CURLOPT_LOW_SPEED_LIMIT, 1L);
  curl_easy_setopt(curl_, CURLOPT_LOW_SPEED_TIME, static_cast<long>(stall_seconds));
  curl_easy_setopt(curl_, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(curl_, CURLOPT_USERAGENT, "espy/" ESPY_VERSION);
  curl_easy_setopt(curl_, CURLOPT_ERRORBUFFER, error_);
  curl_easy_setopt(curl_, CURLOPT_HEADERFUNCTION, &OnHeader);
  curl_easy_setopt(curl_, CURLOPT_HEADERDATA, this);
  curl_easy_setopt(curl_, CURLOPT_WRITEFUNCTION, &OnBody);
  curl_easy_setopt(curl_, CURLOPT_WRITEDATA, this);
  curl_easy_setopt(curl_, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl_, CURLOPT_XFERINFOFUNCTION, &OnProgress);
  curl_easy_setopt(curl_, CURLOPT_XFERINFODATA, this);
  if (const char* file = CertificateFile()) curl_easy_setopt(curl_, CURLOPT_CAINFO, file);
  const CURLcode code = curl_easy_perform(curl_);
  const bool whole = code == CURLE_OK && reply_.status >= 200 && reply_.status < 300;
  if (whole && !head && !Begin()) return CURLE_WRITE_ERROR;  // an answer without a byte
  return code;
}

Client::Client(const Settings& settings, const Patience& patience, std::stop_token stop)
    : settings_(settings),
      patience_(patience),
      stop_(std::move(stop)),
      handle_(std::make_unique<Handle>()) {}
Client::~Client() = default;

bool Client::IsHub(const std::string& url) const {
  const std::string origin = OriginOf(url);
  return !origin.empty() &&
         (origin == OriginOf(settings_.endpoint) || origin == "https://huggingface.co:443" ||
          origin == "https://hf.co:443");
}

Status Client::Wait(double seconds, const std::string& url) const {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  never.wait_for(lock, stop_, std::chrono::duration<double>(seconds), [] { return false; });
  return stop_.stop_requested() ? Status::Cancelled(url + ": stopped") : Status::Ok();
}

Result<Reply> Client::Get(const std::string& url, const Receiver& receiver) {
  return Send(url, false, receiver);
}

Result<Reply> Client::Head(const std::string& url) { return Send(url, true, Receiver{}); }

Result<Reply> Client::GetText(const std::string& url, std::uint64_t most, std::string* text) {
  Receiver receiver;
  receiver.begin = [text](const Reply&) {
    text->clear();
    return Status::Ok();
  };
  receiver.take = [&](std::string_view bytes) {
    if (bytes.size() > most - std::min<std::uint64_t>(most, text->size())) {
      return Status::ResourceExhausted(url + ": the answer is longer than " + std::to_string(most) +
                                       " bytes");
    }
    text->append(bytes);
    return Status::Ok();
  };
  return Send(url, false, receiver);
}

// Follows redirects to the end. Not OK: nothing that another attempt could mend.
Result<Client::Outcome> Client::Attempt(const std::string& url, bool head,
                                        const Receiver& receiver) {
  std::string at = url;
  Headers of_the_hub;
  for (int redirects = 0;; ++redirects) {
    Exchange exchange(handle_->curl, at, receiver, stop_);
    exchange.AddHeader("Accept-Encoding: identity");  // sizes and ranges are those of the file
    if (const std::uint64_t offset = receiver.offset(); offset > 0) {
      exchange.AddHeader("Range: bytes=" + std::to_string(offset) + "-");
    }
    if (!settings_.token.empty() && IsHub(at)) {
      exchange.AddHeader("Authorization: Bearer " + settings_.token);
    }
    const CURLcode code = exchange.Run(head, settings_.stall_seconds);
    if (stop_.stop_requested()) return Status::Cancelled(url + ": stopped");
    if (!exchange.refused().ok()) return exchange.refused();
    Outcome outcome{.reply = std::move(exchange.reply())};
    Reply& reply = outcome.reply;
    was_heard_ = was_heard_ || reply.status != 0;
    if (code != CURLE_OK) {
      const char* why = exchange.error()[0] != '\0' ? exchange.error() : curl_easy_strerror(code);
      outcome.broken = OriginOf(at) + ": " + why;
      outcome.try_again = IsBroken(code) || (IsUnreachable(code) && was_heard_);
      return outcome;
    }
    for (const char* name : kOfTheHub) {
      if (const std::string* value = reply.headers.Find(name)) {
        of_the_hub.Set(name, *value);
      } else if (const std::string* earlier = of_the_hub.Find(name)) {
        reply.headers.Set(name, *earlier);
      }
    }
    const std::string* location = reply.headers.Find("Location");
    if (location == nullptr || !IsRedirect(reply.status)) {
      // Storage that signs its addresses says 403 when one has expired in the meantime.
      outcome.try_again =
          MayPass(reply.status) || (reply.status == 403 && redirects > 0 && !IsHub(at));
      return outcome;
    }
    const std::string next = ResolveUrl(at, *location);
    if (next.empty() || (at.starts_with("https:") && !next.starts_with("https:")) ||
        redirects == kMostRedirects) {
      return Status::Unsupported(at + ": redirects to \"" + *location +
                                 "\", which is not followed; check HF_ENDPOINT");
    }
    if (head && !IsHub(next)) return outcome;
    at = next;
  }
}

Result<Reply> Client::Send(const std::string& url, bool head, const Receiver& receiver) {
  if (handle_->curl == nullptr) return Status::Unavailable(url + ": libcurl did not start");
  std::uint64_t reached = receiver.offset();
  double wait = patience_.first_wait_s;
  for (int tries = 1;; ++tries) {
    // From the address that was asked for: one that a redirect gave may have expired.
    ESPY_ASSIGN_OR_RETURN(Outcome outcome, Attempt(url, head, receiver));
    if (const std::uint64_t offset = receiver.offset(); offset > reached) {
      reached = offset;
      tries = 1;
      wait = patience_.first_wait_s;
    }
    double pause = wait;
    if (outcome.broken.empty()) {
      const std::int64_t now = Env::Default()->NowUnixNs() / 1'000'000'000;
      pause = WaitAskedFor(outcome.reply.headers, now).value_or(wait);
    }
    if (!outcome.try_again || tries >= patience_.tries || pause > patience_.longest_asked_s) {
      if (outcome.broken.empty()) return std::move(outcome.reply);
      return Status::Unavailable(outcome.broken +
                                 "; check the connection, or HF_ENDPOINT, and try again");
    }
    ESPY_RETURN_IF_ERROR(Wait(pause, url));
    wait = std::min(2 * wait, patience_.longest_wait_s);
  }
}

}  // namespace espy::hub
