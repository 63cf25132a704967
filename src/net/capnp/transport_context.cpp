#include "net/capnp/transport_context.hpp"

namespace ldb::net::rpc {
namespace {
constexpr unsigned kMaxLinesPerSecond = 10;
}

void ThrottledLog::warn(std::string_view message) {
  unsigned left_out = 0;
  {
    rt::MutexLock lock(mutex_);
    const std::int64_t now_ns = rt::monotonic_ns();
    if (now_ns - window_start_ns_ >= rt::kSecond) {
      left_out = lines_ > kMaxLinesPerSecond ? lines_ - kMaxLinesPerSecond : 0;
      window_start_ns_ = now_ns;
      lines_ = 0;
    }
    if (++lines_ > kMaxLinesPerSecond) return;
  }
  if (left_out > 0) sink_.log(LogLevel::kWarning, "net", std::to_string(left_out) + " more warnings were left out");
  sink_.log(LogLevel::kWarning, "net", message);
}

}  // namespace ldb::net::rpc
