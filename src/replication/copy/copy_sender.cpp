#include "replication/copy/copy_sender.hpp"

#include <algorithm>
#include <utility>

#include "base/rt/rt.hpp"
#include "txn/keys.hpp"

namespace ldb::replication {

CopySender::CopySender(StorageEngine& engine, Applier& applier, std::size_t max_sessions, std::int64_t idle_ns)
    : engine_(engine), applier_(applier), max_sessions_(max_sessions), idle_ns_(idle_ns) {}

Result<std::uint64_t> CopySender::begin(const NodeId& peer) {
  forget(peer);  // a peer copies one thing at a time: what it began before was given up
  if (sessions_.size() >= max_sessions_) {
    return Status(StatusCode::kResourceExhausted, std::to_string(max_sessions_) + " copies are being served already");
  }
  Session session;
  session.peer = peer;
  session.view = engine_.view();
  LDB_ASSIGN_OR_RETURN(session.vector, applier_.applied(session.view.get()));
  // Nothing that a power loss could take back may be copied: the receiver would know commits that this node then makes
  // differently.
  LDB_TRY(engine_.sync());
  LDB_ASSIGN_OR_RETURN(session.rows, engine_.iterate(session.view.get(), keys::all_rows()));
  std::uint64_t id = 0;
  while (id == 0 || sessions_.contains(id)) id = rt::random_u64();
  sessions_[id] = std::move(session);
  return id;
}

Status CopySender::fill(Session& session, const SnapshotRequest& request, SnapshotAnswer& answer) {
  Iterator& rows = *session.rows;
  const std::size_t max_bytes = std::clamp<std::uint64_t>(request.max_bytes, 1, kMaxAnswerBytes);
  std::size_t bytes = 0;
  std::uint64_t offset = request.offset;
  if (!rows.valid() || rows.key() != request.key) rows.seek(request.key);
  if (rows.valid() && rows.key() != request.key) offset = 0;
  for (; rows.valid() && bytes < max_bytes; rows.next()) {
    const std::string_view value = rows.value();
    if (offset > value.size()) return Status(StatusCode::kInvalidArgument, "copy: offset beyond the end of a row");
    const std::string_view piece = value.substr(static_cast<std::size_t>(offset), max_bytes - bytes);
    answer.rows.push_back({std::string(rows.key()), offset, value.size(), std::string(piece)});
    bytes += rows.key().size() + piece.size() + 16;
    if (offset + piece.size() < value.size()) return {};  // the rest with the next request
    offset = 0;
  }
  LDB_TRY(rows.status());
  answer.done = !rows.valid();
  return {};
}

Result<SnapshotAnswer> CopySender::answer(const SnapshotRequest& request, std::int64_t now_ns) {
  SnapshotAnswer answer;
  answer.session = request.session;
  if (request.session == 0) {
    expire(now_ns, 0);
    auto begun = begin(request.from.node);
    if (!begun) {
      if (begun.error().code() != StatusCode::kResourceExhausted) return begun.error();
      answer.state = SnapshotAnswer::State::kNotNow;
      answer.reason = std::string(begun.error().message());
      return answer;
    }
    answer.session = *begun;
    answer.vector = sessions_[*begun].vector;
  }
  const auto session = sessions_.find(answer.session);
  if (session == sessions_.end() || session->second.peer != request.from.node) {
    answer.state = SnapshotAnswer::State::kUnknownSession;
    return answer;
  }
  session->second.last_used_ns = now_ns;
  LDB_TRY(fill(session->second, request, answer));
  return answer;
}

std::int64_t CopySender::expire(std::int64_t now_ns, std::int64_t never) {
  std::int64_t next = never;
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    const std::int64_t end_ns = it->second.last_used_ns + idle_ns_;
    if (end_ns <= now_ns) {
      it = sessions_.erase(it);
      continue;
    }
    next = next == never ? end_ns : std::min(next, end_ns);
    ++it;
  }
  return next;
}

void CopySender::forget(const NodeId& peer) {
  std::erase_if(sessions_, [&](const auto& entry) { return entry.second.peer == peer; });
}

}  // namespace ldb::replication
