#include "storage/compaction/piecewise_job.hpp"

#include <utility>

namespace ldb::storage {

std::vector<FragmentedTombstones::Fragment> KeyPiece::clip(std::vector<FragmentedTombstones::Fragment> tombstones) const {
  std::vector<FragmentedTombstones::Fragment> result;
  for (FragmentedTombstones::Fragment& fragment : tombstones) {
    if (lower && fragment.start < *lower) fragment.start = *lower;
    if (upper && fragment.end > *upper) fragment.end = *upper;
    if (fragment.start < fragment.end) result.push_back(std::move(fragment));
  }
  return result;
}

PiecewiseJob::PiecewiseJob(const std::vector<std::string>& cuts, Work work) : work_(std::move(work)), pieces_(cuts.size() + 1) {
  for (std::size_t i = 0; i < cuts.size(); ++i) pieces_[i].upper = pieces_[i + 1].lower = cuts[i];
}

void PiecewiseJob::help() {
  rt::MutexLock lock(mutex_);
  while (next_ < pieces_.size()) {
    KeyPiece& piece = pieces_[next_++];
    lock.unlock();
    piece.status = work_(piece);
    lock.lock();
    ++done_;
    changed_.notify_all();
  }
}

std::vector<KeyPiece> PiecewiseJob::finish() {
  help();
  rt::MutexLock lock(mutex_);
  while (done_ < pieces_.size()) changed_.wait(mutex_);
  next_ = done_ = 0;
  return std::exchange(pieces_, {});
}

}  // namespace ldb::storage
