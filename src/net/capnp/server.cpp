#include "net/capnp/server.hpp"

#include <fcntl.h>

#include <algorithm>
#include <utility>

#include <asio/post.hpp>

namespace ldb::net::rpc {
namespace {

using asio::ip::tcp;

constexpr int kBacklog = 512;
constexpr std::chrono::milliseconds kAcceptRetry(100);

std::string describe(const tcp::socket& socket) {
  asio::error_code error;
  const auto remote = socket.remote_endpoint(error);
  if (error) return "unknown address";
  return Endpoint{remote.address().to_string(), remote.port()}.to_string();
}

}  // namespace

void Server::add(tcp::socket socket) {
  asio::error_code ignored;
  socket.set_option(tcp::no_delay(true), ignored);
  if (closed_ || !make_room()) {
    --thread_.connection_count;
    return;  // closes the socket
  }
  const std::uint64_t id = next_id_++;
  auto session = std::make_shared<ServerSession>(context_, thread_, describe(socket));
  auto rpc = std::make_unique<RpcConnection>(std::move(socket), thread_, context_.limits,
                                             kj::Maybe<::capnp::Capability::Client>(new_peer_server(session)));
  session->attach(rpc.get());
  rpc->on_disconnect([this, id] { remove_later(id); });
  Connection& connection =
      connections_.emplace(id, Connection{std::move(session), std::move(rpc), rt::monotonic_ns(), {}}).first->second;
  connection.tick = thread_.deadlines().add(connection.accepted_ns + context_.limits.handshake_timeout_ms * rt::kMillisecond,
                                            [this, id] { tick(id); });
  thread_.loop().pump();
}

void Server::tick(std::uint64_t id) {
  const auto it = connections_.find(id);
  if (it == connections_.end()) return;
  Connection& connection = it->second;
  const std::int64_t now_ns = rt::monotonic_ns();
  const std::int64_t timeout_ns = context_.limits.heartbeat_timeout_ms * rt::kMillisecond;
  if (!connection.session->said_hello() || connection.rpc->looks_dead(now_ns, timeout_ns)) {
    remove(it);
    return;
  }
  const std::int64_t interval_ns = std::max(timeout_ns / 4, rt::kMillisecond);
  connection.tick = thread_.deadlines().add(now_ns + interval_ns, [this, id] { tick(id); });
}

void Server::remove_later(std::uint64_t id) {
  asio::post(thread_.io(), [this, id] {  // the caller is an event of the connection
    const auto it = connections_.find(id);
    if (it != connections_.end()) remove(it);
    thread_.loop().pump();
  });
}

void Server::remove(Connections::iterator it) {
  thread_.deadlines().cancel(it->second.tick);
  const auto gone = connections_.extract(it);
  --thread_.connection_count;
  gone.mapped().session->attach(nullptr);
  gone.mapped().rpc.reset();
  gone.mapped().session->close();
}

bool Server::make_room() {
  if (connections_.size() < max_connections_) return true;
  const auto stranger = std::find_if(connections_.begin(), connections_.end(),
                                     [](const auto& entry) { return !entry.second.session->said_hello(); });
  if (stranger == connections_.end()) {
    context_.log.warn("refused a connection: " + std::to_string(max_connections_) + " are open");
    return false;
  }
  remove(stranger);
  return true;
}

void Server::close_peer(const NodeId& peer) {
  for (auto it = connections_.begin(); it != connections_.end();) {
    const auto current = it++;
    if (current->second.session->said_hello() && current->second.session->peer() == peer) remove(current);
  }
}

void Server::close() {
  closed_ = true;
  while (!connections_.empty()) remove(connections_.begin());
}

Acceptor::Acceptor(TransportContext& context, std::vector<Server*> servers)
    : context_(context),
      servers_(std::move(servers)),
      acceptor_(servers_.front()->thread().io()),
      retry_(servers_.front()->thread().io()) {}

Status Acceptor::listen(const Endpoint& endpoint) {
  const std::string context = "listen on " + endpoint.to_string();
  asio::error_code error;
  const auto address = asio::ip::make_address(endpoint.host, error);
  if (!error) return listen_on(tcp::endpoint(address, endpoint.port)).with_context(context);
  tcp::resolver resolver(servers_.front()->thread().io());
  const auto found = resolver.resolve(endpoint.host, std::to_string(endpoint.port), tcp::resolver::passive, error);
  if (error) return Status(StatusCode::kIoError, context + ": " + error.message());
  Status failure(StatusCode::kIoError, context + ": the name has no address");
  for (const auto& entry : found) {
    const Status listening = listen_on(entry.endpoint());
    if (listening) return listening;
    failure = listening.with_context(context);
  }
  return failure;
}

Status Acceptor::listen_on(const tcp::endpoint& endpoint) {
  asio::error_code error;
  acceptor_.close(error);
  acceptor_.open(endpoint.protocol(), error);
  if (!error) ::fcntl(acceptor_.native_handle(), F_SETFD, FD_CLOEXEC);
  if (!error) acceptor_.set_option(tcp::acceptor::reuse_address(true), error);  // a node restarts on its port at once
  if (!error) acceptor_.bind(endpoint, error);
  if (!error) acceptor_.listen(kBacklog, error);
  if (!error) port_ = acceptor_.local_endpoint(error).port();
  return error ? Status(StatusCode::kIoError, error.message()) : Status::ok();
}

void Acceptor::accept() {
  Server* const server = *std::min_element(servers_.begin(), servers_.end(), [](Server* a, Server* b) {
    return a->thread().connection_count < b->thread().connection_count;
  });
  acceptor_.async_accept(server->thread().io(), [this, server](const asio::error_code& error, tcp::socket socket) {
    if (closed_) return;
    if (error == asio::error::connection_aborted) return accept();
    if (error) return pause();
    ++server->thread().connection_count;
    asio::post(server->thread().io(), [server, socket = std::move(socket)]() mutable { server->add(std::move(socket)); });
    accept();
  });
}

void Acceptor::pause() {
  // Out of file descriptors, most likely: accepting again at once would spin.
  context_.log.warn("cannot accept connections at present");
  retry_.expires_after(kAcceptRetry);
  retry_.async_wait([this](const asio::error_code& error) {
    if (!error && !closed_) accept();
  });
}

void Acceptor::close() {
  closed_ = true;
  asio::error_code ignored;
  acceptor_.close(ignored);
  retry_.cancel();
}

}  // namespace ldb::net::rpc
