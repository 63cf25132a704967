// The accepting side's half of the protocol: Peer and Session of peer.capnp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>

#include <kj/async.h>

#include "net/capnp/network_thread.hpp"
#include "net/capnp/rpc_connection.hpp"
#include "net/capnp/transport_context.hpp"
#include "peer.capnp.h"

namespace ldb::net::rpc {

/// On the heap: GCC 12 takes a Result inside kj::Maybe for uninitialized.
using Answer = kj::Own<Result<std::string>>;

/// Who the peer of one accepted connection is, and which of its requests are unanswered.
///
/// Network thread only. Shared by the connection and the RPC objects it exports, since Cap'n Proto decides when the latter go;
/// Responders keep a weak reference, which they use on the network thread only. close() by the connection ends it.
class ServerSession : public std::enable_shared_from_this<ServerSession> {
 public:
  ServerSession(TransportContext& context, NetworkThread& thread, std::string remote)
      : context_(context), thread_(thread), remote_(std::move(remote)) {}

  /// The connection that carries it; null from its end on.
  void attach(RpcConnection* connection) { connection_ = connection; }
  void close();

  bool said_hello() const { return said_hello_; }
  const NodeId& peer() const { return peer_; }

  /// Checks the offer. When ok, `version` is the one to speak and the peer is trusted with long messages.
  Status hello(wire::Offer::Reader offer, std::uint16_t& version);

  /// Passes a request on to the handler. Requests over a bound are answered without it.
  kj::Promise<Answer> handle(Request request);
  /// What may be sent of `answer`: itself, or kResourceExhausted.
  Result<std::string> bounded(Result<std::string> answer) const;

  const TransportContext& context() const { return context_; }

 private:
  friend class PendingResponse;
  struct Unanswered {
    kj::Own<kj::PromiseFulfiller<Answer>> fulfiller;
    std::size_t charge_bytes;
  };

  Status check_offer(wire::Offer::Reader offer, const std::string& node, std::uint16_t& version) const;
  void answered(std::uint64_t id, Result<std::string> answer);

  TransportContext& context_;
  NetworkThread& thread_;
  const std::string remote_;  // "address:port", for messages
  RpcConnection* connection_ = nullptr;
  NodeId peer_;
  std::size_t peer_max_body_bytes_ = 0;
  bool said_hello_ = false;
  std::unordered_map<std::uint64_t, Unanswered> unanswered_;  // an entry stays until the handler answers, cancelled or not
  std::size_t unanswered_bytes_ = 0;
  std::uint64_t next_id_ = 0;
};

/// The object that a connection offers to whoever connects.
wire::Peer::Client new_peer_server(std::shared_ptr<ServerSession> session);

}  // namespace ldb::net::rpc
