// The simulated network, and machines that crash.
#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>

#include "base/rt/rt.hpp"
#include "ldb/sim.hpp"

namespace ldb::sim {
namespace {

Options with_seed(std::uint64_t seed) {
  Options options;
  options.seed = seed;
  options.max_steps = 5'000'000;
  return options;
}

/// Answers with the body, reversed in kind by adding "!"; counts what it was given.
class Echo final : public RequestHandler {
 public:
  void handle(const NodeId&, Request request, Responder respond) override {
    {
      rt::MutexLock lock(mutex_);
      ++handled_[request.body];
      order_.push_back(request.body);
    }
    respond(request.body + "!");
  }
  int handled(const std::string& body) {
    rt::MutexLock lock(mutex_);
    return handled_[body];
  }
  std::vector<std::string> order() {
    rt::MutexLock lock(mutex_);
    return order_;
  }

 private:
  rt::Mutex mutex_;
  std::map<std::string, int> handled_ LDB_GUARDED_BY(mutex_);
  std::vector<std::string> order_ LDB_GUARDED_BY(mutex_);
};

const NodeId kA{"a"};
const NodeId kB{"b"};
const PeerAddress kToB{kB, "b"};

/// Two machines with an echo each.
struct Pair {
  explicit Pair(World& world) : a(world.new_transport()), b(world.new_transport()) {
    world.check(a->start(kA, "a", echo_a).is_ok() && b->start(kB, "b", echo_b).is_ok(), "cannot start");
  }
  ~Pair() {
    a->stop();
    b->stop();
  }
  Echo echo_a;
  Echo echo_b;
  std::unique_ptr<Transport> a;
  std::unique_ptr<Transport> b;
};

ldb::Result<std::string> ask(Pair& pair, std::string body, std::int64_t timeout_ms = 1000) {
  return pair.a->call_and_wait(kToB, {RequestKind::kStatus, std::move(body)}, timeout_ms);
}

}  // namespace

TEST_CASE("A request is answered after a delay of virtual time") {
  const Outcome outcome = run(with_seed(1), [](World& world) {
    Pair pair(world);
    const std::int64_t before = world.now_ns();
    const auto answer = ask(pair, "hello");
    world.check(answer.is_ok() && answer.value() == "hello!", "wrong answer");
    world.check(world.now_ns() - before >= 200'000, "faster than the link");
  });
  CHECK(outcome.failure == "");
}

TEST_CASE("Lost, reset, slow and duplicated messages happen, are counted, and end every call once") {
  std::map<std::string, std::uint64_t, std::less<>> totals;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    const auto body = [](World& world) {
      LinkFaults faults;
      faults.loss = 0.1;
      faults.reset = 0.1;
      faults.duplicate = 0.1;
      faults.slow = 0.1;
      faults.slow_delay_ns = 3 * rt::kSecond;
      world.set_link_faults(faults);
      Pair pair(world);
      int ended = 0;
      rt::Mutex mutex;
      rt::CondVar changed;
      for (int i = 0; i < 100; ++i) {
        pair.a->call(kToB, {RequestKind::kStatus, std::to_string(i)}, 1000, [&](ldb::Result<std::string> answer) {
          rt::MutexLock lock(mutex);
          world.count(answer ? "answered" : to_string(answer.error().code()));
          ++ended;
          changed.notify_all();
        });
      }
      {
        rt::MutexLock lock(mutex);
        while (ended < 100) changed.wait(mutex);
      }
      world.sleep_ns(10 * rt::kSecond);
      world.check(ended == 100, "a call ended twice");
      for (int i = 0; i < 100; ++i) world.count("handled_twice", pair.echo_b.handled(std::to_string(i)) > 1 ? 1 : 0);
      const auto order = pair.echo_b.order();
      world.count("overtaken", std::is_sorted(order.begin(), order.end()) ? 0 : 1);
    };
    const Outcome outcome = run(with_seed(seed), body);
    REQUIRE(outcome.failure == "");
    CHECK(run(with_seed(seed), body).trace_hash == outcome.trace_hash);
    for (const auto& [name, n] : outcome.counters) totals[name] += n;
  }
  for (const char* name : {"answered", "timeout", "unavailable", "handled_twice", "overtaken", "fault.message_lost",
                           "fault.message_reset", "fault.message_slow", "fault.message_duplicated"}) {
    CAPTURE(name);
    CHECK(totals[name] > 0);
  }
}

TEST_CASE("A link cut one way loses requests or answers, and heals") {
  const Outcome outcome = run(with_seed(4), [](World& world) {
    Pair pair(world);
    world.cut_one_way(kA, kB);
    world.check(ask(pair, "1").error().code() == StatusCode::kTimeout, "not cut");
    world.check(pair.echo_b.handled("1") == 0, "the request arrived");
    world.heal(kA, kB);
    world.cut_one_way(kB, kA);
    world.check(ask(pair, "2").error().code() == StatusCode::kTimeout, "answer not cut");
    world.check(pair.echo_b.handled("2") == 1, "the request did not arrive");
    world.heal_all();
    world.check(ask(pair, "3").is_ok(), "not healed");
    LinkFaults deaf;
    deaf.cut = true;
    world.set_link_faults(kA, kB, deaf);
    world.check(!ask(pair, "4").is_ok(), "not cut by its own faults");
    world.set_link_faults(kA, kB, std::nullopt);
    world.check(ask(pair, "5").is_ok(), "not healed from its own faults");
  });
  CHECK(outcome.failure == "");
  CHECK(outcome.counter("fault.message_cut") == 3);
}

TEST_CASE("A slow peer takes its time") {
  const Outcome outcome = run(with_seed(4), [](World& world) {
    Pair pair(world);
    world.set_slowness(kB, 1000);
    const std::int64_t before = world.now_ns();
    world.check(ask(pair, "1", 60'000).is_ok(), "no answer");
    world.check(world.now_ns() - before > 200 * rt::kMillisecond, "too fast");
  });
  CHECK(outcome.failure == "");
}

TEST_CASE("A crashed machine answers nobody, hears nothing, and loses what it did not sync") {
  std::set<std::string> contents;
  std::set<StatusCode> codes;
  for (std::uint64_t seed = 0; seed < 60; ++seed) {
    CAPTURE(seed);
    const Outcome outcome = run(with_seed(seed), [&](World& world) {
      Pair pair(world);
      FaultyFileSystem& disk = world.file_system(kB);
      world.check(disk.replace_file("/synced", "1").is_ok(), "write");
      auto file = std::move(disk.open_writable("/synced", OpenMode::kAppend)).value();
      world.check(file->append("2").is_ok(), "append");
      StatusCode end = StatusCode::kInternal;
      pair.b->call({kA, "a"}, {RequestKind::kStatus, "from b"}, 3'600'000,
                   [&](ldb::Result<std::string> answer) { end = answer.error().code(); });
      world.crash(kB);
      codes.insert(ask(pair, "1").error().code());
      world.check(end == StatusCode::kInternal, "a callback ran on a dead machine");
      world.check(file->append("3").code() == StatusCode::kIoError, "a dead machine wrote");
      pair.b->stop();
      world.check(end == StatusCode::kAborted, "stop() did not end the call");
      world.reboot(kB);
      contents.insert(disk.read_file("/synced").value());
      const auto reborn = world.new_transport();
      world.check(reborn->start(kB, "b", pair.echo_b).is_ok(), "the address is taken");
      world.check(ask(pair, "2").is_ok(), "the new one does not answer");
      reborn->stop();
    });
    REQUIRE(outcome.failure == "");
    CHECK(outcome.counter("fault.crash") == 1);
    CHECK(outcome.counter("fault.file_crash") == 1);
  }
  CHECK(contents == std::set<std::string>{"1", "12"});
  CHECK(codes == std::set<StatusCode>{StatusCode::kTimeout, StatusCode::kUnavailable});
}

TEST_CASE("Stopping a transport ends the calls of both sides") {
  const Outcome outcome = run(with_seed(2), [](World& world) {
    class Silent final : public RequestHandler {
     public:
      void handle(const NodeId&, Request, Responder respond) override { kept.push_back(std::move(respond)); }
      std::vector<Responder> kept;
    } silent;
    Echo echo;
    const auto a = world.new_transport();
    const auto b = world.new_transport();
    world.check(a->start(kA, "a", echo).is_ok() && b->start(kB, "b", silent).is_ok(), "cannot start");
    world.check(world.new_transport()->start(kA, "a", echo).code() == StatusCode::kAlreadyExists, "two at one address");
    StatusCode code = StatusCode::kOk;
    Thread caller("caller", [&] { code = a->call_and_wait(kToB, {}, 3'600'000).error().code(); });
    world.sleep_ns(rt::kSecond);
    world.check(silent.kept.size() == 1, "not asked");
    b->stop();
    caller.join();
    world.check(code == StatusCode::kUnavailable, "the caller was not told");
    silent.kept.clear();  // answers nobody
    a->stop();
    world.check(a->call_and_wait(kToB, {}, 1000).error().code() == StatusCode::kAborted, "it works after stop()");
  });
  CHECK(outcome.failure == "");
}

}  // namespace ldb::sim
