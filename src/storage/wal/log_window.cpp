#include "storage/wal/log_window.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace ldb::storage {
namespace {

constexpr std::uint64_t kPage = 4096;

void raise(rt::Atomic<std::uint64_t>& value, std::uint64_t to) {
  std::uint64_t now = value.load(std::memory_order_relaxed);
  while (now < to && !value.compare_exchange_weak(now, to, std::memory_order_relaxed)) {
  }
}

}  // namespace

LogWindow::LogWindow(std::unique_ptr<FileMapping> mapping, std::uint64_t size_bytes)
    : mapping_(std::move(mapping)), size_bytes_(size_bytes / kPage * kPage) {}

bool LogWindow::store(std::uint64_t offset, std::string_view bytes) {
  const std::uint64_t end = offset + bytes.size();
  if (end > brought_in_.load(std::memory_order_relaxed)) bring_in(offset, end + kShortAhead);
  if (end > size_bytes_ || refused_.load(std::memory_order_relaxed)) return false;
  if (offset > given_back_.load(std::memory_order_relaxed) + kLongBehind) give_back(offset);
  std::memcpy(mapping_->data() + offset, bytes.data(), bytes.size());
  stored_here_.store(end, std::memory_order_relaxed);
  return true;
}

void LogWindow::follow(std::uint64_t stored) {
  if (!in_use(stored) || followed_.exchange(true, std::memory_order_acquire)) return;
  if (brought_in_.load(std::memory_order_relaxed) < stored + kAhead / 2) bring_in(stored, stored + kAhead);
  if (stored > given_back_.load(std::memory_order_relaxed) + kBehind) give_back(stored);
  followed_.store(false, std::memory_order_release);
}

/// Two threads may bring in, or give back, the same; that does no harm.
void LogWindow::bring_in(std::uint64_t from, std::uint64_t to) {
  from = std::max(brought_in_.load(std::memory_order_relaxed), from / kPage * kPage);
  const std::uint64_t most = std::min((to + kPage - 1) / kPage * kPage, size_bytes_);
  if (from < most && !mapping_->will_store(from, static_cast<std::size_t>(most - from))) {
    refused_.store(true, std::memory_order_relaxed);
    return;
  }
  raise(brought_in_, std::max(to, most));
}

void LogWindow::give_back(std::uint64_t stored) {
  const std::uint64_t from = given_back_.load(std::memory_order_relaxed);
  const std::uint64_t to = std::min(stored, size_bytes_) / kPage * kPage;  // a large record may stand beyond the window
  if (from < to) mapping_->have_stored(from, static_cast<std::size_t>(to - from));
  raise(given_back_, to);
}

}  // namespace ldb::storage
