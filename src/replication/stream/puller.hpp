// Fetches the commits of one peer and applies them.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "replication/replica.hpp"

namespace ldb::replication {

/// One thread per peer: hello, then fetches as long polls; every answer is applied, synced once, and acknowledged by the next
/// fetch. When the peer's log does not reach back far enough, it copies the peer's whole state. Whatever fails is repeated with
/// growing pauses, for ever; the peer speaking up ends a pause. Commits that did not come in time get twice the time when they
/// are asked for again, so that also a slow link carries the largest one.
class Puller {
 public:
  Puller(Replica& replica, PeerAddress peer);
  ~Puller();

  void start();
  /// Makes the thread end soon, also while a call hangs.
  void ask_to_stop();
  void join();
  /// The peer is alive: no need to wait for the end of a pause. From any thread; never blocks.
  void nudge();

 private:
  /// What the transport's callbacks share with the thread; outlives both.
  struct Mailbox {
    rt::Mutex mutex;
    rt::CondVar changed;
    std::uint64_t call LDB_GUARDED_BY(mutex) = 0;  ///< number of the call waited for; answers of others came too late
    std::optional<Result<std::string>> answer LDB_GUARDED_BY(mutex);
    bool nudged LDB_GUARDED_BY(mutex) = false;
    bool stopping LDB_GUARDED_BY(mutex) = false;
  };

  void run();
  bool stopping();
  /// One request; gives up when stopping.
  Result<std::string> call(RequestKind kind, std::string body, std::int64_t timeout_ms);
  template <class Answer>
  Result<Answer> ask(RequestKind kind, std::string body, std::int64_t timeout_ms);
  /// False when stopping. `nudges`: whether the peer speaking up ends it.
  bool pause(std::int64_t ns, bool nudges);

  /// One step; a failure is followed by a pause.
  Status step();
  Status hello();
  Status fetch();
  Status take(FetchAnswer answer);
  /// The answer judged a vector that this node has outgrown since.
  bool answer_is_stale();
  /// Applies what was fetched, as far as it can be applied now.
  Status apply_held();
  Status apply_one(const std::string& payload, bool& hold);
  Status sync_applied();
  Status copy();

  Replica& replica_;
  const PeerAddress peer_;
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  rt::Thread thread_;

  // Of the thread.
  StreamPosition position_;
  std::vector<std::string> held_;  ///< fetched, not yet applied
  std::size_t held_from_ = 0;
  std::uint64_t held_epoch_ = 0;  ///< Replica::epoch() when they were asked for
  StreamPosition after_held_;
  VersionVector asked_with_;    ///< applied, as the last fetch said
  int stale_answers_ = 0;       ///< in a row
  std::int64_t patience_ = 1;   ///< times the slack that the answer to a fetch gets: a large commit needs long on a slow link
  bool asked_in_vain_ = false;  ///< the last fetch was not answered in time
  VersionVector durable_;
  Complaint complaint_;
  VersionVector peer_applied_;  ///< what the peer said it has, last
  std::string problem_;         ///< as reported last
  std::string held_back_;       ///< why held_ waits; empty when it does not
  std::string fork_;            ///< a stream of the peer that is not applied any more; never empty again
};

}  // namespace ldb::replication
