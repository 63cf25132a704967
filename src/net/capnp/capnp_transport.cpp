#include "net/capnp/capnp_transport.hpp"

#include <algorithm>
#include <utility>

#include "net/capnp/client_pool.hpp"
#include "net/capnp/endpoint.hpp"
#include "net/capnp/network_thread.hpp"
#include "net/capnp/server.hpp"

namespace ldb::net::rpc {
namespace {

constexpr unsigned kMaxThreads = 64;
constexpr std::int64_t kMaxTimeoutMs = std::int64_t{1} << 40;  // 35 years; keeps deadlines from overflowing

Status check_limits(const TransportLimits& limits) {
  if (limits.max_message_bytes < 1 || limits.max_message_bytes > (std::size_t{1} << 30)) {
    return Status(StatusCode::kInvalidArgument, "max_message_bytes must be 1 to 1 GiB");
  }
  if (limits.max_connections < 1) return Status(StatusCode::kInvalidArgument, "max_connections must be at least 1");
  if (limits.handshake_timeout_ms < 1 || limits.heartbeat_interval_ms < 1 ||
      limits.heartbeat_timeout_ms <= limits.heartbeat_interval_ms) {
    return Status(StatusCode::kInvalidArgument,
                  "transport timeouts must be positive, and the heartbeat's longer than its interval");
  }
  return Status::ok();
}

}  // namespace

/// All that exists between start() and stop().
struct CapnpTransport::Running {
  struct Lane {  // one network thread and what lives on it
    Lane(TransportContext& context, std::size_t index, std::size_t max_connections, LogSink& log)
        : thread("ldb-net-" + std::to_string(index), log), server(context, thread, max_connections), clients(context, thread) {}
    NetworkThread thread;
    Server server;
    ClientPool clients;
  };

  explicit Running(const CapnpOptions& options, const NodeId& self, RequestHandler& handler)
      : context(self, options.cluster, options.limits, options.versions, handler, *options.log) {
    const unsigned count = std::clamp(options.threads, 1U, kMaxThreads);
    const std::size_t max_connections = (options.limits.max_connections + count - 1) / count;
    std::vector<Server*> servers;
    for (unsigned i = 0; i < count; ++i) {
      lanes.push_back(std::make_unique<Lane>(context, i, max_connections, *options.log));
      servers.push_back(&lanes.back()->server);
    }
    acceptor = std::make_unique<Acceptor>(context, std::move(servers));
  }

  void start() {
    try {
      for (; started < lanes.size(); ++started) lanes[started]->thread.start();
    } catch (...) {  // no more threads
      stop();
      throw;
    }
    lanes.front()->thread.post([this] { acceptor->start(); });
  }

  void stop() {
    for (std::size_t i = 0; i < started; ++i) {
      lanes[i]->thread.stop([this, i] {
        if (i == 0) acceptor->close();  // it runs on that thread, and gives nothing to the others from here on
        lanes[i]->server.close();
        lanes[i]->clients.close();
      });
    }
  }

  Lane& lane_of(const PeerAddress& peer) {
    return *lanes[std::hash<std::string>()(peer.address) % lanes.size()];  // a connection stays on its thread
  }

