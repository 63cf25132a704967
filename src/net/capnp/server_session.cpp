#include "net/capnp/server_session.hpp"

#include <algorithm>
#include <utility>

#include "net/capnp/wire_status.hpp"

namespace ldb::net::rpc {

/// What a Responder shares between its copies. Any thread; answers kAborted when the last copy goes without an answer.
class PendingResponse {
 public:
  PendingResponse(std::shared_ptr<Mailbox> mailbox, std::weak_ptr<ServerSession> session, std::uint64_t id)
      : mailbox_(std::move(mailbox)), session_(std::move(session)), id_(id) {}
  PendingResponse(const PendingResponse&) = delete;
  PendingResponse& operator=(const PendingResponse&) = delete;
  ~PendingResponse() { answer(Status(StatusCode::kAborted, "the node dropped the request")); }

  void answer(Result<std::string> answer) {
    if (answered_.exchange(true)) return;
    // Refused after the transport stopped: then there is nobody left to answer.
    mailbox_->post([session = std::move(session_), id = id_, answer = std::move(answer)]() mutable {
      if (const auto alive = session.lock()) alive->answered(id, std::move(answer));
    });
  }

 private:
  const std::shared_ptr<Mailbox> mailbox_;
  std::weak_ptr<ServerSession> session_;
  const std::uint64_t id_;
  std::atomic<bool> answered_{false};
};

namespace {

constexpr std::size_t kWord = sizeof(::capnp::word);

kj::Promise<Answer> refuse(Status status) { return kj::heap<Result<std::string>>(std::move(status)); }

class SessionServer final : public wire::Session::Server {
 public:
  explicit SessionServer(std::shared_ptr<ServerSession> session) : session_(std::move(session)) {}

  kj::Promise<void> call(CallContext context) override {
    context.allowCancellation();
    const auto params = context.getParams();
    const auto body = params.getBody();
    Request request{static_cast<RequestKind>(params.getKind()),
                    std::string(reinterpret_cast<const char*>(body.begin()), body.size())};
    context.releaseParams();
    return session_->handle(std::move(request)).then([session = session_, context](Answer&& answer) mutable {
      write(session->bounded(std::move(*answer)), context);
    });
  }

  kj::Promise<void> ping(PingContext context) override {
    context.initResults(::capnp::MessageSize{2, 0});
    return kj::READY_NOW;
  }

 private:
  static void write(const Result<std::string>& answer, CallContext& context) {
    if (!answer) {
      write_failure(answer.error(), context.initResults().initAnswer().initFailure());
      return;
    }
    auto out = context.initResults(::capnp::MessageSize{answer->size() / kWord + 16, 0}).initAnswer();
    out.setBody(kj::arrayPtr(reinterpret_cast<const kj::byte*>(answer->data()), answer->size()));
  }

  const std::shared_ptr<ServerSession> session_;
};

class PeerServer final : public wire::Peer::Server {
 public:
  explicit PeerServer(std::shared_ptr<ServerSession> session) : session_(std::move(session)) {}

  kj::Promise<void> hello(HelloContext context) override {
    std::uint16_t version = 0;
    const Status verdict = session_->hello(context.getParams().getOffer(), version);
    auto welcome = context.initResults().initAnswer();
    if (!verdict) {
      write_failure(verdict, welcome.initRefused());
      return kj::READY_NOW;
    }
    const TransportContext& ours = session_->context();
    auto accepted = welcome.initAccepted();
    accepted.setVersion(version);
    accepted.setNode(::capnp::Text::Reader(ours.self.name.c_str(), ours.self.name.size()));
    accepted.setSession(kj::heap<SessionServer>(session_));
    accepted.setMaxBodyBytes(ours.limits.max_message_bytes);
    accepted.setMaxInflightBytes(ours.limits.max_inflight_bytes_per_connection);
    accepted.setSilenceTimeoutMs(
        static_cast<std::uint32_t>(std::min<std::int64_t>(ours.limits.heartbeat_timeout_ms, UINT32_MAX)));
    return kj::READY_NOW;
  }

