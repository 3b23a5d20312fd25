// An environment variable for as long as the object lives.
#ifndef ESPY_TESTS_SUPPORT_VARIABLE_H_
#define ESPY_TESTS_SUPPORT_VARIABLE_H_

#include <stdlib.h>

#include <string>

namespace espy::testing {

class Variable {
 public:
  explicit Variable(const char* name) : name_(name) {  // not set
    Keep();
    ::unsetenv(name);
  }
  Variable(const char* name, const std::string& value) : name_(name) {
    Keep();
    ::setenv(name, value.c_str(), 1);
  }
  ~Variable() {
    if (had_) {
      ::setenv(name_, old_.c_str(), 1);
    } else {
      ::unsetenv(name_);
    }
  }
  Variable(const Variable&) = delete;
  Variable& operator=(const Variable&) = delete;

 private:
  void Keep() {
    const char* old = ::getenv(name_);
    had_ = old != nullptr;
    if (had_) old_ = old;
  }

  const char* name_;
  bool had_ = false;
  std::string old_;
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_SUPPORT_VARIABLE_H_
