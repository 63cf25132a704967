// The default Transport: Cap'n Proto RPC over TCP on network threads of its own.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/transport.hpp"
#include "net/capnp/transport_context.hpp"

namespace ldb::net::rpc {

struct CapnpOptions {
  std::string cluster = "ldb";
  TransportLimits limits;
  unsigned threads = 1;
  LogSink* log = &null_log_sink();
  VersionRange versions = {1, 1};  ///< other than what this build speaks only in tests
};

/// See ldb::Transport and ldb::new_capnp_transport. Each start() makes a new set of threads; stop() unmakes it.
class CapnpTransport final : public Transport {
 public:
  explicit CapnpTransport(CapnpOptions options);
  ~CapnpTransport() override;

  Status start(const NodeId& self, const std::string& listen, RequestHandler& handler) override;
  std::string address() const override;
  void call(const PeerAddress& peer, Request request, std::int64_t timeout_ms,
            std::function<void(Result<std::string>)> done) override;
  void stop() override;
  Status set_peer_blocked(const NodeId& peer, bool blocked) override;

 private:
  struct Running;
  std::shared_ptr<Running> running() const;

  const CapnpOptions options_;
  rt::Mutex lifecycle_;  // held by start() and stop() from end to end; never taken on a network thread
  mutable rt::Mutex mutex_;
  std::shared_ptr<Running> running_ LDB_GUARDED_BY(mutex_);  // shared with calls under way
};

}  // namespace ldb::net::rpc
