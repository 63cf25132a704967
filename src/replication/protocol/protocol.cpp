#include "replication/protocol/protocol.hpp"

#include <algorithm>

#include "base/coding.hpp"

namespace ldb::replication {
namespace {

enum class BodyKind : std::uint8_t {
  kHelloRequest = 1,
  kHelloAnswer = 2,
  kFetchRequest = 3,
  kFetchAnswer = 4,
  kSnapshotRequest = 5,
  kSnapshotAnswer = 6,
  kStatusRequest = 7,
  kStatusAnswer = 8,
};

constexpr BodyKind kind_of(const HelloRequest*) { return BodyKind::kHelloRequest; }
constexpr BodyKind kind_of(const HelloAnswer*) { return BodyKind::kHelloAnswer; }
constexpr BodyKind kind_of(const FetchRequest*) { return BodyKind::kFetchRequest; }
constexpr BodyKind kind_of(const FetchAnswer*) { return BodyKind::kFetchAnswer; }
constexpr BodyKind kind_of(const SnapshotRequest*) { return BodyKind::kSnapshotRequest; }
constexpr BodyKind kind_of(const SnapshotAnswer*) { return BodyKind::kSnapshotAnswer; }
constexpr BodyKind kind_of(const StatusRequest*) { return BodyKind::kStatusRequest; }
constexpr BodyKind kind_of(const StatusAnswer*) { return BodyKind::kStatusAnswer; }

/// Writes and Reads mirror each other: transfer() below walks a body once for both, so that they cannot drift apart.
class Writes {
 public:
  explicit Writes(std::string& out) : out_(out) {}
  bool u64(const std::uint64_t& v) { return put_u64(out_, v), true; }
  bool id(const std::uint64_t& v) { return u64(v); }
  bool varint(const std::uint64_t& v) { return put_varint(out_, v), true; }
  bool flag(const bool& v) { return put_u8(out_, v ? 1 : 0), true; }
  template <class Enum>
  bool enumerated(const Enum& v, Enum) {
    return put_u8(out_, static_cast<std::uint8_t>(v)), true;
  }
  bool bytes(const std::string& v) { return put_bytes(out_, v), true; }
  bool name(const std::string& v, bool) { return bytes(v); }
  bool reason(const std::string& v) { return put_bytes(out_, std::string_view(v).substr(0, kMaxReasonBytes)), true; }
  bool vector(const VersionVector& v) { return put_vector(out_, v), true; }
  template <class T, class Element>
  bool list(const std::vector<T>& v, std::size_t, Element element) {
    put_varint(out_, v.size());
    for (const T& e : v) element(*this, e);
    return true;
  }

 private:
  std::string& out_;
};

class Reads {
 public:
  explicit Reads(ByteReader& in) : in_(in) {}
  bool u64(std::uint64_t& v) { return in_.u64(v); }
  bool id(std::uint64_t& v) { return in_.u64(v) && v != 0; }
  bool varint(std::uint64_t& v) { return in_.varint(v); }
  bool flag(bool& v) {
    std::uint8_t byte = 0;
    if (!in_.u8(byte) || byte > 1) return false;
    v = byte != 0;
    return true;
  }
  template <class Enum>
  bool enumerated(Enum& v, Enum last) {
    std::uint8_t byte = 0;
    if (!in_.u8(byte) || byte > static_cast<std::uint8_t>(last)) return false;
    v = static_cast<Enum>(byte);
    return true;
  }
  bool bytes(std::string& v) {
    std::string_view view;
    if (!in_.bytes(view)) return false;
    v.assign(view);
    return true;
  }
  bool name(std::string& v, bool may_be_empty) { return bytes(v) && v.size() <= kMaxNameBytes && (may_be_empty || !v.empty()); }
  bool reason(std::string& v) { return bytes(v) && v.size() <= kMaxReasonBytes; }
  bool vector(VersionVector& v) { return get_vector(in_, v); }
  template <class T, class Element>
  bool list(std::vector<T>& v, std::size_t limit, Element element) {
    std::uint64_t count = 0;
    // Every element takes at least one byte, so a hostile count cannot make us reserve more than the message is long.
    if (!in_.varint(count) || count > limit || count > in_.remaining()) return false;
    v.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t i = 0; i < count; ++i) {
      if (!element(*this, v.emplace_back())) return false;
    }
    return true;
  }

