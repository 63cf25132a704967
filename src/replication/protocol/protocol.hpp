// What members of a cluster say to each other: the bodies of requests and answers (kinds: ldb/transport.hpp; rules:
// docs/REPLICATION.md sections 1, 4, 5, 6).
//
// Every body starts with a version byte (kProtocolVersion) and a byte that names the body (BodyKind). Integers named `varint` are
// LEB128; `u64` is 8 bytes, little-endian; `bytes` and `text` are a varint length and that many bytes. Lists are a varint count
// and the elements. A decoder refuses an unknown version (kUnsupported), and, as kCorruption: a wrong body, a count or length
// beyond the limits below or beyond what is there, a flag other than 0 or 1, an origin or boot id 0 where one is required, vector
// origins not ascending, and bytes left over.
//
//   vector          list of { u64 origin, varint sequence (> 0), varint stamp, u64 chain hash }, origins ascending
//   identity        text node (1..256), u64 boot id, u64 origin (not 0)
//                     boot id: drawn at each start of the process; positions are good for one boot only
//   knowledge       vector applied, vector floor (what collection of dead rows has relied on, section 7),
//                     list of text members (the sender's configuration, itself included, ascending)
//   complaint       u8 kind (0 none, 1 clock refused, 2 fork found), then, unless 0: u64 origin, text reason
//
//   hello request   identity, text cluster, knowledge, complaint
//   hello answer    identity, knowledge, u8 bootstrapping
//   fetch request   identity, knowledge, complaint, vector durable, u64 boot (0: no position), varint segment, varint offset,
//                     varint max bytes, varint wait ms
//   fetch answer    identity, vector floor, list of text members, u8 state (0 commits, 1 snapshot required, 2 not now),
//                     list of bytes commits, varint segment, varint offset, u8 has marker, then if so: u64 origin,
//                     varint sequence, vector applied; text reason
//   snapshot request  identity, u64 session (0: begin one), bytes key (first key wanted), varint offset (into its value),
//                     varint max bytes
//   snapshot answer   identity, u8 state (0 rows, 1 unknown session, 2 not now), u64 session, vector of the view (first answer
//                     only, else empty), list of { bytes key, varint offset, varint total size, bytes piece of the value },
//                     u8 done, text reason
//   status request  identity
//   status answer   identity, knowledge, u8 bootstrapping, text write refusal
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/coding.hpp"
#include "ldb/ids.hpp"
#include "ldb/status.hpp"
#include "ldb/storage_engine.hpp"
#include "replication/apply/applier.hpp"

namespace ldb::replication {

inline constexpr std::uint8_t kProtocolVersion = 1;
inline constexpr std::size_t kMaxVectorEntries = 1 << 16;
inline constexpr std::size_t kMaxMembers = 1024;
inline constexpr std::size_t kMaxNameBytes = 256;
inline constexpr std::size_t kMaxReasonBytes = 1024;  ///< longer ones are cut when encoded
/// The most an answer may carry in commits or rows, whatever is asked for. A single larger commit goes alone.
inline constexpr std::size_t kMaxAnswerBytes = 2 << 20;
/// The largest commit that can be replicated; leaves room for the rest of an answer in a transport's message (16 MiB).
inline constexpr std::size_t kMaxCommitBytes = 12 << 20;

struct Identity {
  NodeId node;
  std::uint64_t boot = 0;
  OriginId origin;
};

struct Knowledge {
  VersionVector applied;
  VersionVector floor;
  std::vector<NodeId> members;
};

struct Complaint {
  enum class Kind : std::uint8_t { kNone = 0, kClockRefused = 1, kFork = 2 };
  Kind kind = Kind::kNone;
  OriginId origin;  ///< whose commits are not accepted
  std::string reason;
};

struct HelloRequest {
  Identity from;
  std::string cluster;
  Knowledge knowledge;
  Complaint complaint;
};
struct HelloAnswer {
  Identity from;
  Knowledge knowledge;
  bool bootstrapping = false;
};

/// A position in one process' log: meaningless to any other boot of that node.
struct StreamPosition {
  std::uint64_t boot = 0;  ///< 0: none, start from the vector
  LogPosition log;
};

struct FetchRequest {
  Identity from;
  Knowledge knowledge;  ///< applied: what need not be sent
  Complaint complaint;
  VersionVector durable;  ///< acknowledged: synced at the requester
  StreamPosition position;
  std::uint64_t max_bytes = 0;
  std::uint64_t wait_ms = 0;
};
struct FetchAnswer {
  enum class State : std::uint8_t { kCommits = 0, kSnapshotRequired = 1, kNotNow = 2 };
  Identity from;
  VersionVector floor;
  std::vector<NodeId> members;
  State state = State::kCommits;
  std::vector<std::string> commits;
  LogPosition next;  ///< with from.boot: the position to continue from
  bool has_marker = false;
  StreamMarker marker;
  std::string reason;  ///< of kNotNow
};

struct SnapshotRequest {
  Identity from;
  std::uint64_t session = 0;
  std::string key;
  std::uint64_t offset = 0;
  std::uint64_t max_bytes = 0;
};
struct RowPiece {
  std::string key;
  std::uint64_t offset = 0;
  std::uint64_t total = 0;
  std::string bytes;
};
struct SnapshotAnswer {
  enum class State : std::uint8_t { kRows = 0, kUnknownSession = 1, kNotNow = 2 };
  Identity from;
  State state = State::kRows;
  std::uint64_t session = 0;
  VersionVector vector;
  std::vector<RowPiece> rows;
  bool done = false;
  std::string reason;
};

struct StatusRequest {
  Identity from;
};
struct StatusAnswer {
  Identity from;
  Knowledge knowledge;
  bool bootstrapping = false;
  std::string write_refusal;
};

std::string encode(const HelloRequest& m);
std::string encode(const HelloAnswer& m);
std::string encode(const FetchRequest& m);
std::string encode(const FetchAnswer& m);
std::string encode(const SnapshotRequest& m);
std::string encode(const SnapshotAnswer& m);
std::string encode(const StatusRequest& m);
std::string encode(const StatusAnswer& m);

/// T: one of the bodies above. kUnsupported for another version, kCorruption for anything that encode() cannot have made.
template <class T>
Result<T> decode(std::string_view bytes);

/// Shared with what is kept on disk: vectors.
void put_vector(std::string& out, const VersionVector& vector);
bool get_vector(ByteReader& in, VersionVector& vector);

}  // namespace ldb::replication
