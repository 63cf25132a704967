#include "storage/memtable/block_pool.hpp"

#include <algorithm>
#include <new>
#include <utility>

namespace ldb::storage {
namespace {

constexpr std::size_t kMostBlocks = 64 << 10;  // whatever the options say: there is room for all from the start

}  // namespace

BlockPool::BlockPool(std::size_t most_bytes, std::size_t block_bytes)
    : block_bytes_(block_bytes), most_(std::min(most_bytes / block_bytes, kMostBlocks)) {
  rt::MutexLock lock(mutex_);
  free_.reserve(most_ + kPreparedBlocks);
}

PageBlock BlockPool::take() {
  advance(Preparation::kFailed, Preparation::kIdle);
  {
    rt::MutexLock lock(mutex_);
    trimmed_ = false;
    if (!free_.empty()) {
      PageBlock block = pop();
      block.allow();
      return block;
    }
  }
  return PageBlock(block_bytes_);
}

PageBlock BlockPool::pop() {
  PageBlock block = std::move(free_.back());
  free_.pop_back();
  count_free();
  return block;
}

void BlockPool::give_back(std::vector<PageBlock> blocks) noexcept {
  rt::MutexLock lock(mutex_);
  while (!blocks.empty() && free_.size() < most_ && !trimmed_) {
    blocks.back().forbid();
    free_.push_back(std::move(blocks.back()));
    blocks.pop_back();
  }
  count_free();
}  // unlocks before `blocks` goes

bool BlockPool::wants_preparation() {
  return large() && too_few() && preparation_.load(std::memory_order_relaxed) == Preparation::kIdle &&
         advance(Preparation::kIdle, Preparation::kWanted);
}

void BlockPool::prepare() {
  if (!advance(Preparation::kWanted, Preparation::kRunning)) return;
  try {
    while (add_prepared()) {
    }
    advance(Preparation::kRunning, Preparation::kIdle);
  } catch (const std::bad_alloc&) {
    advance(Preparation::kRunning, Preparation::kFailed);
  }
}

/// False: enough, or trimmed meanwhile.
bool BlockPool::add_prepared() {
  if (!too_few()) return false;
  PageBlock block(block_bytes_);
  block.touch();
  block.forbid();
  rt::MutexLock lock(mutex_);
  if (!too_few() || preparation_.load(std::memory_order_relaxed) != Preparation::kRunning) return false;
  free_.push_back(std::move(block));
  count_free();
  return true;
}

void BlockPool::make_way_for(std::size_t bytes) {
  {
    rt::MutexLock lock(mutex_);
    owed_bytes_ += bytes;
  }
  while (pop_owed()) {
  }
}

std::optional<PageBlock> BlockPool::pop_owed() {
  rt::MutexLock lock(mutex_);
  if (free_.size() <= (large() ? kPreparedBlocks : 0)) owed_bytes_ = 0;
  if (owed_bytes_ < block_bytes_) return std::nullopt;
  owed_bytes_ -= block_bytes_;
  return pop();
}

void BlockPool::trim() {
  preparation_.store(Preparation::kIdle, std::memory_order_relaxed);
  {
    rt::MutexLock lock(mutex_);
    trimmed_ = true;
  }
  while (pop_trimmed()) {
  }
}

std::optional<PageBlock> BlockPool::pop_trimmed() {
  rt::MutexLock lock(mutex_);
  if (!trimmed_ || free_.empty()) return std::nullopt;  // a memtable takes the rest
  return pop();
}

std::size_t BlockPool::memory_usage() const {
  rt::MutexLock lock(mutex_);
  return free_.size() * block_bytes_;
}

}  // namespace ldb::storage
