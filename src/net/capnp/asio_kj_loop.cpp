#include "net/capnp/asio_kj_loop.hpp"

#include <asio/post.hpp>

namespace ldb::net::rpc {
namespace {
// KJ events run in one go before sockets get their turn again.
constexpr unsigned kMaxTurns = 10'000;
}  // namespace

void AsioKjLoop::pump() {
  if (pumping_) return;
  {
    pumping_ = true;
    KJ_DEFER(pumping_ = false);
    loop_.run(kMaxTurns);
  }
  if (loop_.isRunnable()) post_pump();  // KJ reports only the change from empty to runnable, so nobody else would
}

void AsioKjLoop::setRunnable(bool runnable) {
  // Never run the loop from here: the caller is in the middle of changing it.
  if (runnable && !pumping_) post_pump();
}

void AsioKjLoop::post_pump() {
  if (posted_) return;
  posted_ = true;
  asio::post(io_, [this] {
    posted_ = false;
    pump();
  });
}

}  // namespace ldb::net::rpc
