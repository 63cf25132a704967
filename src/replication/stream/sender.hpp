// Answers what peers ask: hellos, fetches (parked until there is news), chunks of whole-state copies, status.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/transport.hpp"
#include "replication/copy/copy_sender.hpp"
#include "replication/replica.hpp"
#include "replication/stream/commit_feed.hpp"

namespace ldb::replication {

/// One thread per node, which alone reads the log, the snapshots and the parked requests. It syncs the log when a peer waits and
/// somebody has committed without sync, so that such commits reach peers too.
class Sender {
 public:
  explicit Sender(Replica& replica);
  ~Sender();

  void start();
  /// Answers everything outstanding with kAborted and joins the thread. Idempotent.
  void stop();

  /// From a transport thread; never blocks.
  void handle(const NodeId& from, Request request, Responder respond);
  /// The synced end of the log has moved. From an engine thread; never blocks.
  void log_grew();
  /// A commit was made without sync.
  void committed_unsynced();
  /// A commit of about so many bytes is being made on this node.
  void committed_here(std::uint64_t bytes) {
    own_commits_.fetch_add(1);
    bytes_kept_.fetch_add(bytes);
  }
  /// The peer is gone or its link is to be dropped: its parked request and its copy end.
  void forget(const NodeId& peer);

 private:
  struct Incoming {
    NodeId from;
    Request request;
    Responder respond;
  };
  struct Parked {
    FetchRequest request;
    Responder respond;
    std::int64_t deadline_ns = 0;
    std::int64_t offer_ns = 0;      ///< when forwarded commits may be offered; 0: none are waiting
    std::uint64_t own_commits = 0;  ///< this node's commits when it was looked at last
    bool looked_at = false;
  };
  struct Work {
    std::deque<Incoming> incoming;
    std::vector<NodeId> forgotten;
    bool log_grew = false;
  };

  void run();
  Work take_work(std::int64_t wake_ns);
  void process(Incoming incoming);
  Result<std::string> answer(const NodeId& from, const Request& request);
  Result<std::string> answer_hello(const NodeId& from, const HelloRequest& request);
  Result<std::string> answer_snapshot(const NodeId& from, const SnapshotRequest& request);
  void park(const NodeId& from, FetchRequest request, Responder respond);
  void look_at_parked();
  /// True when it was answered.
  bool try_answer(const NodeId& peer, Parked& parked);
  void respond_with(const NodeId& peer, Parked& parked, FeedBatch batch);
  std::int64_t next_wake();
  void keep_house();
  Status open_feed();
  Status release_log();

  Replica& replica_;
  CommitFeed feed_;
  CopySender copies_;
  std::map<NodeId, Parked> parked_;
  bool feed_open_ = false;
  bool floor_wanted_ = false;
  std::int64_t next_house_ns_ = 0;

  rt::Atomic<std::uint64_t> own_commits_{0};
  rt::Atomic<std::uint64_t> bytes_kept_{0};  ///< committed here since a node alone released its log
  rt::Atomic<bool> unsynced_{false};

  rt::Mutex mutex_;
  rt::CondVar changed_;
  std::deque<Incoming> queue_ LDB_GUARDED_BY(mutex_);
  std::vector<NodeId> forgotten_ LDB_GUARDED_BY(mutex_);
  bool log_grew_ LDB_GUARDED_BY(mutex_) = false;
  bool stopping_ LDB_GUARDED_BY(mutex_) = false;
  rt::Thread thread_;
};

}  // namespace ldb::replication
