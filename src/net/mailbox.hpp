// Where one running transport's messages arrive: a bounded queue in order of delivery time, and the calls it waits for.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>

#include "base/rt/rt.hpp"
#include "ldb/transport.hpp"

namespace ldb::net {

class Mailbox;

/// A message on its way.
struct Envelope {
  bool is_answer = false;
  NodeId from;
  std::uint64_t call = 0;           ///< chosen by the caller's mailbox
  std::string bytes;                ///< message_codec.hpp
  std::weak_ptr<Mailbox> reply_to;  ///< of a request: the caller's
};

/// One thread runs run(); any thread may call the rest. Shared by its transport and by whoever has something to deliver.
class Mailbox {
 public:
  using Done = std::function<void(Result<std::string>)>;
  using Serve = std::function<void(Envelope request)>;
  static constexpr std::size_t kMaxQueuedBytes = 256 << 20;

  Mailbox(NodeId self, std::string address) : self_(std::move(self)), address_(std::move(address)) {}
  const NodeId& self() const { return self_; }
  const std::string& address() const { return address_; }

  /// Delivers `envelope` at `at_ns` (rt::monotonic_ns) or soon after. kResourceExhausted when too much is queued, kUnavailable
  /// when the mailbox is closed or blocks the sender.
  Status post(Envelope envelope, std::int64_t at_ns);
  /// Remembers a call to `peer`. Its number, or 0 (with `done` untouched) when the mailbox is closed.
  std::uint64_t add_call(const NodeId& peer, std::int64_t deadline_ns, Done& done);
  /// Ends a call, on the mailbox's thread, at `at_ns`; nothing when it has ended already.
  void fail_call(std::uint64_t call, const Status& why, std::int64_t at_ns);
  /// Ends every call to `peer`, soon.
  void fail_calls_to(const NodeId& peer, const Status& why);
  /// When true, on return nothing from the peer is delivered any more. Not from the mailbox's thread.
  void set_blocked(const NodeId& peer, bool blocked);
  bool blocks(const NodeId& peer) const;

  /// Delivers messages and timeouts until close(); then answers all open calls with kAborted.
  void run(const Serve& serve);
  void close();
  /// As if the machine had stopped: from now on nothing is delivered; calls still time out, so that its threads come to an end.
  void freeze();
  bool frozen() const;

 private:
  struct Call {
    NodeId peer;
    std::int64_t deadline_ns = 0;
    Done done;
  };
  using Timed = std::pair<std::int64_t, std::uint64_t>;  // when, and a number that keeps equal times in order

  Call take_call(std::map<std::uint64_t, Call>::iterator call) LDB_REQUIRES(mutex_);
  bool deliver_next(const Serve& serve, std::int64_t now_ns) LDB_REQUIRES(mutex_);
  bool expire_next(std::int64_t now_ns) LDB_REQUIRES(mutex_);
  void wait_for_work() LDB_REQUIRES(mutex_);

  const NodeId self_;
  const std::string address_;
  mutable rt::Mutex mutex_;
  rt::CondVar changed_;
  std::map<Timed, Envelope> queue_ LDB_GUARDED_BY(mutex_);
  std::size_t queued_bytes_ LDB_GUARDED_BY(mutex_) = 0;
  std::map<std::uint64_t, Call> calls_ LDB_GUARDED_BY(mutex_);
  std::set<Timed> deadlines_ LDB_GUARDED_BY(mutex_);  // of calls_
  std::set<NodeId> blocked_ LDB_GUARDED_BY(mutex_);
  const NodeId* delivering_from_ LDB_GUARDED_BY(mutex_) = nullptr;
  std::uint64_t next_number_ LDB_GUARDED_BY(mutex_) = 1;
  bool frozen_ LDB_GUARDED_BY(mutex_) = false;
  bool closed_ LDB_GUARDED_BY(mutex_) = false;
};

}  // namespace ldb::net
