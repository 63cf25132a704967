// Question: what does a message between two nodes cost over the default transport? Two transports in this process, real sockets
// on loopback, so both ends share the machine's cores. Prints JSON.
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "ldb/transport.hpp"
#include "measure.hpp"

namespace {

using namespace ldb;

constexpr double kSecondsEach = 2;

/// Answers what was asked; an empty request of kSnapshot is answered with the long body.
class Echo final : public RequestHandler {
 public:
  void handle(const NodeId&, Request request, Responder respond) override { respond(std::move(request.body)); }
};

double cpu_seconds() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& t) { return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6; };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

/// Keeps `window` calls under way until the time is up: each answer starts the next call on the network thread.
class Window {
 public:
  Window(Transport& transport, PeerAddress peer, std::string body)
      : transport_(transport), peer_(std::move(peer)), body_(std::move(body)) {}

  /// Calls answered.
  long run(int window, double seconds) {
    end_ms_ = bench::now_ms() + 1000 * seconds;
    left_ = window;
    for (int i = 0; i < window; ++i) next();
    std::unique_lock<std::mutex> lock(mutex_);
    finished_.wait(lock, [this] { return left_ == 0; });
    return answered_;
  }

 private:
  void next() {
    transport_.call(peer_, Request{RequestKind::kStatus, body_}, 60'000, [this](Result<std::string> answer) {
      bench::must(answer.error(), "call");
      ++answered_;
      if (bench::now_ms() < end_ms_) return next();
      const std::lock_guard<std::mutex> lock(mutex_);
      if (--left_ == 0) finished_.notify_one();
    });
  }

  Transport& transport_;
  const PeerAddress peer_;
  const std::string body_;
  double end_ms_ = 0;
  std::atomic<long> answered_{0};
  std::mutex mutex_;
  std::condition_variable finished_;
  int left_ = 0;
};

struct Rate {
  double calls_per_second;
  double cpu_us_per_call;
};

Rate measure(Transport& transport, const PeerAddress& peer, std::size_t body_bytes, int window) {
  Window(transport, peer, std::string(body_bytes, 'x')).run(window, 0.2);  // warm
  const double cpu = cpu_seconds();
  const double begin_ms = bench::now_ms();
  const auto calls = static_cast<double>(Window(transport, peer, std::string(body_bytes, 'x')).run(window, kSecondsEach));
  const double seconds = (bench::now_ms() - begin_ms) / 1000;
  return {calls / seconds, 1e6 * (cpu_seconds() - cpu) / calls};
}

}  // namespace

int main() {
  Echo echo;
  const auto client = new_capnp_transport();
  const auto server = new_capnp_transport();
  bench::must(client->start(NodeId{"client"}, "127.0.0.1:0", echo), "start");
  bench::must(server->start(NodeId{"server"}, "127.0.0.1:0", echo), "start");
  const PeerAddress peer{NodeId{"server"}, server->address()};

  std::vector<double> round_trips_us;
  for (int i = 0; i < 20'000; ++i) {
    const double begin_ms = bench::now_ms();
    bench::must(client->call_and_wait(peer, Request{RequestKind::kStatus, std::string(100, 'x')}, 10'000).error(), "call");
    round_trips_us.push_back(1000 * (bench::now_ms() - begin_ms));
  }
  std::sort(round_trips_us.begin(), round_trips_us.end());
  std::printf("{\n  \"round_trip_100_bytes_us\": {\"median\": %.1f, \"p99\": %.1f},\n", round_trips_us[round_trips_us.size() / 2],
              round_trips_us[round_trips_us.size() * 99 / 100]);

  const Rate small = measure(*client, peer, 100, 500);
  std::printf("  \"pipelined_100_bytes\": {\"calls_per_second\": %.0f, \"cpu_us_per_call\": %.1f},\n", small.calls_per_second,
              small.cpu_us_per_call);
  std::printf("  \"echo_bodies\": [");
  const char* separator = "";
  for (const std::size_t size : {16UL << 10, 64UL << 10, 256UL << 10, 1UL << 20, 4UL << 20}) {
    const Rate rate = measure(*client, peer, size, 8);
    // Each call moves the body there and back.
    std::printf("%s\n    {\"bytes\": %zu, \"calls_per_second\": %.0f, \"megabytes_per_second\": %.0f}", separator, size,
                rate.calls_per_second, 2 * rate.calls_per_second * static_cast<double>(size) / 1e6);
    separator = ",";
  }
  std::printf("\n  ]\n}\n");
  client->stop();
  server->stop();
}
