// How every Espy call reports what went wrong: a Status, or a Result<T> that holds a value or a
// Status.
//
// Conditions of the outside world (a missing file, a full disk, wrong input) come back as values of
// these types; bugs inside Espy stop the process at a CHECK. The message names the file or id
// concerned and what to do about it, as "WHAT: WHY; WHAT TO DO". Both types are values: copy, move
// and read them from any thread without locks.
#ifndef ESPY_STATUS_H_
#define ESPY_STATUS_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "espy/export.h"

namespace espy {

enum class StatusCode {
  kOk = 0,
  kNotFound,         // the named thing does not exist
  kInvalidArgument,  // the caller's input is wrong: a flag, an expression, a file of the wrong kind
  kCorruption,       // bytes that Espy wrote, or a file it was given, contradict themselves
  kIoError,          // the operating system refused: permission, full disk, broken device
  kUnsupported,      // well formed, but not something this build or version handles
  kResourceExhausted,  // a stated limit (bytes, pixels, memory) would be passed
  kUnavailable,        // busy or locked just now; trying again later can succeed
  kCancelled,          // the caller asked to stop
};

// The code's name as users see it in JSON and messages: "not_found", "io_error", ...
ESPY_EXPORT std::string_view StatusCodeName(StatusCode code);

class [[nodiscard]] Status {
 public:
  Status() = default;  // OK
  Status(StatusCode code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status Ok() { return Status(); }
  static Status NotFound(std::string m) { return {StatusCode::kNotFound, std::move(m)}; }
  static Status InvalidArgument(std::string m) {
    return {StatusCode::kInvalidArgument, std::move(m)};
  }
  static Status Corruption(std::string m) { return {StatusCode::kCorruption, std::move(m)}; }
  static Status IoError(std::string m) { return {StatusCode::kIoError, std::move(m)}; }
  static Status Unsupported(std::string m) { return {StatusCode::kUnsupported, std::move(m)}; }
  static Status ResourceExhausted(std::string m) {
    return {StatusCode::kResourceExhausted, std::move(m)};
  }
  static Status Unavailable(std::string m) { return {StatusCode::kUnavailable, std::move(m)}; }
  static Status Cancelled(std::string m) { return {StatusCode::kCancelled, std::move(m)}; }

  bool ok() const { return code_ == StatusCode::kOk; }
  StatusCode code() const { return code_; }
  const std::string& message() const { return message_; }

 private:
  StatusCode code_ = StatusCode::kOk;
  std::string message_;
};

namespace internal {
// Prints the message and aborts: a Result was asked for a value that it does not hold.
[[noreturn]] ESPY_EXPORT void DieOnBadResult(const Status& status);
}  // namespace internal

// Either a T or the Status (never OK) that says why there is none.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT: implicit on purpose
  Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit on purpose
    if (status_.ok()) internal::DieOnBadResult(status_);
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }  // OK when there is a value

  T& value() & {
    Require();
    return *value_;
  }
  const T& value() const& {
    Require();
    return *value_;
  }
  T&& value() && {
    Require();
    return *std::move(value_);
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

 private:
  void Require() const {
    if (!value_.has_value()) internal::DieOnBadResult(status_);
  }

  std::optional<T> value_;
  Status status_;
};

}  // namespace espy

#endif  // ESPY_STATUS_H_
