#include "net/relay.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/check.hpp"

namespace ldb::testing {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

int listen_somewhere(std::uint16_t& port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  LDB_CHECK(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  LDB_CHECK(::listen(fd, 64) == 0);
  LDB_CHECK(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

}  // namespace

Relay::Relay(std::uint16_t target) : target_(target), listener_(listen_somewhere(port_)), thread_("relay", [this] { run(); }) {}

Relay::~Relay() {
  stopping_.store(true);
  thread_.join();
  for (const Pair& pair : pairs_) {
    ::close(pair.client);
    ::close(pair.server);
  }
  ::close(listener_);
}

std::string Relay::sent_by_clients() const {
  rt::MutexLock lock(mutex_);
  return recorded_;
}

void Relay::run() {
  while (!stopping_.load()) {
    if (paused_.load()) {
      rt::sleep_for(rt::kMillisecond);
      continue;
    }
    std::vector<pollfd> entries = {{listener_, POLLIN, 0}};
    for (const Pair& pair : pairs_) {
      entries.push_back({pair.client, POLLIN, 0});
      entries.push_back({pair.server, POLLIN, 0});
    }
    if (::poll(entries.data(), entries.size(), 5) <= 0) continue;
    std::vector<Pair> open;
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      const Pair& pair = pairs_[i];
      bool alive = true;
      if (entries[1 + 2 * i].revents != 0) alive = forward(pair.client, pair.server, true);
      if (alive && entries[2 + 2 * i].revents != 0) alive = forward(pair.server, pair.client, false);
      if (alive) {
        open.push_back(pair);
      } else {
        ::close(pair.client);
        ::close(pair.server);
      }
    }
    pairs_ = std::move(open);
    if (entries[0].revents != 0) accept_one();
  }
}

bool Relay::forward(int from, int to, bool record) {
  char buffer[65536];
  const ssize_t received = ::recv(from, buffer, sizeof buffer, 0);
  if (received <= 0) return false;
  if (record) {
    rt::MutexLock lock(mutex_);
    recorded_.append(buffer, static_cast<std::size_t>(received));
  }
  for (ssize_t done = 0; done < received;) {
    const ssize_t sent = ::send(to, buffer + done, static_cast<std::size_t>(received - done), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    done += sent;
  }
  return true;
}

void Relay::accept_one() {
  const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
  const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(target_);
  if (client < 0 || ::connect(server, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (client >= 0) ::close(client);
    ::close(server);
    return;
  }
  pairs_.push_back({client, server});
}

MuteListener::MuteListener() : fd_(listen_somewhere(port_)) {}

MuteListener::~MuteListener() { ::close(fd_); }

}  // namespace ldb::testing
