// Things between two nodes: a relay that can stop forwarding and remembers what passed, and a listener that never accepts.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/rt/rt.hpp"

namespace ldb::testing {

/// Forwards connections to a port of loopback, on a thread of its own.
class Relay {
 public:
  explicit Relay(std::uint16_t target);
  ~Relay();
  Relay(const Relay&) = delete;
  Relay& operator=(const Relay&) = delete;

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  /// While paused no byte is forwarded in either direction and no connection accepted; nothing is closed.
  void pause(bool paused) { paused_.store(paused); }
  /// What clients sent so far, all connections together.
  std::string sent_by_clients() const;

 private:
  struct Pair {
    int client;
    int server;
  };
  void run();
  bool forward(int from, int to, bool record);
  void accept_one();

  const std::uint16_t target_;
  std::uint16_t port_ = 0;
  int listener_ = -1;
  std::vector<Pair> pairs_;  // the thread's
  rt::Atomic<bool> paused_{false};
  rt::Atomic<bool> stopping_{false};
  mutable rt::Mutex mutex_;
  std::string recorded_ LDB_GUARDED_BY(mutex_);
  rt::Thread thread_;
};

/// The kernel completes connections to it, and that is all that ever happens.
class MuteListener {
 public:
  MuteListener();
  ~MuteListener();
  MuteListener(const MuteListener&) = delete;
  MuteListener& operator=(const MuteListener&) = delete;
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  std::uint16_t port_ = 0;
  int fd_ = -1;
};

}  // namespace ldb::testing
