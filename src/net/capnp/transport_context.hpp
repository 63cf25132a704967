// What the connections of one running transport share.
#pragma once

#include <atomic>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/rt/rt.hpp"
#include "ldb/transport.hpp"

namespace ldb::net::rpc {

constexpr std::size_t kMaxNameBytes = 256;

/// Protocol versions a node speaks, both inclusive.
struct VersionRange {
  std::uint16_t oldest;
  std::uint16_t newest;
};

/// Nodes that this one is cut off from, for tests of failure. Any thread.
class BlockedPeers {
 public:
  void set(const NodeId& peer, bool blocked) {
    rt::MutexLock lock(mutex_);
    if (blocked) {
      peers_.insert(peer);
    } else {
      peers_.erase(peer);
    }
    any_ = !peers_.empty();
  }
  bool contains(const NodeId& peer) {
    if (!any_) return false;  // the way it always goes outside tests
    rt::MutexLock lock(mutex_);
    return peers_.contains(peer);
  }

 private:
  rt::Mutex mutex_;
  std::set<NodeId> peers_ LDB_GUARDED_BY(mutex_);
  std::atomic<bool> any_{false};
};

/// Log lines that strangers can provoke: at most ten a second, then a count of what was left out. Any thread.
class ThrottledLog {
 public:
  explicit ThrottledLog(LogSink& sink) : sink_(sink) {}
  void warn(std::string_view message);

 private:
  LogSink& sink_;
  rt::Mutex mutex_;
  std::int64_t window_start_ns_ LDB_GUARDED_BY(mutex_) = 0;
  unsigned lines_ LDB_GUARDED_BY(mutex_) = 0;
};

/// Constant while the transport runs, but for the members that guard themselves. Owned by the transport; outlives its threads.
struct TransportContext {
  TransportContext(NodeId self_id, std::string cluster_name, const TransportLimits& bounds, VersionRange spoken,
                   RequestHandler& requests, LogSink& sink)
      : self(std::move(self_id)),
        cluster(std::move(cluster_name)),
        limits(bounds),
        versions(spoken),
        handler(requests),
        log(sink) {}

  const NodeId self;
  const std::string cluster;
  const TransportLimits limits;
  const VersionRange versions;
  RequestHandler& handler;
  ThrottledLog log;
  BlockedPeers blocked;
};

}  // namespace ldb::net::rpc
