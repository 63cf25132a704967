#include "net/capnp/client_pool.hpp"

#include <algorithm>

#include "base/rt/rt.hpp"

namespace ldb::net::rpc {
namespace {

constexpr std::int64_t kFirstBackoffNs = 20 * rt::kMillisecond;
constexpr std::int64_t kMaxBackoffNs = 500 * rt::kMillisecond;
// A connection that lived shorter counts as a failed attempt.
constexpr std::int64_t kStableNs = rt::kSecond;
// Addresses remembered without a connection.
constexpr std::size_t kMaxLinks = 1024;

std::int64_t backoff_ns(int failures) {
  const std::int64_t base_ns = std::min(kFirstBackoffNs << std::min(failures - 1, 10), kMaxBackoffNs);
  return base_ns / 2 + static_cast<std::int64_t>(rt::random_u64() % static_cast<std::uint64_t>(base_ns / 2));
}

}  // namespace

void ClientPool::answer(OutgoingCall& call, const Status& status) {
  contain(thread_.log(), "call callback", [&] { call.done(status); });
}

void ClientPool::call(std::shared_ptr<OutgoingCall> call) {
  if (closed_) return answer(*call, Status(StatusCode::kAborted, "the transport is stopping"));
  if (context_.blocked.contains(call->peer.node)) {
    return answer(*call, Status(StatusCode::kUnavailable, "cut off from node '" + call->peer.node.name + "'"));
  }
  const Key key(call->peer.node.name, call->peer.address);
  if (links_.size() >= kMaxLinks) forget_idle();
  Link& link = links_[key];
  if (link.connection == nullptr) {
    if (rt::monotonic_ns() < link.retry_at_ns) return answer(*call, link.last_error);
    link.connection = std::make_shared<ClientConnection>(
        context_, thread_, call->peer,
        [this, key](const ClientConnection& connection, const Status& why) { on_closed(key, connection, why); });
    link.connection->connect();
  }
  const auto connection = link.connection;  // the callback of a refused call may do anything
  connection->call(std::move(call));
}

void ClientPool::on_closed(const Key& key, const ClientConnection& connection, const Status& why) {
  const auto found = links_.find(key);
  if (found == links_.end() || found->second.connection.get() != &connection) return;
  Link& link = found->second;
  const std::int64_t now_ns = rt::monotonic_ns();
  const bool was_stable = connection.ready_since_ns() != 0 && now_ns - connection.ready_since_ns() >= kStableNs;
  link.connection = nullptr;
  link.last_error = why;
  link.failures = was_stable ? 0 : link.failures + 1;
  link.retry_at_ns = was_stable ? 0 : now_ns + backoff_ns(link.failures);
}

void ClientPool::forget_idle() {
  std::erase_if(links_, [](const auto& entry) { return entry.second.connection == nullptr; });
}

void ClientPool::close_peer(const NodeId& peer, const Status& why) {
  std::vector<std::shared_ptr<ClientConnection>> found;
  for (const auto& [key, link] : links_) {
    if (link.connection != nullptr && link.connection->node() == peer) found.push_back(link.connection);
  }
  for (const auto& connection : found) connection->close(why);
}

void ClientPool::forget_failures(const NodeId& peer) {
  std::erase_if(links_, [&](const auto& entry) { return entry.first.first == peer.name && entry.second.connection == nullptr; });
}

void ClientPool::close() {
  closed_ = true;
  const Status why(StatusCode::kAborted, "the transport is stopping");
  while (!links_.empty()) {
    const auto gone = links_.extract(links_.begin());
    if (const auto connection = gone.mapped().connection) connection->close(why);
  }
}

}  // namespace ldb::net::rpc
