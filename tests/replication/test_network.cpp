#include "test_network.hpp"

#include <map>
#include <optional>
#include <set>
#include <utility>

#include "base/random.hpp"
#include "base/rt/rt.hpp"

namespace ldb::test {

using Done = std::function<void(Result<std::string>)>;

struct TestNetwork::State {
  struct Pending {
    std::string from;
    Done done;
  };

  rt::Mutex mutex;
  rt::CondVar changed;
  std::map<std::string, RequestHandler*> nodes LDB_GUARDED_BY(mutex);
  std::set<std::pair<std::string, std::string>> cut LDB_GUARDED_BY(mutex);
  std::multimap<std::int64_t, std::function<void()>> events LDB_GUARDED_BY(mutex);
  std::map<std::uint64_t, Pending> pending LDB_GUARDED_BY(mutex);
  std::function<bool(const std::string&, const std::string&, const Request&)> hook LDB_GUARDED_BY(mutex);
  std::uint64_t next_call LDB_GUARDED_BY(mutex) = 1;
  bool executing LDB_GUARDED_BY(mutex) = false;
  bool stopping LDB_GUARDED_BY(mutex) = false;
  unsigned lost_percent LDB_GUARDED_BY(mutex) = 0;
  unsigned doubled_percent LDB_GUARDED_BY(mutex) = 0;
  std::int64_t answer_latency_ms LDB_GUARDED_BY(mutex) = 0;
  Random random LDB_GUARDED_BY(mutex){1};
  rt::Thread thread;

  void schedule(std::int64_t due_ns, std::function<void()> event) LDB_REQUIRES(mutex) {
    events.emplace(due_ns, std::move(event));
    changed.notify_all();
  }

  void run() {
    rt::MutexLock lock(mutex);
    while (!stopping) {
      const std::int64_t now_ns = rt::monotonic_ns();
      if (events.empty()) {
        changed.wait(mutex);
      } else if (events.begin()->first > now_ns) {
        changed.wait_until(mutex, events.begin()->first);
      } else {
        auto event = std::move(events.begin()->second);
        events.erase(events.begin());
        executing = true;
        lock.unlock();
        event();
        event = nullptr;
        lock.lock();
        executing = false;
        changed.notify_all();
      }
    }
  }

  void complete(std::uint64_t id, Result<std::string> answer) {
    Done done;
    {
      rt::MutexLock lock(mutex);
      auto entry = pending.extract(id);
      if (!entry) return;
      done = std::move(entry.mapped().done);
    }
    done(std::move(answer));
  }

  static void call(const std::shared_ptr<State>& self, const std::string& from, const std::string& to, Request request,
                   std::int64_t timeout_ms, Done done) {
    rt::MutexLock lock(self->mutex);
    if (!self->nodes.contains(from)) {
      lock.unlock();
      return done(Status(StatusCode::kAborted, "the transport does not run"));
    }
    const std::uint64_t id = self->next_call++;
    self->pending[id] = {from, std::move(done)};
    const std::int64_t now_ns = rt::monotonic_ns();
    self->schedule(now_ns + timeout_ms * rt::kMillisecond,
                   [state = self.get(), id] { state->complete(id, Status(StatusCode::kTimeout, "no answer in time")); });
    const int copies = self->random.below(100) < self->doubled_percent ? 2 : 1;
    for (int i = 0; i < copies; ++i) {
      if (self->random.below(100) < self->lost_percent) continue;
      self->schedule(now_ns, [self, id, from, to, request] { deliver(self, id, from, to, request); });
    }
  }

  static void deliver(const std::shared_ptr<State>& self, std::uint64_t id, const std::string& from, const std::string& to,
                      Request request) {
    RequestHandler* handler = nullptr;
    decltype(hook) check;
    {
      rt::MutexLock lock(self->mutex);
      if (const auto node = self->nodes.find(to); node != self->nodes.end() && !self->cut.contains({from, to}))
        handler = node->second;
      check = self->hook;
    }
    if (handler == nullptr) return self->complete(id, Status(StatusCode::kUnavailable, "cannot reach " + to));
    if (check && !check(from, to, request)) return;
    handler->handle(NodeId{from}, std::move(request), [self, id, from, to](Result<std::string> answer) {
      rt::MutexLock lock(self->mutex);
      if (self->cut.contains({to, from}) || self->random.below(100) < self->lost_percent) return;
      const std::int64_t due_ns = rt::monotonic_ns() + self->answer_latency_ms * rt::kMillisecond;
      self->schedule(due_ns, [state = self.get(), id, answer] { state->complete(id, answer); });
    });
  }
};

namespace {

class TestTransport final : public Transport {
 public:
  explicit TestTransport(std::shared_ptr<TestNetwork::State> state) : state_(std::move(state)) {}
  ~TestTransport() override { stop(); }

