#include "engine/hub/failure.h"

#include "encoders/json.h"

namespace espy::hub {
namespace {

std::string Header(const Reply& reply, const char* name) {
  const std::string* value = reply.headers.Find(name);
  return value == nullptr ? "" : encoders::Printable(*value);
}

Status Gated(const Settings& settings, const std::string& repository) {
  const std::string page = settings.endpoint + "/" + repository;
  if (settings.token.empty()) {
    return Status::InvalidArgument(
        repository + ": its publisher asks who uses it; accept the terms at " + page +
        ", then log in with `hf auth login` or put an access token into HF_TOKEN");
  }
  return Status::InvalidArgument(
      repository + ": its publisher has not let the account of the token in " +
      settings.token_source + " in; ask for it, or accept the terms, at " + page);
}

Status NoRepository(const Settings& settings, const std::string& repository) {
  if (settings.token.empty()) {
    return Status::NotFound(repository + ": " + settings.endpoint +
                            " has no such model, or it is private; check the name, or log in with "
                            "`hf auth login` or put an access token into HF_TOKEN");
  }
  return Status::NotFound(repository + ": " + settings.endpoint +
                          " has no such model, or the account of the token in " +
                          settings.token_source + " may not see it; check the name");
}

}  // namespace

Status FailureOf(const Reply& reply, const Settings& settings, const encoders::HubName& name,
                 const std::string& file) {
  if (reply.status >= 200 && reply.status < 300) return Status::Ok();
  const std::string code = Header(reply, "X-Error-Code");
  const std::string message = Header(reply, "X-Error-Message");
  const std::string& repository = name.repository;
  const std::string what = file.empty() ? repository : repository + "/" + file;
  const std::string says = std::to_string(reply.status) + (message.empty() ? "" : ", " + message);
  if (code == "GatedRepo") return Gated(settings, repository);
  if (code == "RevisionNotFound") {
    return Status::NotFound(repository + ": has no revision " + name.revision +
                            "; give a branch, a tag or a whole commit, or leave @" + name.revision +
                            " out");
  }
  if (code == "EntryNotFound") {
    return Status::NotFound(what + ": is not there at this revision; try again, or another one");
  }
  const bool bad_token = reply.status == 401 && message.find("Invalid credentials") == 0;
  if (bad_token || (reply.status == 401 && message.find("Invalid username") == 0)) {
    return Status::InvalidArgument(
        settings.token.empty()
            ? repository + ": " + settings.endpoint + " asks for an access token; put one into " +
                  "HF_TOKEN"
            : "the token in " + settings.token_source + ": " + settings.endpoint +
                  " does not know it; make another at " + settings.endpoint +
                  "/settings/tokens, or unset it for public models");
  }
  if (code == "RepoNotFound" || reply.status == 401 || (reply.status == 404 && file.empty())) {
    return NoRepository(settings, repository);
  }
  if (reply.status == 404) return Status::NotFound(what + ": is not there; try again");
  if (reply.status == 403) {
    return Status::InvalidArgument(
        what + ": " + settings.endpoint + " refuses it (" + says + "); " +
        (settings.token.empty()
             ? "log in with `hf auth login` or put an access token into HF_TOKEN"
             : "give the token in " + settings.token_source + " the right to read it"));
  }
  if (reply.status == 429) {
    return Status::Unavailable(
        what + ": " + settings.endpoint +
        " answers no more for now (too many requests); try again later: what "
        "came is kept");
  }
  if (reply.status >= 500 || reply.status == 408) {
    return Status::Unavailable(what + ": " + settings.endpoint + " is not well (" + says +
                               "); try again later: what came is kept");
  }
  return Status::IoError(what + ": " + settings.endpoint + " answers " + says +
                         "; check HF_ENDPOINT");
}

}  // namespace espy::hub
