#include "ldb/transport.hpp"

#include <optional>

#include "base/rt/rt.hpp"

namespace ldb {

Result<std::string> Transport::call_and_wait(const PeerAddress& peer, Request request, std::int64_t timeout_ms) {
  struct Call {
    rt::Mutex mutex;
    rt::CondVar answered;
    std::optional<Result<std::string>> answer LDB_GUARDED_BY(mutex);
  };
  // Shared with the callback: it may still be inside notify_one() when this thread has seen the answer and returned.
  const auto state = std::make_shared<Call>();
  call(peer, std::move(request), timeout_ms, [state](Result<std::string> answer) {
    rt::MutexLock lock(state->mutex);
    state->answer = std::move(answer);
    state->answered.notify_one();
  });
  rt::MutexLock lock(state->mutex);
  while (!state->answer) state->answered.wait(state->mutex);
  return std::move(*state->answer);
}

}  // namespace ldb
