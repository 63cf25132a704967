// Accepted connections of one network thread, and the acceptor that hands them out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <asio/ip/tcp.hpp>
#include <asio/steady_timer.hpp>

#include "net/capnp/endpoint.hpp"
#include "net/capnp/network_thread.hpp"
#include "net/capnp/rpc_connection.hpp"
#include "net/capnp/server_session.hpp"
#include "net/capnp/transport_context.hpp"

namespace ldb::net::rpc {

/// The connections that one network thread serves. Made and destroyed by the transport while the thread does not run; used on the
/// thread.
class Server {
 public:
  Server(TransportContext& context, NetworkThread& thread, std::size_t max_connections)
      : context_(context), thread_(thread), max_connections_(max_connections) {}

  /// Serves the socket. At the limit the oldest connection that has not said hello makes room; if all have, the new one is
  /// closed.
  void add(asio::ip::tcp::socket socket);
  void close_peer(const NodeId& peer);
  /// Nothing is served afterwards.
  void close();

  NetworkThread& thread() { return thread_; }

 private:
  struct Connection {
    std::shared_ptr<ServerSession> session;
    std::unique_ptr<RpcConnection> rpc;
    std::int64_t accepted_ns;
    DeadlineQueue::Id tick;
  };
  using Connections = std::map<std::uint64_t, Connection>;  // by age

  void tick(std::uint64_t id);
  void remove_later(std::uint64_t id);
  void remove(Connections::iterator it);
  bool make_room();

  TransportContext& context_;
  NetworkThread& thread_;
  const std::size_t max_connections_;
  Connections connections_;
  std::uint64_t next_id_ = 0;
  bool closed_ = false;
};

/// Listens, and gives each new connection to the server with the fewest. Runs on the first server's thread once started.
class Acceptor {
 public:
  Acceptor(TransportContext& context, std::vector<Server*> servers);

  /// Before the threads run. kIoError when the address is in use, not this machine's, or does not resolve.
  Status listen(const Endpoint& endpoint);
  /// The port chosen. After listen().
  std::uint16_t port() const { return port_; }

  /// On the thread.
  void start() { accept(); }
  void close();

 private:
  Status listen_on(const asio::ip::tcp::endpoint& endpoint);
  void accept();
  void pause();

  TransportContext& context_;
  const std::vector<Server*> servers_;
  asio::ip::tcp::acceptor acceptor_;
  asio::steady_timer retry_;
  std::uint16_t port_ = 0;
  bool closed_ = false;
};

}  // namespace ldb::net::rpc
