#include "net/switchboard.hpp"

#include <utility>

#include "net/message_codec.hpp"

namespace ldb::net {
namespace {

/// The right to answer one request once. Destroyed unused, it answers kAborted.
class Answerer {
 public:
  Answerer(std::shared_ptr<Switchboard> board, std::shared_ptr<Mailbox> self, Envelope request)
      : board_(std::move(board)), self_(std::move(self)), reply_to_(std::move(request.reply_to)), call_(request.call) {}
  ~Answerer() { answer(Status(StatusCode::kAborted, "node " + self_->self().name + " did not answer")); }

  void answer(const Result<std::string>& body) {
    if (answered_.exchange(true)) return;
    const std::shared_ptr<Mailbox> caller = reply_to_.lock();
    if (caller) board_->send_answer(*self_, caller, Envelope{true, self_->self(), call_, encode_answer(body), {}});
  }

 private:
  const std::shared_ptr<Switchboard> board_;
  const std::shared_ptr<Mailbox> self_;
  const std::weak_ptr<Mailbox> reply_to_;
  const std::uint64_t call_;
  rt::Atomic<bool> answered_{false};
};

class MailboxTransport final : public Transport {
 public:
  explicit MailboxTransport(std::shared_ptr<Switchboard> board) : board_(std::move(board)) {}
  ~MailboxTransport() override { stop(); }

  Status start(const NodeId& self, const std::string& listen, RequestHandler& handler) override {
    rt::MutexLock lifecycle(lifecycle_);
    if (box()) return Status(StatusCode::kInvalidArgument, "the transport of node " + self.name + " runs already");
    const auto box = std::make_shared<Mailbox>(self, listen.empty() ? self.name : listen);
    LDB_TRY(board_->add(box));
    // The mailbox serves with a reference to the board, not to this object: answers may outlive it.
    thread_ = rt::Thread("net-" + self.name, [board = board_, box, &handler] {
      box->run([&](Envelope envelope) { serve(board, box, handler, std::move(envelope)); });
    });
    set_box(box);
    return {};
  }

  std::string address() const override {
    const auto box = this->box();
    return box ? box->address() : "";
  }

  void call(const PeerAddress& peer, Request request, std::int64_t timeout_ms,
            std::function<void(Result<std::string>)> done) override {
    const auto box = this->box();
    const std::int64_t deadline_ns = rt::monotonic_ns() + timeout_ms * rt::kMillisecond;
    const std::uint64_t number = box ? box->add_call(peer.node, deadline_ns, done) : 0;
    if (number == 0) return done(Status(StatusCode::kAborted, "the transport does not run"));
    board_->send_request(box, peer, Envelope{false, box->self(), number, encode_request(request), box});
  }

  void stop() override {
    rt::MutexLock lifecycle(lifecycle_);
    const auto box = this->box();
    if (!box) return;
    board_->remove(*box);
    box->close();
    thread_.join();
    set_box(nullptr);
  }

  Status set_peer_blocked(const NodeId& peer, bool blocked) override {
    const auto box = this->box();
    if (!box) return Status(StatusCode::kInvalidArgument, "the transport does not run");
    box->set_blocked(peer, blocked);
    if (!blocked) return {};
    if (const auto other = board_->find_node(peer))
      other->fail_calls_to(box->self(), Status(StatusCode::kUnavailable, "node " + box->self().name + " closed the connection"));
    return {};
  }

 private:
  static void serve(const std::shared_ptr<Switchboard>& board, const std::shared_ptr<Mailbox>& box, RequestHandler& handler,
                    Envelope envelope) {
    const NodeId from = envelope.from;
    Result<Request> request = decode_request(envelope.bytes);
    const auto answerer = std::make_shared<Answerer>(board, box, std::move(envelope));
    if (!request) return answerer->answer(request.error());
    handler.handle(from, std::move(request).value(), [answerer](Result<std::string> body) { answerer->answer(body); });
  }

