#include "ldb/bulk_load.hpp"

#include "ldb/storage_engine.hpp"
#include "storage/batch_check.hpp"
#include "storage/sorted_input.hpp"

namespace ldb {

Result<bool> SortedPairs::next(std::string& key, std::string& value) {
  if (at_ == pairs_.size()) return false;
  key = pairs_[at_].first;
  value = pairs_[at_].second;
  ++at_;
  return true;
}

IteratorSource::IteratorSource(Iterator& iterator) : iterator_(iterator) { iterator_.seek_to_first(); }

Result<bool> IteratorSource::next(std::string& key, std::string& value) {
  if (!iterator_.valid()) {
    LDB_TRY(iterator_.status());
    return false;
  }
  key.assign(iterator_.key());
  value.assign(iterator_.value());
  iterator_.next();
  return true;
}

namespace storage {

Result<bool> SortedInput::next() {
  std::swap(key_, last_);
  LDB_ASSIGN_OR_RETURN(const bool more, source_.next(key_, value_));
  if (!more) return false;
  const auto refuse = [&](const std::string& what) {
    return Status(StatusCode::kInvalidArgument, "ingest: entry " + std::to_string(count_ + 1) + ": " + what);
  };
  if (count_ > 0 && key_ <= last_) return refuse("its key is not behind the one before");
  if (key_.size() > kMaxKeyBytes) return refuse("key of more than " + std::to_string(kMaxKeyBytes) + " bytes");
  if (key_.size() + value_.size() > kMaxBatchBytes) return refuse("larger than a batch may be");
  ++count_;
  bytes_ += key_.size() + value_.size();
  return true;
}

}  // namespace storage
}  // namespace ldb
