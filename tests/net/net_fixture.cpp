#include "net/net_fixture.hpp"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <stdexcept>

namespace ldb::testing {
namespace {

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

ObedientHandler::~ObedientHandler() {
  std::vector<rt::Thread> threads;
  {
    rt::MutexLock lock(mutex_);
    threads.swap(threads_);
  }
  for (rt::Thread& thread : threads) thread.join();
}

void ObedientHandler::handle(const NodeId& from, Request request, Responder respond) {
  handled_.fetch_add(1);
  const std::string& body = request.body;
  if (body == "fail") {
    respond(Status::sql(StatusCode::kConstraint, "23505", "duplicate key", 17).with_detail("key (1) exists"));
  } else if (body == "hold") {
    rt::MutexLock lock(mutex_);
    held_.push_back(std::move(respond));
  } else if (body == "drop") {
    return;
  } else if (body == "throw") {
    throw std::runtime_error("planted");
  } else if (body == "who") {
    respond(from.name);
  } else if (body.starts_with("grow:")) {
    respond(std::string(std::stoul(body.substr(5)), 'g'));
  } else if (body.starts_with("later:")) {
    rt::MutexLock lock(mutex_);
    threads_.emplace_back("later", [respond, text = body.substr(6)] { respond(text); });
  } else {
    respond(std::move(request.body));
  }
}

std::size_t ObedientHandler::held() const {
  rt::MutexLock lock(mutex_);
  return held_.size();
}

std::vector<Responder> ObedientHandler::take_held() {
  rt::MutexLock lock(mutex_);
  return std::exchange(held_, {});
}

void ObedientHandler::release_held(const Result<std::string>& answer) {
  for (const Responder& respond : take_held()) respond(answer);
}

void MemoryLog::log(LogLevel, std::string_view module, std::string_view message) {
  rt::MutexLock lock(mutex_);
  lines_.push_back(std::string(module) + ": " + std::string(message));
}

bool MemoryLog::contains(std::string_view text) const {
  rt::MutexLock lock(mutex_);
  return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) { return line.find(text) != std::string::npos; });
}

TestNode::TestNode(const std::string& name, net::rpc::CapnpOptions options, const std::string& listen) : id{name} {
  options.log = &log;
  transport = std::make_unique<net::rpc::CapnpTransport>(options);
  const Status started = transport->start(id, listen, handler);
  INFO(started.to_string());
  REQUIRE(started);
}

std::uint16_t TestNode::port() const {
  const std::string address = transport->address();
  return static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
}

bool TestNode::reaches(const PeerAddress& peer) {
  return eventually([&] { return ask(peer, "ping").is_ok(); });
}

RawSocket::RawSocket(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  const timeval patience = {2, 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  const sockaddr_in address = loopback(port);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(fd_);
    fd_ = -1;
  }
}

RawSocket::~RawSocket() { close(); }

void RawSocket::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

bool RawSocket::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

std::string RawSocket::receive(std::size_t max) {
  std::string bytes(max, '\0');
  const ssize_t received = ::recv(fd_, bytes.data(), bytes.size(), 0);
  bytes.resize(received > 0 ? static_cast<std::size_t>(received) : 0);
  return bytes;
}

bool RawSocket::closed_within(std::int64_t ms) {
  const std::int64_t deadline_ns = rt::monotonic_ns() + ms * rt::kMillisecond;
  for (;;) {
    const std::int64_t left_ms = (deadline_ns - rt::monotonic_ns()) / rt::kMillisecond;
    pollfd entry = {fd_, POLLIN, 0};
    if (left_ms <= 0 || ::poll(&entry, 1, static_cast<int>(left_ms)) <= 0) return false;
    if (receive().empty()) return true;
  }
}

bool eventually(const std::function<bool()>& condition, std::int64_t patience_ms) {
  const std::int64_t deadline_ns = rt::monotonic_ns() + patience_ms * rt::kMillisecond;
  while (!condition()) {
    if (rt::monotonic_ns() > deadline_ns) return false;
    rt::sleep_for(rt::kMillisecond);
  }
  return true;
}

std::uint16_t unused_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  const bool found = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
                     ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  ::close(fd);
  return found ? ntohs(address.sin_port) : 0;
}

}  // namespace ldb::testing