 private:
  ByteReader& in_;
};

// Each transfer() is instantiated with (Writes, const Body) and (Reads, Body).
template <class A, class T>
bool identity(A& a, T& m) {
  return a.name(m.node.name, false) && a.id(m.boot) && a.id(m.origin.value);
}

template <class A, class T>
bool members(A& a, T& m) {
  return a.list(m, kMaxMembers, [](A& b, auto& node) { return b.name(node.name, false); });
}

template <class A, class T>
bool knowledge(A& a, T& m) {
  return a.vector(m.applied) && a.vector(m.floor) && members(a, m.members);
}

template <class A, class T>
bool complaint(A& a, T& m) {
  if (!a.enumerated(m.kind, Complaint::Kind::kFork)) return false;
  return m.kind == Complaint::Kind::kNone || (a.id(m.origin.value) && a.reason(m.reason));
}

template <class A, class T>
bool log_position(A& a, T& m) {
  return a.varint(m.segment) && a.varint(m.offset);
}

template <class A, class T>
bool commits(A& a, T& m) {
  return a.list(m, kMaxAnswerBytes, [](A& b, auto& commit) { return b.bytes(commit); });
}

template <class A, class T>
bool transfer_hello_request(A& a, T& m) {
  return identity(a, m.from) && a.name(m.cluster, true) && knowledge(a, m.knowledge) && complaint(a, m.complaint);
}
template <class A, class T>
bool transfer_hello_answer(A& a, T& m) {
  return identity(a, m.from) && knowledge(a, m.knowledge) && a.flag(m.bootstrapping);
}
template <class A, class T>
bool transfer_fetch_request(A& a, T& m) {
  return identity(a, m.from) && knowledge(a, m.knowledge) && complaint(a, m.complaint) && a.vector(m.durable) &&
         a.u64(m.position.boot) && log_position(a, m.position.log) && a.varint(m.max_bytes) && a.varint(m.wait_ms);
}
template <class A, class T>
bool transfer_fetch_answer(A& a, T& m) {
  if (!(identity(a, m.from) && a.vector(m.floor) && members(a, m.members) && a.enumerated(m.state, FetchAnswer::State::kNotNow) &&
        commits(a, m.commits) && log_position(a, m.next) && a.flag(m.has_marker)))
    return false;
  if (m.has_marker && !(a.id(m.marker.origin.value) && a.varint(m.marker.sequence) && a.vector(m.marker.applied))) return false;
  return a.reason(m.reason);
}
template <class A, class T>
bool transfer_snapshot_request(A& a, T& m) {
  return identity(a, m.from) && a.u64(m.session) && a.bytes(m.key) && a.varint(m.offset) && a.varint(m.max_bytes);
}
template <class A, class T>
bool transfer_snapshot_answer(A& a, T& m) {
  return identity(a, m.from) && a.enumerated(m.state, SnapshotAnswer::State::kNotNow) && a.u64(m.session) && a.vector(m.vector) &&
         a.list(m.rows, kMaxAnswerBytes,
                [](A& b, auto& row) {
                  return b.bytes(row.key) && b.varint(row.offset) && b.varint(row.total) && b.bytes(row.bytes);
                }) &&
         a.flag(m.done) && a.reason(m.reason);
}
template <class A, class T>
bool transfer_status_answer(A& a, T& m) {
  return identity(a, m.from) && knowledge(a, m.knowledge) && a.flag(m.bootstrapping) && a.reason(m.write_refusal);
}

template <class A, class T>
bool transfer(A& a, T& m) {
  constexpr BodyKind kind = kind_of(static_cast<const T*>(nullptr));
  if constexpr (kind == BodyKind::kHelloRequest) return transfer_hello_request(a, m);
  if constexpr (kind == BodyKind::kHelloAnswer) return transfer_hello_answer(a, m);
  if constexpr (kind == BodyKind::kFetchRequest) return transfer_fetch_request(a, m);
  if constexpr (kind == BodyKind::kFetchAnswer) return transfer_fetch_answer(a, m);
  if constexpr (kind == BodyKind::kSnapshotRequest) return transfer_snapshot_request(a, m);
  if constexpr (kind == BodyKind::kSnapshotAnswer) return transfer_snapshot_answer(a, m);
  if constexpr (kind == BodyKind::kStatusRequest) return identity(a, m.from);
  if constexpr (kind == BodyKind::kStatusAnswer) return transfer_status_answer(a, m);
}

template <class T>
std::string encode_body(const T& m) {
  std::string out;
  put_u8(out, kProtocolVersion);
  put_u8(out, static_cast<std::uint8_t>(kind_of(&m)));
  Writes writes(out);
  transfer(writes, m);
  return out;
}

}  // namespace