  Status start(const NodeId& self, const std::string&, RequestHandler& handler) override {
    self_ = self.name;
    rt::MutexLock lock(state_->mutex);
    state_->nodes[self_] = &handler;
    return {};
  }
  std::string address() const override { return self_; }
  void call(const PeerAddress& peer, Request request, std::int64_t timeout_ms, Done done) override {
    TestNetwork::State::call(state_, self_, peer.address, std::move(request), timeout_ms, std::move(done));
  }
  void stop() override {
    std::vector<Done> unanswered;
    {
      rt::MutexLock lock(state_->mutex);
      if (self_.empty() || state_->nodes.erase(self_) == 0) return;
      while (state_->executing) state_->changed.wait(state_->mutex);
      for (auto it = state_->pending.begin(); it != state_->pending.end();) {
        if (it->second.from != self_) {
          ++it;
          continue;
        }
        unanswered.push_back(std::move(it->second.done));
        it = state_->pending.erase(it);
      }
    }
    for (const Done& done : unanswered) done(Status(StatusCode::kAborted, "the transport stops"));
  }

 private:
  const std::shared_ptr<TestNetwork::State> state_;
  std::string self_;
};

}  // namespace

TestNetwork::TestNetwork() : state_(std::make_shared<State>()) {
  state_->thread = rt::Thread("test-network", [state = state_.get()] { state->run(); });
}

TestNetwork::~TestNetwork() {
  std::multimap<std::int64_t, std::function<void()>> events;
  {
    rt::MutexLock lock(state_->mutex);
    state_->stopping = true;
    state_->changed.notify_all();
  }
  state_->thread.join();
  rt::MutexLock lock(state_->mutex);
  events.swap(state_->events);  // they hold the state
  lock.unlock();
}

std::unique_ptr<Transport> TestNetwork::new_transport() { return std::make_unique<TestTransport>(state_); }

void TestNetwork::set_direction(const std::string& from, const std::string& to, bool up) {
  rt::MutexLock lock(state_->mutex);
  if (up) {
    state_->cut.erase({from, to});
  } else {
    state_->cut.insert({from, to});
  }
}

void TestNetwork::set_link(const std::string& a, const std::string& b, bool up) {
  set_direction(a, b, up);
  set_direction(b, a, up);
}

void TestNetwork::set_faults(unsigned lost_percent, unsigned doubled_percent, std::uint64_t seed) {
  rt::MutexLock lock(state_->mutex);
  state_->lost_percent = lost_percent;
  state_->doubled_percent = doubled_percent;
  state_->random = Random(seed);
}

void TestNetwork::set_answer_latency_ms(std::int64_t latency_ms) {
  rt::MutexLock lock(state_->mutex);
  state_->answer_latency_ms = latency_ms;
}

void TestNetwork::set_hook(std::function<bool(const std::string&, const std::string&, const Request&)> hook) {
  rt::MutexLock lock(state_->mutex);
  state_->hook = std::move(hook);
}

Result<std::string> TestNetwork::inject(const std::string& from, const std::string& to, Request request) {
  struct Box {
    rt::Mutex mutex;
    rt::CondVar changed;
    std::optional<Result<std::string>> answer LDB_GUARDED_BY(mutex);
  };
  const auto box = std::make_shared<Box>();
  RequestHandler* handler = nullptr;
  {
    rt::MutexLock lock(state_->mutex);
    handler = state_->nodes.at(to);
  }
  handler->handle(NodeId{from}, std::move(request), [box](Result<std::string> answer) {
    rt::MutexLock lock(box->mutex);
    box->answer = std::move(answer);
    box->changed.notify_all();
  });
  rt::MutexLock lock(box->mutex);
  const std::int64_t deadline_ns = rt::monotonic_ns() + 20 * rt::kSecond;
  while (!box->answer) {
    if (!box->changed.wait_until(box->mutex, deadline_ns)) return Status(StatusCode::kTimeout, "not answered");
  }
  return *box->answer;
}

}  // namespace ldb::test
