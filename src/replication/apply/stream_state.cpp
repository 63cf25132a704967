#include "replication/apply/stream_state.hpp"

#include <algorithm>

#include "base/check.hpp"
#include "base/coding.hpp"
#include "txn/commit_codec.hpp"
#include "txn/keys.hpp"

namespace ldb {

std::string encode_progress(const OriginProgress& progress) {
  std::string out;
  put_u64(out, progress.sequence);
  put_u64(out, progress.stamp.value);
  put_u64(out, progress.chain_hash);
  return out;
}

Result<OriginProgress> decode_progress(std::string_view bytes) {
  ByteReader reader(bytes);
  OriginProgress progress;
  if (!reader.u64(progress.sequence) || !reader.u64(progress.stamp.value) || !reader.u64(progress.chain_hash) || !reader.empty())
    return Status(StatusCode::kCorruption, "applied vector: an entry of " + std::to_string(bytes.size()) + " bytes");
  return progress;
}

Result<bool> StreamState::load(StorageEngine& engine, OriginId fresh) {
  const std::unique_ptr<ReadView> view = engine.view();
  LDB_ASSIGN_OR_RETURN(const auto stored, engine.get(view.get(), keys::origin()));
  if (stored && stored->size() != 8) return Status(StatusCode::kCorruption, "the stored origin id is not 8 bytes long");
  origin_ = stored ? OriginId{load_u64(stored->data())} : fresh;
  const KeyRange range = keys::vector_range();
  LDB_ASSIGN_OR_RETURN(const auto entries, engine.iterate(view.get(), range));
  for (entries->seek_to_first(); entries->valid(); entries->next()) {
    const std::string_view name = entries->key().substr(range.lower->size());
    if (name.size() != 8) return Status(StatusCode::kCorruption, "applied vector: bad key");
    LDB_ASSIGN_OR_RETURN(const OriginProgress progress, decode_progress(entries->value()));
    submitted_.set({load_u64_be(name.data())}, progress);
    last_stamp_ = std::max(last_stamp_, progress.stamp);
  }
  LDB_TRY(entries->status());
  visible_ = submitted_;
  visible_sequence_ = view->sequence();
  clock_.restore(last_stamp_);
  return stored.has_value();
}

Stamp StreamState::next_stamp() {
  const Stamp stamp = clock_.next();
  return stamp > last_stamp_ ? stamp : Stamp{last_stamp_.value + 1};
}

void StreamState::fence(ApplyOutcome& outcome, const char* what) {
  outcome.kind = ApplyOutcome::Kind::kFork;
  outcome.detail = std::string("the stream of this origin forked at commit ") + std::to_string(outcome.dot.sequence) + ": " +
                   what + "; nothing more of it is applied here";
  fenced_.emplace(outcome.dot.origin, outcome.detail);
}

ApplyOutcome StreamState::judge(Dot dot, Stamp stamp, const VersionVector& dependencies, std::uint64_t previous_hash,
                                std::string_view payload) {
  using Kind = ApplyOutcome::Kind;
  ApplyOutcome outcome{Kind::kApplied, dot, stamp, 0, {}};
  const OriginProgress& progress = submitted_.get(dot.origin);
  if (const auto fenced = fenced_.find(dot.origin); fenced != fenced_.end()) {
    outcome.kind = dot.sequence <= progress.sequence ? Kind::kDuplicate : Kind::kFenced;
    outcome.detail = fenced->second;
  } else if (dot.sequence < progress.sequence) {
    outcome.kind = Kind::kDuplicate;
  } else if (dot.sequence == progress.sequence) {
    if (dot.origin != origin_ && chain_hash(payload, previous_hash) != progress.chain_hash)
      fence(outcome, "another commit with this number was applied before");
    else
      outcome.kind = Kind::kDuplicate;
  } else if (dot.origin == origin_) {
    outcome.kind = Kind::kOwnOriginAhead;
    outcome.detail = "another node has commit " + std::to_string(dot.sequence) + " of this node's own stream, which ends at " +
                     std::to_string(progress.sequence) + " here: this node has lost state";
  } else if (dot.sequence != progress.sequence + 1) {
    outcome.kind = Kind::kGap;
    outcome.detail = "commit " + std::to_string(progress.sequence + 1) + " of its origin is missing";
  } else if (previous_hash != progress.chain_hash) {
    fence(outcome, "it continues a stream that differs from the one applied here");
  } else if (!(stamp > progress.stamp)) {
    fence(outcome, "its stamp is not above its predecessor's");
  } else if (!submitted_.covers(dependencies)) {
    outcome.kind = Kind::kGap;
    outcome.detail = "a commit that it depends on is missing";
  }
  return outcome;
}

std::uint64_t StreamState::submitted(OriginId origin, const OriginProgress& progress) {
  submitted_.set(origin, progress);
  last_stamp_ = std::max(last_stamp_, progress.stamp);
  in_flight_.push_back({++last_ticket_, origin, progress});
  return last_ticket_;
}

void StreamState::became_visible(std::uint64_t ticket, std::uint64_t sequence) {
  // Visibility follows log order, so everything submitted earlier is visible too.
  for (; !in_flight_.empty() && in_flight_.front().ticket <= ticket; in_flight_.pop_front())
    visible_.set(in_flight_.front().origin, in_flight_.front().progress);
  visible_sequence_ = std::max(visible_sequence_, sequence);
}

void StreamState::replace(const VersionVector& vector, std::uint64_t sequence) {
  LDB_CHECK(in_flight_.empty());
  visible_sequence_ = sequence;
  submitted_ = visible_ = vector;
  for (const auto& [origin, progress] : vector.entries()) last_stamp_ = std::max(last_stamp_, progress.stamp);
  clock_.restore(last_stamp_);
}

}  // namespace ldb
