// tests/support/hub_server.py as a process of its own, for as long as the object lives.
#ifndef ESPY_TESTS_SUPPORT_HUB_SERVER_H_
#define ESPY_TESTS_SUPPORT_HUB_SERVER_H_

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/temp_dir.h"

namespace espy::testing {

class HubServer {
 public:
  struct Request {
    std::string server;  // "hub" or "storage"
    std::string method, path, range, authorization;
    int status = 0;
    std::uint64_t sent = 0;  // bytes of the body
  };

  HubServer();  // a test that cannot start it fails
  ~HubServer();
  HubServer(const HubServer&) = delete;
  HubServer& operator=(const HubServer&) = delete;

  std::string endpoint() const;
  // The folder whose files are REPOSITORY's (with "@TAG": another revision's); made by whoever
  // writes.
  std::string Repository(const std::string& name) const { return folder_ / ("models/" + name); }
  // How it misbehaves from now on: JSON, as hub_server.py describes it.
  void Behave(const std::string& json) const;
  // All requests so far; waits (10 s at most) for those that are still being answered.
  std::vector<Request> Requests() const;
  // Of those to one server, whose path ends in `end` before any '?'.
  std::vector<Request> Requests(const std::string& server, const std::string& end) const;

 private:
  TempDir folder_;
  pid_t process_ = -1;
  int input_ = -1;  // its standard input: it ends when this is closed
  int port_ = 0;
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_SUPPORT_HUB_SERVER_H_
