// Who this node is and how far each origin's stream has been applied: what the commit mutex guards.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ldb/clock.hpp"
#include "ldb/ids.hpp"
#include "ldb/status.hpp"
#include "ldb/storage_engine.hpp"
#include "replication/apply/applier.hpp"

namespace ldb {

std::string encode_progress(const OriginProgress& progress);
Result<OriginProgress> decode_progress(std::string_view bytes);

/// Not locked by itself: the applier's commit mutex guards every call. Two vectors: `submitted` is what has its place in the log,
/// `visible` what views taken from now on show.
class StreamState {
 public:
  explicit StreamState(Clock& clock) : clock_(clock) {}

  /// Reads identity and vector; a directory without an origin is given `fresh`, which the caller then stores.
  Result<bool> load(StorageEngine& engine, OriginId fresh);

  OriginId origin() const { return origin_; }
  const VersionVector& submitted() const { return submitted_; }
  const VersionVector& visible() const { return visible_; }
  /// Is `visible` exactly what a view of this sequence shows?
  bool shows(std::uint64_t view_sequence) const { return in_flight_.empty() && view_sequence >= visible_sequence_; }
  /// Sequence from which on views show all that was submitted; none while something is on its way.
  std::optional<std::uint64_t> latest_sequence() const {
    return in_flight_.empty() ? std::optional<std::uint64_t>(visible_sequence_) : std::nullopt;
  }
  std::uint64_t last_ticket() const { return last_ticket_; }
  bool known(OriginId origin) const { return submitted_.entries().count(origin) != 0; }

  /// The next dot and stamp of this node; nothing changes until submitted().
  Dot next_dot() const { return {origin_, submitted_.get(origin_).sequence + 1}; }
  Stamp next_stamp();
  /// What a commit from elsewhere is to this node. kApplied: it is next and everything it depends on is here. Fences forks.
  ApplyOutcome judge(Dot dot, Stamp stamp, const VersionVector& dependencies, std::uint64_t previous_hash,
                     std::string_view payload);

  /// The engine has taken the batch with this commit. Returns a ticket for became_visible().
  std::uint64_t submitted(OriginId origin, const OriginProgress& progress);
  void became_visible(std::uint64_t ticket, std::uint64_t sequence);

  void begin_stream(OriginId origin) { origin_ = origin; }
  /// After a whole-state copy; nothing may be in flight.
  void replace(const VersionVector& vector, std::uint64_t sequence);
  std::vector<std::pair<OriginId, std::string>> fenced() const { return {fenced_.begin(), fenced_.end()}; }

 private:
  void fence(ApplyOutcome& outcome, const char* what);

  struct InFlight {
    std::uint64_t ticket;
    OriginId origin;
    OriginProgress progress;
  };

  Clock& clock_;
  OriginId origin_;
  Stamp last_stamp_;  // the highest of all, of any origin
  VersionVector submitted_;
  VersionVector visible_;
  std::uint64_t visible_sequence_ = 0;
  std::uint64_t last_ticket_ = 0;
  std::deque<InFlight> in_flight_;
  std::map<OriginId, std::string> fenced_;
};

}  // namespace ldb
