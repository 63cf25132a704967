// Connections to peers: one per peer and address, opened when needed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "net/capnp/client_connection.hpp"
#include "net/capnp/network_thread.hpp"
#include "net/capnp/transport_context.hpp"

namespace ldb::net::rpc {

/// The calls of one network thread. Made and destroyed by the transport while the thread does not run; used on the thread.
///
/// After a failed attempt to connect, calls fail at once with the same error for 20 ms, doubling up to 500 ms with some random
/// spread; the first call after that tries again.
class ClientPool {
 public:
  ClientPool(TransportContext& context, NetworkThread& thread) : context_(context), thread_(thread) {}

  void call(std::shared_ptr<OutgoingCall> call);
  void close_peer(const NodeId& peer, const Status& why);
  /// The next call to `peer` tries to connect.
  void forget_failures(const NodeId& peer);
  /// Answers all calls with kAborted, these and any later ones.
  void close();

 private:
  using Key = std::pair<std::string, std::string>;  // node, address
  struct Link {
    std::shared_ptr<ClientConnection> connection;  // null: none at present
    int failures = 0;                              // in a row
    std::int64_t retry_at_ns = 0;
    Status last_error;
  };

  void on_closed(const Key& key, const ClientConnection& connection, const Status& why);
  void forget_idle();
  void answer(OutgoingCall& call, const Status& status);

  TransportContext& context_;
  NetworkThread& thread_;
  std::map<Key, Link> links_;
  bool closed_ = false;
};

}  // namespace ldb::net::rpc