void put_vector(std::string& out, const VersionVector& vector) {
  std::size_t count = 0;
  for (const auto& [origin, progress] : vector.entries()) count += progress.sequence == 0 ? 0 : 1;
  put_varint(out, count);
  for (const auto& [origin, progress] : vector.entries()) {
    if (progress.sequence == 0) continue;
    put_u64(out, origin.value);
    put_varint(out, progress.sequence);
    put_varint(out, progress.stamp.value);
    put_u64(out, progress.chain_hash);
  }
}

bool get_vector(ByteReader& in, VersionVector& vector) {
  std::uint64_t count = 0;
  if (!in.varint(count) || count > kMaxVectorEntries) return false;
  std::uint64_t previous = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    OriginId origin;
    OriginProgress progress;
    if (!(in.u64(origin.value) && in.varint(progress.sequence) && in.varint(progress.stamp.value) && in.u64(progress.chain_hash)))
      return false;
    if (origin.value <= previous || progress.sequence == 0) return in.fail();
    previous = origin.value;
    vector.set(origin, progress);
  }
  return true;
}

std::string encode(const HelloRequest& m) { return encode_body(m); }
std::string encode(const HelloAnswer& m) { return encode_body(m); }
std::string encode(const FetchRequest& m) { return encode_body(m); }
std::string encode(const FetchAnswer& m) { return encode_body(m); }
std::string encode(const SnapshotRequest& m) { return encode_body(m); }
std::string encode(const SnapshotAnswer& m) { return encode_body(m); }
std::string encode(const StatusRequest& m) { return encode_body(m); }
std::string encode(const StatusAnswer& m) { return encode_body(m); }

template <class T>
Result<T> decode(std::string_view bytes) {
  ByteReader in(bytes);
  std::uint8_t version = 0;
  std::uint8_t kind = 0;
  if (!in.u8(version) || !in.u8(kind)) return Status(StatusCode::kCorruption, "replication message: too short");
  if (version != kProtocolVersion) {
    return Status(StatusCode::kUnsupported, "replication message: protocol version " + std::to_string(version) +
                                                ", this node speaks " + std::to_string(kProtocolVersion) +
                                                ": run the same release on all members");
  }
  T m;
  if (kind != static_cast<std::uint8_t>(kind_of(&m)))
    return Status(StatusCode::kCorruption, "replication message: unexpected body " + std::to_string(kind));
  Reads reads(in);
  if (!transfer(reads, m) || !in.empty()) {
    return Status(StatusCode::kCorruption,
                  "replication message: body " + std::to_string(kind) + " is malformed near byte " + std::to_string(in.offset()));
  }
  return m;
}

template Result<HelloRequest> decode(std::string_view);
template Result<HelloAnswer> decode(std::string_view);
template Result<FetchRequest> decode(std::string_view);
template Result<FetchAnswer> decode(std::string_view);
template Result<SnapshotRequest> decode(std::string_view);
template Result<SnapshotAnswer> decode(std::string_view);
template Result<StatusRequest> decode(std::string_view);
template Result<StatusAnswer> decode(std::string_view);

}  // namespace ldb::replication
