#include "sql/expr/memory_budget.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <variant>

namespace ldb::sql {
namespace {

constexpr std::size_t kStep = std::size_t{1} << 20;

std::string megabytes(std::size_t bytes) {
  if (bytes < (std::size_t{1} << 20)) return std::to_string(bytes >> 10) + " kB";
  return std::to_string(bytes >> 20) + " MB";
}

}  // namespace

bool MemoryPool::take(std::size_t bytes) {
  std::size_t used = used_bytes_.load(std::memory_order_relaxed);
  do {
    if (bytes > limit_bytes_ || used > limit_bytes_ - bytes) return false;
  } while (!used_bytes_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
  return true;
}

MemoryBudget::~MemoryBudget() {
  if (drawn_bytes_ > 0) pool_->give_back(drawn_bytes_);
}

Status MemoryBudget::over(std::string_view holder) const {
  return Status::sql(
             StatusCode::kResourceExhausted, "53200",
             "out of memory: " + std::string(holder) + " would take the statement over its bound of " + megabytes(limit_bytes_))
      .with_detail("Raise the setting max_statement_memory, or have the statement hold fewer rows.");
}

Status MemoryBudget::take(std::size_t bytes, std::string_view holder) {
  if (bytes > available_bytes()) return over(holder);
  const std::size_t used = used_bytes_ + bytes;
  if (pool_ != nullptr && used > kOwnBytes + drawn_bytes_) {
    const std::size_t missing = used - kOwnBytes - drawn_bytes_;
    const std::size_t step = (missing + kStep - 1) / kStep * kStep;
    if (!pool_->take(step)) {
      return Status::sql(StatusCode::kResourceExhausted, "53200",
                         "out of memory: " + std::string(holder) +
                             " would take the statements of this node over their bound of " + megabytes(pool_->limit_bytes()))
          .with_detail("Run fewer large statements at once, or raise NodeOptions::sql_memory_bytes.");
    }
    drawn_bytes_ += step;
  }
  used_bytes_ = used;
  peak_bytes_ = std::max(peak_bytes_, used);
  return {};
}

void MemoryBudget::give_back(std::size_t bytes) {
  used_bytes_ -= bytes;
  const std::size_t needed = used_bytes_ > kOwnBytes ? used_bytes_ - kOwnBytes : 0;
  if (drawn_bytes_ < needed + 2 * kStep) return;
  const std::size_t kept = (needed + kStep - 1) / kStep * kStep;
  pool_->give_back(drawn_bytes_ - kept);
  drawn_bytes_ = kept;
}

MemoryUse::MemoryUse(MemoryUse&& other) noexcept
    : budget_(std::move(other.budget_)), holder_(other.holder_), held_bytes_(std::exchange(other.held_bytes_, 0)) {
  other.budget_ = nullptr;
}

MemoryUse& MemoryUse::operator=(MemoryUse&& other) noexcept {
  if (this == &other) return *this;
  clear();
  budget_ = std::move(other.budget_);
  other.budget_ = nullptr;
  holder_ = other.holder_;
  held_bytes_ = std::exchange(other.held_bytes_, 0);
  return *this;
}

Status MemoryUse::set(std::size_t bytes) {
  if (budget_ == nullptr) return {};
  if (bytes > held_bytes_) {
    LDB_TRY(budget_->take(bytes - held_bytes_, holder_));
  } else if (bytes < held_bytes_) {
    budget_->give_back(held_bytes_ - bytes);
  }
  held_bytes_ = bytes;
  return {};
}

void MemoryUse::clear() {
  if (held_bytes_ > 0) budget_->give_back(held_bytes_);
  held_bytes_ = 0;
}

std::size_t memory_bytes(const Value& value) {
  const auto heap = [](const std::string& text) { return text.capacity() > 15 ? text.capacity() + 1 : 0; };
  if (const auto* text = std::get_if<std::string>(&value.storage())) return sizeof(Value) + heap(*text);
  if (const auto* bytes = std::get_if<Bytes>(&value.storage())) return sizeof(Value) + heap(bytes->data);
  return sizeof(Value);
}

}  // namespace ldb::sql
