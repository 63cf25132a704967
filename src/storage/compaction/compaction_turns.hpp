// Who may change the levels of the tree: one at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>

namespace ldb::storage {

/// Callers who claim the levels (to compact or to ingest, or to have them stand still) come in the order in which they asked, and
/// before the background; but it gets a turn after each of them, so that whoever comes again and again does not keep it from what
/// is due. Guarded by the engine's mutex.
class CompactionTurns {
 public:
  /// A place in the line, for may_begin(), which is given up by begin() or leave().
  std::uint64_t stand_in_line() {
    line_.push_back(++last_ticket_);
    return last_ticket_;
  }
  bool may_begin(std::uint64_t ticket) const { return !running_ && line_.front() == ticket; }
  void begin(std::uint64_t ticket) {
    leave(ticket);
    running_ = true;
  }
  void leave(std::uint64_t ticket) { line_.erase(std::find(line_.begin(), line_.end(), ticket)); }
  /// To be asked right afterwards whether the background begins: otherwise the next in line may.
  void end() {
    running_ = false;
    background_next_ = true;
  }

  bool background_may_begin() const { return !running_ && (line_.empty() || background_next_); }
  void begin_background() {
    running_ = true;
    background_next_ = false;
  }
  void end_background() { running_ = false; }

 private:
  bool running_ = false;
  bool background_next_ = false;
  std::uint64_t last_ticket_ = 0;
  std::deque<std::uint64_t> line_;
};

}  // namespace ldb::storage
