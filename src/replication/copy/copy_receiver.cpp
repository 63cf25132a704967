#include "replication/copy/copy_receiver.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/rt/rt.hpp"
#include "replication/protocol/failure_detector.hpp"
#include "txn/keys.hpp"
#include "txn/row_image.hpp"

namespace ldb::replication {
namespace {

constexpr std::size_t kChunkBytes = 1 << 20;
constexpr int kAttempts = 5;
constexpr std::size_t kInstallRows = 256;
constexpr std::size_t kInstallBytes = 1 << 20;

std::string staged_key(std::string_view row_key) { return std::string(1, kStagingSpace).append(row_key); }

Status malformed(const std::string& what) { return Status(StatusCode::kCorruption, "copy from a peer: " + what); }

/// Where the copy stands, and the row that is arriving in pieces.
struct Progress {
  SnapshotRequest request;
  std::string partial;
};

/// A bad image must be found now: once the install has begun there is no way back.
Status stage(const std::string& key, std::string image, const VersionVector& vector, WriteBatch& batch) {
  LDB_TRY(decode_row_image(image).error());
  LDB_ASSIGN_OR_RETURN(const bool covered, covered_by(image, vector));
  if (!covered) return malformed("a row that is newer than the copy");
  batch.put(staged_key(key), std::move(image));
  return {};
}

/// Puts the rows of one answer into `batch` and moves on behind them.
Status take_rows(const SnapshotAnswer& answer, const VersionVector& vector, Progress& at, WriteBatch& batch) {
  const KeyRange all = keys::all_rows();
  for (const RowPiece& row : answer.rows) {
    const bool continues = row.key == at.request.key && at.request.offset > 0;
    if (row.key < at.request.key || row.key.size() < keys::kPrefixSize || row.key.front() != keys::kRowSpace ||
        (all.upper && row.key >= *all.upper))
      return malformed("a key out of order");
    if (row.offset != (continues ? at.request.offset : 0) || row.bytes.size() > row.total ||
        row.offset > row.total - row.bytes.size())
      return malformed("a piece of a row that does not fit");
    if (at.request.offset > 0 && !continues) return malformed("the rest of a row is missing");
    if (row.bytes.empty() && row.total > 0) return malformed("an empty piece of a row");
    const bool complete = row.offset + row.bytes.size() == row.total;
    if (complete && !continues) {
      LDB_TRY(stage(row.key, row.bytes, vector, batch));
    } else {
      at.partial += row.bytes;
      if (complete) LDB_TRY(stage(row.key, std::exchange(at.partial, {}), vector, batch));
    }
    at.request.key = row.key;
    at.request.offset = complete ? 0 : row.offset + row.bytes.size();
    if (complete) at.request.key.push_back('\0');  // the least key behind it
  }
  if (answer.done && at.request.offset > 0) return malformed("it ends within a row");
  if (!answer.done && answer.rows.empty()) return malformed("an answer without rows");
  return {};
}

Result<SnapshotAnswer> ask(const CopyLink& link, const SnapshotRequest& request) {
  Backoff backoff(20 * rt::kMillisecond, rt::kSecond);
  for (int attempt = 1;; ++attempt) {
    auto answer = link.ask(request);
    if (answer || attempt == kAttempts) return answer;
    if (!link.wait(backoff.next())) return Status(StatusCode::kAborted, "the copy was given up");
  }
}

}  // namespace

Result<VersionVector> receive_copy(StorageEngine& engine, const CopyLink& link) {
  const KeyRange staging = staging_range();
  WriteBatch empty;
  empty.erase_range(*staging.lower, *staging.upper);
  LDB_TRY(engine.write(std::move(empty), SyncPolicy::kNone).error());

  Progress at;
  at.request.from = link.self();
  at.request.key = *keys::all_rows().lower;
  at.request.max_bytes = kChunkBytes;
  VersionVector vector;
  for (;;) {
    LDB_ASSIGN_OR_RETURN(const SnapshotAnswer answer, ask(link, at.request));
    switch (answer.state) {
      case SnapshotAnswer::State::kNotNow:
        return Status(StatusCode::kUnavailable, "the peer cannot serve a copy now: " + answer.reason);
      case SnapshotAnswer::State::kUnknownSession:
        return Status(StatusCode::kUnavailable, "the peer ended the copy (it was idle, or restarted)");
      case SnapshotAnswer::State::kRows:
        break;
    }
    if (at.request.session == 0) {
      if (answer.session == 0) return malformed("no session");
      vector = answer.vector;
    } else if (answer.session != at.request.session) {
      return malformed("an answer of another session");
    }
    at.request.session = answer.session;
    WriteBatch batch;
    LDB_TRY(take_rows(answer, vector, at, batch));
    if (!batch.empty()) LDB_TRY(engine.write(std::move(batch), SyncPolicy::kNone).error());
    if (answer.done) return vector;
  }
}

Status install_copy(StorageEngine& engine, Applier& applier, NodeState& state, const VersionVector& theirs) {
  LDB_ASSIGN_OR_RETURN(const VersionVector own, applier.applied(nullptr));
  const std::unique_ptr<ReadView> view = engine.view();
  LDB_ASSIGN_OR_RETURN(const auto staged, engine.iterate(view.get(), staging_range()));
  KeyRange range = keys::all_rows();
  const std::optional<std::string> end = range.upper;
  staged->seek_to_first();
  for (bool more = true; more;) {
    std::vector<std::pair<std::string, std::string>> images;
    std::size_t bytes = 0;
    for (; staged->valid() && images.size() < kInstallRows && bytes < kInstallBytes; staged->next()) {
      images.emplace_back(staged->key().substr(1), staged->value());
      bytes += staged->key().size() + staged->value().size();
    }
    LDB_TRY(staged->status());
    more = staged->valid();
    range.upper = more ? std::optional<std::string>(images.back().first + '\0') : end;
    LDB_TRY(applier.copy_rows(range, images, theirs));
    range.lower = range.upper;
  }
  return state.end_install(own, theirs, [&](WriteBatch batch) { return applier.finish_copy(theirs, std::move(batch)); });
}

}  // namespace ldb::replication
