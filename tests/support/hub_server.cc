#include "tests/support/hub_server.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

namespace espy::testing {
namespace {

using Json = nlohmann::json;

}  // namespace

HubServer::HubServer() {
  int ends[2] = {-1, -1};
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const std::string script = std::string(ESPY_SOURCE_DIR) + "/tests/support/hub_server.py";
  process_ = ::fork();
  if (process_ == 0) {
    ::dup2(ends[0], STDIN_FILENO);
    ::execl(ESPY_PYTHON, ESPY_PYTHON, "-B", script.c_str(), folder_.path().c_str(), "--until-eof",
            nullptr);
    ::_exit(127);
  }
  ::close(ends[0]);
  input_ = ends[1];
  const std::string ports = folder_ / "ports.json";
  int status = 0;
  while (!std::filesystem::exists(ports) && ::waitpid(process_, &status, WNOHANG) == 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  port_ = Json::parse(ReadFileOrDie(ports), nullptr, false).value("hub", 0);
  EXPECT_GT(port_, 0);
}

HubServer::~HubServer() {
  ::close(input_);
  int status = 0;
  EXPECT_EQ(::waitpid(process_, &status, 0), process_);
  EXPECT_EQ(status, 0);
}

std::string HubServer::endpoint() const { return "http://127.0.0.1:" + std::to_string(port_); }

void HubServer::Behave(const std::string& json) const {
  EXPECT_TRUE(Json::accept(json)) << json;
  folder_.Write("behavior.json", json);
}

std::vector<HubServer::Request> HubServer::Requests() const {
  std::vector<Request> requests;
  for (int waits = 0; waits < 500; ++waits) {
    requests.clear();
    if (!std::filesystem::exists(folder_ / "log.jsonl")) break;
    std::istringstream lines(ReadFileOrDie(folder_ / "log.jsonl"));
    std::size_t begun = 0;
    for (std::string line; std::getline(lines, line);) {
      const Json entry = Json::parse(line, nullptr, false);
      if (entry.is_discarded()) break;  // half written
      if (entry.contains("begins")) {
        ++begun;
        continue;
      }
      requests.push_back({entry.at("server"), entry.at("method"), entry.at("path"),
                          entry.at("range"), entry.at("authorization"), entry.at("status"),
                          entry.at("sent")});
    }
    if (requests.size() == begun) break;  // the server has ended all that it has begun
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return requests;
}

std::vector<HubServer::Request> HubServer::Requests(const std::string& server,
                                                    const std::string& end) const {
  std::vector<Request> found;
  for (Request& request : Requests()) {
    const std::string path = request.path.substr(0, request.path.find('?'));
    if (request.server == server && path.ends_with(end)) found.push_back(std::move(request));
  }
  return found;
}

}  // namespace espy::testing
