#include "net/capnp/client_connection.hpp"

#include <algorithm>
#include <utility>

#include <asio/connect.hpp>
#include <asio/post.hpp>

#include "net/capnp/endpoint.hpp"
#include "net/capnp/wire_status.hpp"

namespace ldb::net::rpc {
namespace {

using asio::ip::tcp;

// A connection that nobody uses is closed; the next call opens another.
constexpr std::int64_t kIdleCloseNs = 60 * rt::kSecond;

}  // namespace

ClientConnection::ClientConnection(TransportContext& context, NetworkThread& thread, PeerAddress peer,
                                   std::function<void(ClientConnection&, const Status&)> on_closed)
    : context_(context),
      thread_(thread),
      peer_(std::move(peer)),
      node_(peer_.node),
      on_closed_(std::move(on_closed)),
      resolver_(thread.io()),
      socket_(thread.io()),
      tasks_(new kj::TaskSet(*this)),
      max_body_bytes_(context.limits.max_message_bytes),
      max_inflight_bytes_(context.limits.max_inflight_bytes_per_connection),
      ping_interval_ns_(context.limits.heartbeat_interval_ms * rt::kMillisecond),
      last_call_ns_(rt::monotonic_ns()) {}

ClientConnection::~ClientConnection() = default;

Status ClientConnection::unreachable(const std::string& why) const {
  return Status(StatusCode::kUnavailable, "node '" + peer_.node.name + "' at " + peer_.address + ": " + why);
}

// ---- connecting

void ClientConnection::connect() {
  const auto endpoint = Endpoint::parse(peer_.address);
  if (!endpoint) return close_later(endpoint.error());
  timer_ = thread_.deadlines().add(last_call_ns_ + context_.limits.handshake_timeout_ms * rt::kMillisecond, [this] {
    close(unreachable(rpc_ ? "it does not answer the hello" : "cannot connect in time"));
  });
  asio::error_code not_numeric;
  const auto address = asio::ip::make_address(endpoint->host, not_numeric);
  if (!not_numeric) return open({tcp::endpoint(address, endpoint->port)});
  resolver_.async_resolve(
      endpoint->host, std::to_string(endpoint->port), tcp::resolver::numeric_service,
      [this, self = shared_from_this()](const asio::error_code& error, const tcp::resolver::results_type& found) {
        if (state_ != State::kConnecting) return;
        if (error) return close(unreachable("resolve: " + error.message()));
        std::vector<tcp::endpoint> endpoints;
        for (const auto& entry : found) endpoints.push_back(entry.endpoint());
        open(endpoints);
      });
}

void ClientConnection::open(const std::vector<tcp::endpoint>& endpoints) {
  const auto connected = [this, self = shared_from_this()](const asio::error_code& error, const tcp::endpoint&) {
    if (state_ != State::kConnecting) return;
    if (error) return close(unreachable("connect: " + error.message()));
    asio::error_code ignored;
    // Without a listener, the kernel may connect a local port to itself. That would also keep the peer from listening there
    // again.
    if (socket_.local_endpoint(ignored) == socket_.remote_endpoint(ignored)) return close(unreachable("connect: nobody listens"));
    socket_.set_option(tcp::no_delay(true), ignored);
    say_hello();
    thread_.loop().pump();
  };
  asio::async_connect(socket_, endpoints, connected);
}

void ClientConnection::say_hello() {
  rpc_ = std::make_unique<RpcConnection>(std::move(socket_), thread_, context_.limits, nullptr);
  rpc_->on_disconnect([this] { close_later(unreachable("the connection broke")); });
  auto request = rpc_->bootstrap().castAs<wire::Peer>().helloRequest();
  auto offer = request.initOffer();
  offer.setOldestVersion(context_.versions.oldest);
  offer.setNewestVersion(context_.versions.newest);
  offer.setCluster(context_.cluster.c_str());
  offer.setNode(context_.self.name.c_str());
  offer.setMaxBodyBytes(context_.limits.max_message_bytes);
  tasks_->add(
      request.send().then([this](::capnp::Response<wire::Peer::HelloResults>&& results) { on_welcome(results.getAnswer()); }));
}

void ClientConnection::on_welcome(wire::Welcome::Reader welcome) {
  if (state_ != State::kConnecting) return;
  if (welcome.isRefused()) {
    const Status why = read_failure(welcome.getRefused());
    return close_later(why.with_context("node '" + peer_.node.name + "' at " + peer_.address + " refused the connection"));
  }
  if (!welcome.isAccepted()) return close_later(unreachable("it welcomes in a way this version does not know"));
  const auto accepted = welcome.getAccepted();
  const std::string node = copy_text(accepted.getNode(), kMaxNameBytes);
  if (!peer_.node.name.empty() && node != peer_.node.name) return close_later(unreachable("there answers node '" + node + "'"));
  node_.name = node;
  if (context_.blocked.contains(node_)) return close_later(unreachable("cut off"));
  if (accepted.getVersion() < context_.versions.oldest || accepted.getVersion() > context_.versions.newest) {
    return close_later(unreachable("it chose protocol version " + std::to_string(accepted.getVersion())));
  }
  session_ = accepted.getSession();
  max_body_bytes_ = std::min<std::uint64_t>(max_body_bytes_, accepted.getMaxBodyBytes());
  max_inflight_bytes_ = std::min<std::uint64_t>(max_inflight_bytes_, accepted.getMaxInflightBytes());
  ping_interval_ns_ =
      std::max(std::min(ping_interval_ns_, accepted.getSilenceTimeoutMs() * rt::kMillisecond / 3), rt::kMillisecond);
  rpc_->trust_peer();
  state_ = State::kReady;
  ready_since_ns_ = rt::monotonic_ns();
  thread_.deadlines().cancel(timer_);
  timer_ = thread_.deadlines().add(ready_since_ns_ + ping_interval_ns_, [this] { tick(); });
  for (const std::uint64_t id : std::exchange(waiting_, {})) send(id);
}

// ---- calls

void ClientConnection::call(std::shared_ptr<OutgoingCall> call) {
  const std::size_t charge_bytes = call->request.body.size() + kCallOverheadBytes;
  if (inflight_bytes_ + charge_bytes > max_inflight_bytes_ && !calls_.empty()) {
    contain(thread_.log(), "call callback", [&] {
      call->done(
          Status(StatusCode::kResourceExhausted, "too many unanswered calls to node '" + peer_.node.name + "'; retry later"));
    });
    return;
  }
  last_call_ns_ = rt::monotonic_ns();
  const std::uint64_t id = next_id_++;
  Call entry{std::move(call->request), std::move(call->done), {}, charge_bytes, {}};
  entry.deadline = thread_.deadlines().add(call->deadline_ns, [this, id] { expire(id); });
  inflight_bytes_ += charge_bytes;
  calls_.emplace(id, std::move(entry));
  if (state_ == State::kReady) {
    send(id);
  } else {
    waiting_.push_back(id);  // bounded by max_inflight_bytes_, as all calls are
  }
}

void ClientConnection::send(std::uint64_t id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;  // its deadline passed while it waited
  Call& call = found->second;
  const std::string body = std::move(call.request.body);
  if (body.size() > max_body_bytes_) {
    return finish(
        id, Status(StatusCode::kResourceExhausted, "request of " + std::to_string(body.size()) +
                                                       " bytes is longer than the limit of " + std::to_string(max_body_bytes_)));
  }
  KJ_IF_MAYBE (session, session_) {
    auto request = session->callRequest(::capnp::MessageSize{body.size() / sizeof(::capnp::word) + 8, 0});
    request.setKind(static_cast<std::uint16_t>(call.request.kind));
    request.setBody(kj::arrayPtr(reinterpret_cast<const kj::byte*>(body.data()), body.size()));
    auto cancelled = kj::newPromiseAndFulfiller<void>();
    call.cancel = kj::mv(cancelled.fulfiller);
    kj::Promise<void> answer = request.send().then([this, id](Results&& results) { answered(id, results); },
                                                   [this, id](kj::Exception&& exception) { failed(id, exception); });
    tasks_->add(answer.exclusiveJoin(kj::mv(cancelled.promise)));
  }
}

void ClientConnection::answered(std::uint64_t id, Results& results) {
  try {
    finish(id, read_answer(results.getAnswer()));
  } catch (const kj::Exception& e) {
    finish(id, Status(StatusCode::kCorruption, std::string("malformed answer: ") + e.getDescription().cStr()));
  }
}

void ClientConnection::failed(std::uint64_t id, const kj::Exception& exception) {
  const Status status = to_status(exception);
  finish(id, status.with_context("node '" + peer_.node.name + "' at " + peer_.address));
  if (exception.getType() == kj::Exception::Type::DISCONNECTED) close_later(unreachable("the connection broke"));
}

void ClientConnection::expire(std::uint64_t id) {
  const auto found = calls_.find(id);
  if (found == calls_.end()) return;
  if (found->second.cancel.get() != nullptr) found->second.cancel->fulfill();  // drops the call, which tells the peer
  finish(id, Status(StatusCode::kTimeout, "node '" + peer_.node.name + "' at " + peer_.address + " did not answer in time"));
}

void ClientConnection::finish(std::uint64_t id, Result<std::string> answer) {
  auto entry = calls_.extract(id);
  if (entry.empty()) return;
  thread_.deadlines().cancel(entry.mapped().deadline);
  inflight_bytes_ -= entry.mapped().charge_bytes;
  contain(thread_.log(), "call callback", [&] { entry.mapped().done(std::move(answer)); });
}

// ---- life and death

void ClientConnection::tick() {
  const std::int64_t now_ns = rt::monotonic_ns();
  const std::int64_t timeout_ns = context_.limits.heartbeat_timeout_ms * rt::kMillisecond;
  if (rpc_->looks_dead(now_ns, timeout_ns)) return close(unreachable("no sign of life"));
  if (calls_.empty() && now_ns - last_call_ns_ > kIdleCloseNs) return close(unreachable("closed after a time without calls"));
  if (!ping_outstanding_) {
    KJ_IF_MAYBE (session, session_) {
      ping_outstanding_ = true;
      auto pong = session->pingRequest(::capnp::MessageSize{2, 0}).send();
      tasks_->add(pong.then([this](::capnp::Response<wire::Session::PingResults>&&) { ping_outstanding_ = false; }));
    }
  }
  timer_ = thread_.deadlines().add(now_ns + ping_interval_ns_, [this] { tick(); });
}

void ClientConnection::taskFailed(kj::Exception&& exception) { close_later(unreachable(exception.getDescription().cStr())); }

void ClientConnection::close_later(Status why) {
  asio::post(thread_.io(), [this, self = shared_from_this(), why = std::move(why)] {
    close(why);
    thread_.loop().pump();
  });
}

void ClientConnection::close(const Status& why) {
  if (state_ == State::kClosed) return;
  const auto self = shared_from_this();
  state_ = State::kClosed;
  thread_.deadlines().cancel(timer_);
  resolver_.cancel();
  asio::error_code ignored;
  socket_.close(ignored);
  tasks_.reset();  // cancels the calls, whose promises refer to this
  session_ = nullptr;
  rpc_.reset();
  while (!calls_.empty()) finish(calls_.begin()->first, why);
  if (const auto notify = std::exchange(on_closed_, nullptr)) notify(*this, why);
}

}  // namespace ldb::net::rpc
