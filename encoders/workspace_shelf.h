// Workspaces that calls of an encoder borrow: as many as there have been calls at once.
#ifndef ESPY_ENCODERS_WORKSPACE_SHELF_H_
#define ESPY_ENCODERS_WORKSPACE_SHELF_H_

#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "encoders/tower.h"

namespace espy::encoders {

// Any thread.
class WorkspaceShelf {
 public:
  class Loan {
   public:
    explicit Loan(WorkspaceShelf* shelf) : shelf_(shelf), workspace_(shelf->Take()) {}
    ~Loan() { shelf_->PutBack(std::move(workspace_)); }
    Loan(const Loan&) = delete;
    Loan& operator=(const Loan&) = delete;
    Workspace* get() { return workspace_.get(); }

   private:
    WorkspaceShelf* shelf_;
    std::unique_ptr<Workspace> workspace_;
  };

 private:
  std::unique_ptr<Workspace> Take() {
    std::lock_guard lock(mutex_);
    if (free_.empty()) return std::make_unique<Workspace>();
    std::unique_ptr<Workspace> workspace = std::move(free_.back());
    free_.pop_back();
    return workspace;
  }
  void PutBack(std::unique_ptr<Workspace> workspace) {
    std::lock_guard lock(mutex_);
    free_.push_back(std::move(workspace));
  }

  std::mutex mutex_;
  std::vector<std::unique_ptr<Workspace>> free_;  // guarded by mutex_
};

}  // namespace espy::encoders

#endif  // ESPY_ENCODERS_WORKSPACE_SHELF_H_
