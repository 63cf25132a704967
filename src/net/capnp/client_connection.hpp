// The connecting side's half of the protocol: one connection to one peer, and the calls that wait for its answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include <asio/ip/tcp.hpp>

#include "net/capnp/network_thread.hpp"
#include "net/capnp/rpc_connection.hpp"
#include "net/capnp/transport_context.hpp"
#include "peer.capnp.h"

namespace ldb::net::rpc {

using Done = std::function<void(Result<std::string>)>;

/// A call on its way from Transport::call() to its network thread.
struct OutgoingCall {
  PeerAddress peer;
  Request request;
  std::int64_t deadline_ns;
  Done done;
};

/// connecting (resolve, connect, hello) -> ready -> closed; closed is final, and the pool makes another one. Calls made while
/// connecting are sent when ready.
///
/// Network thread only. Shared with its own outstanding handlers; the pool lets go of it at `on_closed`. close() must not be
/// called from inside a KJ event (close_later() may).
class ClientConnection final : public std::enable_shared_from_this<ClientConnection>, private kj::TaskSet::ErrorHandler {
 public:
  /// `on_closed` runs once, at the end of close(), with the reason.
  ClientConnection(TransportContext& context, NetworkThread& thread, PeerAddress peer,
                   std::function<void(ClientConnection&, const Status&)> on_closed);
  ~ClientConnection();

  void connect();
  /// `call.done` runs once: with the answer, when the deadline passes, when a bound refuses it, or from close().
  void call(std::shared_ptr<OutgoingCall> call);
  /// Answers all calls with `why`, which must not be ok.
  void close(const Status& why);

  /// The peer by the name it gave; before that, the one it was called by, which may be empty.
  const NodeId& node() const { return node_; }
  /// When the peer accepted the hello; 0 before.
  std::int64_t ready_since_ns() const { return ready_since_ns_; }

 private:
  enum class State : std::uint8_t { kConnecting, kReady, kClosed };
  struct Call {
    Request request;  // until sent
    Done done;
    DeadlineQueue::Id deadline;
    std::size_t charge_bytes = 0;
    kj::Own<kj::PromiseFulfiller<void>> cancel;  // once sent
  };
  using Results = ::capnp::Response<wire::Session::CallResults>;

  void taskFailed(kj::Exception&& exception) override;
  void close_later(Status why);
  Status unreachable(const std::string& why) const;

  void open(const std::vector<asio::ip::tcp::endpoint>& endpoints);
  void say_hello();
  void on_welcome(wire::Welcome::Reader welcome);

  void send(std::uint64_t id);
  void answered(std::uint64_t id, Results& results);
  void failed(std::uint64_t id, const kj::Exception& exception);
  void finish(std::uint64_t id, Result<std::string> answer);
  void expire(std::uint64_t id);
  void tick();

  TransportContext& context_;
  NetworkThread& thread_;
  const PeerAddress peer_;
  NodeId node_;
  std::function<void(ClientConnection&, const Status&)> on_closed_;
  State state_ = State::kConnecting;

  asio::ip::tcp::resolver resolver_;
  asio::ip::tcp::socket socket_;  // until connected
  DeadlineQueue::Id timer_;       // the handshake's deadline, then the heartbeat

  std::unique_ptr<RpcConnection> rpc_;  // declared before what refers into it
  kj::Maybe<wire::Session::Client> session_;
  std::unique_ptr<kj::TaskSet> tasks_;

  std::unordered_map<std::uint64_t, Call> calls_;
  std::vector<std::uint64_t> waiting_;  // calls to send when ready, in order
  std::uint64_t next_id_ = 0;
  std::size_t inflight_bytes_ = 0;
  std::size_t max_body_bytes_;      // ours, then the smaller of ours and the peer's
  std::size_t max_inflight_bytes_;  // likewise
  std::int64_t ping_interval_ns_;
  bool ping_outstanding_ = false;
  std::int64_t ready_since_ns_ = 0;
  std::int64_t last_call_ns_;
};

}  // namespace ldb::net::rpc
