#include "replication/apply/dropped_table.hpp"

#include <algorithm>

#include "base/coding.hpp"
#include "replication/protocol/protocol.hpp"

namespace ldb {
namespace {

constexpr std::uint8_t kVersion = 1;

}  // namespace

Result<DroppedTable> DroppedTable::decode(std::string_view bytes) {
  DroppedTable table;
  ByteReader in(bytes);
  std::uint8_t version = 0;
  bool good = in.u8(version) && version == kVersion;
  while (good && !in.empty()) {
    Drop drop;
    good = in.u64(drop.id.stamp.value) && in.u64(drop.id.origin.value) && replication::get_vector(in, drop.seen);
    table.drops_.push_back(std::move(drop));
  }
  if (!good) return Status(StatusCode::kCorruption, "what is remembered of a dropped table is damaged");
  return table;
}

std::string DroppedTable::encode() const {
  std::string out(1, static_cast<char>(kVersion));
  for (const Drop& drop : drops_) {
    put_u64(out, drop.id.stamp.value);
    put_u64(out, drop.id.origin.value);
    replication::put_vector(out, drop.seen);
  }
  return out;
}

bool DroppedTable::has_seen(const WriteId& write) const {
  return std::any_of(drops_.begin(), drops_.end(), [&](const Drop& drop) {
    // Its own writes too: the table was dropped after them.
    return drop.id && drop.id.origin == write.origin ? write.stamp <= drop.id.stamp : drop.seen.covers(write);
  });
}

WriteId DroppedTable::last() const {
  WriteId last;
  for (const Drop& drop : drops_) last = std::max(last, drop.id);
  return last;
}

}  // namespace ldb
