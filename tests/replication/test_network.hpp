// A network inside one test process: cuts by direction, delays, loss, and a hook on every request.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ldb/transport.hpp"

namespace ldb::test {

/// All messages pass through one thread. Must outlive its transports.
class TestNetwork {
 public:
  TestNetwork();
  ~TestNetwork();
  TestNetwork(const TestNetwork&) = delete;
  TestNetwork& operator=(const TestNetwork&) = delete;

  std::unique_ptr<Transport> new_transport();

  /// Messages from a to b vanish while cut: calls of a fail at once, answers of b to a are lost (and time out).
  void set_direction(const std::string& from, const std::string& to, bool up);
  void set_link(const std::string& a, const std::string& b, bool up);
  /// Of 100 messages, how many vanish without a trace, and how many arrive twice.
  void set_faults(unsigned lost_percent, unsigned doubled_percent, std::uint64_t seed);
  /// How long answers are on their way. 0 at first.
  void set_answer_latency_ms(std::int64_t latency_ms);
  /// Called on the network's thread before a request is handled; false: it vanishes.
  void set_hook(std::function<bool(const std::string& from, const std::string& to, const Request&)> hook);
  /// A request as if from `from`; waits for the answer.
  Result<std::string> inject(const std::string& from, const std::string& to, Request request);

  struct State;

 private:
  std::shared_ptr<State> state_;
};

}  // namespace ldb::test
