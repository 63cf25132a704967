// Messages between nodes: requests with one answer each. Cap'n Proto RPC over TCP by default; in-process and simulated beside it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ldb/ids.hpp"
#include "ldb/log_sink.hpp"
#include "ldb/status.hpp"

namespace ldb {

/// What a request asks for. The numbers are part of the wire protocol; the bodies are described in docs/PROTOCOL.md.
enum class RequestKind : std::uint16_t {
  kHello = 1,     ///< who are you, how far are you
  kFetch = 2,     ///< commits after a version vector (long poll)
  kSnapshot = 3,  ///< a chunk of a whole-state copy
  kStatus = 4,    ///< health and progress
};

struct Request {
  RequestKind kind = RequestKind::kHello;
  std::string body;
};

/// Answers one request, once, from any thread; dropping it unanswered answers kAborted.
using Responder = std::function<void(Result<std::string> body)>;

/// Implemented by the node. Called on a transport thread: must not block; heavy work goes to the node's own threads.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  virtual void handle(const NodeId& from, Request request, Responder respond) = 0;
};

/// Where a peer listens: "host:port" for TCP, the node's name for in-process and simulated transports.
struct PeerAddress {
  NodeId node;
  std::string address;
};

/// One per node. Any thread may call. Delivery is at most once per call, unordered between calls; callers retry idempotent
/// requests.
class Transport {
 public:
  virtual ~Transport() = default;

  /// Starts serving. `listen` like PeerAddress::address; a port 0 is chosen by the system. `handler` must outlive stop().
  virtual Status start(const NodeId& self, const std::string& listen, RequestHandler& handler) = 0;
  /// Where it serves (with the port chosen); empty before start().
  virtual std::string address() const = 0;

  /// Sends one request. `done` runs exactly once, on some thread of the transport, never inside this call and never after stop()
  /// returned: the answer, or kTimeout after `timeout_ms`, kUnavailable when the peer cannot be reached or the connection breaks
  /// (the request may or may not have been handled), or the peer's own error. `done` must not block. A transport that does not
  /// run (before start(), after stop() returned) has no thread to answer on: there `done` runs inside this call, with kAborted.
  virtual void call(const PeerAddress& peer, Request request, std::int64_t timeout_ms,
                    std::function<void(Result<std::string>)> done) = 0;

  /// Idempotent. Closes connections, answers outstanding calls with kAborted, waits for callbacks under way. Not from a transport
  /// thread.
  virtual void stop() = 0;

  /// For tests of failure: cuts this node off from `peer`, or heals that. While blocked, calls to the peer fail with
  /// kUnavailable, its connections are closed and its attempts to connect refused. When this returns, nothing from the peer is
  /// delivered any more; requests already given to the handler may still finish, unanswered. Survives until stop(). Not from a
  /// transport thread. kUnsupported from a transport that cannot (the default), kInvalidArgument when it does not run.
  virtual Status set_peer_blocked(const NodeId& peer, bool blocked) {
    (void)peer, (void)blocked;
    return Status(StatusCode::kUnsupported, "this transport cannot block a peer");
  }

  /// call() that waits. Not from a transport thread.
  Result<std::string> call_and_wait(const PeerAddress& peer, Request request, std::int64_t timeout_ms);
};

/// Bounds for hostile or overloaded peers.
struct TransportLimits {
  std::size_t max_message_bytes = 16 << 20;                  ///< of one body; more is kResourceExhausted
  std::size_t max_connections = 1024;                        ///< accepted; further ones are closed at once
  std::size_t max_inflight_bytes_per_connection = 64 << 20;  ///< of unanswered requests, and of unsent answers
  std::int64_t handshake_timeout_ms = 5'000;                 ///< to connect and to say hello
  std::int64_t heartbeat_interval_ms = 1'000;                ///< how often a client pings
  std::int64_t heartbeat_timeout_ms = 5'000;                 ///< a connection silent, or stuck in a write, for this long is dead
};

/// Cap'n Proto RPC over TCP, driven by Asio on `threads` network threads (docs/PROTOCOL.md).
/// `cluster` must be equal on both sides of a connection. `log` must outlive the transport. May be started again after stop().
/// start(): kInvalidArgument for a malformed `listen` or a second start, kIoError when it cannot listen there.
std::unique_ptr<Transport> new_capnp_transport(std::string cluster = "ldb", TransportLimits limits = {}, unsigned threads = 1,
                                               LogSink& log = null_log_sink());

/// Connects the nodes of one process without sockets; owns nothing of the nodes. Must outlive its transports.
class InProcessNetwork {
 public:
  InProcessNetwork();
  ~InProcessNetwork();
  std::unique_ptr<Transport> new_transport();
  /// Cuts or heals both directions between two nodes: calls fail with kUnavailable while cut.
  void set_link(const NodeId& a, const NodeId& b, bool up);

 private:
  struct State;
  std::shared_ptr<State> state_;  // shared with the transports: either side may go first
};

}  // namespace ldb
