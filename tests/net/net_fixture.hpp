// What the tests of the network share: a handler that does as the request says, a node of it, plain sockets, leak counters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"
#include "ldb/transport.hpp"
#include "net/capnp/capnp_transport.hpp"

namespace ldb::testing {

constexpr std::int64_t kPatienceMs = 10'000;

/// The body says what to do: "fail" answers a Status with every field set, "hold" keeps the responder until release_held(),
/// "drop" drops it, "throw" throws, "grow:N" answers N bytes, "who" the caller's name, "later:TEXT" echoes from another thread;
/// all else is echoed.
class ObedientHandler final : public RequestHandler {
 public:
  ~ObedientHandler() override;
  void handle(const NodeId& from, Request request, Responder respond) override;

  std::size_t held() const;
  std::size_t handled() const { return handled_.load(); }
  /// Answers what was held with `answer`.
  void release_held(const Result<std::string>& answer);
  std::vector<Responder> take_held();

 private:
  mutable rt::Mutex mutex_;
  std::vector<Responder> held_ LDB_GUARDED_BY(mutex_);
  std::vector<rt::Thread> threads_ LDB_GUARDED_BY(mutex_);
  rt::Atomic<std::size_t> handled_{0};
};

/// Keeps the lines.
class MemoryLog final : public LogSink {
 public:
  void log(LogLevel level, std::string_view module, std::string_view message) override;
  bool contains(std::string_view text) const;

 private:
  mutable rt::Mutex mutex_;
  std::vector<std::string> lines_ LDB_GUARDED_BY(mutex_);
};

/// A transport with an ObedientHandler, listening on loopback.
struct TestNode {
  explicit TestNode(const std::string& name, net::rpc::CapnpOptions options = {}, const std::string& listen = "127.0.0.1:0");
  ~TestNode() { transport->stop(); }

  PeerAddress address() const { return {id, transport->address()}; }
  std::uint16_t port() const;
  Result<std::string> ask(const TestNode& peer, const std::string& body, std::int64_t timeout_ms = kPatienceMs) {
    return ask(peer.address(), body, timeout_ms);
  }
  Result<std::string> ask(const PeerAddress& peer, const std::string& body, std::int64_t timeout_ms = kPatienceMs) {
    return transport->call_and_wait(peer, Request{RequestKind::kStatus, body}, timeout_ms);
  }
  /// Asks again until it works, for as long as a test is patient.
  bool reaches(const PeerAddress& peer);

  NodeId id;
  MemoryLog log;
  ObedientHandler handler;
  std::unique_ptr<Transport> transport;
};

/// A plain blocking client socket. All calls give up after two seconds.
class RawSocket {
 public:
  explicit RawSocket(std::uint16_t port);
  ~RawSocket();
  RawSocket(const RawSocket&) = delete;
  RawSocket& operator=(const RawSocket&) = delete;

  void close();
  bool connected() const { return fd_ >= 0; }
  /// False when the peer has closed.
  bool send(std::string_view bytes);
  /// Up to `max` bytes; empty at the end of the stream, after an error or when nothing comes.
  std::string receive(std::size_t max = 65536);
  /// Did the peer close within `ms`? What it sends before is dropped.
  bool closed_within(std::int64_t ms);

 private:
  int fd_ = -1;
};

bool eventually(const std::function<bool()>& condition, std::int64_t patience_ms = kPatienceMs);
/// A port of loopback where nobody listens.
std::uint16_t unused_port();

}  // namespace ldb::testing