  TransportContext context;
  std::vector<std::unique_ptr<Lane>> lanes;
  std::unique_ptr<Acceptor> acceptor;  // destroyed before the io_context it lives on
  std::string address;
  std::size_t started = 0;
};

CapnpTransport::CapnpTransport(CapnpOptions options) : options_(std::move(options)) {}

CapnpTransport::~CapnpTransport() { stop(); }

std::shared_ptr<CapnpTransport::Running> CapnpTransport::running() const {
  rt::MutexLock lock(mutex_);
  return running_;
}

Status CapnpTransport::start(const NodeId& self, const std::string& listen, RequestHandler& handler) {
  rt::MutexLock lifecycle(lifecycle_);
  if (running() != nullptr) return Status(StatusCode::kInvalidArgument, "the transport runs already");
  if (self.name.empty() || self.name.size() > kMaxNameBytes) {
    return Status(StatusCode::kInvalidArgument, "a node's name has 1 to 256 bytes");
  }
  if (options_.cluster.size() > kMaxNameBytes)
    return Status(StatusCode::kInvalidArgument, "a cluster's name has at most 256 bytes");
  if ((self.name + options_.cluster).find('\0') != std::string::npos) {
    return Status(StatusCode::kInvalidArgument, "names of nodes and clusters hold no zero bytes");
  }
  LDB_TRY(check_limits(options_.limits));
  LDB_ASSIGN_OR_RETURN(Endpoint endpoint, Endpoint::parse(listen));
  try {
    const auto created = std::make_shared<Running>(options_, self, handler);
    LDB_TRY(created->acceptor->listen(endpoint));
    endpoint.port = created->acceptor->port();
    created->address = endpoint.to_string();
    created->start();
    rt::MutexLock lock(mutex_);
    running_ = created;
  } catch (const std::exception& e) {  // no file descriptors, no thread
    return Status(StatusCode::kIoError, std::string("start network: ") + e.what());
  }
  return Status::ok();
}

std::string CapnpTransport::address() const {
  const auto now = running();
  return now == nullptr ? std::string() : now->address;
}

void CapnpTransport::call(const PeerAddress& peer, Request request, std::int64_t timeout_ms,
                          std::function<void(Result<std::string>)> done) {
  const std::int64_t deadline_ns = rt::monotonic_ns() + std::clamp<std::int64_t>(timeout_ms, 0, kMaxTimeoutMs) * rt::kMillisecond;
  const auto outgoing = std::make_shared<OutgoingCall>(OutgoingCall{peer, std::move(request), deadline_ns, std::move(done)});
  if (const auto now = running()) {
    Running::Lane& lane = now->lane_of(peer);
    if (lane.thread.post_throttled([&lane, outgoing] { lane.clients.call(outgoing); })) return;
  }
  outgoing->done(Status(StatusCode::kAborted, "the transport does not run"));
}

void CapnpTransport::stop() {
  rt::MutexLock lifecycle(lifecycle_);
  std::shared_ptr<Running> stopping = running();
  if (stopping == nullptr) return;
  stopping->stop();  // calls made meanwhile are still answered by its threads
  rt::MutexLock lock(mutex_);
  running_ = nullptr;
}

Status CapnpTransport::set_peer_blocked(const NodeId& peer, bool blocked) {
  rt::MutexLock lifecycle(lifecycle_);
  const auto now = running();
  if (now == nullptr) return Status(StatusCode::kInvalidArgument, "the transport does not run");
  now->context.blocked.set(peer, blocked);
  struct Countdown {
    rt::Mutex mutex;
    rt::CondVar reached;
    std::size_t left LDB_GUARDED_BY(mutex) = 0;
  };
  const auto countdown = std::make_shared<Countdown>();
  rt::MutexLock lock(countdown->mutex);
  countdown->left = now->lanes.size();
  for (const auto& lane : now->lanes) {
    // Not refused: only stop() ends the threads, and it waits for lifecycle_.
    lane->thread.post([&lane = *lane, peer, blocked, countdown] {
      if (blocked) {
        lane.server.close_peer(peer);
        lane.clients.close_peer(peer, Status(StatusCode::kUnavailable, "cut off from node '" + peer.name + "'"));
      } else {
        lane.clients.forget_failures(peer);
      }
      rt::MutexLock done(countdown->mutex);
      if (--countdown->left == 0) countdown->reached.notify_all();
    });
  }
  while (countdown->left > 0) countdown->reached.wait(countdown->mutex);
  return Status::ok();
}

}  // namespace ldb::net::rpc

namespace ldb {

std::unique_ptr<Transport> new_capnp_transport(std::string cluster, TransportLimits limits, unsigned threads, LogSink& log) {
  net::rpc::CapnpOptions options;
  options.cluster = std::move(cluster);
  options.limits = limits;
  options.threads = threads;
  options.log = &log;
  return std::make_unique<net::rpc::CapnpTransport>(std::move(options));
}

}  // namespace ldb
