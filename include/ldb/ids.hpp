// Strong types for identities and for logical time: origins, stamps, dots, version vectors.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace ldb {

/// Random 64-bit identity of one stream of commits. Drawn when a data directory is created, and again whenever continuing the old
/// stream could fork it (docs/REPLICATION.md). 0 is "none".
struct OriginId {
  std::uint64_t value = 0;
  explicit operator bool() const { return value != 0; }
  friend auto operator<=>(const OriginId&, const OriginId&) = default;
};

/// A node's name in its cluster, chosen by whoever runs it; never part of stored data.
struct NodeId {
  std::string name;
  friend auto operator<=>(const NodeId&, const NodeId&) = default;
};

/// Hash of a table's qualified name, generation and definition (DESIGN section 10). Below 1000: system tables.
struct TableId {
  std::uint64_t value = 0;
  friend auto operator<=>(const TableId&, const TableId&) = default;
};
struct IndexId {
  std::uint64_t value = 0;
  friend auto operator<=>(const IndexId&, const IndexId&) = default;
};
/// Hash of a table's id and the constraint's name.
struct ConstraintId {
  std::uint64_t value = 0;
  friend auto operator<=>(const ConstraintId&, const ConstraintId&) = default;
};
/// Stable within a table; never reused.
struct ColumnId {
  std::uint32_t value = 0;
  friend auto operator<=>(const ColumnId&, const ColumnId&) = default;
};

/// Logical time of a commit: with HybridClock 48 bits of milliseconds since 1970 and 16 bits of counter; with LamportClock a
/// counter.
struct Stamp {
  std::uint64_t value = 0;
  static constexpr Stamp from_ms(std::uint64_t ms, std::uint16_t counter = 0) { return {(ms << 16) | counter}; }
  constexpr std::uint64_t ms() const { return value >> 16; }
  friend constexpr auto operator<=>(const Stamp&, const Stamp&) = default;
};

/// Names one write uniquely in the cluster and orders all writes totally: by stamp, ties by origin id.
struct WriteId {
  Stamp stamp;
  OriginId origin;
  explicit operator bool() const { return stamp.value != 0; }
  friend auto operator<=>(const WriteId&, const WriteId&) = default;
};

/// Names one commit: the n-th (from 1) of its origin.
struct Dot {
  OriginId origin;
  std::uint64_t sequence = 0;
  friend auto operator<=>(const Dot&, const Dot&) = default;
};

/// How far into one origin's stream something reaches.
struct OriginProgress {
  std::uint64_t sequence = 0;    ///< number of its last commit included
  Stamp stamp;                   ///< that commit's stamp
  std::uint64_t chain_hash = 0;  ///< rolling hash of the stream up to and including that commit
  friend bool operator==(const OriginProgress&, const OriginProgress&) = default;
};

/// For each origin, how far. Absent means 0.
class VersionVector {
 public:
  const OriginProgress& get(OriginId origin) const;
  void set(OriginId origin, const OriginProgress& progress) { entries_[origin] = progress; }
  /// Keeps the further of the two for each origin.
  void merge(const VersionVector& other);
  /// Keeps, for each origin in either, the nearer of the two (origins missing in one of them vanish).
  void intersect(const VersionVector& other);
  bool covers(Dot dot) const { return get(dot.origin).sequence >= dot.sequence; }
  /// Was this write in the past that the vector describes? Stamps of one origin only grow, so the highest stamp decides.
  bool covers(const WriteId& write) const { return get(write.origin).stamp >= write.stamp; }
  /// True when every entry of `other` is reached (by sequence).
  bool covers(const VersionVector& other) const;
  bool empty() const { return entries_.empty(); }
  const std::map<OriginId, OriginProgress>& entries() const { return entries_; }
  std::string to_string() const;
  friend bool operator==(const VersionVector&, const VersionVector&) = default;

 private:
  std::map<OriginId, OriginProgress> entries_;
};

}  // namespace ldb

template <>
struct std::hash<ldb::TableId> {
  std::size_t operator()(const ldb::TableId& id) const noexcept { return static_cast<std::size_t>(id.value); }
};
template <>
struct std::hash<ldb::IndexId> {
  std::size_t operator()(const ldb::IndexId& id) const noexcept { return static_cast<std::size_t>(id.value); }
};
template <>
struct std::hash<ldb::OriginId> {
  std::size_t operator()(const ldb::OriginId& id) const noexcept { return static_cast<std::size_t>(id.value); }
};