 private:
  const std::shared_ptr<ServerSession> session_;
};

}  // namespace

wire::Peer::Client new_peer_server(std::shared_ptr<ServerSession> session) { return kj::heap<PeerServer>(std::move(session)); }

void ServerSession::close() {
  connection_ = nullptr;
  unanswered_.clear();
  unanswered_bytes_ = 0;
}

Status ServerSession::hello(wire::Offer::Reader offer, std::uint16_t& version) {
  const std::string node = copy_text(offer.getNode(), kMaxNameBytes + 1);
  Status verdict = check_offer(offer, node, version);
  if (!verdict) {
    context_.log.warn("refused '" + node + "' at " + remote_ + ": " + std::string(verdict.message()));
    return verdict;
  }
  said_hello_ = true;
  peer_.name = node;
  peer_max_body_bytes_ = std::min<std::uint64_t>(offer.getMaxBodyBytes(), context_.limits.max_message_bytes);
  connection_->trust_peer();
  return Status::ok();
}

Status ServerSession::check_offer(wire::Offer::Reader offer, const std::string& node, std::uint16_t& version) const {
  if (connection_ == nullptr) return Status(StatusCode::kUnavailable, "the connection is closed");
  if (said_hello_) return Status(StatusCode::kInvalidArgument, "hello was said already");
  if (node.empty() || node.size() > kMaxNameBytes)
    return Status(StatusCode::kInvalidArgument, "a node's name has 1 to 256 bytes");
  const std::string cluster = copy_text(offer.getCluster(), kMaxNameBytes + 1);
  if (cluster != context_.cluster) {
    return Status(StatusCode::kInvalidArgument, "node '" + context_.self.name + "' belongs to cluster '" + context_.cluster +
                                                    "', node '" + node + "' to cluster '" + cluster + "'");
  }
  if (context_.blocked.contains(NodeId{node})) {
    return Status(StatusCode::kUnavailable, "node '" + context_.self.name + "' is cut off from node '" + node + "'");
  }
  const VersionRange& ours = context_.versions;
  const std::uint16_t newest = std::min(ours.newest, offer.getNewestVersion());
  if (newest < std::max(ours.oldest, offer.getOldestVersion())) {
    const auto range = [](unsigned oldest, unsigned newest_version) {
      return std::to_string(oldest) + " to " + std::to_string(newest_version);
    };
    return Status(StatusCode::kUnavailable, "no common protocol version: node '" + context_.self.name + "' speaks " +
                                                range(ours.oldest, ours.newest) + ", node '" + node + "' " +
                                                range(offer.getOldestVersion(), offer.getNewestVersion()) +
                                                "; upgrade the older one");
  }
  version = newest;
  return Status::ok();
}

kj::Promise<Answer> ServerSession::handle(Request request) {
  if (connection_ == nullptr) return refuse(Status(StatusCode::kUnavailable, "the connection is closed"));
  const TransportLimits& limits = context_.limits;
  const std::size_t charge_bytes = request.body.size() + kCallOverheadBytes;
  if (request.body.size() > limits.max_message_bytes) {
    return refuse(Status(StatusCode::kResourceExhausted, "request of " + std::to_string(request.body.size()) +
                                                             " bytes is longer than the peer's limit of " +
                                                             std::to_string(limits.max_message_bytes)));
  }
  if (unanswered_bytes_ + charge_bytes > limits.max_inflight_bytes_per_connection) {
    return refuse(Status(StatusCode::kResourceExhausted, "too much is unanswered on this connection; retry later"));
  }
  const std::uint64_t id = next_id_++;
  auto paf = kj::newPromiseAndFulfiller<Answer>();
  unanswered_.emplace(id, Unanswered{kj::mv(paf.fulfiller), charge_bytes});
  unanswered_bytes_ += charge_bytes;
  const auto response = std::make_shared<PendingResponse>(thread_.mailbox(), weak_from_this(), id);
  contain(thread_.log(), "request handler", [&] {
    context_.handler.handle(peer_, std::move(request),
                            [response](Result<std::string> body) { response->answer(std::move(body)); });
  });
  return kj::mv(paf.promise);
}

void ServerSession::answered(std::uint64_t id, Result<std::string> answer) {
  const auto found = unanswered_.find(id);
  if (found == unanswered_.end()) return;
  unanswered_bytes_ -= found->second.charge_bytes;
  auto fulfiller = kj::mv(found->second.fulfiller);
  unanswered_.erase(found);
  fulfiller->fulfill(kj::heap<Result<std::string>>(std::move(answer)));  // does nothing when the caller has cancelled
}

Result<std::string> ServerSession::bounded(Result<std::string> answer) const {
  if (!answer) return answer;
  if (answer->size() > peer_max_body_bytes_) {
    return Status(StatusCode::kResourceExhausted, "answer of " + std::to_string(answer->size()) +
                                                      " bytes is longer than the limit of " +
                                                      std::to_string(peer_max_body_bytes_));
  }
  if (connection_ != nullptr &&
      connection_->queued_bytes() + answer->size() > context_.limits.max_inflight_bytes_per_connection) {
    return Status(StatusCode::kResourceExhausted, "too many answers wait for this connection; retry later");
  }
  return answer;
}

}  // namespace ldb::net::rpc
