// This program started again in another role, and what it says on its standard output.
#ifndef ESPY_TESTS_FAULTS_CHILD_H_
#define ESPY_TESTS_FAULTS_CHILD_H_

#include <sys/types.h>

#include <string>
#include <vector>

namespace espy::testing {

class Child {
 public:
  Child(const std::string& program, const std::vector<std::string>& arguments);
  ~Child();  // kills it, if it still runs
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Waits so long for its end; then kills it. True when it had to.
  bool KillAfter(double seconds);
  // After KillAfter: everything it said, and how it ended (as waitpid says).
  const std::string& said() const { return said_; }
  int status() const { return status_; }

 private:
  pid_t process_ = -1;
  int output_ = -1;
  int status_ = 0;
  std::string said_;
};

}  // namespace espy::testing

#endif  // ESPY_TESTS_FAULTS_CHILD_H_
