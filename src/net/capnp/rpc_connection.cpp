#include "net/capnp/rpc_connection.hpp"

#include <utility>

#include <capnp/message.h>
#include <capnp/rpc.capnp.h>
#include <kj/debug.h>

#include "base/rt/rt.hpp"

namespace ldb::net::rpc {
namespace {

using ::capnp::rpc::twoparty::Side;

// Before hello: enough for any hello, too little to be a burden when a thousand strangers connect.
constexpr FrameLimits kStrangerLimits = {8 << 10, 8 << 10, 64 << 10};
// Unsent messages at which the accepting side stops reading.
constexpr std::size_t kMaxQueuedMessages = 1'024;
// The RPC system remembers each question until the peer says that it is finished with it, answered or not.
constexpr std::size_t kStrangerQuestions = 16;
constexpr std::size_t kSpareQuestions = 1'024;  // pings, bootstrap, calls given up
constexpr std::size_t kReadBufferBytes = 64 << 10;

::capnp::ReaderOptions reader_options(const TransportLimits& limits) {
  ::capnp::ReaderOptions options;
  // The stream bounds the frame; this bounds reading the same bytes again and again, which the RPC system does a little.
  options.traversalLimitInWords = 2 * (limits.max_message_bytes + kFrameOverheadBytes) / sizeof(::capnp::word);
  return options;
}

}  // namespace

RpcConnection::RpcConnection(asio::ip::tcp::socket socket, NetworkThread& thread, const TransportLimits& limits,
                             kj::Maybe<::capnp::Capability::Client> bootstrap)
    : limits_(limits),
      loop_(thread.loop()),
      stream_(std::make_shared<AsioMessageStream>(std::move(socket), thread.loop(), kStrangerLimits)),
      network_(kj::heap<::capnp::TwoPartyVatNetwork>(*stream_, bootstrap == nullptr ? Side::CLIENT : Side::SERVER,
                                                     reader_options(limits))),
      max_open_questions_(kStrangerQuestions) {
  if (bootstrap != nullptr) {
    stream_->inspect_messages([this](::capnp::MessageReader& message) { count_question(message); });
    // It does not read while the peer leaves too many answers unread. Only the accepting side: if both did, they could wait for
    // each other.
    stream_->pause_reading_while([this] {
      return network_->getCurrentQueueCount() > kMaxQueuedMessages || queued_bytes() > limits_.max_inflight_bytes_per_connection;
    });
  }
  rpc_ = kj::heap<::capnp::RpcSystem<::capnp::rpc::twoparty::VatId>>(*network_, kj::mv(bootstrap));
  // A second fence: the session refuses calls over its bound by an answer, this one stops reading from a peer that ignores the
  // answers.
  rpc_->setFlowLimit(2 * (limits.max_inflight_bytes_per_connection + limits.max_message_bytes) / sizeof(::capnp::word));
}

RpcConnection::~RpcConnection() noexcept {
  // Unsent messages are a chain of promises, each owning the one before: destroyed as it is, a long one overflows the stack. So
  // let the chain run off first.
  stream_->discard();
  for (int round = 0; network_->getCurrentQueueCount() > 0 && round < 1'000; ++round) loop_.pump();
  stream_->pause_reading_while(nullptr);
  // KJ's destructors may throw; there is nobody left to care.
  const auto drop = [](auto& member) { (void)kj::runCatchingExceptions([&] { member = nullptr; }); };
  drop(disconnect_);
  drop(rpc_);
  drop(network_);
}

void RpcConnection::trust_peer() {
  max_open_questions_ = limits_.max_inflight_bytes_per_connection / kCallOverheadBytes + kSpareQuestions;
  stream_->set_limits({limits_.max_message_bytes + kFrameOverheadBytes, kReadBufferBytes, UINT64_MAX});
}

void RpcConnection::count_question(::capnp::MessageReader& message) {
  switch (message.getRoot<::capnp::rpc::Message>().which()) {
    case ::capnp::rpc::Message::BOOTSTRAP:
    case ::capnp::rpc::Message::CALL:
      KJ_REQUIRE(open_questions_ < max_open_questions_, "peer has too many open questions");
      ++open_questions_;
      break;
    case ::capnp::rpc::Message::FINISH:
      if (open_questions_ > 0) --open_questions_;  // one that was never asked breaks the connection soon
      break;
    default:
      break;
  }
}

::capnp::Capability::Client RpcConnection::bootstrap() {
  ::capnp::MallocMessageBuilder message(8);
  auto vat = message.initRoot<::capnp::rpc::twoparty::VatId>();
  vat.setSide(Side::SERVER);
  return rpc_->bootstrap(vat);
}

void RpcConnection::on_disconnect(std::function<void()> closed) {
  disconnect_ =
      network_->onDisconnect().then([closed] { closed(); }, [closed](kj::Exception&&) { closed(); }).eagerlyEvaluate(nullptr);
}

bool RpcConnection::looks_dead(std::int64_t now_ns, std::int64_t timeout_ns) const {
  return now_ns - stream_->last_received_ns() > timeout_ns || now_ns - timeout_ns > stream_->write_stuck_since_ns();
}

}  // namespace ldb::net::rpc
