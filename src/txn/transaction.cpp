#include "txn/transaction.hpp"

#include "txn/keys.hpp"
#include "txn/overlay_cursor.hpp"
#include "txn/row_image.hpp"

namespace ldb::txn {
namespace {

/// The part of a sorted map that lies in a key range.
template <class Map>
auto stretch(const Map& map, const KeyRange& range) {
  const auto first = range.lower ? map.lower_bound(*range.lower) : map.begin();
  const auto last = range.upper ? map.lower_bound(*range.upper) : map.end();
  return std::pair(first, last);
}

/// An inverted range shows nothing; engines and maps want it in order.
bool is_empty(const KeyRange& range) { return range.lower && range.upper && *range.lower >= *range.upper; }

}  // namespace

Result<std::shared_ptr<const ReadView>> readable_view(const StoreServices& services) {
  for (;;) {
    const std::uint64_t installs = services.replicator.installs_begun();
    LDB_TRY(services.replicator.readable());
    std::shared_ptr<const ReadView> view = services.engine.view();
    if (services.replicator.installs_begun() == installs) return view;
  }
}

StoreTransaction::StoreTransaction(const StoreServices& services, const TransactionOptions& options,
                                   std::shared_ptr<const ReadView> view)
    : services_(services), options_(options), view_(std::move(view)) {}

Status StoreTransaction::check_unfinished() const {
  return finished_ ? Status(StatusCode::kAborted, "the transaction has ended already") : Status();
}

Status StoreTransaction::check_open() const {
  LDB_TRY(check_unfinished());
  return viewless_;
}

Status StoreTransaction::check_writable() const {
  LDB_TRY(check_open());
  if (options_.read_only) return Status::sql(StatusCode::kInvalidArgument, "25006", "cannot write in a read-only transaction");
  return {};
}

Result<std::optional<std::string>> StoreTransaction::get(TableId table, std::string_view key) {
  LDB_TRY(check_open());
  const std::string row_key = keys::row(table, key);
  if (tracks_reads()) reads_.point(row_key);
  if (!pending_.empty()) {
    if (const PendingRowPtr row = pending_.find(row_key))
      return row->present() ? std::optional<std::string>(row->image) : std::nullopt;
  }
  LDB_ASSIGN_OR_RETURN(std::optional<std::string> image, services_.engine.get(view_.get(), row_key));
  return live_image(std::move(image));
}

Result<std::unique_ptr<RowCursor>> StoreTransaction::scan(TableId table, const KeyRange& keys, bool reverse) {
  LDB_TRY(check_open());
  KeyRange range = keys::rows(table, keys);
  if (is_empty(range)) range.upper = range.lower;
  if (tracks_reads()) reads_.range(range);
  LDB_ASSIGN_OR_RETURN(auto base, services_.engine.iterate(view_.get(), range));
  std::vector<OverlayEntry> overlay;
  const auto [first, last] = stretch(pending_.rows(), range);
  for (auto row = first; row != last; ++row)
    overlay.push_back({row->second->row_key, row->second->image, row->second->present(), row->second});
  return new_overlay_cursor(view_, std::move(base), std::move(overlay), true, reverse);
}

/// The mark comes after the entries and goes with them, so a view that shows it shows them all.
Status StoreTransaction::check_ready(IndexId index) {
  if (ready_indexes_.contains(index) || own_indexes_.contains(index)) return {};
  LDB_ASSIGN_OR_RETURN(const auto mark, services_.engine.get(view_.get(), keys::index_ready(index)));
  if (!mark) {
    return Status::sql(StatusCode::kConflict, "40001",
                       "could not serialize access: an index was dropped or is being built; run the transaction again");
  }
  ready_indexes_.insert(index);
  return {};
}

Result<std::unique_ptr<RowCursor>> StoreTransaction::scan_index(IndexId index, const KeyRange& entries, bool reverse) {
  LDB_TRY(check_open());
  LDB_TRY(check_ready(index));
  KeyRange range = keys::index_entries(index, entries);
  if (is_empty(range)) range.upper = range.lower;
  if (tracks_reads()) reads_.range(range);
  LDB_ASSIGN_OR_RETURN(auto base, services_.engine.iterate(view_.get(), range));
  std::vector<OverlayEntry> overlay;
  const RowIndexer* const indexer = services_.indexer.load();
  if (indexer != nullptr && !pending_.empty()) {
    LDB_ASSIGN_OR_RETURN(const auto* const written, pending_.index_overlay(*indexer));
    const auto [first, last] = stretch(*written, range);
    for (auto entry = first; entry != last; ++entry) {
      auto key = std::make_shared<const std::string>(entry->first);
      overlay.push_back({*key, {}, entry->second, key});
    }
  }
  return new_overlay_cursor(view_, std::move(base), std::move(overlay), false, reverse);
}

Result<std::optional<std::string>> StoreTransaction::base_of(const std::string& row_key) {
  if (!pending_.empty() && pending_.find(row_key)) return std::optional<std::string>();
  if (tracks_reads()) reads_.point(row_key);  // whether the row is there is told to the caller
  return services_.engine.get(view_.get(), row_key);
}

Status StoreTransaction::insert(TableId table, std::string_view key, std::vector<CellWrite> cells) {
  LDB_TRY(check_writable());
  const std::string row_key = keys::row(table, key);
  LDB_ASSIGN_OR_RETURN(std::optional<std::string> base, base_of(row_key));
  return pending_.insert(table, row_key, std::move(base), view_->sequence(), std::move(cells));
}

Status StoreTransaction::update(TableId table, std::string_view key, std::vector<CellWrite> cells) {
  LDB_TRY(check_writable());
  const std::string row_key = keys::row(table, key);
  LDB_ASSIGN_OR_RETURN(std::optional<std::string> base, base_of(row_key));
  return pending_.update(table, row_key, std::move(base), view_->sequence(), std::move(cells));
}

Status StoreTransaction::erase(TableId table, std::string_view key) {
  LDB_TRY(check_writable());
  const std::string row_key = keys::row(table, key);
  LDB_ASSIGN_OR_RETURN(std::optional<std::string> base, base_of(row_key));
  return pending_.erase(table, row_key, std::move(base), view_->sequence());
}

Status StoreTransaction::upsert(TableId table, std::string_view key, std::vector<CellWrite> cells) {
  LDB_TRY(check_writable());
  const std::string row_key = keys::row(table, key);
  LDB_ASSIGN_OR_RETURN(std::optional<std::string> base, base_of(row_key));
  return pending_.upsert(table, row_key, std::move(base), view_->sequence(), std::move(cells));
}

std::size_t StoreTransaction::savepoint() {
  const std::size_t n = pending_.savepoint();
  requirements_at_savepoint_.resize(n);
  requirements_at_savepoint_.push_back(requirements_.size());
  return n;
}

Status StoreTransaction::rollback_to(std::size_t savepoint) {
  LDB_TRY(check_unfinished());
  if (!pending_.has_savepoint(savepoint)) return Status(StatusCode::kInvalidArgument, "there is no such savepoint");
  pending_.rollback_to(savepoint);
  requirements_.resize(requirements_at_savepoint_[savepoint]);
  requirements_at_savepoint_.resize(savepoint + 1);
  return {};
}

void StoreTransaction::begin_statement() {
  if (options_.isolation != IsolationLevel::kReadCommitted || finished_) return;
  if (pending_.holds_writes() && oldest_view_ == nullptr) oldest_view_ = view_;
  ready_indexes_.clear();
  if (options_.while_unreadable) {
    view_ = services_.engine.view();
    return;
  }
  auto view = readable_view(services_);
  viewless_ = view.error();
  if (view) view_ = std::move(*view);
}

Status StoreTransaction::check_older_writes() const {
  // The commit checks against the latest view; a row written under an older one must not have changed between the two either.
  for (const auto& [row_key, row] : pending_.rows()) {
    if (row->view_sequence == view_->sequence()) continue;
    LDB_ASSIGN_OR_RETURN(const std::uint64_t newest, services_.engine.newest_sequence(row_key));
    if (newest > row->view_sequence)
      return Status(StatusCode::kConflict,
                    "could not serialize access: a row was changed by another commit after this transaction "
                    "wrote it; run the transaction again");
  }
  return {};
}

Result<CommitOutcome> StoreTransaction::commit() {
  LDB_TRY(check_unfinished());
  finished_ = true;
  LDB_TRY(viewless_);
  if (pending_.empty()) return CommitOutcome{};
  LDB_TRY(check_older_writes());
  oldest_view_ = nullptr;
  CommitRequest request;
  request.writes = pending_.writes();
  request.view_sequence = view_->sequence();
  LDB_ASSIGN_OR_RETURN(request.dependencies, services_.replicator.applied(view_.get()));
  request.requirements = std::move(requirements_);
  request.reads = reads_.take();
  request.sync = options_.sync;
  return services_.replicator.commit(std::move(request));
}

void StoreTransaction::rollback() {
  finished_ = true;
  oldest_view_ = nullptr;
  pending_ = PendingRows();
}

}  // namespace ldb::txn