  std::shared_ptr<Mailbox> box() const {
    rt::MutexLock lock(mutex_);
    return box_;
  }
  void set_box(std::shared_ptr<Mailbox> box) {
    rt::MutexLock lock(mutex_);
    box_ = std::move(box);
  }

  const std::shared_ptr<Switchboard> board_;
  rt::Mutex lifecycle_;  // start() and stop(), which waits for the thread
  rt::Thread thread_ LDB_GUARDED_BY(lifecycle_);
  mutable rt::Mutex mutex_;
  std::shared_ptr<Mailbox> box_ LDB_GUARDED_BY(mutex_);  // null while it does not run
};

}  // namespace

std::unique_ptr<Transport> Switchboard::new_transport() { return std::make_unique<MailboxTransport>(shared_from_this()); }

Status Switchboard::add(const std::shared_ptr<Mailbox>& box) {
  rt::MutexLock lock(mutex_);
  if (boxes_.emplace(box->address(), box).second) return {};
  return Status(StatusCode::kAlreadyExists, "another node listens at " + box->address());
}

bool Switchboard::forget(const Mailbox& box) {
  rt::MutexLock lock(mutex_);
  const auto entry = boxes_.find(box.address());
  if (entry == boxes_.end() || entry->second.get() != &box) return false;  // a crashed node's, perhaps replaced since
  boxes_.erase(entry);
  return true;
}

void Switchboard::remove(const Mailbox& box) {
  if (!forget(box)) return;
  std::vector<std::shared_ptr<Mailbox>> others;
  {
    rt::MutexLock lock(mutex_);
    for (const auto& [address, other] : boxes_) others.push_back(other);
  }
  const Status gone(StatusCode::kUnavailable, "node " + box.self().name + " closed the connection");
  for (const auto& other : others) other->fail_calls_to(box.self(), gone);
}

std::shared_ptr<Mailbox> Switchboard::find(const std::string& address) const {
  rt::MutexLock lock(mutex_);
  const auto entry = boxes_.find(address);
  return entry == boxes_.end() ? nullptr : entry->second;
}

std::shared_ptr<Mailbox> Switchboard::find_node(const NodeId& node) const {
  rt::MutexLock lock(mutex_);
  for (const auto& [address, box] : boxes_)
    if (box->self() == node) return box;
  return nullptr;
}

void Switchboard::send_request(const std::shared_ptr<Mailbox>& from, const PeerAddress& to, Envelope request) {
  if (from->frozen()) return;
  const std::uint64_t call = request.call;
  const std::int64_t now_ns = rt::monotonic_ns();
  const auto target = find(to.address.empty() ? to.node.name : to.address);
  Route route;
  if (from->blocks(to.node)) {
    route.status = Status(StatusCode::kUnavailable, "node " + from->self().name + " is cut off from " + to.node.name);
  } else if (!target || target->self() != to.node) {
    route = route_to_nobody(from->self(), to);
  } else {
    route = this->route(from->self(), to.node, request);
  }
  for (std::size_t i = 0; i < route.delays_ns.size(); ++i) {
    const Status posted =
        target->post(i + 1 < route.delays_ns.size() ? request : std::move(request), now_ns + route.delays_ns[i]);
    if (route.status) route.status = posted;
  }
  if (!route.status) from->fail_call(call, route.status, now_ns + route.fails_after_ns);
}

void Switchboard::send_answer(const Mailbox& from, const std::shared_ptr<Mailbox>& to, Envelope answer) {
  if (from.frozen() || from.blocks(to->self())) return;
  const std::uint64_t call = answer.call;
  const std::int64_t now_ns = rt::monotonic_ns();
  Route route = this->route(from.self(), to->self(), answer);
  for (std::size_t i = 0; i < route.delays_ns.size(); ++i) {
    const Status posted = to->post(i + 1 < route.delays_ns.size() ? answer : std::move(answer), now_ns + route.delays_ns[i]);
    if (route.status) route.status = posted;
  }
  if (!route.status) to->fail_call(call, route.status, now_ns + route.fails_after_ns);
}

}  // namespace ldb::net
