// One TCP connection with Cap'n Proto RPC on it, seen from either side.
#pragma once

#include <capnp/rpc-twoparty.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include <asio/ip/tcp.hpp>

#include "ldb/transport.hpp"
#include "net/capnp/asio_message_stream.hpp"
#include "net/capnp/network_thread.hpp"

namespace ldb::net::rpc {

/// What a frame may hold beside the body.
constexpr std::size_t kFrameOverheadBytes = 4 << 10;
/// What an unanswered request counts beside its body.
constexpr std::size_t kCallOverheadBytes = 1 << 10;

/// Owned by the client or server connection that gives it meaning. Network thread only. Must not be destroyed from inside a KJ
/// event: post the destruction.
class RpcConnection {
 public:
  /// `bootstrap`: what an accepting side offers; null for a connecting side. Small frames only until trust_peer().
  RpcConnection(asio::ip::tcp::socket socket, NetworkThread& thread, const TransportLimits& limits,
                kj::Maybe<::capnp::Capability::Client> bootstrap);
  ~RpcConnection() noexcept;
  RpcConnection(const RpcConnection&) = delete;
  RpcConnection& operator=(const RpcConnection&) = delete;

  /// The peer has said a good hello: frames may now be as long as `limits` allow.
  void trust_peer();

  /// What the accepting side offers.
  ::capnp::Capability::Client bootstrap();

  /// `closed` runs once when the peer has gone or broken the protocol, inside a KJ event; not after the destructor.
  void on_disconnect(std::function<void()> closed);

  /// Bytes of messages waiting for the socket.
  std::size_t queued_bytes() { return network_->getCurrentQueueSize(); }
  /// Has the peer been silent, or left a write stuck, for longer than `timeout_ns`?
  bool looks_dead(std::int64_t now_ns, std::int64_t timeout_ns) const;

 private:
  void count_question(::capnp::MessageReader& message);

  const TransportLimits limits_;
  AsioKjLoop& loop_;
  std::shared_ptr<AsioMessageStream> stream_;  // shared with the handlers of its outstanding operations
  kj::Own<::capnp::TwoPartyVatNetwork> network_;
  kj::Own<::capnp::RpcSystem<::capnp::rpc::twoparty::VatId>> rpc_;
  kj::Promise<void> disconnect_ = nullptr;
  std::size_t open_questions_ = 0;  // the peer's, by rpc.capnp: asked, and not finished
  std::size_t max_open_questions_;
};

}  // namespace ldb::net::rpc
