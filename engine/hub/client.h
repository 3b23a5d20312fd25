// GET and HEAD by libcurl, as the hub needs them: redirects that the access token does not follow
// off the hub, transfers that go on where they broke off, and patience with a busy server.
#ifndef ESPY_ENGINE_HUB_CLIENT_H_
#define ESPY_ENGINE_HUB_CLIENT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>

#include "engine/hub/headers.h"
#include "engine/hub/settings.h"
#include "espy/status.h"

namespace espy::hub {

// How long a transfer is tried again, after failures that time may mend: a status of 408, 429, 500,
// 502, 503 or 504, or a connection that broke. Bytes that arrive begin the count anew.
struct Patience {
  int tries = 5;            // without a byte of progress
  double first_wait_s = 1;  // twice as long each time
  double longest_wait_s = 30;
  double longest_asked_s = 300;  // a server that asks for more (Retry-After) is given up at once
};

struct Reply {
  int status = 0;    // of the last answer; 0 when none came
  Headers headers;   // of the last answer, and X-Repo-Commit and X-Linked-* of those before
  std::string url;   // that the last answer came from
  std::string text;  // of an answer other than 2xx, its first 4 KiB
};

// What is done with an answer's bytes. Each is called on the thread that asks.
struct Receiver {
  // The byte at which the next attempt begins: > 0 asks for a range.
  std::function<std::uint64_t()> offset = [] { return std::uint64_t{0}; };
  // An answer of 2xx begins. Not OK ends everything with that status.
  std::function<Status(const Reply&)> begin = [](const Reply&) { return Status::Ok(); };
  std::function<Status(std::string_view)> take;
};

// One thread at a time. Connections are kept open between calls.
class Client {
 public:
  // `stop` is looked at several times a second, also while waiting.
  Client(const Settings& settings, const Patience& patience, std::stop_token stop);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // The last answer, whatever its status; a 2xx has been taken whole. Redirects (10 at most) are
  // followed, from https to https alone; the token is sent to the endpoint and to huggingface.co,
  // and to nobody else. Not OK: Cancelled; Unavailable when there is no connection, or it kept
  // breaking; what the receiver returned.
  Result<Reply> Get(const std::string& url, const Receiver& receiver);
  // The same into memory: an answer longer than `most` bytes is ResourceExhausted.
  Result<Reply> GetText(const std::string& url, std::uint64_t most, std::string* text);
  // Only the headers; a redirect that leads off the hub is the answer.
  Result<Reply> Head(const std::string& url);

 private:
  class Exchange;
  struct Outcome {
    Reply reply;
    std::string broken;  // what the connection ended with; "" when the answer came whole
    bool try_again = false;
  };
  Result<Outcome> Attempt(const std::string& url, bool head, const Receiver& receiver);
  Result<Reply> Send(const std::string& url, bool head, const Receiver& receiver);
  Status Wait(double seconds, const std::string& url) const;
  bool IsHub(const std::string& url) const;

  const Settings settings_;
  const Patience patience_;
  const std::stop_token stop_;
  struct Handle;
  std::unique_ptr<Handle> handle_;
  bool was_heard_ = false;  // some server has answered: a lost connection may come back
};

}  // namespace espy::hub

#endif  // ESPY_ENGINE_HUB_CLIENT_H_
