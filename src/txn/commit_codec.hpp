// Commits as bytes (docs/formats/commit.md): what the log keeps and peers send.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ldb/commit.hpp"
#include "ldb/ids.hpp"
#include "ldb/status.hpp"

namespace ldb {

/// One write inside a payload; views point into it.
struct WriteView {
  RowWrite::Kind kind = RowWrite::Kind::kInsert;
  TableId table;
  std::string_view key;
  WriteId birth;                 ///< kUpdate, kDelete
  std::string_view cells;        ///< kUpdate: as append_cells() wrote them
  std::size_t image_offset = 0;  ///< kInsert: the stored row image stands at payload.substr(image_offset, image_size)
  std::size_t image_size = 0;
};

/// A payload taken apart without copying; the payload must outlive it.
struct CommitView {
  std::string_view payload;
  Dot dot;
  Stamp stamp;
  VersionVector dependencies;
  std::uint64_t previous_hash = 0;
  std::vector<WriteView> writes;

  WriteId id() const { return {stamp, dot.origin}; }
  bool has_seen(const WriteId& write) const {
    return write.origin == dot.origin ? write.stamp < stamp : dependencies.covers(write);
  }
  std::string_view image(const WriteView& write) const { return payload.substr(write.image_offset, write.image_size); }
};

/// Checks everything that can be checked without knowing the rows: bounds, kinds, column order, that births and dependencies are
/// below the commit's stamp, that no row is written twice. kCorruption otherwise.
Result<CommitView> parse_commit(std::string_view payload);
/// The same as an independent value.
Result<Commit> decode_commit(std::string_view payload);
/// Just the dot and the stamp, without checking the rest.
Result<std::pair<Dot, Stamp>> peek_commit(std::string_view payload);
/// Hash of the origin's stream up to and including this commit (docs/REPLICATION.md section 1). `payload` must have been parsed.
std::uint64_t chain_hash(std::string_view payload, std::uint64_t previous_hash);

/// Writes a payload in two steps, so that the slow one can be done before dot and stamp are known.
class CommitEncoder {
 public:
  /// Rows in any order, each once; cells ascending. Reserves room, so that views into the payload stay valid over finish().
  /// `provisional` is what view() shows as the commit's id.
  CommitEncoder(const std::vector<RowWrite>& writes, VersionVector dependencies, WriteId provisional = {});
  /// The writes as they stand in the payload; their ids are not set before finish(). Valid while the payload lives.
  const CommitView& view() const { return view_; }
  /// Afterwards the encoder is empty. A dependency on dot.origin is left out.
  std::string finish(Dot dot, Stamp stamp, std::uint64_t previous_hash);

 private:
  std::string payload_;
  CommitView view_;
};

/// Both steps at once.
std::string encode_commit(const Commit& commit);

}  // namespace ldb
